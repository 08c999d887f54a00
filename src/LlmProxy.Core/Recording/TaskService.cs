using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Recording;

/// <summary>Metrics that a caller states; they win over the counted ones.</summary>
/// <param name="ErrorRate">0 to 1.</param>
/// <param name="ClickAccuracy">0 to 1.</param>
/// <param name="UserInterventions">Number of interventions.</param>
/// <param name="IterationCount">Number of iterations.</param>
public sealed record StatedMetrics(double? ErrorRate, double? ClickAccuracy, int? UserInterventions, int? IterationCount);

/// <summary>A stated outcome.</summary>
/// <param name="Success">Whether the task succeeded.</param>
/// <param name="Source">Who states it: a person, CI, a caller of the API, or the agent, whose word is a claim.</param>
/// <param name="By">Name of the key that states it, or null.</param>
public sealed record StatedResult(bool Success, OutcomeSource Source, string? By = null);

/// <summary>A run after a call of the API, and whether its content is kept.</summary>
/// <param name="Trajectory">The run as it is now.</param>
/// <param name="Recorded">Whether its steps are kept.</param>
/// <param name="Reason">Why not, or null.</param>
public sealed record TaskResult(Trajectory Trajectory, bool Recorded, NotRecordedReason? Reason);

/// <summary>A task that a caller opens.</summary>
/// <param name="TaskId">Its id, or null for a new one.</param>
/// <param name="Description">What it is, or null.</param>
/// <param name="Provider">The provider that will work on it, or null.</param>
/// <param name="Model">The model, or null.</param>
/// <param name="KeyName">Name of the caller's key, or null without keys.</param>
public sealed record TaskStart(string? TaskId, string? Description, string? Provider, string? Model, string? KeyName = null);

/// <summary>
/// Changes that callers make to tasks: start, complete, cancel, count an intervention. They take their place after
/// the task's earlier calls and waits for them up to five seconds.
/// </summary>
public sealed class TaskService
{
    private static readonly TimeSpan ChangeTimeout = TimeSpan.FromSeconds(5);

    private readonly ITrajectoryStore _store;
    private readonly TrajectoryReader _reader;
    private readonly Recorder _recorder;
    private readonly TaskCorrelator _correlator;
    private readonly OutcomeJudge _judge;
    private readonly ContentPolicy _policy;
    private readonly Redactor _redactor;
    private readonly TimeProvider _time;

    internal TaskService(ITrajectoryStore store, TrajectoryReader reader, Recorder recorder, TaskCorrelator correlator, OutcomeJudge judge, ContentPolicy policy, Redactor redactor, TimeProvider time)
    {
        (_store, _reader, _recorder, _correlator, _judge, _policy, _redactor, _time) = (store, reader, recorder, correlator, judge, policy, redactor, time);
    }

    /// <summary>Finds a trajectory by task id, <c>session:ID</c>, <c>last</c>, or its own id; null if there is none.</summary>
    public async Task<Trajectory?> FindAsync(string tenant, string reference, CancellationToken cancellationToken)
    {
        reference = _redactor.For(tenant).Redact(reference);
        if (reference.StartsWith(TaskId.SessionPrefix, StringComparison.Ordinal))
        {
            return await _store.FindLatestAsync(tenant, reference[TaskId.SessionPrefix.Length..], cancellationToken);
        }

        if (reference == TaskId.Last)
        {
            return await _store.FindLatestAsync(tenant, null, cancellationToken);
        }

        return await _store.FindTaskAsync(tenant, reference, cancellationToken) ?? await _store.FindTrajectoryAsync(tenant, reference, cancellationToken);
    }

    /// <summary>
    /// Finds the latest task that has ended, or whose earlier turn has, by <c>session:ID</c> or <c>last</c>, for a statement that is made within the next
    /// turn; any other reference is found as by <see cref="FindAsync"/>. It looks at the latest 200 trajectories.
    /// </summary>
    public async Task<Trajectory?> FindEndedAsync(string tenant, string reference, CancellationToken cancellationToken)
    {
        reference = _redactor.For(tenant).Redact(reference);
        var session = reference.StartsWith(TaskId.SessionPrefix, StringComparison.Ordinal) ? reference[TaskId.SessionPrefix.Length..] : null;
        if (session is null && reference != TaskId.Last)
        {
            return await FindAsync(tenant, reference, cancellationToken);
        }

        var latest = await _store.ListAsync(new TrajectoryQuery(tenant) { Limit = 200 }, cancellationToken);
        foreach (var run in latest.Items.Where(run => run.ParentId is null && (session is null || string.Equals(run.SessionId, session, StringComparison.Ordinal))))
        {
            if (run.Status is TrajectoryStatus.Completed or TrajectoryStatus.Failed
                || (run.Status == TrajectoryStatus.Active && await HasEndedTurnAsync(run, cancellationToken)))
            {
                return run;
            }
        }

        return null;
    }

