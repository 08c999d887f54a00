using Microsoft.AspNetCore.Connections.Features;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// Delays the abort of a response until everything that the upstream sent has been written. If an upstream breaks off,
/// YARP aborts the client's connection, and Kestrel's abort discards bytes that are not yet in the socket: the error
/// event that explains the break, or the whole response. The first middleware of the proxy's pipeline.
/// </summary>
internal sealed class AbortAfterFlush(RequestDelegate next, TimeProvider time)
{
    /// <summary>How long a client may take to read the rest. Afterwards the connection is aborted.</summary>
    public static readonly TimeSpan LongestFlush = TimeSpan.FromMinutes(1);

    // Kestrel reports a write to an HTTP/2 stream as complete before its frames are written, and a reset overtakes them.
    // There is no event to wait for.
    private static readonly TimeSpan FrameTime = TimeSpan.FromMilliseconds(250);

    public async Task InvokeAsync(HttpContext context)
    {
        var abort = DelayedAbort.Attach(context.Features);
        try
        {
            await next(context);
        }
        finally
        {
            abort.Detach(context.Features);
        }

        if (!abort.IsRequested)
        {
            return;
        }

        if (!context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
        {
            abort.Execute();
            return;
        }

        await FlushAsync(context, abort);
    }

    private async Task FlushAsync(HttpContext context, DelayedAbort abort)
    {
        if (abort.IsReset)
        {
            await Task.Delay(FrameTime, time, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            abort.Execute();
            return;
        }

        if (context.Features.Get<IConnectionLifetimeFeature>() is { } connection)
        {
            AbortLater(connection);
        }

        // An exception after the response has started makes Kestrel end the connection after the bytes that were written,
        // without the mark that ends a complete response.
        throw new ResponseBrokenException();
    }

    private void AbortLater(IConnectionLifetimeFeature connection)
    {
        var timer = time.CreateTimer(static state => ((IConnectionLifetimeFeature)state!).Abort(), connection, LongestFlush, Timeout.InfiniteTimeSpan);
        connection.ConnectionClosed.UnsafeRegister(static state => ((ITimer)state!).Dispose(), timer);
    }
}
