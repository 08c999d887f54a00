namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>A compacted history: its first message is the summary that a recorded answer gave.</summary>
internal sealed class SummaryStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context)
    {
        foreach (var summary in context.Probe.Summaries)
        {
            if (context.Choose(context.Entries(summary, CorrelationKind.Turn)) is { } found)
            {
                return new TaskMatch(found.Task, TurnEnded: false);
            }
        }

        return null;
    }
}
