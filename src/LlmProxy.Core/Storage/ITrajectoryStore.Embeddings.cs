using LlmProxy.Core.Trajectories;

namespace LlmProxy.Core.Storage;

/// <content>Making the vectors of runs that are stored already.</content>
public partial interface ITrajectoryStore
{
    /// <summary>Ended runs with content and a task, oldest row first, with the texts that their vectors stand for.</summary>
    Task<IReadOnlyList<RunTexts>> ListRunTextsAsync(RunTextsQuery query, CancellationToken cancellationToken);

    /// <summary>How many runs <see cref="ListRunTextsAsync"/> would give without a limit.</summary>
    Task<long> CountRunTextsAsync(RunTextsQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Saves vectors of stored runs in one transaction and leaves the runs' rows as they are. A run that is gone, has
    /// lost its content, or has got another task since it was read, is passed over. Returns the number of the others.
    /// </summary>
    Task<int> SaveEmbeddingsAsync(string tenant, IReadOnlyList<RunEmbeddings> runs, CancellationToken cancellationToken);

    /// <summary>Removes a tenant's vectors of all other models, in batches. Returns their number.</summary>
    Task<int> RemoveOtherEmbeddingsAsync(string tenant, IReadOnlyList<VectorKind> kept, CancellationToken cancellationToken);

    /// <summary>How far a long piece of work has come, as it was noted last; null where nothing is under way.</summary>
    Task<string?> ReadProgressAsync(string name, CancellationToken cancellationToken);

    /// <summary>Notes how far a long piece of work has come; null when it is done.</summary>
    Task SaveProgressAsync(string name, string? value, CancellationToken cancellationToken);
}

/// <summary>A model and the length of its vectors: only vectors that agree in both can be compared.</summary>
/// <param name="Model">The model.</param>
/// <param name="Dimensions">The length.</param>
public sealed record VectorKind(string Model, int Dimensions);

/// <summary>Which runs' texts to list.</summary>
/// <param name="Tenant">Whose.</param>
/// <param name="Limit">At most so many.</param>
public sealed record RunTextsQuery(string Tenant, int Limit)
{
    /// <summary>Only runs that lack a vector of their task of one of these; empty for all runs.</summary>
    public IReadOnlyList<VectorKind> Lacking { get; init; } = [];

    /// <summary>Only rows behind this one.</summary>
    public long AfterRow { get; init; }
}

/// <summary>A run and the texts that its vectors stand for.</summary>
/// <param name="Row">The store's own number, by which a listing goes on.</param>
/// <param name="Run">The run.</param>
/// <param name="Texts">Kind and text of the vectors that it has; empty where it has none.</param>
public sealed record RunTexts(long Row, Trajectory Run, IReadOnlyDictionary<string, string> Texts);

/// <summary>Vectors for a stored run.</summary>
/// <param name="TrajectoryId">The run.</param>
/// <param name="TaskDescription">Its task when it was read.</param>
/// <param name="Embeddings">The vectors.</param>
public sealed record RunEmbeddings(string TrajectoryId, string TaskDescription, IReadOnlyList<TrajectoryEmbedding> Embeddings);
