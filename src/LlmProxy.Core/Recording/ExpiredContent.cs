namespace LlmProxy.Core.Recording;

/// <summary>Erases hidden content whose grace is over. Every process does; the store gives each trajectory to one of them.</summary>
internal sealed partial class ExpiredContent : IAsyncDisposable
{
    private const int AtOnce = 50;
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    private readonly ITrajectoryStore _store;
    private readonly ILogger _logger;
    private readonly CancellationToken _stopping;
    private readonly ITimer _timer;
    private Task _work = Task.CompletedTask;

    public ExpiredContent(ITrajectoryStore store, TimeProvider time, ILogger logger, CancellationToken stopping)
    {
        (_store, _logger, _stopping) = (store, logger, stopping);
        _timer = time.CreateTimer(_ => Look(), null, TimeSpan.Zero, Every);
    }

    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _work;
    }

    private void Look()
    {
        // A timer's calls do not overlap for longer than its work takes.
        if (_work.IsCompleted)
        {
            _work = EraseAsync();
        }
    }

    private async Task EraseAsync()
    {
        try
        {
            IReadOnlyList<Trajectory> erased;
            do
            {
                erased = await _store.EraseExpiredContentAsync(AtOnce, _stopping);
                foreach (var row in erased)
                {
                    LogErased(row.TaskId, row.WhyNoContent?.ToWord() ?? "");
                }
            }
            while (erased.Count == AtOnce);
        }
        catch (Exception error) when (error is StoreException or OperationCanceledException or ObjectDisposedException)
        {
            LogFailed(error is StoreException { IsOutage: true } ? LogLevel.Debug : LogLevel.Warning, error);
        }
    }

    [LoggerMessage(4023, LogLevel.Information, "Erased the content of task {TaskId} after its grace ({Reason}); its metrics stay")]
    private partial void LogErased(string taskId, string reason);

    [LoggerMessage(EventId = 4024, Message = "Erasing expired content failed; retrying in a minute")]
    private partial void LogFailed(LogLevel level, Exception error);
}
