namespace LlmProxy.Core.Recording;

/// <summary>Closes tasks that got no call for long enough: those in memory, and those in the store that another process left open.</summary>
internal sealed partial class IdleTasks : IAsyncDisposable
{
    private const int StoredAtOnce = 100;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private readonly ITrajectoryStore _store;
    private readonly StoreOutage _outage;
    private readonly OutcomeJudge _judge;
    private readonly TrajectoryCache _runs;
    private readonly TaskQueues _queues;
    private readonly IdleClock _clock;
    private readonly ILogger _logger;
    private readonly CancellationToken _stopping;
    private readonly ITimer _timer;
    private int _looking;

    public IdleTasks(RetryingStore store, OutcomeJudge judge, TrajectoryCache runs, TaskQueues queues, TimeProvider time, ILogger logger, CancellationToken stopping)
    {
        (_store, _outage, _judge, _runs, _queues, _logger, _stopping) = (store.Plain, store.Outage, judge, runs, queues, logger, stopping);
        _clock = new IdleClock(time, judge.LongestIdle);
        _timer = time.CreateTimer(_ => Look(), null, Every, Every);
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Look()
    {
        var now = _clock.Read();
        foreach (var (tenant, taskId) in _runs.Where(r => _judge.WhenIdle(r, now) is not null))
        {
            if (!_queues.Holds(tenant, taskId))
            {
                Close(tenant, taskId);
            }
        }

        if (Interlocked.Exchange(ref _looking, 1) == 0)
        {
            _ = LookInStoreAsync(now);
        }
    }

    private async Task LookInStoreAsync(DateTimeOffset now)
    {
        try
        {
            foreach (var row in await _store.ClaimOpenAsync(now - _judge.ShortestIdle, StoredAtOnce, _stopping))
            {
                if (_runs.Find(row.Tenant, row.TaskId) is null && !_queues.Holds(row.Tenant, row.TaskId))
                {
                    Close(row.Tenant, row.TaskId);
                }
            }

            _outage.End();
        }
        catch (StoreException error) when (error.IsOutage)
        {
            _outage.Report(error);
        }
        catch (Exception error) when (error is StoreException or OperationCanceledException or ObjectDisposedException)
        {
            LogFailed(error);
        }
        finally
        {
            Volatile.Write(ref _looking, 0);
        }
    }

    private void Close(string tenant, string taskId) => _queues.Add(tenant, taskId, new WorkItem
    {
        IsReady = true,
        Change = run =>
        {
            if (run is null || _judge.WhenIdle(run, _clock.Read()) is not { } closed)
            {
                return null;
            }

            run.Row = closed;
            return run;
        },
    });

    [LoggerMessage(4009, LogLevel.Warning, "Scan for idle tasks failed; retrying shortly")]
    private partial void LogFailed(Exception error);
}
