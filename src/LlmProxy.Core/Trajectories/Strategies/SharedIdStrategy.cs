namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>Several tasks share a tool-call id of the history: the best of them, by the latest id.</summary>
internal sealed class SharedIdStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context)
    {
        var ids = context.Probe.ToolCalls;
        for (var i = ids.Count - 1; i >= 0; i--)
        {
            if (context.Choose(context.Entries(ids[i], CorrelationKind.ToolCall)) is { } found)
            {
                return found.Continue();
            }
        }

        return null;
    }
}
