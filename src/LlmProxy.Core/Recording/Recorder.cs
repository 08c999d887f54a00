using System.Threading.Channels;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Dialects;
using LlmProxy.Core.Dialects.Reading;
using LlmProxy.Core.Storage;
using LlmProxy.Core.Trajectories;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Core.Recording;

/// <summary>Makes the vectors of a finished run from its task's text.</summary>
public delegate Task<IReadOnlyList<TrajectoryEmbedding>> EmbedRun(string text, CancellationToken cancellationToken);

/// <summary>
/// Takes finished exchanges out of the spool, in the order of each task's calls, turns them into steps, and saves
/// them in batches. An exchange leaves the spool when the store has it. While the store is down everything waits in
/// the spool; nothing of this touches the traffic.
/// </summary>
/// <remarks>One worker changes runs, so a run needs no lock. The other members are safe for concurrent use.</remarks>
public sealed partial class Recorder : IAsyncDisposable
{
    private const int BatchSize = 64;
    private const string TooShort = "shorter-than-min-duration";
    private const int MaxRunsInMemory = 4_000;
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(25);

    // Answers that wait in memory beside their copy in the spool; the others are read from there again.
    private const int MaxHeldReplies = 1_000;
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(15);

    private readonly Spool _spool;
    private readonly ITrajectoryStore _store;
    private readonly TrajectoryReader _reader;
    private readonly LlmProxyOptions _options;
    private readonly TaskRulesCatalog _catalog;
    private readonly EmbedRun _embed;
    private readonly KnownHistories _histories;
    private readonly TimeProvider _time;
    private readonly ILogger<Recorder> _logger;
    private readonly Redactor _redactor;
    private readonly Channel<TaskQueue> _runnable = Channel.CreateUnbounded<TaskQueue>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<(string Tenant, string TaskId), TaskQueue> _queues = [];
    private readonly Dictionary<(string Tenant, string TaskId), RunState> _runs = [];
    private readonly Dictionary<string, long> _notRecorded = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _urgent = new(0);
    private OutcomeJudge _judge = null!;
    private RunRecorder _recorder = null!;
    private Task? _worker;
    private ITimer? _sweep;
    private int _heldReplies;
    private int _sweeping;
    private bool _storeFailed;

    /// <summary>A recorder; <see cref="StartAsync"/> sets it going.</summary>
    public Recorder(
        Spool spool,
        ITrajectoryStore store,
        TrajectoryReader reader,
        LlmProxyOptions options,
        TaskRulesCatalog catalog,
        EmbedRun embed,
        KnownHistories histories,
        TimeProvider time,
        ILogger<Recorder> logger)
    {
        _spool = spool;
        _store = store;
        _reader = reader;
        _options = options;
        _catalog = catalog;
        _embed = embed;
        _histories = histories;
        _time = time;
        _logger = logger;
        _redactor = new Redactor(options.Recording.Redaction);
    }

    /// <summary>Whether the last save succeeded.</summary>
    public bool IsStoreReachable => !Volatile.Read(ref _storeFailed);

    /// <summary>Why calls or runs were not recorded, counted.</summary>
    public IReadOnlyDictionary<string, long> NotRecorded
    {
        get
        {
            lock (_lock)
            {
                return new Dictionary<string, long>(_notRecorded, StringComparer.Ordinal);
            }
        }
    }

    /// <summary>Counts a call or run that is not recorded.</summary>
    public void CountNotRecorded(string reason)
    {
        lock (_lock)
        {
            _notRecorded[reason] = _notRecorded.GetValueOrDefault(reason) + 1;
        }
    }

    /// <summary>Starts the worker; exchanges that an earlier process left in the spool come first.</summary>
    /// <param name="secret">The store's correlation secret.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public Task StartAsync(byte[] secret, CancellationToken cancellationToken)
    {
        _judge = new OutcomeJudge(_options.Tasks, _options.Quality);
        _recorder = new RunRecorder(_judge, _catalog, _redactor, _options.Prices, secret, _histories);
        var leftovers = _spool.TakeLeftovers();
        if (leftovers.Count > 0)
        {
            LogLeftovers(leftovers.Count);
        }

        _worker = Task.Run(() => WorkAsync(leftovers), CancellationToken.None);
        _sweep = _time.CreateTimer(_ => Sweep(), null, SweepEvery, SweepEvery);
        return Task.CompletedTask;
    }

