using System.Collections.Concurrent;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// Ends the reading of a body if nothing arrives for too long. Costs nothing as long as reads complete at once; its token
/// source is used again by later calls.
/// </summary>
/// <remarks>Belongs to one call; reads follow each other.</remarks>
internal sealed class SilenceTimeout : IDisposable
{
    private const int MostPooled = 256;

    private static readonly ConcurrentQueue<CancellationTokenSource> Pool = [];

    private readonly CancellationTokenSource _source;
    private readonly TimeSpan _timeout;
    private readonly CancellationToken _aborted;
    private CancellationTokenRegistration _registration;
    private long _armedAt;

    private SilenceTimeout(CancellationTokenSource source, TimeSpan timeout, CancellationToken aborted)
    {
        (_source, _timeout, _aborted) = (source, timeout, aborted);
    }

    /// <summary>The token for reads: cancelled by silence, or if the call is aborted during a wait.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Begins.</summary>
    /// <param name="timeout">The longest silence.</param>
    /// <param name="aborted">The call's own token.</param>
    public static SilenceTimeout Begin(TimeSpan timeout, CancellationToken aborted) =>
        new(Pool.TryDequeue(out var source) ? source : new CancellationTokenSource(), timeout, aborted);

    /// <summary>
    /// To be called before a wait for a read that did not complete at once. A body arrives in many pieces, so the timer is
    /// set again only after an eighth of the limit; silence ends the reading after at most nine eighths of it.
    /// </summary>
    public void BeforeWait()
    {
        var now = Environment.TickCount64;
        if (_armedAt == 0)
        {
            _registration = _aborted.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
        }
        else if (_timeout == Timeout.InfiniteTimeSpan || now - _armedAt < _timeout.TotalMilliseconds / 8)
        {
            return;
        }

        _armedAt = Math.Max(1, now);
        _source.CancelAfter(_timeout == Timeout.InfiniteTimeSpan ? _timeout : _timeout + (_timeout / 8));
    }

    /// <summary>The exception for a read that was cancelled: silence, or the one that the abort of the call caused.</summary>
    public Exception Explain(OperationCanceledException error) =>
        _source.IsCancellationRequested && !_aborted.IsCancellationRequested ? new SilenceException(_timeout, error) : error;

    /// <inheritdoc />
    public void Dispose()
    {
        _registration.Dispose();
        if (Pool.Count < MostPooled && _source.TryReset())
        {
            Pool.Enqueue(_source);
        }
        else
        {
            _source.Dispose();
        }
    }
}

/// <summary>A client sent nothing for too long.</summary>
/// <param name="timeout">How long.</param>
/// <param name="inner">What ended the reading.</param>
internal sealed class SilenceException(TimeSpan timeout, Exception inner) : Exception($"nothing arrived for {timeout:c}", inner);
