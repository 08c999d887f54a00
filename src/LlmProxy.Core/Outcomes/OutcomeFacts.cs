namespace LlmProxy.Core.Outcomes;

/// <summary>Another trajectory whose outcome is known, as signals compare with it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Succeeded">Whether it succeeded.</param>
/// <param name="Similarity">Cosine of the two tasks, 0 to 1.</param>
/// <param name="Outline">Its outline.</param>
public sealed record NearTrajectory(string Id, bool Succeeded, double Similarity, TrajectoryOutline Outline);

/// <summary>All that outcome signals read of a trajectory.</summary>
public sealed record OutcomeFacts
{
    /// <summary>What the trajectory did.</summary>
    public required TrajectoryOutline Outline { get; init; }

    /// <summary>Its first user text.</summary>
    public string Task { get; init; } = "";

    /// <summary>The user's next message in the conversation, or null.</summary>
    public string? NextUserText { get; init; }

    /// <summary>Trajectories of other tasks with a known outcome, the nearest first.</summary>
    public IReadOnlyList<NearTrajectory> Near { get; init; } = [];
}

/// <summary>Reads one kind of evidence.</summary>
public interface IOutcomeSignal
{
    /// <summary>Its name in evidence and weights.</summary>
    string Name { get; }

    /// <summary>How strongly the facts speak for success (positive) or failure (negative), in the signal's own unit, and what it rests on; null if they say nothing.</summary>
    (double Value, string Text)? Read(OutcomeFacts facts);
}
