using LlmProxy.Core.Configuration;
using LlmProxy.Storage;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the store that LlmProxy's settings name.</summary>
public static class LlmProxyStorageServiceCollectionExtensions
{
    /// <summary>Adds SQLite or PostgreSQL, by <c>LlmProxy:Storage</c>. A store that is registered already is kept.</summary>
    /// <param name="services">The services, with <c>AddLlmProxyCore</c> before or after this call.</param>
    /// <returns>The services.</returns>
    /// <remarks>The store is opened on first use. Disposing the provider closes it.</remarks>
    public static IServiceCollection AddLlmProxyStorage(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(provider => StoreFactory.Create(
            provider.GetRequiredService<LlmProxyOptions>().Storage,
            provider.GetRequiredService<BaseDirectory>().Path,
            provider.GetRequiredService<TimeProvider>()));
        return services;
    }
}
