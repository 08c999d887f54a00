namespace LlmProxy.Core.Recording;

/// <summary>Store access for the recorder; retries with back-off while the store is down and logs each failure.</summary>
public sealed partial class RetryingStore(ITrajectoryStore store, IStoreLifecycle lifecycle, TimeProvider time, ILogger<Recorder> logger)
{
    private const int MaxReadAttempts = 5;
    private const int MaxSaveAttempts = 3;
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromSeconds(15);

    private readonly StoreOutage _outage = new(time, logger);
    private string? _problem;

    /// <summary>Why the store rejects what is recorded, even if it answers queries; null if the last access succeeded.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    /// <summary>The store, without retries.</summary>
    internal ITrajectoryStore Plain => store;

    /// <summary>Logs outages for all that uses the store in the background.</summary>
    internal StoreOutage Outage => _outage;

    /// <summary>Queries the store, with retries.</summary>
    /// <exception cref="StoreException">The store is healthy, but this one query fails.</exception>
    internal async Task<T> AskAsync<T>(Func<ITrajectoryStore, CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var answer = await ask(store, cancellationToken);
                Volatile.Write(ref _problem, null);
                return answer;
            }
            catch (StoreException error)
            {
                Volatile.Write(ref _problem, error.Message);
                if (error.IsOutage)
                {
                    _outage.Report(error);
                }
                else
                {
                    LogReadFailed(error);
                }

                if (attempt >= MaxReadAttempts && !error.IsOutage && await IsHealthyAsync(cancellationToken))
                {
                    // The store is healthy and this one query fails: further retries would keep everything else waiting.
                    throw;
                }

                await BackOffAsync(attempt, cancellationToken);
            }
        }
    }

    /// <summary>Saves changes in one transaction; false if that failed for any reason.</summary>
    internal async Task<bool> TrySaveAsync(IReadOnlyList<TrajectoryChange> changes, CancellationToken cancellationToken)
    {
        try
        {
            await store.SaveAsync(changes, cancellationToken);
            Volatile.Write(ref _problem, null);
            _outage.End();
            return true;
        }
        catch (StoreException error) when (error.IsConflict)
        {
            // Another process changed one of the runs; they are looked at one by one.
            LogConflict(changes.Count, error);
            return false;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            Volatile.Write(ref _problem, error is StoreException ? error.Message : null);
            if (error is StoreException { IsOutage: true })
            {
                _outage.Report(error);
            }
            else
            {
                LogSaveFailed(changes.Count, error);
            }

            return false;
        }
    }

    /// <summary>Saves one change, with retries while the store is down.</summary>
    /// <exception cref="StoreException">The store is healthy and rejects the change; <see cref="StoreException.IsConflict"/> if its trajectory was changed in between.</exception>
    internal async Task SaveAsync(TrajectoryChange change, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await store.SaveAsync([change], cancellationToken);
                Volatile.Write(ref _problem, null);
                _outage.End();
                return;
            }
            catch (StoreException error) when (!error.IsConflict)
            {
                if (attempt >= MaxSaveAttempts && !error.IsOutage && await IsHealthyAsync(cancellationToken))
                {
                    throw;
                }

                Volatile.Write(ref _problem, error.Message);
                if (error.IsOutage)
                {
                    _outage.Report(error);
                }
            }

            await BackOffAsync(attempt, cancellationToken);
        }
    }

    private async Task<bool> IsHealthyAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await lifecycle.CheckAsync(cancellationToken)).Ok;
        }
        catch (StoreException)
        {
            return false;
        }
    }

    private Task BackOffAsync(int attempt, CancellationToken cancellationToken) =>
        Task.Delay(TimeSpan.FromMilliseconds(Math.Min(MaxBackoff.TotalMilliseconds, 250 * Math.Pow(2, Math.Min(attempt, 10)))), time, cancellationToken);

    [LoggerMessage(4006, LogLevel.Error, "Store rejected {Count} changes; they stay in the spool and are retried")]
    private partial void LogSaveFailed(int count, Exception error);

    [LoggerMessage(4010, LogLevel.Error, "Reading from the store failed; exchanges are queued in the spool")]
    private partial void LogReadFailed(Exception error);

    [LoggerMessage(4013, LogLevel.Debug, "One of {Count} changes conflicts with a concurrent update; retrying them one by one")]
    private partial void LogConflict(int count, Exception error);
}