    /// <summary>Whether a turn of a task under way has ended: the one under way continues it.</summary>
    private async Task<bool> HasEndedTurnAsync(Trajectory run, CancellationToken cancellationToken) =>
        (await _reader.ReadAsync(run.Id, cancellationToken)).Any(view => ReplyKinds.Of(view.Reply, view.Step.StopReason) != ReplyKind.None);

    /// <summary>Opens a task. One that is there already is given back as it is.</summary>
    public async Task<TaskResult> StartAsync(string tenant, TaskStart start, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var redactor = _redactor.For(tenant);
        var taskId = string.IsNullOrWhiteSpace(start.TaskId) ? Guid.CreateVersion7(now).ToString("N") : redactor.Redact(start.TaskId);
        var row = await _recorder.AddAsync(
            new Trajectory
            {
                Id = Guid.CreateVersion7(now).ToString("N"),
                TaskId = taskId,
                Tenant = tenant,
                ConversationId = taskId,
                Provider = start.Provider ?? "",
                Model = redactor.Redact(start.Model ?? ""),
                TaskDescription = redactor.Redact(start.Description ?? ""),
                StartedAt = now,
                LastActivityAt = now,
                KeyNames = start.KeyName is null ? [] : [start.KeyName],
            },
            cancellationToken);
        return Result(row!);
    }

    /// <summary>States how a task ended. Repeating it is harmless.</summary>
    /// <returns>The run; null where there is no such task.</returns>
    public Task<TaskResult?> CompleteAsync(string tenant, string reference, bool success, StatedMetrics? metrics, string? comment, CancellationToken cancellationToken) =>
        CompleteAsync(tenant, reference, new StatedResult(success, OutcomeSource.Api), metrics, comment, cancellationToken);

    /// <summary>
    /// States how a task ended, and who states it. Repeating it is harmless, and a later statement replaces an earlier one.
    /// What the agent itself reports is a claim: it never replaces a stated or judged outcome. What a judge finds never
    /// replaces a stated one.
    /// </summary>
    /// <returns>The run; null where there is no such task.</returns>
    public Task<TaskResult?> CompleteAsync(string tenant, string reference, StatedResult result, StatedMetrics? metrics, string? comment, CancellationToken cancellationToken) =>
        ChangeAsync(
            tenant,
            reference,
            run =>
            {
                var isClaim = result.Source == OutcomeSource.Agent;
                if ((isClaim && run.Row.IsVerified) || (result.Source == OutcomeSource.Judge && run.Row.IsStated))
                {
                    return;
                }

                var row = run.Row with
                {
                    StatedErrorRate = metrics?.ErrorRate ?? run.Row.StatedErrorRate,
                    StatedClickAccuracy = metrics?.ClickAccuracy ?? run.Row.StatedClickAccuracy,
                    UserInterventions = metrics?.UserInterventions ?? run.Row.UserInterventions,
                    IterationCount = metrics?.IterationCount ?? run.Row.IterationCount,
                    Comment = comment is null ? run.Row.Comment : _redactor.For(tenant).Redact(comment),
                };
                run.Row = row;
                run.Row = isClaim ? _judge.Claim(run, result, NowAfter(row)) : State(run, result);
            },
            cancellationToken);

    /// <summary>Keeps a comment with a task; its outcome stays as it is.</summary>
    /// <returns>The run; null where there is no such task.</returns>
    public Task<TaskResult?> CommentAsync(string tenant, string reference, string comment, CancellationToken cancellationToken) =>
        ChangeAsync(tenant, reference, row => row with { Comment = _redactor.For(tenant).Redact(comment) }, cancellationToken);

    /// <summary>Takes what a client saw of a task's last turn, in place of what it reported before: the estimate of an inferred outcome is made again.</summary>
    /// <returns>The run; null where there is no such task.</returns>
    public Task<TaskResult?> AddEvidenceAsync(string tenant, string reference, ReportedEvidence evidence, CancellationToken cancellationToken) =>
        ChangeAsync(
            tenant,
            reference,
            run =>
            {
                if (run.Row.Status == TrajectoryStatus.Cancelled)
                {
                    return;
                }

                run.Outline.Report(evidence, _redactor.For(tenant));
                run.HasNewEvidence = true;
                run.Row = _judge.Estimate(run);
            },
            cancellationToken);

    /// <summary>Calls a task off: nothing of its content is kept.</summary>
    /// <returns>The run; null where there is no such task.</returns>
    public Task<TaskResult?> CancelAsync(string tenant, string reference, CancellationToken cancellationToken) =>
        ChangeAsync(
            tenant,
            reference,
            row => row with
            {
                Status = TrajectoryStatus.Cancelled,
                Success = null,
                QualityScore = null,
                SuccessProbability = null,
                Evidence = [],
                OutcomeSource = OutcomeSource.Api,
                IsProvisional = false,
                CompletedAt = row.CompletedAt ?? NowAfter(row),
            },
            cancellationToken);

