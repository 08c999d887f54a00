namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>
/// A recorded response gave out a tool-call id of the history: the latest known one decides, the longest common chain
/// among the tasks that share it. Some servers give the same ids out again and again (call_0): if several tasks share
/// an id and no chain, the id does not decide.
/// </summary>
internal sealed class ToolCallStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context)
    {
        var ids = context.Probe.ToolCalls;
        var oldest = context.Wanted == Certainty.UpToDate ? ids.Count - 1 : 0;
        for (var i = ids.Count - 1; i >= Math.Max(0, oldest); i--)
        {
            if (FindBy(context, context.Entries(ids[i], CorrelationKind.ToolCall)) is { } found)
            {
                return found.Continue();
            }
        }

        return null;
    }

    private static Candidate? FindBy(MatchContext context, List<CorrelationEntry> entries)
    {
        if (entries.Count == 0)
        {
            return null;
        }

        var sharers = entries.Select(e => e.TaskId).ToHashSet(StringComparer.Ordinal);
        var chains = context.Probe.AssistantChains;
        for (var depth = chains.Count - 2; depth >= 0; depth--)
        {
            if (context.Choose([.. context.Entries(chains[depth], CorrelationKind.Chain).Where(e => sharers.Contains(e.TaskId))]) is { } deepest)
            {
                // The chain says which task; its response that gave out the id may be a later one, whose chain is not known
                // because the server kept the history then.
                return entries.FindAll(e => e.TaskId == deepest.Task.TaskId && e.StepIndex > deepest.Entry.StepIndex) is [var later] ? deepest with { Entry = later } : deepest;
            }
        }

        return sharers.Count == 1 ? context.Choose(entries) : null;
    }
}
