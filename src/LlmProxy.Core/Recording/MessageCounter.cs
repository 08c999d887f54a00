namespace LlmProxy.Core.Recording;

/// <summary>What new messages add to a run.</summary>
internal readonly record struct MessageCounts(int Failed, int Clicks, int Hits, int Interventions)
{
    /// <summary>The run's row with these counts.</summary>
    public Trajectory AddTo(Trajectory row) => row with
    {
        FailedToolResults = row.FailedToolResults + Failed,
        ClicksTotal = row.ClicksTotal + Clicks,
        ClicksHit = row.ClicksHit + Hits,
        UserInterventions = row.UserInterventions + Interventions,
    };
}

/// <summary>Counts failed results, clicks and interventions in new messages.</summary>
internal static class MessageCounter
{
    /// <summary>Counts, and remembers in the run which results were counted.</summary>
    public static MessageCounts Count(TrajectoryState run, IEnumerable<ConversationMessage> messages, TaskRules rules)
    {
        var counts = default(MessageCounts);
        var inEpisode = false;
        foreach (var message in messages)
        {
            if (message.IsAssistant)
            {
                inEpisode = false;
                continue;
            }

            foreach (var result in message.ToolResults)
            {
                counts = Add(counts, run, result, rules);
            }

            // Some clients join an intervention with the results before it in one message.
            if (rules.IsIntervention(message.Text))
            {
                counts = inEpisode ? counts : counts with { Interventions = counts.Interventions + 1 };
                inEpisode = true;
            }
        }

        return counts;
    }

    private static MessageCounts Add(MessageCounts counts, TrajectoryState run, ToolResult result, TaskRules rules)
    {
        // A result that comes again, in a history that was rewritten, counts once. Gemini has no call ids: its results
        // carry the function's name, which comes again and again.
        if (!run.Answer(result.Id) && run.Calls.ContainsKey(result.Id))
        {
            return counts;
        }

        var failed = rules.IsFailure(result);
        var click = rules.IsClick(run.Calls.GetValueOrDefault(result.Id, result.Id)) && !rules.IsGuard(result);
        return counts with
        {
            Failed = counts.Failed + (failed ? 1 : 0),
            Clicks = counts.Clicks + (click ? 1 : 0),
            Hits = counts.Hits + (click && rules.IsHit(result) ? 1 : 0),
        };
    }
}
