using System.Globalization;
using System.Net.Sockets;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Telemetry;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.Registry;

namespace LlmProxy.Server.Upstreams;

/// <summary>One resilience pipeline: each cluster has its own, and each destination in it has its own circuit breaker.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Authority">Host and port of the destination.</param>
/// <param name="Kind">The strategies in it.</param>
internal readonly record struct UpstreamPipeline(string Cluster, string Authority, UpstreamPipelineKind Kind);

/// <summary>Which strategies a pipeline holds.</summary>
internal enum UpstreamPipelineKind
{
    /// <summary>The destination's circuit breaker alone, for streamed bodies: the client determines how long an upload takes, and ActivityTimeout ends a stalled one.</summary>
    Breaker,

    /// <summary>Timeout of the first byte, retries, and the circuit breaker, for buffered bodies, which can be sent again.</summary>
    Whole,
}

/// <summary>
/// The resilience pipelines of the upstreams: retries of failures before the first byte of a response, and a circuit
/// breaker for each destination. Clients retry too, so by default only failed connections are retried, since nothing of
/// the request has been sent then. Polly's metrics and logs name every strategy "cluster/destination".
/// </summary>
internal sealed partial class UpstreamResilience(ResiliencePipelineRegistry<UpstreamPipeline> registry, ProxyMetrics metrics, TimeProvider time, ILogger<UpstreamResilience> log)
{
    /// <summary>A response that asks for a longer delay (Retry-After) is not retried: the client gets it at once.</summary>
    internal static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    // Older failures say nothing about the destination's current state.
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(30);

    /// <summary>Names the pipelines in metrics and logs.</summary>
    public static void Configure(ResiliencePipelineRegistryOptions<UpstreamPipeline> options)
    {
        options.BuilderNameFormatter = key => key.Cluster;
        options.InstanceNameFormatter = key => key.Authority;
    }

    /// <summary>Selects the pipeline for a request: with retries only if its body can be sent again.</summary>
    public ResiliencePipeline<HttpResponseMessage> For(string cluster, UpstreamOptions settings, HttpRequestMessage request)
    {
        var canSendAgain = request.Content is null || UpstreamCall.Of(request) is { Body: not null };
        var key = new UpstreamPipeline(cluster, request.RequestUri!.Authority, canSendAgain ? UpstreamPipelineKind.Whole : UpstreamPipelineKind.Breaker);
        return registry.TryGetPipeline<HttpResponseMessage>(key, out var pipeline) ? pipeline : Build(key, settings);
    }

    /// <summary>Whether no connection could be made. An invalid certificate does not count: a retry does not fix it.</summary>
    internal static bool IsConnectionFailure(Exception? error, CancellationToken cancellationToken) => error switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError, InnerException: SocketException } => true,
        OperationCanceledException { InnerException: TimeoutException } => !cancellationToken.IsCancellationRequested,
        _ => false,
    };

    /// <summary>The delay that a response asks for, in either form of Retry-After (RFC 9110, section 10.2.3), or null.</summary>
    internal static TimeSpan? RetryAfter(HttpResponseMessage? answer, TimeProvider time) => answer?.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - time.GetUtcNow() is { Ticks: > 0 } wait ? wait : TimeSpan.Zero,
        _ => null,
    };

    private ResiliencePipeline<HttpResponseMessage> Build(UpstreamPipeline key, UpstreamOptions settings) =>
        registry.GetOrAddPipeline<HttpResponseMessage>(key, builder =>
        {
            builder.TimeProvider = time;
            if (key.Kind == UpstreamPipelineKind.Breaker)
            {
                AddBreaker(builder, key, settings);
                return;
            }

            // A generator, since a fixed timeout has to be within a day.
            builder.AddTimeout(new HttpTimeoutStrategyOptions { Name = "first-byte", TimeoutGenerator = _ => ValueTask.FromResult(settings.FirstByteTimeout) });
            AddRetries(builder, key.Cluster, settings);
            builder.AddPipeline(Build(key with { Kind = UpstreamPipelineKind.Breaker }, settings));
        });

    private void AddBreaker(ResiliencePipelineBuilder<HttpResponseMessage> builder, UpstreamPipeline key, UpstreamOptions settings)
    {
        if (settings.BreakAfter == 0)
        {
            return;
        }

        builder.AddCircuitBreaker(new HttpCircuitBreakerStrategyOptions
        {
            Name = "breaker",
            MinimumThroughput = settings.BreakAfter,
            FailureRatio = 0.5,
            SamplingDuration = Memory,
            BreakDuration = settings.BreakFor,
            ShouldHandle = args => ValueTask.FromResult(IsDestinationDown(settings, args.Outcome, args.Context.CancellationToken)),
            OnOpened = _ =>
            {
                metrics.CountBreak(key.Cluster);
                LogOpened(log, key.Cluster, key.Authority, settings.BreakFor.TotalSeconds);
                return ValueTask.CompletedTask;
            },
            OnClosed = _ =>
            {
                LogClosed(log, key.Cluster, key.Authority);
                return ValueTask.CompletedTask;
            },
        });
    }

    private void AddRetries(ResiliencePipelineBuilder<HttpResponseMessage> builder, string cluster, UpstreamOptions settings)
    {
        if (settings.Retries == 0)
        {
            return;
        }

        builder.AddRetry(new HttpRetryStrategyOptions
        {
            Name = "retry",
            MaxRetryAttempts = settings.Retries,
            Delay = TimeSpan.FromMilliseconds(100),
            MaxDelay = LongestDelay,
            ShouldHandle = args => ValueTask.FromResult(ShouldRetry(settings, args.Outcome, args.Context.CancellationToken)),
            OnRetry = args =>
            {
                var cause = args.Outcome.Result is { } answer ? ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture) : args.Outcome.Exception!.Message;
                metrics.CountRetry(cluster, args.Outcome.Result is null ? "connection" : cause);
                LogRetry(log, cluster, args.AttemptNumber + 1, args.RetryDelay.TotalSeconds, cause);
                return ValueTask.CompletedTask;
            },
        });
    }

    private bool ShouldRetry(UpstreamOptions settings, Outcome<HttpResponseMessage> outcome, CancellationToken cancellationToken) =>
        outcome.Result is { } answer
            ? settings.RetryStatuses.Contains((int)answer.StatusCode) && (RetryAfter(answer, time) ?? TimeSpan.Zero) <= LongestDelay
            : IsConnectionFailure(outcome.Exception, cancellationToken);

    // A 429 is about one caller's quota and says nothing about the destination.
    private static bool IsDestinationDown(UpstreamOptions settings, Outcome<HttpResponseMessage> outcome, CancellationToken cancellationToken) =>
        outcome.Result is { } answer
            ? (int)answer.StatusCode >= 500 && settings.RetryStatuses.Contains((int)answer.StatusCode)
            : IsConnectionFailure(outcome.Exception, cancellationToken);

    [LoggerMessage(1101, LogLevel.Warning, "Retrying {Cluster} (attempt {Attempt}) in {Seconds:0.0} s: {Cause}")]
    private static partial void LogRetry(ILogger logger, string cluster, int attempt, double seconds, string cause);

    [LoggerMessage(1102, LogLevel.Error, "Circuit breaker opened for {Cluster}, destination {Destination}; requests are rejected for {Seconds:0.0} s")]
    private static partial void LogOpened(ILogger logger, string cluster, string destination, double seconds);

    [LoggerMessage(1103, LogLevel.Information, "Circuit breaker closed for {Cluster}, destination {Destination}")]
    private static partial void LogClosed(ILogger logger, string cluster, string destination);
}
