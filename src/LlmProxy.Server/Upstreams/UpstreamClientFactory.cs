using System.Text;
using LlmProxy.Core.Configuration;
using Microsoft.Extensions.Http.Resilience;
using Yarp.ReverseProxy.Forwarder;

namespace LlmProxy.Server.Upstreams;

/// <summary>Creates the HTTP clients of the upstreams: raw header encoding, no added trace headers, and the cluster's resilience pipelines. The platform validates certificates.</summary>
internal sealed class UpstreamClientFactory(LlmProxyOptions options, UpstreamResilience resilience, TimeProvider time) : ForwarderHttpClientFactory
{
    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);
        handler.RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1;
        handler.ResponseHeaderEncodingSelector = (_, _) => Encoding.Latin1;
        handler.ConnectTimeout = TimeSpan.FromSeconds(15);
        handler.ActivityHeadersPropagator = null;
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler)
    {
        var cluster = context.ClusterId;
        var settings = options.Upstreams.GetValueOrDefault(cluster) ?? new UpstreamOptions();
        return new ResilienceHandler(request => resilience.For(cluster, settings, request))
        {
            InnerHandler = new UpstreamAttempt(time) { InnerHandler = base.WrapHandler(context, handler) },
        };
    }
}

/// <summary>Counts an attempt to send a request, and replaces its content by the buffered body, which can be sent again.</summary>
internal sealed class UpstreamAttempt(TimeProvider time) : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (UpstreamCall.Of(request) is { } call)
        {
            if (call.Tries++ == 0)
            {
                call.SentTimestamp = time.GetTimestamp();
            }

            if (call.Body is { } body && request.Content is { } content and not BufferedContent)
            {
                request.Content = new BufferedContent(call, body, content);
            }
        }

        return base.SendAsync(request, cancellationToken);
    }
}
