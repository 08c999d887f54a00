using LlmProxy.Core.Storage;
using LlmProxy.Wire;

namespace LlmProxy.Core.Trajectories;

/// <summary>How sure a match has to be.</summary>
internal enum Certainty
{
    /// <summary>By the answer that the call goes on from: nobody can have given a later one.</summary>
    UpToDate,

    /// <summary>By something that only this task can have given out, though perhaps not lately.</summary>
    Sure,

    /// <summary>By the best that there is.</summary>
    Likely,
}

/// <summary>Finds the task that a history belongs to among those that the index knows. Called under the correlator's lock.</summary>
/// <param name="index">Open tasks and keys.</param>
internal sealed class TaskMatcher(CorrelationIndex index)
{
    /// <summary>The task whose latest call had this whole history, or null. The server keeps none of it.</summary>
    public OpenTask? Repeated(IncomingCall call, TurnKey whole, string? conversationId)
    {
        if (call.KeepsHistory || whole == TurnKey.Empty)
        {
            return null;
        }

        var entries = SameSession(call, Entries(call, whole, CorrelationKind.Request)).Where(e =>
            index.Find(call.Tenant, e.TaskId) is { } task && task.LastStep == e.StepIndex && (conversationId is null || task.ConversationId == conversationId));
        return Choose(call, [.. entries])?.Task;
    }

    /// <summary>The task that a history belongs to, and whether the call goes on behind a turn that had ended; null where nothing is sure enough.</summary>
    public (OpenTask Task, bool TurnEnded)? Match(IncomingCall call, HistoryProbe probe, Certainty wanted)
    {
        // a. The server keeps the history: the call names the answer that it continues.
        foreach (var (key, kind) in probe.ServerKeys)
        {
            if (Choose(call, Entries(call, key, kind)) is { } byId)
            {
                return Continue(byId);
            }
        }

        // b. The whole history up to its last assistant turn is one that was recorded. Where another process may have
        //    given the same answer to the same words, it is this one only with its ids.
        if (probe.AssistantChains.Count > 0
            && Choose(call, SameIds(call, probe, Entries(call, probe.AssistantChains[^1], CorrelationKind.Chain))) is { } whole
            && (wanted != Certainty.UpToDate || !GaveOthers(whole, probe)))
        {
            return Continue(whole);
        }

        // c. A tool-call id in the history was given out by a recorded answer: the latest known one decides, the
        //    longest common chain among those who share it. Some servers give the same ids out again and again
        //    (call_0): of several tasks without a common chain an id alone does not tell which.
        (OpenTask Task, CorrelationEntry Entry)? shared = null;
        var oldest = wanted == Certainty.UpToDate ? probe.ToolCalls.Count - 1 : 0;
        for (var i = probe.ToolCalls.Count - 1; i >= Math.Max(0, oldest); i--)
        {
            var entries = Entries(call, probe.ToolCalls[i], CorrelationKind.ToolCall);
            if (entries.Count > 0)
            {
                var sharers = entries.Select(e => e.TaskId).ToHashSet(StringComparer.Ordinal);
                for (var depth = probe.AssistantChains.Count - 2; depth >= 0; depth--)
                {
                    if (Choose(call, [.. Entries(call, probe.AssistantChains[depth], CorrelationKind.Chain).Where(e => sharers.Contains(e.TaskId))]) is { } deepest)
                    {
                        return Continue(deepest);
                    }
                }

                if (sharers.Count == 1 && Choose(call, entries) is { } byCall)
                {
                    return Continue(byCall);
                }

                shared ??= Choose(call, entries);
            }
        }

        // d. The last assistant turn is a recorded answer, though what stands before it was rewritten.
        if (Choose(call, SameSession(call, Entries(call, probe.LastTurn, CorrelationKind.Turn))) is { } byTurn)
        {
            return Continue(byTurn);
        }

        if (wanted != Certainty.Likely)
        {
            return null;
        }

        if (shared is { } latest)
        {
            return Continue(latest);
        }

        // e. An earlier part of the history was recorded; turns behind it were not, or came back changed.
        for (var depth = probe.AssistantChains.Count - 2; depth >= 0; depth--)
        {
            if (Choose(call, SameSession(call, Entries(call, probe.AssistantChains[depth], CorrelationKind.Chain))) is { } partly)
            {
                return Continue(partly);
            }
        }

        // f. The history goes on from a recorded call, behind an answer that came back changed (some clients give tool
        //    calls ids of their own), that was cut off or could not be read: nobody else continued that call.
        for (var i = probe.RequestChains.Count - 1; i >= 0; i--)
        {
            var unextended = Entries(call, probe.RequestChains[i], CorrelationKind.Request)
                .Where(e => index.Find(call.Tenant, e.TaskId) is { IsUnderWay: false } task && task.LastStep == e.StepIndex)
                .ToList();
            if (Choose(call, SameSession(call, unextended)) is { } changed)
            {
                return (changed.Task, changed.Task.LastEndedTurn || !changed.Task.LastReadable || !changed.Task.LastAnswered);
            }
        }

        // g. A compacted history: its first message is the summary that a recorded answer gave.
        foreach (var summary in probe.Summaries)
        {
            if (Choose(call, Entries(call, summary, CorrelationKind.Turn)) is { } compacted)
            {
                return (compacted.Task, false);
            }
        }

        // h. None of its answers was recorded, but the call itself was: it is sent again.
        return Repeated(call, probe.Whole, conversationId: null) is { } again ? (again, false) : null;

        // Only the task's latest answer can have ended a turn that this call goes on from.
        static (OpenTask Task, bool TurnEnded) Continue((OpenTask Task, CorrelationEntry Entry) found) =>
            (found.Task, found.Task.LastEndedTurn && found.Entry.StepIndex == found.Task.LastStep);
    }

