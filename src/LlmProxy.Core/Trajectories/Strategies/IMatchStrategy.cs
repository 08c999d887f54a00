namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>How sure a match has to be.</summary>
internal enum Certainty
{
    /// <summary>By the response that the call continues: no other process can have given a later one.</summary>
    UpToDate,
    /// <summary>By something that only this task can have given out, though perhaps not lately.</summary>
    Sure,
    /// <summary>Best effort: accept the highest-ranked candidate.</summary>
    Likely,
}

/// <summary>The task that a call continues.</summary>
/// <param name="Task">The task.</param>
/// <param name="TurnEnded">Whether the call comes after a turn that had ended.</param>
internal readonly record struct TaskMatch(OpenTask Task, bool TurnEnded);

/// <summary>A task that a key leads to.</summary>
/// <param name="Task">The task.</param>
/// <param name="Entry">What is known of it under the key.</param>
internal readonly record struct Candidate(OpenTask Task, CorrelationEntry Entry)
{
    /// <summary>The candidate as the match. Only the task's latest response can have ended a turn that the call continues; a side call (a compaction) is no turn.</summary>
    public TaskMatch Continue() => new(Task, Task.LastEndedTurn && (Entry.StepIndex == 0 || Entry.StepIndex == Task.LastStep));
}

/// <summary>One way to find the task that a call continues.</summary>
internal interface IMatchStrategy
{
    /// <summary>The task, or null if this strategy finds none.</summary>
    TaskMatch? Find(MatchContext context);
}
