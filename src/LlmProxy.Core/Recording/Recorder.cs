namespace LlmProxy.Core.Recording;

/// <summary>Makes the vectors of a finished run from its task's text.</summary>
public delegate Task<IReadOnlyList<TrajectoryEmbedding>> EmbedTrajectory(string text, CancellationToken cancellationToken);

/// <summary>
/// Takes finished exchanges out of the spool, in the order of each task's calls, turns them into steps, and saves
/// them in batches. An exchange leaves the spool when the store has it. While the store is down everything waits in
/// the spool; nothing of this touches the traffic.
/// </summary>
/// <remarks>
/// One worker changes runs, so a run needs no lock. Another process may record calls of the same run: a change that was
/// made from a run which is not the store's any more is refused there, and made anew here. The other members are safe
/// for concurrent use.
/// </remarks>
public sealed partial class Recorder : IAsyncDisposable
{
    private const int BatchSize = 64;
    private const int MaxAttempts = 20;
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(25);

    // Where many come there is more to save together.
    private static readonly TimeSpan GatheringMany = TimeSpan.FromMilliseconds(75);
    private const int ManyCalls = 8;

    private readonly Spool _spool;
    private readonly RetryingStore _store;
    private readonly OutcomeJudge _judge;
    private readonly NotRecordedCounts _notRecorded;
    private readonly TrajectoryEmbedder _embedder;
    private readonly TrajectoryUpdates _changes;
    private readonly TimeProvider _time;
    private readonly ILogger<Recorder> _logger;
    private readonly TaskQueues _queues = new();
    private readonly TrajectoryCache _runs = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _urgent = new(0);
    private IdleTasks? _idle;
    private Task? _worker;

    /// <summary>A recorder; <see cref="Start"/> starts it.</summary>
    internal Recorder(
        Spool spool,
        RetryingStore store,
        TrajectoryReader reader,
        StepBuilder steps,
        OutcomeJudge judge,
        ContentPolicy policy,
        NotRecordedCounts notRecorded,
        EmbedTrajectory embed,
        TimeProvider time,
        ILogger<Recorder> logger)
    {
        (_spool, _store, _judge, _notRecorded, _time, _logger) = (spool, store, judge, notRecorded, time, logger);
        _embedder = new TrajectoryEmbedder(embed, policy, _queues, logger, _stopping.Token);
        _changes = new TrajectoryUpdates(steps, _runs, _queues, store, reader, policy, _embedder, notRecorded, logger, _stopping.Token);
    }

    /// <summary>Starts the worker, after the store's correlation secret is known; exchanges that an earlier process left in the spool come first.</summary>
    public void Start()
    {
        var leftovers = _spool.TakeLeftovers();
        if (leftovers.Count > 0)
        {
            LogLeftovers(leftovers.Count);
        }

        _worker = Task.Run(() => WorkAsync(leftovers), CancellationToken.None);
        _idle = new IdleTasks(_store.Plain, _judge, _runs, _queues, _time, _logger, _stopping.Token);
    }

    /// <summary>Gives an exchange its place after its task's earlier calls. To be called when the call starts.</summary>
    public void Register(SpooledExchange exchange)
    {
        if (exchange.Head is { TaskId: not null, IsSideCall: false })
        {
            _queues.Register(exchange);
        }
    }

    /// <summary>Marks an exchange as ended.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="reply">Its response as the request path put it together, or null.</param>
    /// <param name="reading">Its request as the request path read it, or null; its body is not read any more.</param>
    public void Complete(SpooledExchange exchange, AssembledReply? reply, RequestReading? reading = null)
    {
        if (exchange.Head.TaskId is null)
        {
            exchange.Release();
            return;
        }

        _queues.Complete(exchange, new ParsedExchange(reply, reading?.Places));
    }