    /// <summary>Entries of a key and a kind.</summary>
    public List<CorrelationEntry> Entries(IncomingCall call, TurnKey key, CorrelationKind kind) =>
        [.. index.Find(call.Tenant, key).Where(e => e.Kind == kind)];

    private List<CorrelationEntry> SameSession(IncomingCall call, List<CorrelationEntry> entries) =>
        [.. entries.Where(e => index.Find(call.Tenant, e.TaskId) is { } task && (task.SessionId is null || call.SessionId is null || task.SessionId == call.SessionId))];

    /// <summary>Of several tasks with the same words those alone that gave out an id which the history holds, if there are any.</summary>
    private List<CorrelationEntry> SameIds(IncomingCall call, HistoryProbe probe, List<CorrelationEntry> entries)
    {
        if (entries.Count < 2 || entries.TrueForAll(e => e.TaskId == entries[0].TaskId))
        {
            return entries;
        }

        for (var i = probe.ToolCalls.Count - 1; i >= 0; i--)
        {
            var givers = Entries(call, probe.ToolCalls[i], CorrelationKind.ToolCall).Select(e => e.TaskId).ToHashSet(StringComparer.Ordinal);
            if (entries.FindAll(e => givers.Contains(e.TaskId)) is { Count: > 0 } same)
            {
                return same;
            }
        }

        return entries;
    }

    /// <summary>Whether an answer gave ids out of which the history holds none, though it holds others.</summary>
    private bool GaveOthers((OpenTask Task, CorrelationEntry Entry) answer, HistoryProbe probe)
    {
        var given = index.ToolCalls(answer.Task, answer.Entry.StepIndex).ToList();
        return given.Count > 0 && probe.HasToolCalls && !probe.HoldsAny(given);
    }

    /// <summary>Of several tasks that a key leads to: those of the call's session first, then of its model, frame and kind of answer, then those that nobody continued yet, then the most recent.</summary>
    private (OpenTask Task, CorrelationEntry Entry)? Choose(IncomingCall call, IReadOnlyList<CorrelationEntry> entries)
    {
        (OpenTask Task, CorrelationEntry Entry)? best = null;
        (bool Session, bool Model, (int Tools, int Prompt) Frame, bool Stream, bool Unextended, DateTimeOffset At) rank = default;
        foreach (var entry in entries)
        {
            if (index.Find(call.Tenant, entry.TaskId) is not { } task)
            {
                continue;
            }

            var own = (task.SessionId == call.SessionId, task.Model is null || task.Model == call.Reading.Model, RequestFingerprint.Likeness(task.Frame, call.Frame), task.Stream == call.Reading.Stream, entry.StepIndex == task.LastStep && !task.IsContinued, entry.At);
            if (best is null || own.CompareTo(rank) > 0)
            {
                (best, rank) = ((task, entry), own);
            }
        }

        return best;
    }
}
