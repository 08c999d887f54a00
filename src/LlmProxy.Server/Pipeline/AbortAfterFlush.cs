using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

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

    /// <summary>Remembers that a response is to be aborted.</summary>
    private sealed class DelayedAbort : IHttpRequestLifetimeFeature, IHttpResetFeature
    {
        private readonly IHttpRequestLifetimeFeature _lifetime;
        private readonly IHttpResetFeature? _reset;
        private int _errorCode;

        private DelayedAbort(IHttpRequestLifetimeFeature lifetime, IHttpResetFeature? reset)
        {
            (_lifetime, _reset) = (lifetime, reset);
        }

        /// <summary>Whether the response is to be aborted.</summary>
        public bool IsRequested { get; private set; }

        /// <summary>Whether a stream of a connection is to be reset (HTTP/2), instead of the whole connection.</summary>
        public bool IsReset { get; private set; }

        public CancellationToken RequestAborted { get => _lifetime.RequestAborted; set => _lifetime.RequestAborted = value; }

        public static DelayedAbort Attach(IFeatureCollection features)
        {
            var abort = new DelayedAbort(features.GetRequiredFeature<IHttpRequestLifetimeFeature>(), features.Get<IHttpResetFeature>());
            features.Set<IHttpRequestLifetimeFeature>(abort);
            if (abort._reset is not null)
            {
                features.Set<IHttpResetFeature>(abort);
            }

            return abort;
        }

        public void Detach(IFeatureCollection features)
        {
            features.Set(_lifetime);
            if (_reset is not null)
            {
                features.Set(_reset);
            }
        }

        public void Abort() => IsRequested = true;

        public void Reset(int errorCode) => (IsRequested, IsReset, _errorCode) = (true, true, errorCode);

        public void Execute()
        {
            if (IsReset)
            {
                _reset!.Reset(_errorCode);
            }
            else
            {
                _lifetime.Abort();
            }
        }
    }
}
