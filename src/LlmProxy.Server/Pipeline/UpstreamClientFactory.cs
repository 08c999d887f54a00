using System.Net.Sockets;
using System.Text;
using LlmProxy.Core.Configuration;
using Polly;
using Polly.Retry;
using Yarp.ReverseProxy.Forwarder;

namespace LlmProxy.Server.Pipeline;

/// <summary>Makes the clients that talk to upstreams: headers as they were written, no added trace headers, one resilience pipeline around the connection.</summary>
internal sealed class UpstreamClientFactory(LlmProxyOptions options, TimeProvider time, ILogger<UpstreamClientFactory> log) : ForwarderHttpClientFactory
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
        return new UpstreamHandler(context.ClusterId, settings, time, log) { InnerHandler = base.WrapHandler(context, handler) };
    }
}

/// <summary>
/// Sends a request upstream: again where no connection could be made (nothing of the request has left then), and
/// within the time for the answer's first byte.
/// </summary>
internal sealed partial class UpstreamHandler : DelegatingHandler
{
    private readonly string _cluster;
    private readonly UpstreamOptions _settings;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly ResiliencePipeline<HttpResponseMessage> _pipeline;

    public UpstreamHandler(string cluster, UpstreamOptions settings, TimeProvider time, ILogger log)
    {
        _cluster = cluster;
        _settings = settings;
        _time = time;
        _log = log;
        var builder = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time };
        if (settings.Retries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = settings.Retries,
                Delay = TimeSpan.FromMilliseconds(100),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = args => ValueTask.FromResult(IsConnectionFailure(args.Outcome.Exception)),
                OnRetry = args =>
                {
                    LogRetry(_log, _cluster, args.AttemptNumber + 1, args.Outcome.Exception?.Message ?? "");
                    return ValueTask.CompletedTask;
                },
            });
        }

        _pipeline = builder.Build();
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var firstByte = new CancellationTokenSource(_settings.FirstByteTimeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, firstByte.Token);
        try
        {
            return await _pipeline.ExecuteAsync(
                static async (state, token) => await state.Handler.SendOnceAsync(state.Request, token),
                (Handler: this, Request: request),
                both.Token);
        }
        catch (OperationCanceledException error) when (firstByte.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TaskCanceledException($"No answer within {_settings.FirstByteTimeout}.", new TimeoutException(error.Message, error), CancellationToken.None);
        }
    }

    private static bool IsConnectionFailure(Exception? error) =>
        error is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError }
        && error.InnerException is SocketException;

    private Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, CancellationToken cancellationToken) => base.SendAsync(request, cancellationToken);

    [LoggerMessage(1101, LogLevel.Warning, "No connection to {Cluster}, trying again ({Attempt}): {Error}")]
    private static partial void LogRetry(ILogger logger, string cluster, int attempt, string error);
}
