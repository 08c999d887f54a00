namespace LlmProxy.Core.Stores;

/// <summary>
/// The store as the request path may use it: with a time limit, and skipped for a while after it was slow or down,
/// so that a failing store costs a call 50 ms once and the next ones nothing.
/// </summary>
public sealed partial class StoreCircuitBreaker(TimeProvider time, ILogger<StoreCircuitBreaker> logger, TimeSpan? timeout = null)
{
    /// <summary>How long a call may wait for the store.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(50);

    /// <summary>How long the store is skipped after it missed the limit.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly ILogger<StoreCircuitBreaker> _logger = logger;
    private long _closedAt = long.MinValue;
    private long _skipped;

    /// <summary>How often the store was skipped or missed its time.</summary>
    public long Skipped => Interlocked.Read(ref _skipped);

    /// <summary>Whether the store is skipped at the moment.</summary>
    public bool IsClosed => Interlocked.Read(ref _closedAt) is not long.MinValue and var closed && time.GetElapsedTime(closed) < Pause;

    /// <summary>Queries the store. Returns <paramref name="otherwise"/> if it is skipped, fails, or misses the limit.</summary>
    /// <param name="operation">Name of the query for the log.</param>
    /// <param name="ask">The query.</param>
    /// <param name="otherwise">The result without the store.</param>
    /// <param name="cancellationToken">Ends the wait with the call.</param>
    /// <returns>The result, and whether the store returned it.</returns>
    public async ValueTask<(T Value, bool Answered)> AskAsync<T>(string operation, Func<CancellationToken, Task<T>> ask, T otherwise, CancellationToken cancellationToken)
    {
        if (IsClosed)
        {
            Interlocked.Increment(ref _skipped);
            return (otherwise, false);
        }

        using var limit = new CancellationTokenSource(timeout ?? Limit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            // A driver may do its work on this thread until its first real wait.
            return (await Task.Run(() => ask(both.Token), both.Token).WaitAsync(both.Token), true);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            // Any failure: the call continues without the store.
            Interlocked.Exchange(ref _closedAt, time.GetTimestamp());
            Interlocked.Increment(ref _skipped);
            LogSkipped(operation, Pause.TotalSeconds, error);
            return (otherwise, false);
        }
    }

    [LoggerMessage(5001, LogLevel.Warning, "Store timeout during {Operation}; skipping the store for {Seconds} s")]
    private partial void LogSkipped(string operation, double seconds, Exception error);
}
