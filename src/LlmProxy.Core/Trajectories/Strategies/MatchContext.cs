namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>A call that looks for its task among those that the index knows. Used under the correlator's lock.</summary>
/// <param name="index">Open tasks and keys.</param>
/// <param name="call">The call.</param>
/// <param name="probe">The keys of its history.</param>
/// <param name="wanted">How sure a match has to be.</param>
internal sealed class MatchContext(CorrelationIndex index, IncomingCall call, CorrelationKeys probe, Certainty wanted)
{
    public IncomingCall Call => call;

    public CorrelationKeys Probe => probe;

    public Certainty Wanted => wanted;

    /// <summary>Entries of a key and a kind.</summary>
    public List<CorrelationEntry> Entries(TurnKey key, CorrelationKind kind) => index.Find(call.Tenant, key, kind);

    /// <summary>The task of an entry, or null if it is not in memory.</summary>
    public OpenTask? TaskOf(CorrelationEntry entry) => index.Find(call.Tenant, entry.TaskId);

    /// <summary>Keys of the tool-call ids that a response gave out.</summary>
    public IReadOnlyCollection<TurnKey> ToolCallsOf(Candidate answer) => [.. index.ToolCalls(answer.Task, answer.Entry.StepIndex)];

    /// <summary>Those entries whose task is not one of another session.</summary>
    public List<CorrelationEntry> SameSession(List<CorrelationEntry> entries) =>
        [.. entries.Where(e => TaskOf(e) is { } task && (task.SessionId is null || call.SessionId is null || task.SessionId == call.SessionId))];

    /// <summary>The candidate of the first key that leads to one, or null.</summary>
    public Candidate? ChooseFirst(IEnumerable<TurnKey> keys, CorrelationKind kind) =>
        keys.Select(key => Choose(Entries(key, kind))).FirstOrDefault(found => found is not null);

    /// <summary>
    /// Of several tasks that a key leads to: those of the call's session first, then of its model, frame and kind of
    /// response, then those that no call continued yet, then the one whose last call had the most headers in common with
    /// this one (agents that do the same have headers of their own at most), then the most recent.
    /// </summary>
    public Candidate? Choose(IReadOnlyList<CorrelationEntry> entries)
    {
        Candidate? best = null;
        (bool Session, bool Model, (int Tools, int Prompt) Frame, bool Stream, bool Unextended, int Headers, DateTimeOffset At) rank = default;
        foreach (var entry in entries)
        {
            if (TaskOf(entry) is not { } task)
            {
                continue;
            }

            var own = (task.SessionId == call.SessionId, task.Model is null || task.Model == call.Reading.Model, RequestFingerprint.Likeness(task.Frame, call.Frame), task.Stream == call.Reading.Stream, entry.StepIndex == task.LastStep && !task.IsContinued, entries.Count > 1 ? task.Headers.InCommon(call.Headers) : 0, entry.At);
            if (best is null || own.CompareTo(rank) > 0)
            {
                (best, rank) = (new Candidate(task, entry), own);
            }
        }

        return best;
    }
}
