using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Export;
using LlmProxy.TrainingData.Import;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds export and import of training data.</summary>
public static class LlmProxyTrainingDataServiceCollectionExtensions
{
    /// <summary>Adds <see cref="TrajectoryExporter"/> and the importer, on the store of <c>AddLlmProxyStorage</c>.</summary>
    /// <param name="services">The services, with <c>AddLlmProxyCore</c> before or after this call.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddLlmProxyTrainingData(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(p => new TrajectoryExporter(
            p.GetRequiredService<IStoreLifecycle>(), p.GetRequiredService<ITrajectoryStore>(), p.GetRequiredService<ISearchStore>(), p.GetRequiredService<TrajectoryReader>(),
            p.GetRequiredService<LlmProxyOptions>(), p.GetRequiredService<TimeProvider>())
        {
            Judgements = p.GetService<IJudgementStore>(),
        });
        services.TryAddSingleton<TrajectoryImporter>();
        return services;
    }
}