    /// <summary>
    /// Changes a run after its earlier calls; waits for those at most <paramref name="timeout"/>, then goes before them.
    /// </summary>
    /// <returns>The run's row after the change, or null where there is no such run.</returns>
    /// <exception cref="StoreException">The change could not be saved, or not in time: then it is made as soon as the store is back.</exception>
    internal async Task<Trajectory?> ChangeAsync(string tenant, string taskId, Func<TrajectoryState?, TrajectoryState?> change, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var item = new WorkItem { Change = change, IsReady = true };
        var queue = _queues.Add(tenant, taskId, item);
        _urgent.Release();
        if (await Task.WhenAny(item.Done.Task, Task.Delay(timeout, _time, cancellationToken)) != item.Done.Task)
        {
            _queues.Hurry(queue, item);
            if (await Task.WhenAny(item.Done.Task, Task.Delay(timeout, _time, cancellationToken)) != item.Done.Task && !cancellationToken.IsCancellationRequested)
            {
                throw new StoreException("The store cannot be reached, or is behind. The change is kept and made when it is back.");
            }
        }

        return await item.Done.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Saves a run that has no calls yet.</summary>
    internal Task<Trajectory?> AddAsync(Trajectory row, CancellationToken cancellationToken) =>
        ChangeAsync(
            row.Tenant,
            row.TaskId,
            run => run ?? new TrajectoryState(row),
            TimeSpan.FromSeconds(5),
            cancellationToken);

    /// <summary>Deletes a run and all that was made from it, between batches: what of it waits to be saved is given up with it.</summary>
    internal async Task<bool> DeleteAsync(Trajectory row, CancellationToken cancellationToken)
    {
        var deleted = false;
        await ChangeAsync(
            row.Tenant,
            row.TaskId,
            run =>
            {
                deleted = run is not null;
                if (run is not null)
                {
                    run.IsDeleted = true;
                }

                return run;
            },
            TimeSpan.FromSeconds(5),
            cancellationToken);
        return deleted;
    }

    /// <summary>Ends the worker after what is ready has been saved, or the time is over; the rest stays in the spool.</summary>
    public async Task StopAsync(TimeSpan timeout)
    {
        if (_idle is not null)
        {
            await _idle.DisposeAsync();
        }

        _queues.Close();
        _urgent.Release();
        if (_worker is not null)
        {
            await Task.WhenAny(_worker, Task.Delay(timeout, _time, CancellationToken.None));
            await _stopping.CancelAsync();
            await _worker.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // Waits for changes are cancelled; calls stay in the spool.
        _queues.CancelAll();
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.FromSeconds(5));
        _stopping.Dispose();
        _urgent.Dispose();
    }

    private async Task WorkAsync(IReadOnlyList<SpooledExchange> leftovers)
    {
        try
        {
            await TakeLeftoversAsync(leftovers);
            var isBehind = false;
            while (await _queues.WaitAsync(_stopping.Token))
            {
                // Calls come one by one and are saved together: a transaction costs as much for one as for many. No
                // caller waits for a call to be saved; callers do wait for changes.
                var isUrgent = await _urgent.WaitAsync(isBehind ? TimeSpan.Zero : Gathering, _stopping.Token);
                if (!isUrgent && !isBehind && _queues.Held >= ManyCalls)
                {
                    await _urgent.WaitAsync(GatheringMany, _stopping.Token);
                }

                var batch = _queues.TakeBatch(BatchSize);
                isBehind = batch.Count == BatchSize;
                if (batch.Count > 0)
                {
                    await TryRecordBatchAsync(batch);
                    _runs.Trim();
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The rest stays in the spool and comes first after the next start.
        }
    }

    private async Task TakeLeftoversAsync(IReadOnlyList<SpooledExchange> leftovers)
    {
        var fresh = new List<SpooledExchange>();
        foreach (var chunk in leftovers.Chunk(500))
        {
            IReadOnlySet<string> known = new HashSet<string>(StringComparer.Ordinal);
            try
            {
                known = await _store.AskAsync((store, ct) => store.FindExchangesAsync([.. chunk.Select(e => e.Head.ExchangeId)], ct), _stopping.Token);
            }
            catch (StoreException)
            {
                // It was logged. The store refuses what it has already, so that nothing takes effect twice.
            }

            foreach (var exchange in chunk)
            {
                if (exchange.Head.TaskId is null || known.Contains(exchange.Head.ExchangeId))
                {
                    exchange.Release();
                }
                else
                {
                    fresh.Add(exchange);
                }
            }
        }

        // They go before the calls that came since: with the store down at the start those have been waiting here.
        _queues.AddFirst(fresh);
    }

    private async Task TryRecordBatchAsync(List<(TaskQueue Queue, WorkItem Item)> batch)
    {
        try
        {
            await RecordBatchAsync(batch);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // After any failure the next batch is tried; what is not in the store is still in the spool.
            LogBatchFailed(batch.Count, error);
            foreach (var (queue, item) in batch)
            {
                _runs.Forget(queue.Tenant, queue.TaskId);
                item.Done.TrySetException(error);
            }
        }
    }

    private async Task RecordBatchAsync(List<(TaskQueue Queue, WorkItem Item)> batch)
    {
        // 1. Each item becomes a change of its run.
        var results = new List<TrajectoryUpdate>();
        foreach (var (queue, item) in batch)
        {
            if (await TryMakeAsync(queue, item) is { } result)
            {
                results.Add(result);
            }
        }

        // 2. All changes are one transaction. Where it fails, one change must not keep the others out: each is then
        //    tried on its own, and made anew if its trajectory was changed in the store.
        var changes = results.Select(r => r.Change).OfType<TrajectoryChange>().ToList();
        if (changes.Count > 0 && !await _store.TrySaveAsync(changes, _stopping.Token))
        {
            results = await SaveOneByOneAsync(results);
        }

        // 3. Content that is not kept goes, by what the run came to in the end; runs that are to be deleted go whole.
        foreach (var last in results.Where(r => r.Row is not null).GroupBy(r => r.Row!.Id, StringComparer.Ordinal).Select(g => g.Last()).ToList())
        {
            if (last.IsDeleted)
            {
                await DeleteNowAsync(last);
            }
            else if (last.Drop && !last.Row!.HasContent)
            {
                await DropContentAsync(last.Row);
            }
        }

        // 4. Only now the spool may forget them.
        foreach (var result in results)
        {
            Finish(result);
        }
    }

    /// <summary>Makes an item's change; null where that failed, which was logged and counted then.</summary>
    private async Task<TrajectoryUpdate?> TryMakeAsync(TaskQueue queue, WorkItem item)
    {
        try
        {
            return await _changes.MakeAsync(queue, item);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // A bug in reading one exchange must not stop the others; the exchange is counted, not silently lost.
            LogExchangeFailed(queue.TaskId, error);
            _notRecorded.Count(queue.Tenant, NotRecordedReason.RecorderError);
            GiveUp(queue, item, error);
            return null;
        }
    }

    private async Task<List<TrajectoryUpdate>> SaveOneByOneAsync(List<TrajectoryUpdate> results)
    {
        var saved = new List<TrajectoryUpdate>();
        // The runs' states are ahead of the store by what was not saved.
        foreach (var result in results)
        {
            _runs.Forget(result.Queue.Tenant, result.Queue.TaskId);
        }

        var anew = new HashSet<(string, string)>();
        foreach (var result in results)
        {
            var task = (result.Queue.Tenant, result.Queue.TaskId);
            if (await TrySaveOneAsync(result, anew, task) is { } one)
            {
                saved.Add(one);
            }
        }

        return saved;
    }

    private async Task<TrajectoryUpdate?> TrySaveOneAsync(TrajectoryUpdate? result, HashSet<(string, string)> anew, (string Tenant, string TaskId) task)
    {
        var (queue, item) = (result!.Queue, result.Item);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (anew.Contains(task))
                {
                    result = await TryMakeAsync(queue, item);
                }

                if (result?.Change is { } change)
                {
                    await _store.SaveAsync(change, _stopping.Token);
                }

                return result;
            }
            catch (StoreException error) when (error.IsConflict && attempt < MaxAttempts)
            {
                // Everything that follows in this task builds on the trajectory as the store has it.
                anew.Add(task);
                _runs.Forget(task.Tenant, task.TaskId);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                LogChangeRefused(task.TaskId, error);
                _notRecorded.Count(task.Tenant, NotRecordedReason.StoreRefused);
                GiveUp(queue, item, error);
                return null;
            }
        }
    }

    private void GiveUp(TaskQueue queue, WorkItem item, Exception error)
    {
        _runs.Forget(queue.Tenant, queue.TaskId);
        item.Exchange?.Release();
        item.Done.TrySetException(error);
    }

    private void Finish(TrajectoryUpdate result)
    {
        if (result.Item.Exchange is { } exchange)
        {
            if (result.Change is { } change && !exchange.Head.IsSideCall)
            {
                LogRecordedIteration(change.Steps.Count == 0 ? exchange.Head.StepIndex : change.Steps[0].Index, exchange.Head.TaskId!);
            }

            exchange.Release();
        }

        _embedder.Follow(result);
        result.Item.Done.TrySetResult(result.Row);
    }

    private async Task DeleteNowAsync(TrajectoryUpdate last)
    {
        var row = last.Row!;
        _runs.Forget(row.Tenant, row.TaskId);
        try
        {
            await _store.AskAsync((store, ct) => store.DeleteAsync(row.Tenant, row.Id, ct), _stopping.Token);
        }
        catch (StoreException error)
        {
            // The caller gets the error. The other changes of the batch are saved and stay.
            last.Item.Done.TrySetException(error);
        }
    }

    private async Task DropContentAsync(Trajectory row)
    {
        try
        {
            await _store.AskAsync(
                async (store, ct) =>
                {
                    await store.DropContentAsync(row.Tenant, row.Id, ct);
                    return true;
                },
                _stopping.Token);
        }
        catch (StoreException)
        {
            // It was logged; the row says that there is no content, and a cleanup takes what is left of it.
        }
    }

    [LoggerMessage(4002, LogLevel.Information, "Recorded iteration {Iteration} for task {TaskId}")]
    private partial void LogRecordedIteration(int iteration, string taskId);

    [LoggerMessage(4005, LogLevel.Information, "Recording {Count} exchanges that a previous process left in the spool")]
    private partial void LogLeftovers(int count);

    [LoggerMessage(4007, LogLevel.Error, "Converting an exchange of task {TaskId} to a step failed; the exchange was discarded")]
    private partial void LogExchangeFailed(string taskId, Exception error);

    [LoggerMessage(4008, LogLevel.Error, "Store rejected an update for task {TaskId}; the update was discarded")]
    private partial void LogChangeRefused(string taskId, Exception error);

    [LoggerMessage(4012, LogLevel.Error, "Recording {Count} exchanges failed; they stay in the spool until the next start")]
    private partial void LogBatchFailed(int count, Exception error);
}
