using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Access;

/// <summary>Who may call what.</summary>
internal static class AccessExtensions
{
    /// <summary>What the checks need.</summary>
    public static IServiceCollection AddAccess(this IServiceCollection services, AuthOptions options, IReadOnlyList<string> urls)
    {
        services.AddSingleton(new KeyRing(options));
        services.AddSingleton(ListenAddresses.Of(urls));
        return services;
    }

    /// <summary>The checks, before every endpoint.</summary>
    public static void UseAccess(this WebApplication app)
    {
        app.UseMiddleware<HostGuard>();
        app.UseMiddleware<KeyCheck>();
    }
}
