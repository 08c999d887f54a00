namespace LlmProxy.Core.Experiments;

/// <summary>A curated example: one row of <c>few_shot_example</c>.</summary>
/// <param name="TrajectoryId">Its run.</param>
/// <param name="TaskDescription">Its task.</param>
/// <param name="QualityScore">Its score.</param>
/// <param name="Pinned">Kept before others.</param>
/// <param name="Retired">Never used again.</param>
/// <param name="EditedJson">An edited example in place of the condensed one, or null.</param>
/// <param name="UsageCount">How often it was put into a task's prompt.</param>
/// <param name="LastUsedAt">When last.</param>
public sealed record FewShotExampleRow(
    string TrajectoryId,
    string TaskDescription,
    double? QualityScore,
    bool Pinned,
    bool Retired,
    string? EditedJson,
    long UsageCount,
    DateTimeOffset? LastUsedAt)
{
    /// <summary>Number of tasks with it that were stated to be a success.</summary>
    public long StatedSuccesses { get; init; }

    /// <summary>Number of tasks with it that were stated to be a failure.</summary>
    public long StatedFailures { get; init; }

    /// <summary>Type of the task; null without one. It belongs to the trajectory and is not saved with this row.</summary>
    public string? TaskType { get; init; }
}
