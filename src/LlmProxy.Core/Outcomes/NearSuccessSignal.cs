using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Outcomes;

/// <summary>
/// Compares the calls that change something with those of the nearest successful trajectories of other tasks: the share
/// of what most of them did that is missing here.
/// </summary>
internal sealed class NearSuccessSignal : IOutcomeSignal
{
    /// <summary>How many successful trajectories are compared.</summary>
    public const int Count = 8;

    public string Name => "near_successes";

    public (double Value, string Text)? Read(OutcomeFacts facts)
    {
        var near = facts.Near.Where(n => n.Succeeded).Take(Count).ToList();
        var weights = near.Sum(n => n.Similarity);
        if (near.Count < 3 || weights <= 0)
        {
            return null;
        }

        var expected = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var one in near)
        {
            foreach (var tool in Changes(one.Outline))
            {
                expected[tool] = expected.GetValueOrDefault(tool) + (one.Similarity / weights);
            }
        }

        var mine = Changes(facts.Outline);
        var missing = expected.Where(e => !mine.Contains(e.Key)).OrderByDescending(e => e.Value).ToList();
        var usual = missing.Where(m => m.Value >= 0.25).Select(m => m.Key).Take(3).ToList();
        return (-missing.Sum(m => m.Value), usual.Count == 0
            ? $"It did what the {near.Count} nearest successful trajectories did."
            : $"The {near.Count} nearest successful trajectories called {string.Join(", ", usual)}; this one did not.");
    }

    /// <summary>The tools that changed something, without those whose every call failed.</summary>
    internal static HashSet<string> Changes(TrajectoryOutline outline) =>
        outline.Calls.Where(c => c.Result != CallResult.Failed && !ToolNames.IsObservation(c.Tool)).Select(c => ToolNames.Key(c.Tool)).ToHashSet(StringComparer.Ordinal);
}