    /// <summary>Gives an exchange its place behind its task's earlier calls. To be called when the call starts.</summary>
    public void Register(SpooledExchange exchange)
    {
        if (exchange.Head is { TaskId: { } taskId, IsSideCall: false } head)
        {
            lock (_lock)
            {
                QueueOf(head.Tenant, taskId).Items.Add(new WorkItem { Exchange = exchange });
            }
        }
    }

    /// <summary>Says that an exchange is over.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="reply">Its answer as the request path put it together, or null.</param>
    public void Complete(SpooledExchange exchange, AssembledReply? reply)
    {
        if (exchange.Head.TaskId is not { } taskId)
        {
            exchange.Release();
            return;
        }

        lock (_lock)
        {
            var queue = QueueOf(exchange.Head.Tenant, taskId);
            var item = queue.Items.Find(i => ReferenceEquals(i.Exchange, exchange));
            if (item is null)
            {
                queue.Items.Add(item = new WorkItem { Exchange = exchange });
            }

            if (reply is not null && _heldReplies < MaxHeldReplies)
            {
                item.Reply = reply;
                _heldReplies++;
            }

            item.IsReady = true;
            Wake(queue);
        }
    }

    /// <summary>
    /// Changes a run behind its earlier calls; waits for those at most <paramref name="patience"/>, then goes before them.
    /// </summary>
    /// <returns>The run's row after the change, or null where there is no such run.</returns>
    /// <exception cref="StoreException">The change could not be saved, or not in time: then it is made as soon as the store is back.</exception>
    internal async Task<Trajectory?> ChangeAsync(string tenant, string taskId, Func<RunState?, RunState?> change, TimeSpan patience, CancellationToken cancellationToken)
    {
        var item = new WorkItem { Change = change, IsReady = true };
        TaskQueue queue;
        lock (_lock)
        {
            queue = QueueOf(tenant, taskId);
            queue.Items.Add(item);
            Wake(queue);
        }

        _urgent.Release();
        var done = await Task.WhenAny(item.Done.Task, Task.Delay(patience, _time, cancellationToken));
        if (done != item.Done.Task)
        {
            lock (_lock)
            {
                if (queue.Items.Remove(item))
                {
                    queue.Items.Insert(0, item);
                    Wake(queue);
                }
            }

            if (await Task.WhenAny(item.Done.Task, Task.Delay(patience, _time, cancellationToken)) != item.Done.Task && !cancellationToken.IsCancellationRequested)
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
            run => run ?? new RunState(row with { TaskDescription = _redactor.Redact(row.TaskDescription) }),
            TimeSpan.FromSeconds(5),
            cancellationToken);

    /// <summary>A text of a caller without secrets.</summary>
    internal string? Redact(string? text) => text is null ? null : _redactor.Redact(text);

    /// <summary>Forgets a run that was deleted.</summary>
    internal void Forget(string tenant, string taskId)
    {
        lock (_lock)
        {
            _runs.Remove((tenant, taskId));
        }
    }

    /// <summary>Scores a run by its preset.</summary>
    internal Trajectory Score(Trajectory row) => _judge.Score(row, _catalog.Get(row.Preset));

    /// <summary>Whether a run's content is kept when it is over, and why not.</summary>
    internal (bool Keep, string? Reason) ContentPolicy(Trajectory row)
    {
        // The reason stays the same when it is asked again after the content was dropped for it.
        var reason =
            row.Status == TrajectoryStatus.Cancelled ? "cancelled"
            : !row.HasContent && row.Provider.Length > 0 && !Contains(_options.Recording.Providers, row.Provider) ? "provider-not-recorded"
            : row.LastActivityAt - row.StartedAt < _options.Recording.MinDuration ? TooShort
            : row is { Status: TrajectoryStatus.Failed } or { Status: TrajectoryStatus.Completed, Success: false } && !_options.Recording.Failures ? "failed"
            : row.HasContent ? null
            : row.IterationCount == 0 ? "no-calls"
            : "content-not-kept";
        return (reason is null, reason);
    }

    /// <summary>What a caller is told: a run that goes on is not too short yet.</summary>
    internal (bool Recorded, string? Reason) Recorded(Trajectory row) =>
        ContentPolicy(row) is { Reason: var reason } && reason == TooShort && row is { CompletedAt: null, HasContent: true } ? (true, null) : ContentPolicy(row);

    /// <summary>Ends the worker after what is ready has been saved, or the time is over; the rest stays in the spool.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        if (_sweep is not null)
        {
            await _sweep.DisposeAsync();
        }

        _runnable.Writer.TryComplete();
        _urgent.Release();
        if (_worker is not null)
        {
            await Task.WhenAny(_worker, Task.Delay(patience, _time, CancellationToken.None));
            await _stopping.CancelAsync();
            await _worker.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // Whoever waits for a change is told; calls stay in the spool.
        lock (_lock)
        {
            foreach (var item in _queues.Values.SelectMany(q => q.Items))
            {
                item.Done.TrySetCanceled(CancellationToken.None);
            }
        }
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
            while (await _runnable.Reader.WaitToReadAsync(_stopping.Token))
            {
                // Calls come one by one and are saved together: a transaction costs as much for one as for many. Nobody
                // waits for a call to be saved, but somebody does for a change.
                await _urgent.WaitAsync(isBehind ? TimeSpan.Zero : Gathering, _stopping.Token);
                var batch = TakeBatch();
                isBehind = batch.Count == BatchSize;
                if (batch.Count > 0)
                {
                    await TryRecordBatchAsync(batch);
                    TrimRuns();
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
                known = await RetryAsync(ct => _store.FindExchangesAsync([.. chunk.Select(e => e.Head.ExchangeId)], ct));
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
        lock (_lock)
        {
            foreach (var exchange in fresh.AsEnumerable().Reverse())
            {
                var queue = QueueOf(exchange.Head.Tenant, exchange.Head.TaskId!);
                queue.Items.Insert(0, new WorkItem { Exchange = exchange, IsReady = true });
                Wake(queue);
            }
        }
    }

    private List<(TaskQueue Queue, WorkItem Item)> TakeBatch()
    {
        var batch = new List<(TaskQueue, WorkItem)>();
        lock (_lock)
        {
            while (batch.Count < BatchSize && _runnable.Reader.TryRead(out var queue))
            {
                queue.IsScheduled = false;
                while (queue.Items.Count > 0 && queue.Items[0].IsReady && batch.Count < BatchSize)
                {
                    _heldReplies -= queue.Items[0].Reply is null ? 0 : 1;
                    batch.Add((queue, queue.Items[0]));
                    queue.Items.RemoveAt(0);
                }

                if (queue.Items.Count == 0)
                {
                    _queues.Remove((queue.Tenant, queue.TaskId));
                }
                else
                {
                    Wake(queue);
                }
            }
        }

        return batch;
    }

    private async Task TryRecordBatchAsync(List<(TaskQueue Queue, WorkItem Item)> batch)
    {
        try
        {
            await RecordBatchAsync(batch);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // Whatever it is, the next batch is tried; what is not in the store is still in the spool.
            LogBatchFailed(batch.Count, error);
            foreach (var (queue, item) in batch)
            {
                Forget(queue.Tenant, queue.TaskId);
                item.Done.TrySetException(error);
            }
        }
    }

    private async Task RecordBatchAsync(List<(TaskQueue Queue, WorkItem Item)> batch)
    {
        var results = new List<Result>();
        foreach (var (queue, item) in batch)
        {
            try
            {
                results.Add(item.Exchange is not null ? await RecordExchangeAsync(queue, item) : await ApplyChangeAsync(queue, item));
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // A bug in reading one exchange must not stop the others; the exchange is counted, not silently lost.
                // What was made of the calls before it is saved first, since the run is read from the store again.
                LogExchangeFailed(queue.TaskId, error);
                CountNotRecorded("recorder-error");
                await SaveAsync(results);
                results.Clear();
                Forget(queue.Tenant, queue.TaskId);
                item.Exchange?.Release();
                item.Done.TrySetException(error);
            }
        }

        await SaveAsync(results);
    }

    private async Task SaveAsync(List<Result> results)
    {
        // 1. Later rows of a run replace earlier ones, so all of it is one transaction.
        var changes = results.Select(r => r.Change).OfType<TrajectoryChange>().ToList();
        if (changes.Count > 0 && !await TrySaveAsync(changes))
        {
            // One change that the store cannot take must not keep the others out: each is then tried by itself.
            foreach (var result in results.Where(r => r.Change is not null))
            {
                await SaveAloneAsync(result);
            }
        }

        // 2. Content that is not kept goes, by what the run came to in the end.
        var dropped = results.Where(r => r.Drop).Select(r => r.Row!.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var last in results.Where(r => r.Row is not null && dropped.Contains(r.Row.Id)).GroupBy(r => r.Row!.Id, StringComparer.Ordinal).Select(g => g.Last().Row!))
        {
            if (!last.HasContent)
            {
                await DropContentAsync(last);
            }
        }

        // 3. Only now the spool may forget them.
        foreach (var (item, change, row, _) in results)
        {
            if (item.Exchange is { } exchange)
            {
                if (change is not null && !exchange.Head.IsSideCall)
                {
                    LogRecordedIteration(change.Steps.Count == 0 ? exchange.Head.StepIndex : change.Steps[0].Index, exchange.Head.TaskId!);
                }

                exchange.Release();
            }

            item.Done.TrySetResult(row);
        }
    }

    private async Task DropContentAsync(Trajectory row)
    {
        try
        {
            await RetryAsync(async ct =>
            {
                await _store.DropContentAsync(row.Tenant, row.Id, ct);
                return true;
            });
        }
        catch (StoreException)
        {
            // It was logged; the row says that there is no content, and a cleanup takes what is left of it.
        }
    }

    private async Task<bool> TrySaveAsync(List<TrajectoryChange> changes)
    {
        try
        {
            await _store.SaveAsync(changes, _stopping.Token);
            _storeFailed = false;
            return true;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            _storeFailed = error is StoreException { IsConflict: false };
            LogSaveFailed(changes.Count, error);
            return false;
        }
    }

    /// <summary>Saves one change, again and again while the store is down; gives up only where the store is well and still refuses it.</summary>
    private async Task SaveAloneAsync(Result result)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await _store.SaveAsync([result.Change!], _stopping.Token);
                _storeFailed = false;
                return;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                if (error is not StoreException { IsConflict: false } || (attempt >= 3 && (await CheckAsync()).Ok))
                {
                    var row = result.Change!.Trajectory;
                    LogChangeRefused(row.TaskId, error);
                    CountNotRecorded("store-refused");
                    Forget(row.Tenant, row.TaskId);
                    result.Item.Done.TrySetException(error);
                    return;
                }
            }

            await BackOffAsync(attempt);
        }
    }

