using System.Globalization;
using LlmProxy.Core.Recording;
using LlmProxy.Wire;
using Polly.CircuitBreaker;
using Polly.Timeout;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Upstreams;

/// <summary>Says how forwarding failed, and tells the client in the shape that its SDK understands.</summary>
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

    /// <summary>Writes the error body where forwarding failed before anything went to the client; logs the cause in one line.</summary>
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
                await WriteAsync(context, bad.StatusCode, dialect, $"LlmProxy: the request body could not be read ({bad.Message})");
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
            await WriteAsync(context, StatusCodes.Status503ServiceUnavailable, dialect, $"LlmProxy: the upstream '{cluster}' keeps failing and is tried again in {seconds} s. LlmProxy:Upstreams:{cluster}:BreakAfter and BreakFor say when it is left alone and how long.");
            return;
        }

        var status = outcome == ExchangeOutcome.UpstreamTimeout ? StatusCodes.Status504GatewayTimeout : StatusCodes.Status502BadGateway;
        var message = outcome switch
        {
            ExchangeOutcome.UpstreamTimeout when context.Features.Get<TotalTime>() is { Token.IsCancellationRequested: true } total => TotalTime.Message(cluster, total.Timeout),
            ExchangeOutcome.UpstreamTimeout => $"LlmProxy: the upstream '{cluster}' did not answer in time ({cause}). Raise LlmProxy:Upstreams:{cluster}:FirstByteTimeout or ActivityTimeout if it needs longer.",
            ExchangeOutcome.UpstreamRefused => $"LlmProxy: the upstream '{cluster}' could not be reached ({cause}). Check ReverseProxy:Clusters:{cluster}:Destinations:default:Address.",
            _ => $"LlmProxy: the upstream '{cluster}' broke off ({cause}).",
        };
        await WriteAsync(context, status, dialect, message);
    }

    /// <summary>Writes an error in a dialect's shape.</summary>
    public static async Task WriteAsync(HttpContext context, int status, DialectKind dialect, string message)
    {
        var body = DialectCatalog.Get(dialect).FormatError(status, message);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;

        // A call whose time is over is cancelled, and its client is still to hear of it.
        await context.Response.Body.WriteAsync(body, CancellationToken.None);
    }

    /// <summary>Whether there was a connection at all, over which the request may have gone.</summary>
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
