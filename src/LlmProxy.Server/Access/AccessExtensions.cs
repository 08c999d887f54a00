using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Access;

/// <summary>Registers authentication and the protection of the API.</summary>
internal static class AccessExtensions
{
    /// <summary>Adds the services.</summary>
    public static IServiceCollection AddAccess(this IServiceCollection services, AuthOptions options, IReadOnlyList<string> urls)
    {
        services.AddSingleton(new KeyRing(options));
        services.AddSingleton(ListenAddresses.Of(urls));
        return services;
    }

    /// <summary>Adds the checks in front of all endpoints.</summary>
    public static void UseAccess(this WebApplication app)
    {
        app.UseMiddleware<HostGuard>();
        app.UseMiddleware<KeyCheck>();
    }
}
