using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace LlmProxy.Server.Telemetry;

/// <summary>Sends spans and metrics to the OTLP receiver of <c>Telemetry:Otlp</c>. OpenTelemetry's own variables (<c>OTEL_SERVICE_NAME</c>, <c>OTEL_EXPORTER_OTLP_HEADERS</c>, …) hold beside it.</summary>
internal sealed class TelemetryExport(LlmProxyOptions options, ProxyMetrics metrics, Spool spool, NotRecordedCounts notRecorded) : IHostedService, IDisposable
{
    // The port that the OpenTelemetry specification gives to OTLP over gRPC; everything else speaks HTTP.
    private const int GrpcPort = 4317;

    private TracerProvider? _traces;
    private MeterProvider? _metrics;

    /// <summary>Whether there is anything to collect for.</summary>
    public static bool IsOn(TelemetryOptions telemetry) => telemetry.Otlp is not null || telemetry.Propagate;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(Resource()).AddSource(TelemetryNames.Source);
        if (options.Telemetry.Otlp is { } address)
        {
            traces.AddOtlpExporter(otlp => Configure(otlp, address, "v1/traces"));
            metrics.Observe(() => spool.Pending, notRecorded.Snapshot);
            _metrics = Sdk.CreateMeterProviderBuilder()
                .SetResourceBuilder(Resource())
                .AddMeter(TelemetryNames.Source)
                .AddOtlpExporter(otlp => Configure(otlp, address, "v1/metrics"))
                .Build();
        }

        _traces = traces.Build();
        return Task.CompletedTask;
    }

    // What is still held is sent; a receiver that does not answer must not hold up the end.
    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Task.Run(() => _traces?.Shutdown(2_000), CancellationToken.None),
        Task.Run(() => _metrics?.Shutdown(2_000), CancellationToken.None));

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    private static ResourceBuilder Resource() =>
        ResourceBuilder.CreateEmpty()
            .AddService("llmproxy", serviceVersion: typeof(TelemetryExport).Assembly.GetName().Version?.ToString(3))
            .AddTelemetrySdk()
            .AddEnvironmentVariableDetector();

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
