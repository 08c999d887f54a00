using LlmProxy.Core.Trajectories.Strategies;

namespace LlmProxy.Core.Trajectories;

/// <summary>Finds the task that a history belongs to among those that the index knows. Called under the correlator's lock.</summary>
/// <param name="index">Open tasks and keys.</param>
internal sealed class TaskMatcher(CorrelationIndex index)
{
    /// <summary>The strategies in their order, each with the certainty from which it is tried.</summary>
    private static readonly (Certainty From, IMatchStrategy Strategy)[] Strategies =
    [
        (Certainty.UpToDate, new ServerIdStrategy()),
        (Certainty.UpToDate, new WholeHistoryStrategy()),
        (Certainty.UpToDate, new ToolCallStrategy()),
        (Certainty.UpToDate, new LastTurnStrategy()),
        (Certainty.Likely, new SharedIdStrategy()),
        (Certainty.Likely, new PartialHistoryStrategy()),
        (Certainty.Likely, new UnextendedRequestStrategy()),
        (Certainty.Likely, new SummaryStrategy()),
        (Certainty.Likely, new RepeatedRequestStrategy()),
    ];

    /// <summary>The task that a history belongs to; null if nothing is sure enough.</summary>
    public TaskMatch? Match(IncomingCall call, CorrelationKeys probe, Certainty wanted)
    {
        var context = new MatchContext(index, call, probe, wanted);
        foreach (var (from, strategy) in Strategies)
        {
            if (from > wanted)
            {
                break;
            }

            if (strategy.Find(context) is { } match)
            {
                return match;
            }
        }

        return null;
    }

    /// <summary>The task whose compaction gave the summary that a history holds, or null.</summary>
    public TaskMatch? Compacted(IncomingCall call, CorrelationKeys probe) => new SummaryStrategy().Find(new MatchContext(index, call, probe, Certainty.Likely));

    /// <summary>The task of a conversation whose latest call had this whole history, or null.</summary>
    public OpenTask? Repeated(IncomingCall call, CorrelationKeys probe, string conversationId) =>
        RepeatedRequestStrategy.FindTask(new MatchContext(index, call, probe, Certainty.Likely), conversationId);
}
