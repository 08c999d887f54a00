namespace LlmProxy.Core.Recording;

/// <summary>What became of an item of a task's queue.</summary>
/// <param name="Queue">Its task.</param>
/// <param name="Item">The item.</param>
/// <param name="Change">What is to be saved, or null.</param>
/// <param name="Row">The run as it is then, or null if there is none.</param>
/// <param name="Drop">Whether the store has to drop the run's content.</param>
internal sealed record TrajectoryUpdate(TaskQueue Queue, WorkItem Item, TrajectoryChange? Change, Trajectory? Row, bool Drop)
{
    /// <summary>Whether the run is to be deleted with all that was made from it.</summary>
    public bool IsDeleted { get; init; }
}
