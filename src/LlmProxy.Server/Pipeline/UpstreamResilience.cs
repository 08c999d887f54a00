using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Telemetry;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// The one resilience pipeline of a cluster: tries again what failed before the first byte of an answer, and leaves a
/// destination alone that keeps failing. Clients retry by themselves, so that by default only connections that could
/// not be made are tried again: nothing of the request has left then.
/// </summary>
internal sealed partial class UpstreamResilience(string cluster, UpstreamOptions settings, ProxyMetrics metrics, TimeProvider time, ILogger log)
{
    /// <summary>Whoever asks for more patience than this (Retry-After) gets no second try from here: the client hears it at once.</summary>
    internal static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    // Failures further back say nothing about a destination now.
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(30);

    // Destinations come from configuration, so there are few.
    private readonly ConcurrentDictionary<string, Destination> _destinations = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The pipeline for a request: with retries only where its body can be sent again.</summary>
    public ResiliencePipeline<HttpResponseMessage> For(Uri target, bool canSendAgain)
    {
        var destination = _destinations.GetOrAdd(target.Authority, Build);
        return canSendAgain ? destination.WithRetries : destination.Once;
    }

    /// <summary>Whether no connection could be made. A certificate that does not hold is no such failure: trying again does not heal it.</summary>
    internal static bool IsConnectionFailure(Exception? error, CancellationToken cancellationToken) => error switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError, InnerException: SocketException } => true,
        OperationCanceledException { InnerException: TimeoutException } => !cancellationToken.IsCancellationRequested,
        _ => false,
    };

    /// <summary>How long an answer asks to be left alone, in either form of the header (RFC 9110, section 10.2.3); null where it does not say.</summary>
    internal static TimeSpan? RetryAfter(HttpResponseMessage? answer, TimeProvider time) => answer?.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - time.GetUtcNow() is { Ticks: > 0 } wait ? wait : TimeSpan.Zero,
        _ => null,
    };

    private Destination Build(string authority)
    {
        var once = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time };
        if (settings.BreakAfter > 0)
        {
            once.AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                MinimumThroughput = settings.BreakAfter,
                FailureRatio = 0.5,
                SamplingDuration = Memory,
                BreakDuration = settings.BreakFor,
                ShouldHandle = args => ValueTask.FromResult(IsDestinationDown(args.Outcome, args.Context.CancellationToken)),
                OnOpened = _ =>
                {
                    metrics.CountBreak(cluster);
                    LogOpened(log, cluster, authority, settings.BreakFor.TotalSeconds);
                    return ValueTask.CompletedTask;
                },
                OnClosed = _ =>
                {
                    LogClosed(log, cluster, authority);
                    return ValueTask.CompletedTask;
                },
            });
        }

        var breaker = once.Build();
        if (settings.Retries == 0)
        {
            return new Destination(breaker, breaker);
        }

        var retries = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = settings.Retries,
                Delay = TimeSpan.FromMilliseconds(100),
                MaxDelay = LongestDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = args => ValueTask.FromResult(IsWorthAnotherTry(args.Outcome, args.Context.CancellationToken)),
                DelayGenerator = args => ValueTask.FromResult(RetryAfter(args.Outcome.Result, time)),
                OnRetry = args =>
                {
                    var cause = args.Outcome.Result is { } answer ? ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture) : args.Outcome.Exception!.Message;
                    metrics.CountRetry(cluster, args.Outcome.Result is null ? "connection" : cause);
                    LogRetry(log, cluster, args.AttemptNumber + 1, args.RetryDelay.TotalSeconds, cause);
                    return ValueTask.CompletedTask;
                },
            })
            .AddPipeline(breaker)
            .Build();
        return new Destination(breaker, retries);
    }

    private bool IsWorthAnotherTry(Outcome<HttpResponseMessage> outcome, CancellationToken cancellationToken) =>
        outcome.Result is { } answer
            ? settings.RetryStatuses.Contains((int)answer.StatusCode) && (RetryAfter(answer, time) ?? TimeSpan.Zero) <= LongestDelay
            : IsConnectionFailure(outcome.Exception, cancellationToken);

    // A 429 is about one caller's quota and says nothing about the destination.
    private bool IsDestinationDown(Outcome<HttpResponseMessage> outcome, CancellationToken cancellationToken) =>
        outcome.Result is { } answer
            ? (int)answer.StatusCode >= 500 && settings.RetryStatuses.Contains((int)answer.StatusCode)
            : IsConnectionFailure(outcome.Exception, cancellationToken);

    [LoggerMessage(1101, LogLevel.Warning, "Trying {Cluster} again ({Attempt}) in {Seconds:0.0} s: {Cause}")]
    private static partial void LogRetry(ILogger logger, string cluster, int attempt, double seconds, string cause);

    [LoggerMessage(1102, LogLevel.Error, "{Cluster}: {Destination} keeps failing; calls are answered at once for {Seconds:0.0} s")]
    private static partial void LogOpened(ILogger logger, string cluster, string destination, double seconds);

    [LoggerMessage(1103, LogLevel.Information, "{Cluster}: {Destination} answers again")]
    private static partial void LogClosed(ILogger logger, string cluster, string destination);

    private sealed record Destination(ResiliencePipeline<HttpResponseMessage> Once, ResiliencePipeline<HttpResponseMessage> WithRetries);
}
