using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Telemetry;
using Yarp.ReverseProxy.Forwarder;

namespace LlmProxy.Server.Pipeline;

/// <summary>Makes the clients that talk to upstreams: headers as they were written, no added trace headers, one resilience pipeline around the connection. Certificates are checked as the platform does it.</summary>
internal sealed class UpstreamClientFactory(LlmProxyOptions options, ProxyMetrics metrics, TimeProvider time, ILogger<UpstreamClientFactory> log) : ForwarderHttpClientFactory
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
        var settings = options.Upstreams.GetValueOrDefault(context.ClusterId) ?? new UpstreamOptions();
        return new UpstreamHandler(new UpstreamResilience(context.ClusterId, settings, metrics, time, log), settings.FirstByteTimeout, time) { InnerHandler = base.WrapHandler(context, handler) };
    }
}

/// <summary>Sends a request upstream, through the resilience pipeline and within the time for the answer's first byte.</summary>
internal sealed class UpstreamHandler(UpstreamResilience resilience, TimeSpan firstByteTimeout, TimeProvider time) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = UpstreamCall.Of(request);
        if (call is not null)
        {
            call.SentTimestamp = time.GetTimestamp();
            if (call.Body is { } body && request.Content is { } content)
            {
                request.Content = new BufferedContent(call, body, content);
            }
        }

        var pipeline = resilience.For(request.RequestUri!, canSendAgain: request.Content is null or BufferedContent);
        if (request.Content is not (null or BufferedContent))
        {
            // How long an upload takes is the client's affair; ActivityTimeout ends one in which nothing moves.
            return await pipeline.ExecuteAsync(static async (state, token) => await state.Handler.SendOnceAsync(state.Request, state.Call, token), (Handler: this, Request: request, Call: call), cancellationToken);
        }

        using var firstByte = new CancellationTokenSource(firstByteTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, firstByte.Token);
        try
        {
            return await pipeline.ExecuteAsync(static async (state, token) => await state.Handler.SendOnceAsync(state.Request, state.Call, token), (Handler: this, Request: request, Call: call), both.Token);
        }
        catch (OperationCanceledException error) when (firstByte.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TaskCanceledException($"No answer within {firstByteTimeout}.", new TimeoutException(error.Message, error), CancellationToken.None);
        }
    }

    private Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, UpstreamCall? call, CancellationToken cancellationToken)
    {
        if (call is not null)
        {
            call.Tries++;
        }

        return base.SendAsync(request, cancellationToken);
    }
}