    private async Task<Result> RecordExchangeAsync(TaskQueue queue, WorkItem item)
    {
        var exchange = item.Exchange!;
        var head = exchange.Head;
        var run = await FindRunAsync(queue.Tenant, queue.TaskId);
        if (run is null)
        {
            if (head.IsSideCall)
            {
                return new Result(item, null, null, false);
            }

            run = _recorder.Start(head);
            Remember(run);
            LogStarting(head.TaskId!);
        }

        if (run.Row.Status == TrajectoryStatus.Cancelled)
        {
            CountNotRecorded("cancelled");
            return new Result(item, null, run.Row, false);
        }

        var content = exchange.Read();
        if (head.IsSideCall)
        {
            return new Result(item, _recorder.RecordSideCall(run, head, content, item.Reply), run.Row, false);
        }

        if (run.LastStep is null && run.Row.IterationCount == 0)
        {
            // Opened by the API before its first call: that one says whose run it is.
            var first = _recorder.Start(head).Row;
            run.Row = run.Row with
            {
                Provider = first.Provider,
                Model = first.Model,
                Client = first.Client,
                Preset = first.Preset,
                SessionId = run.Row.SessionId ?? first.SessionId,
                TaskDescription = run.Row.TaskDescription.Length > 0 ? run.Row.TaskDescription : first.TaskDescription,
                StartedAt = first.StartedAt,
                LastActivityAt = first.StartedAt,
                HasContent = first.HasContent,
                ExampleIds = first.ExampleIds,
                Arm = first.Arm,
            };
            run.KeepContent = first.HasContent;
        }

        var change = _recorder.Record(run, head, content, item.Reply);
        var drop = Settle(run, queue);
        return new Result(item, await WithEmbeddingsAsync(run, drop ? With(change, run.Row, change.Embeddings) : change), run.Row, drop);
    }

