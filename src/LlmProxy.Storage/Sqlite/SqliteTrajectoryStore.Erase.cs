using LlmProxy.Core.Stores;

namespace LlmProxy.Storage.Sqlite;

/// <content>
/// Deleted text leaves the disk: its pages are overwritten when the deletion is committed (<c>secure_delete</c>), but the
/// write-ahead log holds the old pages until it is emptied, and the full-text index the words until it is merged.
/// </content>
public sealed partial class SqliteTrajectoryStore
{
    // Removals of the recorder come in bursts: one emptying of the log for all of them.
    private static readonly TimeSpan EraseAfter = TimeSpan.FromSeconds(1);

    private ITimer? _eraseTimer;
    private Task _erasing = Task.CompletedTask;

    /// <summary>The last emptying of the log by the timer.</summary>
    internal Task Erasing => Volatile.Read(ref _erasing);

    // Pages of the full-text index that are merged in one turn of the writer: some milliseconds.
    private const int MergedAtOnce = 64;

    /// <inheritdoc />
    public override async Task EraseDeletedAsync(CancellationToken cancellationToken)
    {
        // A negative number begins to merge the index into one segment, which holds no words of rows that are gone.
        for (var pages = -MergedAtOnce; await InTurnAsync(s => s.MergeIndex(pages), cancellationToken); pages = MergedAtOnce)
        {
        }

        await TruncateLogAsync(cancellationToken);
    }

    private protected override void EraseLater()
    {
        if (_eraseTimer is not { } timer)
        {
            var made = Time.CreateTimer(_ => Volatile.Write(ref _erasing, TruncateByTimerAsync()), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            timer = Interlocked.CompareExchange(ref _eraseTimer, made, null) ?? made;
            if (timer != made)
            {
                made.Dispose();
            }
        }

        timer.Change(EraseAfter, Timeout.InfiniteTimeSpan);
    }

    private async Task TruncateLogAsync(CancellationToken cancellationToken)
    {
        if (!await InTurnAsync(s => s.TryTruncateLog(), cancellationToken))
        {
            // A reader still needs an older state; the writer does not wait for it.
            EraseLater();
        }
    }

    /// <summary>Does something with the writer's connection outside of a transaction; its result.</summary>
    private Task<bool> InTurnAsync(Func<SqliteSession, bool> work, CancellationToken cancellationToken) =>
        OnPoolAsync(
            "erase deleted text",
            async () =>
            {
                await _writerTurn.WaitAsync(cancellationToken);
                try
                {
                    ObjectDisposedException.ThrowIf(_disposed, this);
                    return work(Writer());
                }
                finally
                {
                    _writerTurn.Release();
                }
            },
            cancellationToken);

    private async Task TruncateByTimerAsync()
    {
        try
        {
            await TruncateLogAsync(CancellationToken.None);
        }
        catch (Exception error) when (error is StoreException or ObjectDisposedException)
        {
            // A store that is down or being closed: closing empties the log, and so does the next removal.
        }
    }
}
