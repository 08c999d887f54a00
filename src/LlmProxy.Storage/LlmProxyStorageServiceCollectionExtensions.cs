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
    /// <exception cref="InvalidSettingsException">The connection string cannot be used. If the settings are registered after this call, the store reports it on first use.</exception>
    /// <remarks>The store is opened on first use. Disposing the provider closes it.</remarks>
    public static IServiceCollection AddLlmProxyStorage(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.LastOrDefault(service => service.ServiceType == typeof(LlmProxyOptions))?.ImplementationInstance is LlmProxyOptions { Storage: var storage }
            && ConnectionStrings.Read(storage.Provider, storage.ConnectionString, out _) is { } fix)
        {
            throw new InvalidSettingsException([new("LlmProxy:Storage:ConnectionString", ConfigurationProblem.HiddenValue, fix)]);
        }

        services.TryAddSingleton(provider => StoreFactory.Create(
            provider.GetRequiredService<LlmProxyOptions>().Storage,
            provider.GetRequiredService<BaseDirectory>().Path,
            provider.GetRequiredService<TimeProvider>()));
        return services;
    }
}
