using System.Threading.Channels;
using LlmProxy.Core.Storage;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Core.Trajectories;

/// <summary>
/// Brings the keys of answers into a store that other processes read, right behind the answer and before the call is
/// recorded: a task's next call may come to any of them, at once. Where no other process can be there, it does nothing.
/// </summary>
/// <remarks>Safe for concurrent use. What cannot be written is given up: the recorder writes the same keys a little later.</remarks>
public sealed partial class SharedIndex : IAsyncDisposable
{
    // Behind this many the recorder is as early.
    private const int MaxWaiting = 1_000;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly ITrajectoryStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger<SharedIndex> _logger;
    private readonly Channel<OpenTaskKeys> _waiting = Channel.CreateBounded<OpenTaskKeys>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _worker;

    /// <summary>The index of a store.</summary>
    public SharedIndex(ITrajectoryStore store, TimeProvider time, ILogger<SharedIndex> logger)
    {
        _store = store;
        _time = time;
        _logger = logger;
        _worker = store.IsShared ? Task.Run(WorkAsync, _stopping.Token) : Task.CompletedTask;
    }

    /// <summary>Writes an answer's keys, in the background.</summary>
    public void Add(OpenTaskKeys keys)
    {
        if (_store.IsShared)
        {
            _waiting.Writer.TryWrite(keys);
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

    private async Task WorkAsync()
    {
        var batch = new List<OpenTaskKeys>();
        while (await _waiting.Reader.WaitToReadAsync(_stopping.Token))
        {
            batch.Clear();
            while (batch.Count < 100 && _waiting.Reader.TryRead(out var keys))
            {
                batch.Add(keys);
            }

            try
            {
                await _store.SaveOpenTasksAsync(batch, _stopping.Token);
            }
            catch (StoreException error)
            {
                LogFailed(batch.Count, error);
                // A store that is down is left alone for a while: trying costs more than the calls do.
                await Task.Delay(Pause, _time, _stopping.Token);
            }
        }
    }

    [LoggerMessage(6001, LogLevel.Warning, "Other processes learn of {Count} answers only when they are recorded")]
    private partial void LogFailed(int count, Exception error);
}
