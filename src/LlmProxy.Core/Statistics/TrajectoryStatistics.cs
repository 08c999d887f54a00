namespace LlmProxy.Core.Statistics;

/// <summary>Numbers over a tenant's runs. Ended runs count (completed, failed, needs_help), those that keep their metrics alone included; rates are null where nothing can be divided.</summary>
public record TrajectoryStatistics
{
    /// <summary>Runs that ended; active and cancelled ones are left out.</summary>
    public long Total { get; init; }

    /// <summary>Active runs.</summary>
    public long Active { get; init; }

    /// <summary>Ended runs by provider.</summary>
    public IReadOnlyDictionary<string, long> ByProvider { get; init; } = new Dictionary<string, long>(StringComparer.Ordinal);

    /// <summary>Successful runs by ended runs whose success is known, 0 to 1.</summary>
    public double? SuccessRate { get; init; }

    /// <summary>How much of <see cref="SuccessRate"/> was stated or judged; the rest is what agents claim of themselves, and errors.</summary>
    public VerifiedStatistics Verified { get; init; } = new(0, 0, null, null);

    /// <summary>Runs whose success was inferred and not verified; they are not part of <see cref="SuccessRate"/>, the scores and the bands.</summary>
    public InferredStatistics Inferred { get; init; } = new(0, null, 0);

    /// <summary>Mean score, 0 to 1.</summary>
    public double? AverageQuality { get; init; }

    /// <summary>The short form.</summary>
    public StatisticsSummary Summary { get; init; } = new(0, 0, null);

    /// <summary>Numbers by provider and model.</summary>
    public IReadOnlyList<ModelStatistics> ByModel { get; init; } = [];

    /// <summary>Means.</summary>
    public AverageMetrics AverageMetrics { get; init; } = new(null, null, null, null, null, null, null, null, 0, 0);

    /// <summary>Scored runs by band.</summary>
    public QualityDistribution QualityDistribution { get; init; } = new(0, 0, 0, 0);

    /// <summary>Whether the tenant has enough good runs to train on, of whatever time and model: 100 that score at least <c>Quality:Threshold</c> and have their content.</summary>
    public bool TrainingReady { get; init; }

    /// <summary>Numbers by day or week, the latest hundred that have runs, oldest first; empty where none were asked for.</summary>
    public IReadOnlyList<IntervalStatistics> Intervals { get; init; } = [];

    /// <summary>The store's size.</summary>
    public StorageStatistics Storage { get; init; } = new(0, 0, 0, 0);
}

/// <summary>The short form of the numbers.</summary>
/// <param name="Total">Ended runs.</param>
/// <param name="Successful">Those that succeeded.</param>
/// <param name="SuccessRate">Successful runs by those whose success is known.</param>
public sealed record StatisticsSummary(long Total, long Successful, double? SuccessRate);

/// <summary>Runs whose outcome was stated by a person, CI or a caller, or judged.</summary>
/// <param name="Total">Number of runs.</param>
/// <param name="Successful">Those that succeeded.</param>
/// <param name="Share">Their share of the runs whose success is known.</param>
/// <param name="SuccessRate">Share of successes among them.</param>
public sealed record VerifiedStatistics(long Total, long Successful, double? Share, double? SuccessRate);

/// <summary>Runs whose success was inferred.</summary>
/// <param name="Total">Number of runs.</param>
/// <param name="MeanProbability">Mean probability of success.</param>
/// <param name="Scored">Those that are probable enough for a provisional score.</param>
public sealed record InferredStatistics(long Total, double? MeanProbability, long Scored);

/// <summary>Numbers of one provider's model.</summary>
/// <param name="Provider">The provider of the model.</param>
/// <param name="Model">The model.</param>
/// <param name="Total">Ended runs.</param>
/// <param name="Successful">Those that succeeded.</param>
/// <param name="SuccessRate">Successful runs by those whose success is known.</param>
/// <param name="AverageQuality">Mean score.</param>
/// <param name="AverageMetrics">Means.</param>
/// <param name="CostUsd">Sum of known costs; null where no cost is known.</param>
public sealed record ModelStatistics(
    string Provider,
    string Model,
    long Total,
    long Successful,
    double? SuccessRate,
    double? AverageQuality,
    AverageMetrics AverageMetrics,
    decimal? CostUsd);

/// <summary>Means over ended runs.</summary>
/// <param name="Iterations">Steps by run.</param>
/// <param name="ToolCalls">Tool calls by run.</param>
/// <param name="Tokens">Input and output tokens by run, of the runs whose tokens are known.</param>
/// <param name="ErrorRate">Failed tool results by tool calls.</param>
/// <param name="ClickAccuracy">Mean of the runs where one was stated or counted.</param>
/// <param name="InterventionRate">Interventions by run.</param>
/// <param name="TokensPerSuccess">Tokens of all runs whose tokens are known by the successful ones among them.</param>
/// <param name="CostPerSuccess">USD: costs of all runs whose cost is known by the successful ones among them.</param>
/// <param name="RunsWithoutTokens">Runs whose tokens are unknown; the means of tokens leave them out.</param>
/// <param name="RunsWithoutCost">Runs whose cost is unknown; the sums and means of costs leave them out.</param>
public sealed record AverageMetrics(
    double? Iterations,
    double? ToolCalls,
    double? Tokens,
    double? ErrorRate,
    double? ClickAccuracy,
    double? InterventionRate,
    double? TokensPerSuccess,
    decimal? CostPerSuccess,
    long RunsWithoutTokens,
    long RunsWithoutCost);

/// <summary>Number of scored runs by band.</summary>
/// <param name="Excellent">0.9 and up.</param>
/// <param name="Good">0.7 up to 0.9.</param>
/// <param name="Fair">0.5 up to 0.7.</param>
/// <param name="Poor">Below 0.5.</param>
public sealed record QualityDistribution(long Excellent, long Good, long Fair, long Poor);

/// <summary>Numbers of the runs that started in one day or week.</summary>
/// <param name="Start">When it starts, UTC.</param>
/// <param name="Total">Ended runs.</param>
/// <param name="Successful">Those that succeeded.</param>
/// <param name="SuccessRate">Successful runs by those whose success is known.</param>
/// <param name="AverageQuality">Mean score.</param>
/// <param name="Iterations">Steps by run.</param>
/// <param name="Tokens">Tokens by run, of the runs whose tokens are known.</param>
public sealed record IntervalStatistics(DateTime Start, long Total, long Successful, double? SuccessRate, double? AverageQuality, double? Iterations, double? Tokens);

/// <summary>The store's size.</summary>
/// <param name="Bytes">Size of the store; if it holds other tenants too, of the tenant's content and vectors.</param>
/// <param name="ContentBytes">Compressed content of the tenant's runs.</param>
/// <param name="Trajectories">The tenant's runs.</param>
/// <param name="Steps">Their stored steps.</param>
public sealed record StorageStatistics(long Bytes, long ContentBytes, long Trajectories, long Steps);
