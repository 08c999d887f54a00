using System.Globalization;
using LlmProxy.Core.Recording;
using LlmProxy.Wire;
using Polly.CircuitBreaker;
using Polly.Timeout;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Upstreams;

/// <summary>Classifies failures of forwarding, and reports them to the client in its dialect.</summary>
internal static partial class UpstreamErrors
{
    /// <summary>How the forwarding of a request ended.</summary>
    public static ExchangeOutcome OutcomeOf(HttpContext context)
    {
        var feature = context.Features.Get<IForwarderErrorFeature>();
        return feature?.Error switch
        {
            null or ForwarderError.None => ExchangeOutcome.Complete,
            _ when TotalTime.IsOver(context) => ExchangeOutcome.UpstreamTimeout,
            ForwarderError.RequestTimedOut => ExchangeOutcome.UpstreamTimeout,
            ForwarderError.Request when Find<TimeoutRejectedException>(feature.Exception) is not null => ExchangeOutcome.UpstreamTimeout,
            ForwarderError.Request when !WasReached(feature.Exception) => ExchangeOutcome.UpstreamRefused,
            ForwarderError.NoAvailableDestinations or ForwarderError.RequestCreation => ExchangeOutcome.UpstreamRefused,
            ForwarderError.Request or ForwarderError.ResponseBodyDestination or ForwarderError.RequestBodyDestination or ForwarderError.ResponseHeaders
                or ForwarderError.UpgradeResponseDestination or ForwarderError.UpgradeRequestDestination => ExchangeOutcome.UpstreamBroke,
            ForwarderError.RequestCanceled when !context.RequestAborted.IsCancellationRequested => ExchangeOutcome.UpstreamTimeout,
            _ => ExchangeOutcome.ClientLeft,
        };
    }

    /// <summary>Logs a failure of forwarding, and reports it to the client unless the response has started.</summary>
    public static async Task WriteAsync(HttpContext context, ExchangeOutcome outcome, DialectKind dialect, ILogger logger)
    {
        if (outcome == ExchangeOutcome.Complete)
        {
            return;
        }

        var error = context.Features.Get<IForwarderErrorFeature>();
        var cluster = context.Features.Get<IReverseProxyFeature>()?.Cluster.Config.ClusterId ?? "?";
        var cause = Cause(error);
        if (outcome == ExchangeOutcome.ClientLeft)
        {
            LogClientLeft(logger, cluster, cause);
            if (Find<BadHttpRequestException>(error?.Exception) is { } bad && !context.Response.HasStarted)
            {
                await WriteAsync(context, bad.StatusCode, dialect, $"LlmProxy: reading the request body failed: {bad.Message}");
            }

            return;
        }

        LogUpstreamFailed(logger, cluster, outcome, cause);
        if (context.Response.HasStarted)
        {
            return;
        }

        if (Find<BrokenCircuitException>(error?.Exception) is { } broken)
        {
            var seconds = Math.Max(1, (int)Math.Ceiling((broken.RetryAfter ?? TimeSpan.Zero).TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            context.Response.Headers.RetryAfter = seconds;
            await WriteAsync(context, StatusCodes.Status503ServiceUnavailable, dialect, $"LlmProxy: circuit breaker open for upstream '{cluster}' after repeated failures. Retry in {seconds} s; LlmProxy:Upstreams:{cluster}:BreakAfter and BreakFor configure the breaker.");
            return;
        }

        var status = outcome == ExchangeOutcome.UpstreamTimeout ? StatusCodes.Status504GatewayTimeout : StatusCodes.Status502BadGateway;
        var message = outcome switch
        {
            ExchangeOutcome.UpstreamTimeout when context.Features.Get<TotalTime>() is { Token.IsCancellationRequested: true } total => TotalTime.Message(cluster, total.Timeout),
            ExchangeOutcome.UpstreamTimeout => $"LlmProxy: timeout of upstream '{cluster}' ({cause}). If it needs longer, raise LlmProxy:Upstreams:{cluster}:FirstByteTimeout or ActivityTimeout.",
            ExchangeOutcome.UpstreamRefused => $"LlmProxy: connection to upstream '{cluster}' failed ({cause}). Check ReverseProxy:Clusters:{cluster}:Destinations:default:Address.",
            _ => $"LlmProxy: upstream '{cluster}' closed the connection before the response was complete ({cause}). Retry the request.",
        };
        await WriteAsync(context, status, dialect, message);
    }

    /// <summary>Writes an error in a dialect's format.</summary>
    public static async Task WriteAsync(HttpContext context, int status, DialectKind dialect, string message)
    {
        var body = DialectCatalog.Get(dialect).FormatError(status, message);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;

        // The request is cancelled after a timeout, and the client still needs the response.
        await context.Response.Body.WriteAsync(body, CancellationToken.None);
    }

    /// <summary>Whether a connection was made, so that the request may have been sent.</summary>
    private static bool WasReached(Exception? exception) =>
        Find<BrokenCircuitException>(exception) is null
        && Find<HttpRequestException>(exception)?.HttpRequestError is not (HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError);

    private static T? Find<T>(Exception? exception)
        where T : Exception => exception switch
        {
            null => null,
            T found => found,
            AggregateException many => many.InnerExceptions.Select(Find<T>).FirstOrDefault(found => found is not null),
            _ => Find<T>(exception.InnerException),
        };

    private static string Cause(IForwarderErrorFeature? error)
    {
        var exception = error?.Exception;
        if (Find<TimeoutRejectedException>(exception) is { } timeout)
        {
            return string.Create(CultureInfo.InvariantCulture, $"no response within {timeout.Timeout:c}");
        }

        while (exception?.InnerException is { } inner)
        {
            exception = inner;
        }

        return exception is null ? error?.Error.ToString() ?? "unknown" : exception.Message.ReplaceLineEndings(" ");
    }

    [LoggerMessage(1001, LogLevel.Information, "Client closed the connection during a call to {Cluster}: {Cause}")]
    private static partial void LogClientLeft(ILogger logger, string cluster, string cause);

    [LoggerMessage(1002, LogLevel.Warning, "Call to {Cluster} failed with {Outcome}: {Cause}")]
    private static partial void LogUpstreamFailed(ILogger logger, string cluster, ExchangeOutcome outcome, string cause);
}
