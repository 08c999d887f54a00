namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>Several tasks share a tool-call id of the history: the best of them, by the latest id.</summary>
internal sealed class SharedIdStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context) => context.ChooseFirst(context.Probe.ToolCalls.Reverse(), CorrelationKind.ToolCall)?.Continue();
}
