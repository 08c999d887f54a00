namespace LlmProxy.Core.Retrieval;

/// <summary>Finds recorded runs by vectors and words.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface ISearchStore
{
    /// <summary>
    /// Runs whose embedding of a model is nearest to a vector (cosine), best first, and full-text hits, each with its
    /// cosine similarity. Only runs that the filter lets through are considered.
    /// </summary>
    Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancellationToken);

    /// <summary>Document frequencies for the lexical embedder: number of documents, and for each given bucket in how many it occurs.</summary>
    Task<DocumentFrequencies> ReadDocumentFrequenciesAsync(string tenant, IReadOnlyCollection<int> buckets, CancellationToken cancellationToken);

    /// <summary>The tools of the latest trajectories of some projects, the latest first.</summary>
    Task<IReadOnlyList<ProjectTools>> ReadProjectToolsAsync(string tenant, IReadOnlyCollection<string> projects, int limit, CancellationToken cancellationToken);
}

/// <summary>What a trajectory of a project used.</summary>
/// <param name="Project">The project.</param>
/// <param name="StartedAt">When it started.</param>
/// <param name="Tools">Its tools.</param>
public sealed record ProjectTools(string Project, DateTimeOffset StartedAt, IReadOnlyList<string> Tools);
