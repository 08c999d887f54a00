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
        if (context.ChooseFirst(context.Probe.Summaries, CorrelationKind.Turn) is { } whole && (IsSideCall(whole) || context.Call.Reading.IsContinuation))
        {
            return Match(whole);
        }

        var entries = context.Probe.SummaryLines.SelectMany(line => context.SameSession(context.Entries(line, CorrelationKind.Turn))).ToList();
        var shared = entries.GroupBy(e => e.TaskId, StringComparer.Ordinal).Where(task => task.Count() >= SharedLines).SelectMany(task => task).ToList();
        return context.Choose(shared) is { } found ? Match(found) : null;
    }

    // A compaction that is a side call is no turn of the task.
    private static TaskMatch Match(Candidate found) => new(found.Task, IsSideCall(found) && found.Task.LastEndedTurn);

    private static bool IsSideCall(Candidate found) => found.Entry.StepIndex == 0;
}
