using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using Npgsql;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace LlmProxy.Server.Telemetry;

/// <summary>
/// Sends spans and metrics to the OTLP receiver of <c>Telemetry:Otlp</c>, and serves metrics to Prometheus.
/// OpenTelemetry's own variables (<c>OTEL_SERVICE_NAME</c>, <c>OTEL_EXPORTER_OTLP_HEADERS</c>, …) apply, too.
/// </summary>
internal static class TelemetryExport
{
    /// <summary>Path that Prometheus scrapes.</summary>
    public const string MetricsPath = "/metrics";

    // The port that the OpenTelemetry specification gives to OTLP over gRPC; everything else speaks HTTP.
    private const int GrpcPort = 4317;

    // Polly's strategies: retries, timeouts and circuit breakers of the upstreams.
    private const string PollyMeter = "Polly";

    /// <summary>Whether anything collects spans or metrics.</summary>
    public static bool IsOn(TelemetryOptions telemetry) => telemetry.Otlp is not null || telemetry.Propagate || telemetry.Prometheus;

    /// <summary>Adds the providers that the settings ask for.</summary>
    public static void AddTelemetry(this IServiceCollection services, TelemetryOptions options)
    {
        if (!IsOn(options))
        {
            return;
        }

        var telemetry = services.AddOpenTelemetry().ConfigureResource(resource => resource
            .Clear()
            .AddService("llmproxy", serviceVersion: typeof(TelemetryExport).Assembly.GetName().Version?.ToString(3))
            .AddTelemetrySdk()
            .AddEnvironmentVariableDetector());
        if (options.Otlp is not null || options.Propagate)
        {
            telemetry.WithTracing(traces => AddTraces(traces, options));
        }

        if (options.Otlp is not null || options.Prometheus)
        {
            telemetry.WithMetrics(metrics => AddMetrics(metrics, options));
        }

        services.AddHostedService<TelemetryLifetime>();
    }

    private static void AddTraces(TracerProviderBuilder traces, TelemetryOptions options)
    {
        traces.AddSource(TelemetryNames.Source);
        if (options.Otlp is { } address)
        {
            // A forwarded call has its own span, in the client's trace; only requests to the API get the server's.
            traces
                .AddAspNetCoreInstrumentation(server => server.Filter = context => context.Request.Path.StartsWithSegments(Api.ApiEndpoints.Prefix, StringComparison.OrdinalIgnoreCase))
                .AddHttpClientInstrumentation()
                .AddNpgsql()
                .AddOtlpExporter(otlp => Configure(otlp, address, "v1/traces"));
        }
    }

    private static void AddMetrics(MeterProviderBuilder metrics, TelemetryOptions options)
    {
        metrics
            .AddMeter(TelemetryNames.Source, PollyMeter)
            .AddAspNetCoreInstrumentation()
            .AddHttpClientInstrumentation()
            .AddRuntimeInstrumentation()
            .AddNpgsqlInstrumentation();
        if (options.Otlp is { } address)
        {
            metrics.AddOtlpExporter(otlp => Configure(otlp, address, "v1/metrics"));
        }

        if (options.Prometheus)
        {
            metrics.AddPrometheusExporter();
        }
    }

    private static void Configure(OtlpExporterOptions otlp, string address, string signal)
    {
        var uri = new Uri(address);
        if (uri.Port == GrpcPort)
        {
            otlp.Protocol = OtlpExportProtocol.Grpc;
            otlp.Endpoint = uri;
            return;
        }

        otlp.Protocol = OtlpExportProtocol.HttpProtobuf;
        otlp.Endpoint = new Uri($"{address.TrimEnd('/')}/{signal}");
    }
}

/// <summary>Observes the recorder, and flushes the providers at shutdown: their own disposal would wait five seconds for an unavailable receiver.</summary>
internal sealed class TelemetryLifetime(IServiceProvider services, ProxyMetrics metrics, Spool spool, NotRecordedCounts notRecorded) : IHostedService
{
    private const int ShutdownMilliseconds = 2_000;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        metrics.Observe(() => spool.Pending, notRecorded.Snapshot);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Task.Run(() => services.GetService<TracerProvider>()?.Shutdown(ShutdownMilliseconds), CancellationToken.None),
        Task.Run(() => services.GetService<MeterProvider>()?.Shutdown(ShutdownMilliseconds), CancellationToken.None));
}