    private async Task<Result> ApplyChangeAsync(TaskQueue queue, WorkItem item)
    {
        var before = await FindRunAsync(queue.Tenant, queue.TaskId);
        if (before is null && CallUnderWay(queue) is { } head)
        {
            // The task's first call has not ended yet: the task is there all the same.
            before = _recorder.Start(head);
            Remember(before);
            LogStarting(head.TaskId!);
        }

        var run = item.Change!(before);
        if (run is null)
        {
            return new Result(item, null, before?.Row, false);
        }

        if (before is null)
        {
            Remember(run);
        }

        var drop = Settle(run, queue);
        if (IsOver(run.Row))
        {
            LogSaved(run.Row.TaskId, run.Row.Success switch { true => "true", false => "false", null => "unknown" }, run.Row.QualityScore);
        }

        return new Result(item, await WithEmbeddingsAsync(run, new TrajectoryChange { Trajectory = run.Row }), run.Row, drop);
    }

    private static bool IsOver(Trajectory row) => row is { IsProvisional: false, CompletedAt: not null };

    /// <summary>Gives the content of a run up that is over and does not keep it. True where the store has to drop it.</summary>
    private bool Settle(RunState run, TaskQueue queue)
    {
        if (!IsOver(run.Row) || ContentPolicy(run.Row) is not { Keep: false, Reason: { } reason } || (reason == TooShort && CallUnderWay(queue) is not null))
        {
            return false;
        }

        if (run.Row.HasContent)
        {
            run.Row = run.Row with { HasContent = false };
            run.KeepContent = false;
            CountNotRecorded(reason);
            LogContentDropped(run.Row.TaskId, reason);
        }

        return true;
    }

