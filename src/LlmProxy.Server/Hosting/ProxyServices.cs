using LlmProxy.Core.Dialects.Reading;
using LlmProxy.Core.Export;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Storage;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Auth;
using LlmProxy.Server.Pipeline;
using LlmProxy.Server.Telemetry;
using Yarp.ReverseProxy.Forwarder;

namespace LlmProxy.Server.Hosting;

/// <summary>What the program is made of.</summary>
internal static class ProxyServices
{
    /// <summary>Everything that works without a web server: store, retrieval, prompts. Verbs that talk to the store use it too.</summary>
    public static IServiceCollection AddLearning(this IServiceCollection services, ProxyConfiguration configuration)
    {
        var options = configuration.Options;
        services.AddSingleton(configuration);
        services.AddSingleton(options);
        services.AddSingleton(options.Tasks);
        services.AddSingleton(options.FewShot);
        services.AddSingleton(options.Quality);
        services.AddSingleton(options.Recording);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(p => StoreFactory.Create(options.Storage, configuration.BaseDirectory, p.GetRequiredService<TimeProvider>()));
        services.AddSingleton<StoreGate>();
        services.AddSingleton<TrajectoryReader>();
        services.AddSingleton<TaskRulesCatalog>();
        services.AddSingleton(new Redactor(options.Recording.Redaction));
        services.AddSingleton<KnownHistories>();
        services.AddSingleton<TaskCorrelator>();
        services.AddSingleton<SharedIndex>();
        services.AddSingleton<TaskService>();
        services.AddSingleton(p => new EmbeddingService(options.Embeddings, p.GetRequiredService<ILogger<EmbeddingService>>(), time: p.GetRequiredService<TimeProvider>()));
        services.AddSingleton<EmbedRun>(p =>
        {
            var embeddings = p.GetRequiredService<EmbeddingService>();
            return async (text, cancellationToken) => (await embeddings.EmbedForStoreAsync(text, cancellationToken)).Embeddings;
        });
        services.AddSingleton(options.Experiments);
        services.AddSingleton<ExampleLedger>();
        services.AddSingleton<ExampleSearch>();
        services.AddSingleton(p =>
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
        services.AddSingleton(p => new TemplateDirectory(
            configuration.Resolve(options.Prompts.Directory),
            p.GetRequiredService<ILogger<TemplateDirectory>>(),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton<TaskPrompts>();
        services.AddSingleton(p => new Spool(
            options.Recording.Spool,
            configuration.Resolve(options.Recording.Spool.Directory),
            p.GetRequiredService<TimeProvider>(),
            p.GetRequiredService<ILogger<Spool>>()));
        services.AddSingleton<Recorder>();
        services.AddSingleton<TrajectoryExporter>();
        return services;
    }

    /// <summary>The request path.</summary>
    public static IServiceCollection AddPipeline(this IServiceCollection services, ProxyConfiguration configuration)
    {
        var options = configuration.Options;
        services.AddSingleton(new ProviderResolver(options.Models));
        services.AddSingleton(new BufferBudget(options.Recording.MaxBufferedBytes));
        services.AddSingleton(new RecordingSwitch(options.Recording));
        services.AddSingleton<CorrelationSecret>();
        services.AddSingleton<WarmUp>();
        services.AddSingleton<ProxyMetrics>();
        if (TelemetryExport.IsOn(options.Telemetry))
        {
            services.AddHostedService<TelemetryExport>();
        }

        services.AddHostedService<LearningStart>();
        services.AddHostedService<ScheduledCleanup>();
        services.AddSingleton<IForwarderHttpClientFactory, UpstreamClientFactory>();
        services.AddReverseProxy()
            .LoadFromConfig(configuration.Root.GetSection("ReverseProxy"))
            .AddTransforms<ExactTarget>()
            .AddTransforms<ProviderKeys>()
            .AddTransforms<TraceContext>()
            .AddConfigFilter<UpstreamTimeouts>();
        return services;
    }
}
