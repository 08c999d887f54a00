using LlmProxy.Core.Outcomes;

namespace LlmProxy.Core.Recording;

/// <summary>Makes the vectors of a finished run from its task's text.</summary>
public delegate Task<IReadOnlyList<TrajectoryEmbedding>> EmbedTrajectory(string text, CancellationToken cancellationToken);

/// <summary>
/// Takes finished exchanges out of the spool, in the order of each task's calls, turns them into steps, and saves
/// them in batches. An exchange leaves the spool when the store has it. While the store is down everything waits in
/// the spool; nothing of this touches the traffic.
/// </summary>
/// <remarks>
/// Two workers change runs, one of them those whose next exchange is large, so that the others never wait for it. A task
/// is with one of them at a time, so a run needs no lock. Another process may record calls of the same run: a change
/// that was made from a run which is not the store's any more is refused there, and made anew here. The other members
/// are safe for concurrent use.
/// </remarks>
public sealed partial class Recorder : IAsyncDisposable
{
    private const int BatchSize = 64;

    // Each takes long: the others of its lane wait for the whole batch.
    private const int LargeBatchSize = 4;

    // A body is in memory several times while it is recorded, in arrays that the collector leaves alone for long.
    private const long CollectFrom = 32L << 20;
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(25);

    // Where many come there is more to save together.
    private static readonly TimeSpan GatheringMany = TimeSpan.FromMilliseconds(75);
    private const int ManyCalls = 8;

    /// <summary>How long a stop waits for a store that fails.</summary>
    private static readonly TimeSpan FailingStore = TimeSpan.FromSeconds(1);

    private readonly Spool _spool;
    private readonly RetryingStore _store;
    private readonly OutcomeJudge _judge;
    private readonly RecorderBatches _batches;
    private readonly TimeProvider _time;
    private readonly ILogger<Recorder> _logger;
    private readonly TaskQueues _queues;
    private readonly TrajectoryCache _runs = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _urgent = new(0);
    private IdleTasks? _idle;
    private ExpiredContent? _expired;
    private Task? _worker;

    /// <summary>A recorder; <see cref="Start"/> starts it.</summary>
    internal Recorder(
        Spool spool,
        RetryingStore store,
        TrajectoryReader reader,
        IOutcomeStore outcomes,
        StepBuilder steps,
        OutcomeJudge judge,
        ContentPolicy policy,
        NotRecordedCounts notRecorded,
        EmbedTrajectory embed,
        BufferBudget budget,
        TimeProvider time,
        ILogger<Recorder> logger,
        ExchangeFeed? feed = null)
    {
        (_spool, _store, _judge, _time, _logger) = (spool, store, judge, time, logger);
        _queues = new TaskQueues(budget);
        var embedder = new TrajectoryEmbedder(embed, policy, _queues, logger, _stopping.Token);
        var changes = new TrajectoryUpdates(steps, _runs, _queues, store, reader, outcomes, policy, embedder, notRecorded, time, logger, _stopping.Token);
        _batches = new RecorderBatches(store, changes, embedder, _runs, _queues, notRecorded, budget, logger, feed, _stopping.Token);
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
        _idle = new IdleTasks(_store, _judge, _runs, _queues, _time, _logger, _stopping.Token);
        _expired = new ExpiredContent(_store.Plain, _time, _logger, _stopping.Token);
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
    public void Complete(SpooledExchange exchange, AssembledReply? reply, RequestReading? reading = null) => Complete(exchange, reply, reading, reserved: 0);

    /// <summary>Marks an exchange as ended.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="reply">Its response as the request path put it together, or null.</param>
    /// <param name="reading">Its request as the request path read it, or null; its body is not read any more.</param>
    /// <param name="reserved">Bytes that are reserved for the reply; released when the exchange is recorded.</param>
    internal void Complete(SpooledExchange exchange, AssembledReply? reply, RequestReading? reading, long reserved) =>
        _queues.Complete(exchange, new ParsedExchange(reply, reading?.Places, reserved, WorkItem.WeightOf(exchange, reading, reserved)));

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

        if (_expired is not null)
        {
            await _expired.DisposeAsync();
        }

        _queues.Close();
        _urgent.Release();
        if (_worker is not null)
        {
            // A store that fails already is not waited for until the time is over: what is in the spool is safe there.
            await Task.WhenAny(_worker, Task.Delay(_store.Problem is null || timeout < FailingStore ? timeout : FailingStore, _time, CancellationToken.None));
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
            await Task.WhenAll(WorkAsync(), Task.Run(WorkOnLargeAsync, CancellationToken.None));
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The rest stays in the spool and comes first after the next start.
        }
    }

    private async Task WorkAsync()
    {
        var isBehind = false;
        while (await _queues.WaitAsync(RecorderLane.Usual, _stopping.Token))
        {
            // Calls come one by one and are saved together: a transaction costs as much for one as for many. No
            // caller waits for a call to be saved; callers do wait for changes.
            var isUrgent = await _urgent.WaitAsync(isBehind ? TimeSpan.Zero : Gathering, _stopping.Token);
            if (!isUrgent && !isBehind && _queues.Held >= ManyCalls)
            {
                await _urgent.WaitAsync(GatheringMany, _stopping.Token);
            }

            isBehind = (await RecordAsync(RecorderLane.Usual, BatchSize)).Count == BatchSize;
        }
    }

    private async Task WorkOnLargeAsync()
    {
        while (await _queues.WaitAsync(RecorderLane.Large, _stopping.Token))
        {
            if ((await RecordAsync(RecorderLane.Large, LargeBatchSize)).Bytes >= CollectFrom)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
            }
        }
    }

    private async Task<(int Count, long Bytes)> RecordAsync(RecorderLane lane, int size)
    {
        var batch = _queues.TakeBatch(lane, size);
        try
        {
            if (batch.Count > 0)
            {
                await _batches.RecordAsync(batch);
            }
        }
        finally
        {
            _queues.Release(batch);
        }

        _runs.Trim(_queues.Holds);
        return (batch.Count, batch.Sum(b => b.Item.Weight));
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

    [LoggerMessage(4005, LogLevel.Information, "Recording {Count} exchanges that a previous process left in the spool")]
    private partial void LogLeftovers(int count);
}