    private ExchangeHead? CallUnderWay(TaskQueue queue)
    {
        lock (_lock)
        {
            return queue.Items.Find(i => i.Exchange is { Head.IsSideCall: false })?.Exchange!.Head;
        }
    }

    private async Task<TrajectoryChange> WithEmbeddingsAsync(RunState run, TrajectoryChange change)
    {
        var row = change.Trajectory;
        if (row is not { Success: true, HasContent: true } || row.TaskDescription.Length == 0 || run.EmbeddedText == row.TaskDescription || !ContentPolicy(row).Keep)
        {
            return change;
        }

        try
        {
            var embeddings = await _embed(row.TaskDescription, _stopping.Token);
            run.EmbeddedText = row.TaskDescription;
            return With(change, row, embeddings);
        }
        catch (Exception error) when (!_stopping.IsCancellationRequested)
        {
            // The run is worth more than its vector, which `embed --missing` can make at any time.
            LogEmbeddingFailed(row.TaskId, error);
            return change;
        }
    }

    private static TrajectoryChange With(TrajectoryChange change, Trajectory row, IReadOnlyList<TrajectoryEmbedding> embeddings) => new()
    {
        Trajectory = row,
        Steps = change.Steps,
        Contents = change.Contents,
        Exchanges = change.Exchanges,
        Keys = change.Keys,
        Embeddings = embeddings,
    };