    /// <summary>Counts one intervention of a person; a run that is over is scored anew.</summary>
    /// <returns>The run; null where there is no such task.</returns>
    public Task<TaskResult?> InterveneAsync(string tenant, string reference, CancellationToken cancellationToken) =>
        ChangeAsync(
            tenant,
            reference,
            row =>
            {
                row = row with { UserInterventions = row.UserInterventions + 1 };
                return row.QualityScore is null ? row : _judge.Score(row);
            },
            cancellationToken);

    /// <summary>Deletes a run and all that was made from it. False if there is none.</summary>
    public async Task<bool> DeleteAsync(string tenant, string trajectoryId, CancellationToken cancellationToken) =>
        await _store.FindTrajectoryAsync(tenant, trajectoryId, cancellationToken) is { } row && await RemoveAsync(row, cancellationToken);

    /// <summary>Deletes a run of the store and all that was made from it; false if it is gone already. The bytes of its text are overwritten later: see <see cref="ITrajectoryStore.EraseDeletedAsync"/>.</summary>
    internal Task<bool> RemoveAsync(Trajectory row, CancellationToken cancellationToken)
    {
        _correlator.Forget(row.Tenant, row.TaskId);
        return _recorder.DeleteAsync(row, cancellationToken);
    }

    /// <summary>Saves vectors with a run. False where there is no such run.</summary>
    public async Task<bool> SaveEmbeddingsAsync(Trajectory run, IReadOnlyList<TrajectoryEmbedding> embeddings, CancellationToken cancellationToken) =>
        await _recorder.ChangeAsync(
            run.Tenant,
            run.TaskId,
            state =>
            {
                state?.GiveEmbeddings(embeddings);
                return state;
            },
            ChangeTimeout,
            cancellationToken) is not null;

    private Trajectory State(TrajectoryState run, StatedResult result)
    {
        var row = run.Row;
        run.Claim = null;
        return _judge.Score(row with
        {
            Status = result.Success ? TrajectoryStatus.Completed : TrajectoryStatus.Failed,
            Success = result.Success,
            OutcomeSource = result.Source,
            StatedBy = result.By,
            SuccessProbability = null,
            Evidence = [],
            IsProvisional = false,
            CompletedAt = row.CompletedAt is { } before && (row.IsStated || result.Source == OutcomeSource.Judge) ? before : NowAfter(row),
        });
    }

    private Task<TaskResult?> ChangeAsync(string tenant, string reference, Func<Trajectory, Trajectory> change, CancellationToken cancellationToken) =>
        ChangeAsync(tenant, reference, run => { run.Row = change(run.Row); }, cancellationToken);

    private async Task<TaskResult?> ChangeAsync(string tenant, string reference, Action<TrajectoryState> change, CancellationToken cancellationToken)
    {
        if (await ResolveAsync(tenant, reference, cancellationToken) is not { } taskId)
        {
            return null;
        }

        var row = await _recorder.ChangeAsync(
            tenant,
            taskId,
            run =>
            {
                if (run is not null)
                {
                    change(run);
                }

                return run;
            },
            ChangeTimeout,
            cancellationToken);
        return row is null ? null : Result(row);
    }

    /// <summary>Now; not before the last call, if the clock was set back.</summary>
    private DateTimeOffset NowAfter(Trajectory row) => _time.GetUtcNow() is var now && now > row.LastActivityAt ? now : row.LastActivityAt;

    /// <summary>The task that a reference means now: calls that are under way count, which the store does not know yet.</summary>
    private async Task<string?> ResolveAsync(string tenant, string reference, CancellationToken cancellationToken)
    {
        reference = _redactor.For(tenant).Redact(reference);
        var session = reference.StartsWith(TaskId.SessionPrefix, StringComparison.Ordinal) ? reference[TaskId.SessionPrefix.Length..] : null;
        if (session is null && reference != TaskId.Last)
        {
            return reference;
        }

        var open = _correlator.FindLatest(tenant, session);
        if (open is not null && session is not null)
        {
            return open.TaskId;
        }

        Trajectory? stored = null;
        try
        {
            stored = await FindAsync(tenant, reference, cancellationToken);
        }
        catch (StoreException) when (open is not null)
        {
            // What is open is known without the store.
        }

        // A task that the API opened has no call yet, and one of another process is not in memory.
        return open is null || stored?.StartedAt > open.StartedAt ? stored?.TaskId : open.TaskId;
    }

    private TaskResult Result(Trajectory row)
    {
        var (recorded, reason) = _policy.Decide(row);
        return new TaskResult(row, recorded, reason);
    }
}
