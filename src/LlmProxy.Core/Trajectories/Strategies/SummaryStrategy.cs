namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>
/// A compacted history: it holds the summary that a recorded response gave. Clients take the summary's tags away and put
/// sentences around it, so its lines are compared.
/// </summary>
internal sealed class SummaryStrategy : IMatchStrategy
{
    // Two summaries can share a heading or two.
    private const int SharedLines = 3;

    public TaskMatch? Find(MatchContext context)
    {
        if (context.ChooseFirst(context.Probe.Summaries, CorrelationKind.Turn) is { } whole)
        {
            return Match(whole.Task);
        }

        var entries = context.Probe.SummaryLines.SelectMany(line => context.SameSession(context.Entries(line, CorrelationKind.Turn))).ToList();
        var shared = entries.GroupBy(e => e.TaskId, StringComparer.Ordinal).Where(task => task.Count() >= SharedLines).SelectMany(task => task).ToList();
        return context.Choose(shared) is { } found ? Match(found.Task) : null;
    }

    // The compaction is no turn of the task.
    private static TaskMatch Match(OpenTask task) => new(task, task.LastEndedTurn);
}