    private async Task<RunState?> FindRunAsync(string tenant, string taskId)
    {
        lock (_lock)
        {
            if (_runs.TryGetValue((tenant, taskId), out var known))
            {
                return known;
            }
        }

        var row = await RetryAsync(ct => _store.FindTaskAsync(tenant, taskId, ct));
        if (row is null)
        {
            return null;
        }

        var run = _recorder.Rebuild(row, await RetryAsync(ct => _reader.ReadAsync(row.Id, ct)));
        Remember(run);
        return run;
    }

    private void Remember(RunState run)
    {
        lock (_lock)
        {
            _runs[(run.Row.Tenant, run.Row.TaskId)] = run;
        }
    }

    /// <summary>Forgets the runs that were quiet for longest; only between batches, when the store has all of them.</summary>
    private void TrimRuns()
    {
        lock (_lock)
        {
            if (_runs.Count > MaxRunsInMemory)
            {
                foreach (var old in _runs.OrderBy(r => r.Value.Row.LastActivityAt).Take(MaxRunsInMemory / 4).Select(r => r.Key).ToList())
                {
                    _runs.Remove(old);
                }
            }
        }
    }

    private void Sweep()
    {
        List<(string Tenant, string TaskId)> due;
        var now = _time.GetUtcNow();
        lock (_lock)
        {
            due = [.. _runs.Values
                .Where(r => !_queues.ContainsKey((r.Row.Tenant, r.Row.TaskId)) && _judge.WhenIdle(r, now, _catalog.Get(r.Row.Preset)) is not null)
                .Select(r => (r.Row.Tenant, r.Row.TaskId))];
        }

        foreach (var (tenant, taskId) in due)
        {
            CloseIdle(tenant, taskId);
        }

        if (Interlocked.Exchange(ref _sweeping, 1) == 0)
        {
            _ = SweepStoreAsync(now);
        }
    }

    /// <summary>Runs that an earlier process left open are found in the store.</summary>
    private async Task SweepStoreAsync(DateTimeOffset now)
    {
        try
        {
            var grace = _options.Tasks.EndOfTurnGrace < _options.Tasks.IdleTimeout ? _options.Tasks.EndOfTurnGrace : _options.Tasks.IdleTimeout;
            foreach (var row in await _store.ListOpenAsync(now - grace, 100, _stopping.Token))
            {
                bool known;
                lock (_lock)
                {
                    known = _runs.ContainsKey((row.Tenant, row.TaskId)) || _queues.ContainsKey((row.Tenant, row.TaskId));
                }

                if (!known)
                {
                    CloseIdle(row.Tenant, row.TaskId);
                }
            }
        }
        catch (Exception error) when (error is StoreException or OperationCanceledException or ObjectDisposedException)
        {
            LogSweepFailed(error);
        }
        finally
        {
            Volatile.Write(ref _sweeping, 0);
        }
    }

    private void CloseIdle(string tenant, string taskId)
    {
        var item = new WorkItem
        {
            IsReady = true,
            Change = run =>
            {
                if (run is null || _judge.WhenIdle(run, _time.GetUtcNow(), _catalog.Get(run.Row.Preset)) is not { } closed)
                {
                    return null;
                }

                run.Row = closed;
                return run;
            },
        };
        lock (_lock)
        {
            var queue = QueueOf(tenant, taskId);
            queue.Items.Add(item);
            Wake(queue);
        }
    }

