using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace LlmProxy.Server.Api.Shapes;

/// <summary>What a search found.</summary>
/// <param name="Items">The runs, best first.</param>
/// <param name="LeftOut">Runs that were found and left out.</param>
/// <param name="FewShot">The section that a prompt would get; empty without runs.</param>
/// <param name="Threshold">The similarity threshold that was used.</param>
/// <param name="Embedder">The embedder's model that answered.</param>
public sealed record SearchShape(IReadOnlyList<SimilarShape> Items, IReadOnlyList<LeftOutShape> LeftOut, string FewShot, double Threshold, string Embedder);

/// <summary>A run that was found.</summary>
public sealed record SimilarShape(string TrajectoryId, string TaskDescription, double Similarity, double? QualityScore, int IterationCount, IReadOnlyList<string> ToolsUsed);

/// <summary>A run that was left out, and why.</summary>
public sealed record LeftOutShape(string TrajectoryId, string TaskDescription, double? Similarity, string Reason);

/// <summary>A curated example. Its id is its run's.</summary>
public sealed record ExampleShape(
    string Id,
    string TrajectoryId,
    string TaskDescription,
    double? QualityScore,
    bool Pinned,
    bool Retired,
    JsonNode? Edited,
    long UsageCount,
    DateTime? LastUsedAt,
    ExampleEvidenceShape Evidence);

/// <summary>What is known of an example from the tasks that used it.</summary>
/// <param name="Tasks">Ended tasks with it whose success is known, recorded and stated ones.</param>
/// <param name="Successes">Those that succeeded.</param>
/// <param name="Compared">Those that are compared with a holdout of the same model.</param>
/// <param name="Difference">Success rate with it less that of the holdout.</param>
/// <param name="ProbabilityOfHelp">How likely its tasks succeed more often.</param>
/// <param name="Finding"><c>helps</c>, <c>harms</c>, <c>undecided</c> or <c>too-few</c>.</param>
public sealed record ExampleEvidenceShape(long Tasks, long Successes, long Compared, double? Difference, double? ProbabilityOfHelp, string Finding);

/// <summary>What examples do for the success of tasks, by model.</summary>
/// <param name="Enabled">Whether new tasks take part.</param>
/// <param name="Models">The comparisons.</param>
/// <param name="Harmful">Examples that seem to harm, the surest first.</param>
public sealed record ExperimentsShape(bool Enabled, IReadOnlyList<ExperimentShape> Models, IReadOnlyList<HarmfulExampleShape> Harmful);

/// <summary>The arms of one model.</summary>
/// <param name="Provider">Whose model.</param>
/// <param name="Model">The model.</param>
/// <param name="WithExamples">Tasks that get examples.</param>
/// <param name="Holdout">Tasks that get none.</param>
/// <param name="Difference">Success rate with examples less without.</param>
/// <param name="Low">Lower end of its 95 % interval.</param>
/// <param name="High">Upper end.</param>
/// <param name="Finding"><c>helps</c>, <c>harms</c>, <c>undecided</c> or <c>too-few</c>.</param>
/// <param name="Verdict">The same in a sentence.</param>
public sealed record ExperimentShape(string Provider, string Model, ArmShape WithExamples, ArmShape Holdout, double? Difference, double Low, double High, string Finding, string Verdict);

/// <summary>One arm: judged tasks, and means over ended ones.</summary>
public sealed record ArmShape(long Tasks, long Successes, double? SuccessRate, double? Iterations, double? Interventions, double? Tokens, decimal? CostPerSuccess);

/// <summary>An example that seems to harm.</summary>
public sealed record HarmfulExampleShape(string TrajectoryId, ExampleEvidenceShape Evidence);

/// <summary>The vectors that a run has got.</summary>
/// <param name="TrajectoryId">The run.</param>
/// <param name="Models">Models of the vectors.</param>
public sealed record EmbeddingShape(string TrajectoryId, IReadOnlyList<string> Models);

/// <summary>What a cleanup did.</summary>
/// <param name="Deleted">Number of runs that were deleted, or would be.</param>
/// <param name="DryRun">Whether they were only counted.</param>
public sealed record CleanupShape(int Deleted, bool DryRun);

/// <summary>Numbers over all runs.</summary>
public sealed record StatisticsShape
{
    /// <summary>Runs that ended; active and cancelled ones are left out.</summary>
    public long Total { get; init; }

    /// <summary>Active runs.</summary>
    public long Active { get; init; }

    /// <summary>Ended runs by provider.</summary>
    public IReadOnlyDictionary<string, long> ByProvider { get; init; } = new Dictionary<string, long>(StringComparer.Ordinal);

    /// <summary>Successful runs by ended runs whose success is known.</summary>
    public double? SuccessRate { get; init; }

    /// <summary>Mean score.</summary>
    public double? AverageQuality { get; init; }

    /// <summary>The short form.</summary>
    public StatisticsSummary Summary { get; init; } = new(0, 0, null);

    /// <summary>Numbers by model.</summary>
    public IReadOnlyList<ModelStatisticsShape> ByModel { get; init; } = [];

    /// <summary>Means.</summary>
    public AverageMetrics AverageMetrics { get; init; } = new(null, null, null, null, null, null, null, null);

    /// <summary>Scored runs by band.</summary>
    public QualityDistribution QualityDistribution { get; init; } = new(0, 0, 0, 0);

    /// <summary>Whether there are enough good runs to train on: 100 at the threshold.</summary>
    public bool TrainingReady { get; init; }

    /// <summary>Numbers by day or week.</summary>
    public IReadOnlyList<IntervalStatistics> Intervals { get; init; } = [];

    /// <summary>What examples do for success; only where it is asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ExperimentsShape? Experiments { get; init; }

    /// <summary>The store's size.</summary>
    public StorageStatistics Storage { get; init; } = new(0, 0, 0, 0);
}

/// <summary>The short form of the numbers.</summary>
public sealed record StatisticsSummary(long Total, long Successful, double? SuccessRate);

/// <summary>Numbers of one model.</summary>
public sealed record ModelStatisticsShape(string Provider, string Model, long Total, long Successful, double? SuccessRate, double? AverageQuality, AverageMetrics AverageMetrics, decimal? CostUsd);

/// <summary>Means over runs.</summary>
public sealed record AverageMetrics(
    double? Iterations,
    double? ToolCalls,
    double? Tokens,
    double? ErrorRate,
    double? ClickAccuracy,
    double? InterventionRate,
    double? TokensPerSuccess,
    decimal? CostPerSuccess);

/// <summary>Scored runs by band: 0.9 and up, 0.7 and up, 0.5 and up, below.</summary>
public sealed record QualityDistribution(long Excellent, long Good, long Fair, long Poor);

/// <summary>Numbers of one day or week.</summary>
public sealed record IntervalStatistics(DateTime Start, long Total, long Successful, double? SuccessRate, double? AverageQuality, double? Iterations, double? Tokens);

/// <summary>The store's size.</summary>
public sealed record StorageStatistics(long Bytes, long ContentBytes, long Trajectories, long Steps);
