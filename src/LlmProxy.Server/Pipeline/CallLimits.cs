using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Access;
using LlmProxy.Server.Upstreams;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// Enforces the limits of a call: size of headers and body, concurrent calls, total time. The error names the limit, in
/// the client's dialect. Runs after routing and authentication, before anything expensive.
/// </summary>
internal sealed class CallLimits(RequestDelegate next, LlmProxyOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, StrongBox<int>> _active = new(StringComparer.Ordinal);

    public Task InvokeAsync(HttpContext context)
    {
        // 1. Sizes known from the request's head.
        var limits = options.Limits;
        if (HeaderBytes(context.Request.Headers) is var headers && headers > limits.MaxHeaderBytes)
        {
            return RefuseAsync(context, StatusCodes.Status431RequestHeaderFieldsTooLarge, $"LlmProxy: request headers too large ({headers} bytes). Shorten them, or raise LlmProxy:Limits:MaxHeaderBytes ({limits.MaxHeaderBytes}).");
        }

        if (context.Request.ContentLength > limits.MaxRequestBytes)
        {
            return RefuseAsync(context, StatusCodes.Status413PayloadTooLarge, $"LlmProxy: request body too large ({context.Request.ContentLength} bytes). Shorten it, or raise LlmProxy:Limits:MaxRequestBytes ({limits.MaxRequestBytes}).");
        }

        // 2. Concurrent calls, and 3. total time; both are unlimited by default.
        var cluster = context.Features.Get<IReverseProxyFeature>()?.Cluster.Config.ClusterId ?? "";
        var totalTimeout = options.Upstreams.GetValueOrDefault(cluster)?.TotalTimeout;
        return limits.MaxStreamsPerKey is { } most ? CountAsync(context, most, cluster, totalTimeout)
            : totalTimeout is { } timeout ? TimeAsync(context, cluster, timeout)
            : next(context);
    }

    private async Task CountAsync(HttpContext context, int most, string cluster, TimeSpan? totalTimeout)
    {
        var key = context.GetCaller().KeyName;
        var active = _active.GetOrAdd(key ?? "", static _ => new StrongBox<int>());
        try
        {
            if (Interlocked.Increment(ref active.Value) > most)
            {
                context.Response.Headers.RetryAfter = "1";
                await RefuseAsync(context, StatusCodes.Status429TooManyRequests, $"LlmProxy: too many concurrent calls {(key is null ? "to this proxy" : $"with the key '{key}'")} (limit: {most}). Retry when one has ended, or raise LlmProxy:Limits:MaxStreamsPerKey.");
                return;
            }

            await (totalTimeout is { } timeout ? TimeAsync(context, cluster, timeout) : next(context));
        }
        finally
        {
            Interlocked.Decrement(ref active.Value);
        }
    }

    private async Task TimeAsync(HttpContext context, string cluster, TimeSpan timeout)
    {
        var client = context.RequestAborted;
        using var total = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(client, total.Token);
        context.Features.Set(new TotalTime(timeout, total.Token));
        context.RequestAborted = either.Token;
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (total.IsCancellationRequested && !client.IsCancellationRequested && !context.Response.HasStarted)
        {
            await RefuseAsync(context, StatusCodes.Status504GatewayTimeout, TotalTime.Message(cluster, timeout));
        }
        finally
        {
            context.RequestAborted = client;
        }
    }

    private static Task RefuseAsync(HttpContext context, int status, string message) =>
        UpstreamErrors.WriteAsync(context, status, RouteProvider.DialectOf(context), message);

    private static long HeaderBytes(IHeaderDictionary headers)
    {
        var sum = 0L;
        foreach (var (name, values) in headers)
        {
            foreach (var value in values)
            {
                sum += name.Length + (value?.Length ?? 0);
            }
        }

        return sum;
    }
}
