namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>The last assistant turn is a recorded response, though the history before it was rewritten.</summary>
internal sealed class LastTurnStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context) =>
        context.Choose(context.SameSession(context.Entries(context.Probe.LastTurn, CorrelationKind.Turn)))?.Continue();
}
