using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Statistics;
using LlmProxy.Wire.Scanning;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Abstractions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds recording, retrieval, prompts and export to an application that calls models itself.</summary>
public static class LlmProxyCoreServiceCollectionExtensions
{
    /// <summary>
    /// Adds <see cref="TrajectoryRecorder"/>, <see cref="TrajectorySearch"/>, <see cref="StatisticsReader"/> and what
    /// they need, with the same rules and prompts as the proxy. The store comes from <c>AddLlmProxyStorage</c> in the
    /// package LlmProxy.Storage; export comes from <c>AddLlmProxyTrainingData</c> in LlmProxy.TrainingData.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configuration">Holds the section <c>LlmProxy</c>, as in <c>proxy.json</c>; what it does not say has the shipped defaults. The environment variables that the proxy takes as aliases count here, too.</param>
    /// <param name="baseDirectory">Folder that relative paths of the settings start from; null for the working directory.</param>
    /// <returns>The services.</returns>
    /// <remarks>
    /// The store is opened when it is needed first (<see cref="LearningHost"/>). Dispose the provider asynchronously: it
    /// saves what is still on its way. Each process needs a <c>Recording:Spool:Directory</c> of its own.
    /// </remarks>
    /// <exception cref="InvalidSettingsException">Settings are wrong; it names all of them.</exception>
    public static IServiceCollection AddLlmProxyCore(this IServiceCollection services, IConfiguration configuration, string? baseDirectory = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(e => (string)e.Key, e => (string?)e.Value, StringComparer.OrdinalIgnoreCase);
        var problems = new List<ConfigurationProblem>();
        var options = OptionsReader.Read(configuration, environment, null, problems);
        OptionsValidator.ValidateEnvironment(options, environment, problems);
        return problems.Count > 0
            ? throw new InvalidSettingsException(problems)
            : services.AddLlmProxyCore(options, baseDirectory ?? Directory.GetCurrentDirectory());
    }

