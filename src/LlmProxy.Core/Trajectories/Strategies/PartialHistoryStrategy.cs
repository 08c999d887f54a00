namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>An earlier part of the history was recorded; turns after it were not, or came back changed.</summary>
internal sealed class PartialHistoryStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context)
    {
        var chains = context.Probe.AssistantChains;
        for (var depth = chains.Count - 2; depth >= 0; depth--)
        {
            if (context.Choose(context.SameSession(context.Entries(chains[depth], CorrelationKind.Chain))) is { } found)
            {
                return found.Continue();
            }
        }

        return null;
    }
}
