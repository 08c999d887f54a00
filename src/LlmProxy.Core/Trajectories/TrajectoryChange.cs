namespace LlmProxy.Core.Trajectories;

/// <summary>Everything that changed in one run, to be saved at once.</summary>
public sealed record TrajectoryChange
{
    /// <summary>The run's row as it is now.</summary>
    public required Trajectory Trajectory { get; init; }

    /// <summary>Steps that are new or changed.</summary>
    public IReadOnlyList<TrajectoryStep> Steps { get; init; } = [];

    /// <summary>Content that the steps refer to.</summary>
    public IReadOnlyList<Content> Contents { get; init; } = [];

    /// <summary>
    /// Exchanges that took effect without a step of their own (side calls, retries). Those of <see cref="Steps"/> need
    /// not be named; both kinds stay known after a step was replaced or the run's content was dropped.
    /// </summary>
    public IReadOnlyList<string> Exchanges { get; init; } = [];

    /// <summary>Correlation keys of the run; their task is the run's.</summary>
    public IReadOnlyList<CorrelationEntry> Keys { get; init; } = [];

    /// <summary>Vectors of the run.</summary>
    public IReadOnlyList<TrajectoryEmbedding> Embeddings { get; init; } = [];

    /// <summary>The outline as it is now; null leaves the stored one.</summary>
    public TrajectoryOutline? Outline { get; init; }
}

/// <summary>A vector of a run.</summary>
/// <param name="Model">Embedder and model, such as <c>lexical-1</c> or <c>text-embedding-3-small</c>; with the dimension part of the key.</param>
/// <param name="Kind">Which text was embedded: <c>task</c>, or another name.</param>
/// <param name="Vector">The vector, of length 1.</param>
/// <param name="Text">The text that was embedded.</param>
public sealed record TrajectoryEmbedding(string Model, string Kind, float[] Vector, string Text);