    /// <summary>The same with settings that were read and checked already.</summary>
    /// <param name="services">The services.</param>
    /// <param name="options">The settings.</param>
    /// <param name="baseDirectory">Folder that relative paths of the settings start from.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddLlmProxyCore(this IServiceCollection services, LlmProxyOptions options, string baseDirectory)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        AddSettings(services, options);
        services.AddSingleton(new BaseDirectory(Path.GetFullPath(baseDirectory)));
        services.TryAddSingleton<StoreCircuitBreaker>();
        services.TryAddSingleton<TrajectoryReader>();
        AddRecording(services, options, baseDirectory);
        AddRetrieval(services, options);
        AddPrompts(services, options, baseDirectory);
        services.TryAddSingleton<StatisticsReader>();
        services.TryAddSingleton(Create<LearningHost>);
        services.TryAddSingleton<CallReader>();
        services.TryAddSingleton<CallRecording>();
        services.TryAddSingleton<CallPipeline>();
        services.TryAddSingleton(Create<TrajectoryRecorder>);
        services.TryAddSingleton<TrajectorySearch>();
        return services;
    }

    private static void AddSettings(IServiceCollection services, LlmProxyOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAdd(ServiceDescriptor.Singleton(typeof(ILogger<>), typeof(LaterLogger<>)));
        services.AddSingleton(options);
        services.AddSingleton(options.Tasks);
        services.AddSingleton(options.FewShot);
        services.AddSingleton(options.Quality);
        services.AddSingleton(options.Recording);
        services.AddSingleton(options.Experiments);
        services.AddSingleton(options.Prices);
        services.AddSingleton(new ProviderResolver(options.Models));
    }

    private static void AddRecording(IServiceCollection services, LlmProxyOptions options, string baseDirectory)
    {
        services.TryAddSingleton<TaskRulesCatalog>();
        services.TryAddSingleton(p => new Redactor(options.Recording.Redaction, p.GetRequiredService<CorrelationSecret>()));
        services.TryAddSingleton(new RecordingSwitch(options.Recording));
        services.TryAddSingleton<CorrelationSecret>();
        services.TryAddSingleton<HistoryPrefixCache>();
        services.TryAddSingleton<TaskCorrelator>();
        services.TryAddSingleton<ReplicaIndex>();
        services.TryAddSingleton(p => new Spool(
            options.Recording.Spool,
            Path.GetFullPath(options.Recording.Spool.Directory, baseDirectory),
            p.GetRequiredService<TimeProvider>(),
            p.GetRequiredService<ILogger<Spool>>(),
            p.GetService<SpoolKeyProtection>()));
        services.TryAddSingleton<NotRecordedCounts>();
        services.TryAddSingleton(new BufferBudget(options.Recording.MaxBufferedBytes));
        services.TryAddSingleton<RetryingStore>();
        services.TryAddSingleton<OutcomeModels>();
        services.TryAddSingleton<NearTrajectories>();
        services.TryAddSingleton<OutlineReader>();
        services.TryAddSingleton<OutcomeJudge>();
        services.TryAddSingleton<OutcomeWorker>();
        services.TryAddSingleton<OutcomeReview>();
        services.TryAddSingleton<ContentPolicy>();
        services.TryAddSingleton(new Provenance(options.Models, options.Recording));
        services.TryAddSingleton<StepBuilder>();
        services.TryAddSingleton<FetchedResponse>();
        services.TryAddSingleton(new ExchangeFeed(options.Prices));
        services.TryAddSingleton(Create<Recorder>);
        services.TryAddSingleton(Create<TaskService>);
        services.TryAddSingleton<TrajectoryPurge>();
        services.TryAddSingleton<StoreRescan>();
    }

    private static void AddRetrieval(IServiceCollection services, LlmProxyOptions options)
    {
        services.TryAddSingleton(p => new EmbeddingService(options.Embeddings, p.GetRequiredService<ILogger<EmbeddingService>>(), time: p.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<EmbedTrajectory>(p =>
        {
            var embeddings = p.GetRequiredService<EmbeddingService>();
            return async (text, cancellationToken) => (await embeddings.EmbedForStoreAsync(text, cancellationToken)).Embeddings;
        });
        services.TryAddSingleton<StoreEmbedder>();
        services.TryAddSingleton<ExampleLedger>();
        services.TryAddSingleton(new TeachingKeys(options.Auth));
        services.TryAddSingleton<ExampleSearch>();
        services.TryAddSingleton<ExampleCurator>();
        services.TryAddSingleton(p =>
        {
            var reader = p.GetRequiredService<TrajectoryReader>();
            return new FewShotService(
                p.GetRequiredService<ExampleSearch>(),
                p.GetRequiredService<EmbeddingService>(),
                options.FewShot,
                (run, cancellationToken) => reader.ReadAsync(run.Id, cancellationToken),
                p.GetRequiredService<ILogger<FewShotService>>(),
                p.GetRequiredService<TimeProvider>());
        });
    }

    private static void AddPrompts(IServiceCollection services, LlmProxyOptions options, string baseDirectory)
    {
        services.TryAddSingleton(p => new TemplateDirectory(
            Path.GetFullPath(options.Prompts.Directory, baseDirectory),
            p.GetRequiredService<ILogger<TemplateDirectory>>(),
            p.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<TaskPrompts>();
    }

    /// <summary>Makes a public class by its one internal constructor, whose parameters are services.</summary>
    private static T Create<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.NonPublicConstructors)] T>(IServiceProvider services)
    {
        var constructor = typeof(T).GetConstructors(BindingFlags.Instance | BindingFlags.NonPublic).Single();
        return (T)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, [.. constructor.GetParameters().Select(p => services.GetRequiredService(p.ParameterType))], null);
    }

    /// <summary>Logs to the application's factory, whether logging is added before or after this; nowhere in an application without one.</summary>
    private sealed class LaterLogger<T>(IServiceProvider services) : Logger<T>((ILoggerFactory?)services.GetService(typeof(ILoggerFactory)) ?? NullLoggerFactory.Instance);
}
