using System.Globalization;

namespace LlmProxy.Core.Outcomes;

/// <summary>How often the nearest tasks succeeded: a task is about as hard as those that are like it.</summary>
internal sealed class SimilarTasksSignal : IOutcomeSignal
{
    /// <summary>How many tasks are counted.</summary>
    public const int Count = 20;

    public string Name => "similar_tasks";

    public (double Value, string Text)? Read(OutcomeFacts facts)
    {
        var near = facts.Near.Take(Count).ToList();
        var weights = near.Sum(n => n.Similarity);
        if (near.Count < 8 || weights <= 0)
        {
            return null;
        }

        var share = near.Where(n => n.Succeeded).Sum(n => n.Similarity) / weights;
        return (share - 0.5, string.Create(CultureInfo.InvariantCulture, $"{near.Count(n => n.Succeeded)} of the {near.Count} nearest tasks with a known outcome succeeded."));
    }
}
