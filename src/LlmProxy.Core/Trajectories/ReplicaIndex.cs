using System.Threading.Channels;

namespace LlmProxy.Core.Trajectories;

/// <summary>
/// Publishes open tasks to other processes, through the store, right after a response and before its call is recorded,
/// and receives theirs: a task's next call may come to any of them at once. It does nothing if the store cannot be shared.
/// </summary>
/// <remarks>Safe for concurrent use. What cannot be written is dropped: the recorder writes the same keys a little later.</remarks>
public sealed partial class ReplicaIndex : IAsyncDisposable
{
    // With more waiting, the recorder is as early.
    private const int MaxWaiting = 2_000;
    private const int BatchSize = 100;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RemovedEvery = TimeSpan.FromMinutes(1);

    /// <summary>What is older was recorded long ago, unless the recorder lags far behind: then other processes do without it.</summary>
    private static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(10);

    private readonly ISharedTaskStore? _store;
    private readonly TaskCorrelator _correlator;
    private readonly TimeProvider _time;
    private readonly ILogger<ReplicaIndex> _logger;
    private readonly Channel<ReplicaTask> _waiting = Channel.CreateBounded<ReplicaTask>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _stopping = new();
    private Task _worker = Task.CompletedTask;

    /// <summary>The index of a store.</summary>
    public ReplicaIndex(ICorrelationStore store, TaskCorrelator correlator, TimeProvider time, ILogger<ReplicaIndex> logger)
    {
        _store = store as ISharedTaskStore;
        _correlator = correlator;
        _time = time;
        _logger = logger;
    }

    /// <summary>Starts it, after the store was opened.</summary>
    public void Start()
    {
        if (_store is { } store)
        {
            _correlator.Announce = task => _waiting.Writer.TryWrite(task);
            _worker = Task.WhenAll(Task.Run(() => PublishAsync(store), _stopping.Token), Task.Run(() => ListenAsync(store), _stopping.Token));
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _stopping.CancelAsync();
        await _worker.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task PublishAsync(ISharedTaskStore store)
    {
        var batch = new List<ReplicaTask>();
        var removedAt = _time.GetTimestamp();
        while (await _waiting.Reader.WaitToReadAsync(_stopping.Token))
        {
            batch.Clear();
            while (batch.Count < BatchSize && _waiting.Reader.TryRead(out var task))
            {
                batch.Add(task);
            }

            try
            {
                await store.SaveOpenTasksAsync(batch, _stopping.Token);
                if (_time.GetElapsedTime(removedAt) > RemovedEvery)
                {
                    removedAt = _time.GetTimestamp();
                    await store.RemoveOpenTasksAsync(_time.GetUtcNow() - KeptFor, _stopping.Token);
                }
            }
            catch (Exception error) when (!_stopping.IsCancellationRequested)
            {
                var level = LevelOf(error);
                LogFailed(level, batch.Count, error);
                // A store that is down is left alone for a while: trying costs more than the calls do.
                await Task.Delay(Pause, _time, _stopping.Token);
            }
        }
    }

    private async Task ListenAsync(ISharedTaskStore store)
    {
        while (true)
        {
            try
            {
                await store.ListenAsync(_correlator.Apply, _stopping.Token);
            }
            catch (Exception error) when (!_stopping.IsCancellationRequested)
            {
                var level = LevelOf(error);
                LogDeaf(level, error);
                await Task.Delay(Pause, _time, _stopping.Token);
            }
        }
    }

    // The recorder reports outages.
    private static LogLevel LevelOf(Exception error) => error is StoreException { IsOutage: true } ? LogLevel.Debug : LogLevel.Warning;

    [LoggerMessage(EventId = 6001, Message = "Publishing {Count} open tasks to other replicas failed; they become visible after recording")]
    private partial void LogFailed(LogLevel level, int count, Exception error);

    [LoggerMessage(EventId = 6002, Message = "Replica notifications are unavailable; polling the store instead")]
    private partial void LogDeaf(LogLevel level, Exception error);
}
