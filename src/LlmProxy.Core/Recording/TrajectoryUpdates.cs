using LlmProxy.Core.Outcomes;

namespace LlmProxy.Core.Recording;

/// <summary>Turns what waits for a task (calls that are over, requested changes) into changes of its run.</summary>
/// <remarks>Used by the recorder's workers alone, for each task by one of them.</remarks>
internal sealed partial class TrajectoryUpdates(
    StepBuilder steps,
    TrajectoryCache runs,
    TaskQueues queues,
    RetryingStore store,
    TrajectoryReader reader,
    IOutcomeStore outcomes,
    ContentPolicy policy,
    TrajectoryEmbedder embedder,
    NotRecordedCounts notRecorded,
    TimeProvider time,
    ILogger logger,
    CancellationToken stopping)
{
    /// <summary>Makes an item's change. The run is then ahead of the store by it.</summary>
    public Task<TrajectoryUpdate> MakeAsync(TaskQueue queue, WorkItem item) =>
        item.Exchange is { } exchange ? RecordAsync(queue, item, exchange) : ApplyAsync(queue, item);

    private async Task<TrajectoryUpdate> RecordAsync(TaskQueue queue, WorkItem item, SpooledExchange exchange)
    {
        var head = exchange.Head;
        var run = await FindRunAsync(queue.Tenant, queue.TaskId);
        if (run is null)
        {
            if (head.IsSideCall || head.IsFetch)
            {
                return new TrajectoryUpdate(queue, item, null, null, false);
            }

            run = Start(head);
        }

        if (run.Row.Status == TrajectoryStatus.Cancelled)
        {
            notRecorded.Count(queue.Tenant, NotRecordedReason.Cancelled);
            return new TrajectoryUpdate(queue, item, null, run.Row, false);
        }

        using var content = exchange.Read();
        if (head.IsSideCall)
        {
            return Made(queue, item, run, steps.RecordSideCall(run, head, content, item.Known?.Reply), drop: false);
        }

        if (run.LastStep is null && run.Row.IterationCount == 0 && !head.IsFetch)
        {
            // Opened by the API before its first call: that one decides its provider and model.
            steps.Adopt(run, head);
        }

        var change = head.IsFetch ? steps.RecordFetched(run, head, content, item.Known?.Reply) : steps.Record(run, head, content, item.Known);
        return await embedder.EmbedAsync(Made(queue, item, run, change, Settle(run, queue)), run);
    }

    private async Task<TrajectoryUpdate> ApplyAsync(TaskQueue queue, WorkItem item)
    {
        var before = await FindRunAsync(queue.Tenant, queue.TaskId);
        if (before is null && queues.NextCall(queue) is { } head)
        {
            // The task's first call has not ended yet: the task is there all the same.
            before = Start(head);
        }

        var wasOpen = before?.Row.CompletedAt is null;
        var run = item.Change!(before);
        if (run is null)
        {
            return new TrajectoryUpdate(queue, item, null, before?.Row, false);
        }

        var hasNewEvidence = run.HasNewEvidence;
        run.HasNewEvidence = false;
        if (before is null)
        {
            runs.Remember(run);
        }

        var drop = Settle(run, queue);
        if (IsOver(run.Row))
        {
            LogSaved(run.Row.TaskId, run.Row.Success switch { true => "true", false => "false", null => "unknown" }, run.Row.QualityScore);
        }

        return await embedder.EmbedAsync(Made(queue, item, run, new TrajectoryChange { Trajectory = run.Row, Embeddings = run.TakeEmbeddings(), Outline = hasNewEvidence || (wasOpen && run.Row.CompletedAt is not null) ? run.Outline.Build() : null }, drop), run);
    }

    private TrajectoryState Start(ExchangeHead head)
    {
        var run = steps.Start(head);
        runs.Remember(run);
        LogStarting(head.TaskId!);
        return run;
    }

    /// <summary>A change with the run as it is now. The store takes it only where the run is still what it was made from; the next change builds on this one.</summary>
    private static TrajectoryUpdate Made(TaskQueue queue, WorkItem item, TrajectoryState run, TrajectoryChange change, bool drop)
    {
        var row = run.Row;
        run.Row = row with { Version = (row.Version ?? 0) + 1 };
        return new TrajectoryUpdate(queue, item, change with { Trajectory = row with { Version = row.Version ?? 0 } }, run.Row, drop) { IsDeleted = run.IsDeleted };
    }

    private static bool IsOver(Trajectory row) => row is { IsProvisional: false, CompletedAt: not null };

    /// <summary>
    /// Hides the content of a run that is over and is not kept, until the grace ends; shows it again if the run is kept after
    /// all. True where the store has to drop it at once.
    /// </summary>
    private bool Settle(TrajectoryState run, TaskQueue queue)
    {
        var row = run.Row;
        if (!IsOver(row) || policy.Of(row) is not { Keep: false, Reason: { } reason } || (reason == NotRecordedReason.ShorterThanMinDuration && queues.NextCall(queue) is not null))
        {
            // Of another provider it stays whatever follows; the recorder takes the mark away.
            var isOther = row.WhyNoContent == NotRecordedReason.ProviderNotRecorded;
            run.Row = row.HasContent && (row.EraseAt is not null || row.WhyNoContent is not null) ? row with { EraseAt = null, WhyNoContent = isOther ? row.WhyNoContent : null } : row;
            return false;
        }

        if (!row.HasContent)
        {
            run.Row = row with { WhyNoContent = reason, EraseAt = null };
            return true;
        }

        if (row.EraseAt is null)
        {
            notRecorded.Count(queue.Tenant, reason);
        }

        if (reason == NotRecordedReason.Cancelled || policy.Grace == TimeSpan.Zero)
        {
            run.Row = row with { HasContent = false, WhyNoContent = reason, EraseAt = null };
            run.KeepContent = false;
            LogContentDropped(row.TaskId, reason.ToWord());
            return true;
        }

        // A later change does not put the end off.
        run.Row = row with { WhyNoContent = reason, EraseAt = row.EraseAt ?? (time.GetUtcNow() + policy.Grace) };
        if (row.EraseAt is null)
        {
            LogContentHidden(row.TaskId, reason.ToWord(), run.Row.EraseAt.Value);
        }

        return false;
    }

    private async Task<TrajectoryState?> FindRunAsync(string tenant, string taskId)
    {
        if (runs.Find(tenant, taskId) is { } known)
        {
            return known;
        }

        if (await store.AskAsync((s, ct) => s.FindTaskAsync(tenant, taskId, ct), stopping) is not { } row)
        {
            return null;
        }

        var run = steps.Rebuild(row, await store.AskAsync((_, ct) => reader.ReadAsync(row.Id, ct), stopping));
        var outlines = await store.AskAsync((_, ct) => outcomes.ReadOutlinesAsync(tenant, [row.Id], ct), stopping);
        if (outlines.TryGetValue(row.Id, out var outline))
        {
            run.Outline.Restore(outline);
        }

        runs.Remember(run);
        return run;
    }

    [LoggerMessage(4001, LogLevel.Information, "Starting trajectory recording for task {TaskId}")]
    private partial void LogStarting(string taskId);

    [LoggerMessage(4003, LogLevel.Information, "Saved trajectory for task {TaskId} (success: {Success}, quality: {Quality})")]
    private partial void LogSaved(string taskId, string success, double? quality);

    [LoggerMessage(4004, LogLevel.Information, "Content of task {TaskId} is not kept ({Reason}); its metrics are")]
    private partial void LogContentDropped(string taskId, string reason);

    [LoggerMessage(4022, LogLevel.Information, "Content of task {TaskId} is hidden and will be erased at {EraseAt:u} ({Reason}); its metrics stay")]
    private partial void LogContentHidden(string taskId, string reason, DateTimeOffset eraseAt);
}
