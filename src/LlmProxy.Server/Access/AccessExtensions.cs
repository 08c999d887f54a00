using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Access;

/// <summary>Registers authentication and the protection of the API.</summary>
internal static class AccessExtensions
{
    /// <summary>Adds the services.</summary>
    public static IServiceCollection AddAccess(this IServiceCollection services, LlmProxyOptions options, string baseDirectory, ListenAddresses addresses)
    {
        var keys = new KeyRing(options.Auth);
        services.AddSingleton(keys);
        services.AddSingleton(new PageRules(options.Auth, addresses));
        services.AddSingleton(_ => new LocalAccess(keys.HasKeys ? null : LocalToken.Open(LocalToken.FileFor(options.Recording, baseDirectory)), options.Auth.LocalToken));
        return services;
    }

    /// <summary>Adds the checks in front of all endpoints.</summary>
    public static void UseAccess(this WebApplication app)
    {
        app.UseMiddleware<RequestGuard>();
        app.UseMiddleware<KeyCheck>();
    }
}
