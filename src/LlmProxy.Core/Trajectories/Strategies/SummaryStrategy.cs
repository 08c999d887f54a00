namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>A compacted history: its first message is the summary that a recorded response gave.</summary>
internal sealed class SummaryStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context) =>
        context.ChooseFirst(context.Probe.Summaries, CorrelationKind.Turn) is { } found ? new TaskMatch(found.Task, TurnEnded: false) : null;
}
