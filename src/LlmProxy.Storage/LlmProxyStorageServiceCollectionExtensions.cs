using LlmProxy.Core.Assistants;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the store that LlmProxy's settings name.</summary>
public static class LlmProxyStorageServiceCollectionExtensions
{
    /// <summary>Adds SQLite or PostgreSQL, by <c>LlmProxy:Storage</c>: one store under each of its ports. A port that is registered already is kept.</summary>
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

        services.TryAddSingleton(provider => new StoreOwner(StoreFactory.Create(
            provider.GetRequiredService<LlmProxyOptions>().Storage,
            provider.GetRequiredService<BaseDirectory>().Path,
            provider.GetRequiredService<TimeProvider>())));
        services.TryAddSingleton(provider => provider.GetRequiredService<StoreOwner>().Store);
        return services
            .AddPort<IStoreLifecycle>()
            .AddPort<ITrajectoryStore>()
            .AddPort<ICorrelationStore>()
            .AddPort<IExampleStore>()
            .AddPort<ISearchStore>()
            .AddPort<IEmbeddingStore>()
            .AddPort<IPromptPinStore>()
            .AddPort<IStatisticsStore>()
            .AddPort<IAuditStore>()
            .AddPort<IOutcomeStore>()
            .AddPort<ICurationStore>()
            .AddPort<IAssistanceStore>()
            .AddPort<IJudgementStore>()
            .AddPort<ITaskRouteStore>()
            .AddPort<IRescanStore>()
            .AddPort<IImportStore>();
    }

    private static IServiceCollection AddPort<TPort>(this IServiceCollection services)
        where TPort : class
    {
        services.TryAddSingleton(provider => (TPort)(object)provider.GetRequiredService<SqlTrajectoryStore>());
        return services;
    }

    /// <summary>Closes the store when the container is disposed: once, and after everything that was made with the store.</summary>
    private sealed class StoreOwner(SqlTrajectoryStore store) : IAsyncDisposable
    {
        public SqlTrajectoryStore Store { get; } = store;

        public ValueTask DisposeAsync() => Store.DisposeAsync();
    }
}
