using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using LlmProxy.Core.Statistics;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>What a search found.</summary>
/// <param name="Items">The runs, best first.</param>
/// <param name="LeftOut">Runs that were found and left out.</param>
/// <param name="FewShot">The section that a prompt would get; empty without runs.</param>
/// <param name="Threshold">The similarity threshold that was used.</param>
/// <param name="Embedder">The embedder's model that answered.</param>
public sealed record SearchResponse(IReadOnlyList<SimilarTrajectoryDto> Items, IReadOnlyList<LeftOutTrajectoryDto> LeftOut, string FewShot, double Threshold, string Embedder);

/// <summary>A run that was found.</summary>
public sealed record SimilarTrajectoryDto(string TrajectoryId, string TaskDescription, double Similarity, double? QualityScore, int IterationCount, IReadOnlyList<string> ToolsUsed);

/// <summary>A run that was left out, and why.</summary>
public sealed record LeftOutTrajectoryDto(string TrajectoryId, string TaskDescription, double? Similarity, string Reason);

/// <summary>A curated example. Its id is its run's.</summary>
public sealed record ExampleDto(
    string Id,
    string TrajectoryId,
    string TaskDescription,
    double? QualityScore,
    bool Pinned,
    bool Retired,
    JsonNode? Edited,
    long UsageCount,
    DateTime? LastUsedAt,
    ExampleEvidenceDto Evidence);

/// <summary>What is known of an example from the tasks that used it.</summary>
/// <param name="Tasks">Ended tasks with it whose success is known, recorded and stated ones.</param>
/// <param name="Successes">Those that succeeded.</param>
/// <param name="Compared">Those that are compared with a holdout of the same model.</param>
/// <param name="Difference">Success rate with it less that of the holdout.</param>
/// <param name="ProbabilityOfHelp">How likely its tasks succeed more often.</param>
/// <param name="Finding"><c>helps</c>, <c>harms</c>, <c>undecided</c> or <c>too-few</c>.</param>
public sealed record ExampleEvidenceDto(long Tasks, long Successes, long Compared, double? Difference, double? ProbabilityOfHelp, string Finding);

/// <summary>What examples do for the success of tasks, by model.</summary>
/// <param name="Enabled">Whether new tasks take part.</param>
/// <param name="Models">The comparisons.</param>
/// <param name="Harmful">Examples that seem to harm, the surest first.</param>
public sealed record ExperimentsDto(bool Enabled, IReadOnlyList<ExperimentDto> Models, IReadOnlyList<HarmfulExampleDto> Harmful);

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
public sealed record ExperimentDto(string Provider, string Model, ArmDto WithExamples, ArmDto Holdout, double? Difference, double Low, double High, string Finding, string Verdict);

/// <summary>One arm: judged tasks, and means over ended ones.</summary>
public sealed record ArmDto(long Tasks, long Successes, double? SuccessRate, double? Iterations, double? Interventions, double? Tokens, decimal? CostPerSuccess);

/// <summary>An example that seems to harm.</summary>
public sealed record HarmfulExampleDto(string TrajectoryId, ExampleEvidenceDto Evidence);

/// <summary>The vectors that a run has got.</summary>
/// <param name="TrajectoryId">The run.</param>
/// <param name="Models">Models of the vectors.</param>
public sealed record EmbeddingResponse(string TrajectoryId, IReadOnlyList<string> Models);

/// <summary>What a portion of embedding brought.</summary>
/// <param name="Model">The embedder's model.</param>
/// <param name="Dimensions">Length of its vectors.</param>
/// <param name="Total">How many runs there are to do, in the answer without a cursor; else null.</param>
/// <param name="Embedded">Runs that got their vectors.</param>
/// <param name="Failed">Runs whose text the embedder refused.</param>
/// <param name="Resumed">Whether an interrupted rebuild goes on.</param>
/// <param name="Removed">Vectors of other models that were removed.</param>
/// <param name="Stopped">Why nothing more was tried, or null.</param>
/// <param name="NextCursor">Where to go on; null at the end.</param>
public sealed record EmbedResponse(
    string Model, int Dimensions, long? Total, int Embedded, IReadOnlyList<EmbedFailureDto> Failed, bool Resumed, int Removed, string? Stopped, string? NextCursor);

/// <summary>A run that got no vector, and why.</summary>
public sealed record EmbedFailureDto(string TrajectoryId, string Reason);

/// <summary>What a cleanup did.</summary>
/// <param name="Deleted">Number of runs that were deleted, or would be.</param>
/// <param name="DryRun">Whether they were only counted.</param>
public sealed record CleanupResponse(int Deleted, bool DryRun);

/// <summary>Numbers over all runs, and what examples do for success where that is asked for.</summary>
public sealed record StatisticsResponse : TrajectoryStatistics
{
    /// <summary>Nothing counted.</summary>
    [JsonConstructor]
    public StatisticsResponse()
    {
    }

    /// <summary>Some numbers.</summary>
    public StatisticsResponse(TrajectoryStatistics numbers)
        : base(numbers)
    {
    }

    /// <summary>What examples do for success; only where it is asked for.</summary>
    [JsonPropertyOrder(1)]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ExperimentsDto? Experiments { get; init; }
}
