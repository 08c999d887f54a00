using LlmProxy.Core.Configuration;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace LlmProxy.Server.Pipeline;

/// <summary>With <c>Telemetry:Propagate</c> sends the trace upstream (W3C Trace Context); otherwise the upstream gets only the client's own headers.</summary>
internal sealed class TraceContext(LlmProxyOptions options) : RouteTransform
{
    public override void Apply(TransformBuilderContext context)
    {
        if (!options.Telemetry.Propagate)
        {
            return;
        }

        context.AddRequestTransform(transform =>
        {
            if (transform.HttpContext.Features.Get<CallSpan>()?.Activity is { Id: { } id } activity)
            {
                var headers = transform.ProxyRequest.Headers;
                headers.Remove("traceparent");
                headers.TryAddWithoutValidation("traceparent", id);
                headers.Remove("tracestate");
                if (activity.TraceStateString is { Length: > 0 } state)
                {
                    headers.TryAddWithoutValidation("tracestate", state);
                }
            }

            return ValueTask.CompletedTask;
        });
    }
}
