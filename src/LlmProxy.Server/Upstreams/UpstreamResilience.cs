using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Hosting;
using LlmProxy.Server.Telemetry;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Extensions.Options;
using Polly;
using PollyTelemetry = Polly.Telemetry.TelemetryOptions;

namespace LlmProxy.Server.Upstreams;

/// <summary>
/// The resilience pipelines of the upstreams: retries of failures before the first byte of a response, and a circuit
/// breaker for each destination. Clients retry too, so by default only failed connections are retried, since nothing of
/// the request has been sent then. Polly's metrics and logs name every strategy "cluster/destination".
/// </summary>
internal sealed partial class UpstreamResilience(IOptions<PollyTelemetry> polly, ProxyConfiguration configuration, ProxyMetrics metrics, TimeProvider time, ILogger<UpstreamResilience> log)
{
    /// <summary>A response that asks for a longer delay (Retry-After) is not retried: the client gets it at once.</summary>
    internal static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    // Older failures say nothing about the destination's current state.
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(30);

    // Each destination of a cluster has its own pipeline, hence its own circuit breaker.
    private readonly ConcurrentDictionary<(string Cluster, string Authority), ResiliencePipeline<HttpResponseMessage>> _pipelines = new();

    /// <summary>The pipeline for a request.</summary>
    public ResiliencePipeline<HttpResponseMessage> For(string cluster, UpstreamOptions settings, HttpRequestMessage request) =>
        _pipelines.GetOrAdd((cluster, request.RequestUri!.Authority), static (key, context) => context.Owner.Build(key.Cluster, key.Authority, context.Settings), (Owner: this, Settings: settings));

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

    // The order matters: the time of the first byte includes retries, and each attempt asks the breaker.
    private ResiliencePipeline<HttpResponseMessage> Build(string cluster, string authority, UpstreamOptions settings)
    {
        var builder = new ResiliencePipelineBuilder<HttpResponseMessage> { Name = cluster, InstanceName = authority, TimeProvider = time };

        // Polly times and describes every attempt for its listener, which costs processor time in every call.
        if (TelemetryExport.IsOn(configuration.Options.Telemetry))
        {
            builder.ConfigureTelemetry(polly.Value);
        }

        // The activity timeout ends a call without a first byte, too; this strategy is for a shorter limit.
        var ownActivityTimeout = configuration.Root[$"ReverseProxy:Clusters:{cluster}:HttpRequest:ActivityTimeout"];
        if (settings.FirstByteTimeout < settings.ActivityTimeout || ownActivityTimeout is not null)
        {
            // A streamed body: the client determines how long an upload takes. A generator, since a fixed timeout has to be within a day.
            builder.AddTimeout(new HttpTimeoutStrategyOptions { Name = "first-byte", TimeoutGenerator = args => ValueTask.FromResult(CanSendAgain(args.Context) ? settings.FirstByteTimeout : Timeout.InfiniteTimeSpan) });
        }

        AddRetries(builder, cluster, settings);
        AddBreaker(builder, cluster, authority, settings);
        return builder.Build();
    }

    /// <summary>Whether a request has no body, or a buffered one.</summary>
    private static bool CanSendAgain(ResilienceContext context) =>
        context.GetRequestMessage() is { } request && (request.Content is null || UpstreamCall.Of(request) is { Body: not null });

    private void AddBreaker(ResiliencePipelineBuilder<HttpResponseMessage> builder, string cluster, string authority, UpstreamOptions settings)
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
            ShouldHandle = args => ValueTask.FromResult(CanSendAgain(args.Context) && ShouldRetry(settings, args.Outcome, args.Context.CancellationToken)),
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
