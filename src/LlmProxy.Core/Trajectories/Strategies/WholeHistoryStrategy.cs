namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>
/// The whole history up to its last assistant turn was recorded. If another process may have given the same response to
/// the same words, the task is this one only with its ids.
/// </summary>
internal sealed class WholeHistoryStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context)
    {
        if (context.Probe.AssistantChains.Count == 0
            || context.Choose(SameIds(context, context.Entries(context.Probe.AssistantChains[^1], CorrelationKind.Chain))) is not { } found
            || (context.Wanted == Certainty.UpToDate && GaveOthers(context, found)))
        {
            return null;
        }

        return found.Continue();
    }

    /// <summary>Of several tasks with the same words only those that gave out an id which the history holds, if there are any.</summary>
    private static List<CorrelationEntry> SameIds(MatchContext context, List<CorrelationEntry> entries)
    {
        if (entries.Count < 2 || entries.TrueForAll(e => e.TaskId == entries[0].TaskId))
        {
            return entries;
        }

        for (var i = context.Probe.ToolCalls.Count - 1; i >= 0; i--)
        {
            var givers = context.Entries(context.Probe.ToolCalls[i], CorrelationKind.ToolCall).Select(e => e.TaskId).ToHashSet(StringComparer.Ordinal);
            if (entries.FindAll(e => givers.Contains(e.TaskId)) is { Count: > 0 } same)
            {
                return same;
            }
        }

        return entries;
    }

    /// <summary>Whether a response gave out ids of which the history holds none, though it holds others.</summary>
    private static bool GaveOthers(MatchContext context, Candidate answer)
    {
        var given = context.ToolCallsOf(answer);
        return given.Count > 0 && context.Probe.HasToolCalls && !context.Probe.HoldsAny(given);
    }
}
