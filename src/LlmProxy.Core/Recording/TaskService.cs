using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Recording;

/// <summary>Metrics that a caller states; they win over the counted ones.</summary>
/// <param name="ErrorRate">0 to 1.</param>
/// <param name="ClickAccuracy">0 to 1.</param>
/// <param name="UserInterventions">Number of interventions.</param>
/// <param name="IterationCount">Number of iterations.</param>
public sealed record StatedMetrics(double? ErrorRate, double? ClickAccuracy, int? UserInterventions, int? IterationCount);

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
public sealed record TaskStart(string? TaskId, string? Description, string? Provider, string? Model);

/// <summary>
/// Changes that callers make to tasks: start, complete, cancel, count an intervention. They take their place after
/// the task's earlier calls and waits for them up to five seconds.
/// </summary>
public sealed class TaskService
{
    /// <summary>Longest id of a task that a caller may give.</summary>
    public const int LongestId = 200;

    private const string SessionPrefix = "session:";
    private static readonly TimeSpan ChangeTimeout = TimeSpan.FromSeconds(5);

    private readonly ITrajectoryStore _store;
    private readonly Recorder _recorder;
    private readonly TaskCorrelator _correlator;
    private readonly OutcomeJudge _judge;
    private readonly ContentPolicy _policy;
    private readonly Redactor _redactor;
    private readonly TimeProvider _time;

    internal TaskService(ITrajectoryStore store, Recorder recorder, TaskCorrelator correlator, OutcomeJudge judge, ContentPolicy policy, Redactor redactor, TimeProvider time)
    {
        (_store, _recorder, _correlator, _judge, _policy, _redactor, _time) = (store, recorder, correlator, judge, policy, redactor, time);
    }

    /// <summary>Whether a caller may call a task so: at most 200 characters without / and control characters, and neither <c>last</c> nor <c>session:…</c>, which mean others.</summary>
    public static bool IsTaskId(string id) =>
        id.Length is > 0 and <= LongestId && id != "last" && !id.StartsWith(SessionPrefix, StringComparison.Ordinal) && !id.Any(c => char.IsControl(c) || c == '/');

    /// <summary>Finds a trajectory by task id, <c>session:ID</c>, <c>last</c>, or its own id; null if there is none.</summary>
    public async Task<Trajectory?> FindAsync(string tenant, string reference, CancellationToken cancellationToken)
    {
        reference = _redactor.For(tenant).Redact(reference);
        if (reference.StartsWith(SessionPrefix, StringComparison.Ordinal))
        {
            return await _store.FindLatestAsync(tenant, reference[SessionPrefix.Length..], cancellationToken);
        }

        if (reference == "last")
        {
            return await _store.FindLatestAsync(tenant, null, cancellationToken);
        }

        return await _store.FindTaskAsync(tenant, reference, cancellationToken) ?? await _store.FindTrajectoryAsync(tenant, reference, cancellationToken);
    }

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
            },
            cancellationToken);
        return Result(row!);
    }

    /// <summary>States how a task ended. Repeating it is harmless.</summary>
    /// <returns>The run; null where there is no such task.</returns>
    public Task<TaskResult?> CompleteAsync(string tenant, string reference, bool success, StatedMetrics? metrics, string? comment, CancellationToken cancellationToken) =>
        ChangeAsync(
            tenant,
            reference,
            row => _judge.Score(row with
            {
                Status = success ? TrajectoryStatus.Completed : TrajectoryStatus.Failed,
                Success = success,
                OutcomeSource = OutcomeSource.Api,
                IsProvisional = false,
                CompletedAt = row is { OutcomeSource: OutcomeSource.Api, CompletedAt: { } before } ? before : _time.GetUtcNow(),
                StatedErrorRate = metrics?.ErrorRate ?? row.StatedErrorRate,
                StatedClickAccuracy = metrics?.ClickAccuracy ?? row.StatedClickAccuracy,
                UserInterventions = metrics?.UserInterventions ?? row.UserInterventions,
                IterationCount = metrics?.IterationCount ?? row.IterationCount,
                Comment = comment is null ? row.Comment : _redactor.For(tenant).Redact(comment),
            }),
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
                OutcomeSource = OutcomeSource.Api,
                IsProvisional = false,
                CompletedAt = row.CompletedAt ?? _time.GetUtcNow(),
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
    public async Task<bool> DeleteAsync(string tenant, string trajectoryId, CancellationToken cancellationToken)
    {
        var row = await _store.FindTrajectoryAsync(tenant, trajectoryId, cancellationToken);
        if (row is null)
        {
            return false;
        }

        _correlator.Forget(tenant, row.TaskId);
        return await _recorder.DeleteAsync(row, cancellationToken);
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

    private async Task<TaskResult?> ChangeAsync(string tenant, string reference, Func<Trajectory, Trajectory> change, CancellationToken cancellationToken)
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
                    run.Row = change(run.Row);
                }

                return run;
            },
            ChangeTimeout,
            cancellationToken);
        return row is null ? null : Result(row);
    }

    /// <summary>The task that a reference means now: calls that are under way count, which the store does not know yet.</summary>
    private async Task<string?> ResolveAsync(string tenant, string reference, CancellationToken cancellationToken)
    {
        reference = _redactor.For(tenant).Redact(reference);
        var session = reference.StartsWith(SessionPrefix, StringComparison.Ordinal) ? reference[SessionPrefix.Length..] : null;
        if (session is null && reference != "last")
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
        var (recorded, reason) = _policy.Tell(row);
        return new TaskResult(row, recorded, reason);
    }
}
