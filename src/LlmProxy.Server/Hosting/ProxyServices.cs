using LlmProxy.Server.Access;
using LlmProxy.Server.Pipeline;
using LlmProxy.Server.Pipeline.Routing;
using LlmProxy.Server.Telemetry;
using LlmProxy.Server.Upstreams;
using Polly.Telemetry;
using Yarp.ReverseProxy.Forwarder;

namespace LlmProxy.Server.Hosting;

/// <summary>Registers the services of the proxy.</summary>
internal static class ProxyServices
{
    /// <summary>Adds store, retrieval and prompts, which need no web server.</summary>
    public static IServiceCollection AddLearning(this IServiceCollection services, ProxyConfiguration configuration) =>
        services.AddSingleton(configuration)
            .AddSingleton(SpoolKeys.In(Path.GetFullPath(configuration.Options.Recording.Spool.KeyDirectory, configuration.BaseDirectory)))
            .AddLlmProxyCore(configuration.Options, configuration.BaseDirectory)
            .AddLlmProxyStorage()
            .AddLlmProxyTrainingData()
            .AddJudge(configuration.Options);

    /// <summary>Adds the request pipeline.</summary>
    public static IServiceCollection AddPipeline(this IServiceCollection services, ProxyConfiguration configuration)
    {
        var options = configuration.Options;
        services.AddSingleton<RequestBuffers>();
        services.AddSingleton<WarmUp>();
        services.AddSingleton<ProxyMetrics>();
        services.AddTelemetry(options.Telemetry);
        services.AddHostedService<StoreStartupService>();
        services.AddHostedService<ScheduledCleanup>();
        services.AddHostedService<ScheduledCuration>();
        services.AddHostedService<BackgroundJudge>();
        services.AddResilienceEnricher();
        // UpstreamResilience logs retries and circuit breaks itself, at suitable levels.
        services.Configure<TelemetryOptions>(telemetry => telemetry.SeverityProvider = static _ => ResilienceEventSeverity.Debug);
        services.AddSingleton<UpstreamResilience>();
        services.AddSingleton<RoutingTable>();
        services.AddSingleton<RoutedForwarder>();
        services.AddSingleton<RoutedTokenCount>();
        services.AddSingleton<IForwarderHttpClientFactory, UpstreamClientFactory>();
        services.AddReverseProxy()
            .LoadFromConfig(configuration.Root.GetSection("ReverseProxy"))
            .AddTransforms<RawTargetTransform>()
            .AddTransforms<ProviderKeys>()
            .AddTransforms<RoutedRequest>()
            .AddTransforms<TraceContext>()
            .AddConfigFilter<UpstreamTimeoutFilter>();
        return services;
    }
}
