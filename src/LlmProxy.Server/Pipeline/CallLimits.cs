using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Access;
using LlmProxy.Server.Upstreams;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// Holds the limits of a call: size of headers and body, calls at a time, total time. Who passes one is told which, in
/// the client's dialect. Behind the routing and the key check, in front of everything that costs.
/// </summary>
internal sealed class CallLimits(RequestDelegate next, LlmProxyOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, StrongBox<int>> _underWay = new(StringComparer.Ordinal);

    public Task InvokeAsync(HttpContext context)
    {
        // 1. Sizes that the request's head tells.
        var limits = options.Limits;
        if (HeaderBytes(context.Request.Headers) is var headers && headers > limits.MaxHeaderBytes)
        {
            return RefuseAsync(context, StatusCodes.Status431RequestHeaderFieldsTooLarge, $"LlmProxy: the request's headers have {headers} bytes, more than LlmProxy:Limits:MaxHeaderBytes ({limits.MaxHeaderBytes}) allows.");
        }

        if (context.Request.ContentLength > limits.MaxRequestBytes)
        {
            return RefuseAsync(context, StatusCodes.Status413PayloadTooLarge, $"LlmProxy: the request body has {context.Request.ContentLength} bytes, more than LlmProxy:Limits:MaxRequestBytes ({limits.MaxRequestBytes}) allows.");
        }

        // 2. Calls at a time, and 3. the total time; both are off by default.
        var cluster = context.Features.Get<IReverseProxyFeature>()?.Cluster.Config.ClusterId ?? "";
        var totalTimeout = options.Upstreams.GetValueOrDefault(cluster)?.TotalTimeout;
        return limits.MaxStreamsPerKey is { } most ? CountAsync(context, most, cluster, totalTimeout)
            : totalTimeout is { } timeout ? TimeAsync(context, cluster, timeout)
            : next(context);
    }

    private async Task CountAsync(HttpContext context, int most, string cluster, TimeSpan? totalTimeout)
    {
        var key = context.GetCaller().KeyName;
        var underWay = _underWay.GetOrAdd(key ?? "", static _ => new StrongBox<int>());
        try
        {
            if (Interlocked.Increment(ref underWay.Value) > most)
            {
                context.Response.Headers.RetryAfter = "1";
                await RefuseAsync(context, StatusCodes.Status429TooManyRequests, $"LlmProxy: {(key is null ? "this proxy" : $"the key '{key}'")} has {most} calls under way, as many as LlmProxy:Limits:MaxStreamsPerKey allows. Try again when one of them has ended.");
                return;
            }

            await (totalTimeout is { } timeout ? TimeAsync(context, cluster, timeout) : next(context));
        }
        finally
        {
            Interlocked.Decrement(ref underWay.Value);
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
