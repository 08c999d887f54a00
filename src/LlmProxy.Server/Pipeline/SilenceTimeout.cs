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

    /// <summary>Waits for a read that did not complete at once.</summary>
    /// <exception cref="SilenceException">Nothing arrived for too long.</exception>
    public async ValueTask<int> WaitAsync(ValueTask<int> read)
    {
        _source.CancelAfter(_timeout);
        await using var registration = _aborted.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
        try
        {
            return await read;
        }
        catch (OperationCanceledException error) when (!_aborted.IsCancellationRequested)
        {
            throw new SilenceException(_timeout, error);
        }
        finally
        {
            _source.CancelAfter(Timeout.InfiniteTimeSpan);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
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
