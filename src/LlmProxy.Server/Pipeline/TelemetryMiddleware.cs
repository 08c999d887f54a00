using System.Diagnostics;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Redaction;
using LlmProxy.Server.Telemetry;

namespace LlmProxy.Server.Pipeline;

/// <summary>Creates a span for every forwarded call, in the client's trace. Part of the pipeline only if telemetry is on.</summary>
internal sealed class TelemetryMiddleware(RequestDelegate next, LlmProxyOptions options, ProxyMetrics metrics, Redactor redactor, TimeProvider time)
{
    private static readonly ActivitySource Source = new(TelemetryNames.Source);

    public async Task InvokeAsync(HttpContext context)
    {
        var started = time.GetTimestamp();

        // The server's own activity is not exported; as a parent it would break the trace.
        Activity.Current = null;
        var headers = context.Request.Headers;
        _ = ActivityContext.TryParse(headers.TraceParent.ToString(), headers.TraceState.ToString() is { Length: > 0 } state ? state : null, isRemote: true, out var parent);
        var call = new CallSpan(Source.StartActivity(context.Request.Method, ActivityKind.Client, parent), options.Telemetry.CaptureContent ? redactor : null, started, time);
        context.Features.Set(call);
        try
        {
            await next(context);
        }
        finally
        {
            call.End(context, metrics);
        }
    }
}