    private async Task<T> RetryAsync<T>(Func<CancellationToken, Task<T>> ask)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var answer = await ask(_stopping.Token);
                _storeFailed = false;
                return answer;
            }
            catch (StoreException error)
            {
                _storeFailed = true;
                LogStoreFailed(error);
                if (attempt >= 5 && (await CheckAsync()).Ok)
                {
                    // The store is well and this one question fails: waiting on would keep everything else waiting too.
                    throw;
                }

                await BackOffAsync(attempt);
            }
        }
    }

    private async Task<StoreHealth> CheckAsync()
    {
        try
        {
            return await _store.CheckAsync(_stopping.Token);
        }
        catch (StoreException error)
        {
            return new StoreHealth(false, 0, error.Message, "");
        }
    }

    private Task BackOffAsync(int attempt)
    {
        var wait = TimeSpan.FromMilliseconds(Math.Min(LongestBackoff.TotalMilliseconds, 250 * Math.Pow(2, Math.Min(attempt, 10))));
        return Task.Delay(wait, _time, _stopping.Token);
    }

    private TaskQueue QueueOf(string tenant, string taskId)
    {
        if (!_queues.TryGetValue((tenant, taskId), out var queue))
        {
            _queues[(tenant, taskId)] = queue = new TaskQueue(tenant, taskId);
        }

        return queue;
    }

    private void Wake(TaskQueue queue)
    {
        if (!queue.IsScheduled && queue.Items.Count > 0 && queue.Items[0].IsReady)
        {
            queue.IsScheduled = _runnable.Writer.TryWrite(queue);
        }
    }

    private static bool Contains(IReadOnlyList<string> providers, string provider) => providers.Contains(provider, StringComparer.OrdinalIgnoreCase);

    [LoggerMessage(4001, LogLevel.Information, "Starting trajectory recording for task {TaskId}")]
    private partial void LogStarting(string taskId);

    [LoggerMessage(4002, LogLevel.Information, "Recorded iteration {Iteration} for task {TaskId}")]
    private partial void LogRecordedIteration(int iteration, string taskId);

    [LoggerMessage(4003, LogLevel.Information, "Saved trajectory for task {TaskId} (success: {Success}, quality: {Quality})")]
    private partial void LogSaved(string taskId, string success, double? quality);

    [LoggerMessage(4004, LogLevel.Information, "The content of task {TaskId} is not kept ({Reason}); its metrics are")]
    private partial void LogContentDropped(string taskId, string reason);

    [LoggerMessage(4005, LogLevel.Information, "{Count} calls that an earlier process left in the spool are recorded now")]
    private partial void LogLeftovers(int count);

    [LoggerMessage(4006, LogLevel.Error, "The store refused {Count} changes; they stay in the spool and are tried again")]
    private partial void LogSaveFailed(int count, Exception error);

    [LoggerMessage(4007, LogLevel.Error, "A call of task {TaskId} could not be turned into a step and is left out")]
    private partial void LogExchangeFailed(string taskId, Exception error);

    [LoggerMessage(4008, LogLevel.Error, "The store is well and does not take a change of task {TaskId}; it is left out")]
    private partial void LogChangeRefused(string taskId, Exception error);

    [LoggerMessage(4009, LogLevel.Warning, "Open tasks of the store could not be looked through; the next round is in a moment")]
    private partial void LogSweepFailed(Exception error);

    [LoggerMessage(4010, LogLevel.Error, "The store cannot be read; calls wait in the spool until it can")]
    private partial void LogStoreFailed(Exception error);

    [LoggerMessage(4011, LogLevel.Warning, "Task {TaskId} is stored without a vector")]
    private partial void LogEmbeddingFailed(string taskId, Exception error);

    [LoggerMessage(4012, LogLevel.Error, "{Count} calls could not be recorded; they stay in the spool until the next start")]
    private partial void LogBatchFailed(int count, Exception error);

    private sealed record Result(WorkItem Item, TrajectoryChange? Change, Trajectory? Row, bool Drop);

    private sealed class TaskQueue(string tenant, string taskId)
    {
        public string Tenant { get; } = tenant;

        public string TaskId { get; } = taskId;

        public List<WorkItem> Items { get; } = [];

        public bool IsScheduled { get; set; }
    }

    private sealed class WorkItem
    {
        public SpooledExchange? Exchange { get; init; }

        public AssembledReply? Reply { get; set; }

        public Func<RunState?, RunState?>? Change { get; init; }

        public bool IsReady { get; set; }

        public TaskCompletionSource<Trajectory?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
