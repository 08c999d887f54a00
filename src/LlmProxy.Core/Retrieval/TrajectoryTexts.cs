namespace LlmProxy.Core.Retrieval;

/// <summary>A model and the length of its vectors: only vectors that agree in both can be compared.</summary>
/// <param name="Model">The model.</param>
/// <param name="Dimensions">The length.</param>
public sealed record VectorKind(string Model, int Dimensions);

/// <summary>Which runs' texts to list.</summary>
/// <param name="Tenant">The tenant that owns the trajectories.</param>
/// <param name="Limit">The largest number of runs.</param>
public sealed record TrajectoryTextsQuery(string Tenant, int Limit)
{
    /// <summary>Only runs that lack a vector of their task of one of these; empty for all runs.</summary>
    public IReadOnlyList<VectorKind> Lacking { get; init; } = [];

    /// <summary>Only rows after this one.</summary>
    public long AfterRow { get; init; }
}

/// <summary>A run and the texts of its vectors.</summary>
/// <param name="Row">The store's own number, after which the next listing starts.</param>
/// <param name="Run">The run.</param>
/// <param name="Texts">Kind and text of the vectors that it has; empty where it has none.</param>
public sealed record TrajectoryTexts(long Row, Trajectory Run, IReadOnlyDictionary<string, string> Texts);

/// <summary>Vectors for a stored run.</summary>
/// <param name="TrajectoryId">The run.</param>
/// <param name="TaskDescription">Its task when it was read.</param>
/// <param name="Embeddings">The vectors.</param>
public sealed record TrajectoryEmbeddings(string TrajectoryId, string TaskDescription, IReadOnlyList<TrajectoryEmbedding> Embeddings);
