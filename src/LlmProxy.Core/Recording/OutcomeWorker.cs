using LlmProxy.Core.Outcomes;

namespace LlmProxy.Core.Recording;

/// <summary>
/// Estimates in the background the outcome of finished trajectories: with the user's next turn and with near trajectories,
/// which the recorder does not know when a trajectory ends. Several processes share the work.
/// </summary>
internal sealed partial class OutcomeWorker(
    IOutcomeStore store,
    NearTrajectories near,
    OutcomeModels models,
    OutcomeJudge judge,
    OutlineReader outlines,
    Recorder recorder,
    TimeProvider time,
    ILogger<OutcomeWorker> logger) : IAsyncDisposable
{
    private const int AtOnce = 50;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan ChangeTimeout = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private Task? _loop;

    /// <summary>Starts the worker.</summary>
    public void Start() => _loop = Task.Run(LoopAsync, CancellationToken.None);

    /// <summary>Makes the estimates that are due; returns how many there were.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var due = await store.ClaimDueOutcomesAsync(Lease, AtOnce, cancellationToken);
        foreach (var trajectory in due)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                await EstimateAsync(trajectory, cancellationToken);
            }
            catch (Exception error) when (error is not (StoreException or OperationCanceledException))
            {
                // A damaged record fails alone. It is due again with its next change, not every few minutes.
                LogSkipped(trajectory.TaskId, error);
                await store.SaveEstimateAsync(trajectory with { Version = null }, null, [], cancellationToken);
            }
        }

        return due.Count;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        if (_loop is not null)
        {
            await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _stopping.Dispose();
    }

    private async Task LoopAsync()
    {
        using var timer = new PeriodicTimer(Every, time);
        var failed = false;
        do
        {
            try
            {
                while (await RunAsync(_stopping.Token) == AtOnce)
                {
                }
            }
            catch (StoreException error)
            {
                // Once an outage: the recorder reports its end.
                if (!failed)
                {
                    LogFailed(error.IsOutage ? LogLevel.Debug : LogLevel.Warning, error);
                }

                failed = true;
                continue;
            }

            failed = false;
        }
        while (await timer.WaitForNextTickAsync(_stopping.Token));
    }

    private async Task EstimateAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        if (trajectory.OutcomeSource != OutcomeSource.Inferred)
        {
            // Its outcome became known: what is near to it may be estimated otherwise now.
            if (trajectory.Success is not null)
            {
                await store.MarkOutcomesDueAsync(trajectory.Tenant, await near.FindInferredAsync(trajectory, cancellationToken), cancellationToken);
            }

            await store.SaveEstimateAsync(trajectory, null, [], cancellationToken);
            return;
        }

        // 1. What it did. Trajectories of earlier versions have no outline yet.
        var stored = (await store.ReadOutlinesAsync(trajectory.Tenant, [trajectory.Id], cancellationToken)).GetValueOrDefault(trajectory.Id);
        var outline = stored ?? await outlines.ReadAsync(trajectory, cancellationToken);
        if (outline is null)
        {
            await store.SaveEstimateAsync(trajectory, null, [], cancellationToken);
            return;
        }

        // 2. What followed, and what is near.
        var facts = new OutcomeFacts
        {
            Outline = outline,
            Task = trajectory.TaskDescription,
            NextUserText = await store.FindNextTurnAsync(trajectory.Tenant, trajectory.ConversationId, trajectory.StartedAt, cancellationToken),
            Near = await near.FindKnownAsync(trajectory, cancellationToken),
        };
        var estimate = OutcomeEstimator.Estimate(facts, await models.ReadAsync(trajectory.Tenant, cancellationToken));

        // 3. One that becomes an example now needs its vectors, which the recorder makes.
        var estimated = judge.Apply(trajectory, estimate);
        if (trajectory.QualityScore is null && estimated.QualityScore is not null)
        {
            await recorder.ChangeAsync(
                trajectory.Tenant,
                trajectory.TaskId,
                run =>
                {
                    if (run is null || run.Row.OutcomeSource != OutcomeSource.Inferred)
                    {
                        return null;
                    }

                    run.Row = judge.Apply(run.Row, estimate);
                    return run;
                },
                ChangeTimeout,
                cancellationToken);
            estimated = trajectory with { Version = null };
        }

        await store.SaveEstimateAsync(estimated, stored is null ? outline : null, [.. facts.Near.Select(n => n.Id)], cancellationToken);
    }

    [LoggerMessage(EventId = 4020, Message = "Outcome estimates failed; retrying every 5 s")]
    private partial void LogFailed(LogLevel level, Exception error);

    [LoggerMessage(4021, LogLevel.Warning, "The outcome of task {TaskId} could not be estimated; its estimate stays as it is")]
    private partial void LogSkipped(string taskId, Exception error);
}
