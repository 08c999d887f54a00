using LlmProxy.Core.Configuration;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace LlmProxy.Server.Pipeline;

/// <summary>With <c>Telemetry:Propagate</c> the upstream is told the trace (W3C Trace Context); without, it gets what the client sent and no more.</summary>
internal sealed class TraceContext(LlmProxyOptions options) : ITransformProvider
{
    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
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
