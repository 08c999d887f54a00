namespace LlmProxy.Core.Retrieval;

/// <summary>Makes vectors of stored runs anew: lists their texts, takes their vectors, remembers the progress.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface IEmbeddingStore
{
    /// <summary>Ended runs with content and a task, oldest row first, with the texts of their vectors.</summary>
    Task<IReadOnlyList<TrajectoryTexts>> ListRunTextsAsync(TrajectoryTextsQuery query, CancellationToken cancellationToken);

    /// <summary>How many runs <see cref="ListRunTextsAsync"/> would give without a limit.</summary>
    Task<long> CountRunTextsAsync(TrajectoryTextsQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Saves vectors of stored runs in one transaction and leaves the runs' rows as they are. A run that is gone, has
    /// lost its content, or has got another task since it was read, is passed over. Returns the number of the others.
    /// </summary>
    Task<int> SaveEmbeddingsAsync(string tenant, IReadOnlyList<TrajectoryEmbeddings> runs, CancellationToken cancellationToken);

    /// <summary>Removes a tenant's vectors of all other models, in batches. Returns their number.</summary>
    Task<int> RemoveOtherEmbeddingsAsync(string tenant, IReadOnlyList<VectorKind> kept, CancellationToken cancellationToken);

    /// <summary>The noted progress of a long job; null if none is under way.</summary>
    Task<string?> ReadProgressAsync(string name, CancellationToken cancellationToken);

    /// <summary>Notes the progress of a long job; null when it is done.</summary>
    Task SaveProgressAsync(string name, string? value, CancellationToken cancellationToken);
}
