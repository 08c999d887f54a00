namespace LlmProxy.Core.Retrieval;

/// <summary>Which runs to search.</summary>
/// <param name="Tenant">The tenant that owns the trajectories.</param>
/// <param name="Model">Model of the vectors.</param>
/// <param name="Vector">The vector to be near to.</param>
/// <param name="Text">The text for full-text search; empty for none.</param>
/// <param name="Limit">The largest number of hits of each kind.</param>
public sealed record SearchQuery(string Tenant, string Model, float[] Vector, string Text, int Limit)
{
    /// <summary>A second vector, of another model, to be near to as well; null for none.</summary>
    public SearchVector? Second { get; init; }

    /// <summary>Only runs of these providers; empty for all.</summary>
    public IReadOnlyList<string> Providers { get; init; } = [];

    /// <summary>Only trajectories whose outcome was stated or judged, successes and failures.</summary>
    public bool KnownOutcomes { get; init; }

    /// <summary>Only trajectories that succeeded, or probably did so and have a score.</summary>
    public bool SuccessOnly { get; init; } = true;

    /// <summary>Only runs with at least this score; null for all, unscored ones included.</summary>
    public double? MinQuality { get; init; }

    /// <summary>Only runs of this project; null for all.</summary>
    public string? Project { get; init; }

    /// <summary>Leave out runs that one of these keys took part in (<see cref="Trajectory.KeyNames"/>): their runs may not teach.</summary>
    public IReadOnlyList<string> ExceptKeys { get; init; } = [];

    /// <summary>Leave out runs whose example was retired.</summary>
    public bool WithoutRetired { get; init; } = true;

    /// <summary>Leave out runs that cannot become an example: those under way, cancelled, or without content.</summary>
    public bool OnlyUsable { get; init; } = true;
}

/// <summary>A vector to be near to.</summary>
/// <param name="Model">The model that made it; it is compared with vectors of that model alone.</param>
/// <param name="Vector">The vector.</param>
public sealed record SearchVector(string Model, float[] Vector);

/// <summary>A run that was found.</summary>
/// <param name="Trajectory">The run.</param>
/// <param name="Similarity">Cosine of the query's vector and the nearest of the run's vectors of that model; for a full-text hit without such a vector, null.</param>
/// <param name="VectorRank">Rank among the vector hits from 1, or null.</param>
/// <param name="TextRank">Rank among the full-text hits from 1, or null.</param>
public sealed record SearchHit(Trajectory Trajectory, double? Similarity, int? VectorRank, int? TextRank)
{
    /// <summary>Cosine to <see cref="SearchQuery.Second"/>; null without one, or if the run has no vector of its model.</summary>
    public double? SecondSimilarity { get; init; }
}
