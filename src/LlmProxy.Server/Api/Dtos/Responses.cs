using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using LlmProxy.Core.Statistics;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>Result of a search.</summary>
/// <param name="Items">The trajectories, best first.</param>
/// <param name="LeftOut">Trajectories that were found but left out.</param>
/// <param name="FewShot">The prompt section that the trajectories produce; empty without any.</param>
/// <param name="Threshold">The similarity threshold that was used.</param>
/// <param name="Embedder">Model of the embedder that was used.</param>
public sealed record SearchResponse(IReadOnlyList<SimilarTrajectoryDto> Items, IReadOnlyList<LeftOutTrajectoryDto> LeftOut, string FewShot, double Threshold, string Embedder);

/// <summary>A trajectory that was found.</summary>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="TaskDescription">What was asked.</param>
/// <param name="Similarity">Cosine similarity.</param>
/// <param name="QualityScore">0 to 1; null without a score.</param>
/// <param name="IterationCount">Number of steps.</param>
/// <param name="ToolsUsed">Names of the called tools.</param>
/// <param name="Project">Working directory or repository that the client stated.</param>
/// <param name="Ageing">Why it ranks lower: <c>tools-not-offered</c>, <c>project-moved-on</c>.</param>
public sealed record SimilarTrajectoryDto(
    string TrajectoryId, string TaskDescription, double Similarity, double? QualityScore, int IterationCount, IReadOnlyList<string> ToolsUsed, string? Project, IReadOnlyList<string> Ageing);

/// <summary>A trajectory that was left out, and why.</summary>
public sealed record LeftOutTrajectoryDto(string TrajectoryId, string TaskDescription, double? Similarity, string Reason);

/// <summary>A curated example. Its id is that of its trajectory.</summary>
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
    ExampleEvidenceDto Evidence,
    string? TaskType);

/// <summary>Evidence about an example from the tasks that used it.</summary>
/// <param name="Tasks">Ended tasks with a known outcome, recorded or reported.</param>
/// <param name="Successes">Tasks that succeeded.</param>
/// <param name="Compared">Tasks that are compared with a holdout of the same model.</param>
/// <param name="Difference">Success rate with the example minus that of the holdout.</param>
/// <param name="ProbabilityOfHelp">Probability that its tasks succeed more often.</param>
/// <param name="Finding"><c>helps</c>, <c>harms</c>, <c>undecided</c> or <c>too-few</c>.</param>
public sealed record ExampleEvidenceDto(long Tasks, long Successes, long Compared, double? Difference, double? ProbabilityOfHelp, string Finding);

/// <summary>Effect of examples on the success of tasks, by model.</summary>
/// <param name="Enabled">Whether new tasks participate.</param>
/// <param name="Models">The comparisons.</param>
/// <param name="Harmful">Examples that seem to harm, the most certain first.</param>
public sealed record ExperimentsDto(bool Enabled, IReadOnlyList<ExperimentDto> Models, IReadOnlyList<HarmfulExampleDto> Harmful);

/// <summary>The arms of one model.</summary>
/// <param name="Provider">Provider of the model.</param>
/// <param name="Model">The model.</param>
/// <param name="WithExamples">Tasks that get examples.</param>
/// <param name="Holdout">Tasks that get none.</param>
/// <param name="Difference">Success rate with examples minus that without.</param>
/// <param name="Low">Lower end of its 95 % interval.</param>
/// <param name="High">Upper end of the interval.</param>
/// <param name="Finding"><c>helps</c>, <c>harms</c>, <c>undecided</c> or <c>too-few</c>.</param>
/// <param name="Verdict">The finding as a sentence.</param>
public sealed record ExperimentDto(string Provider, string Model, ArmDto WithExamples, ArmDto Holdout, double? Difference, double Low, double High, string Finding, string Verdict);

/// <summary>
/// One arm: counts of tasks with a known outcome, and means over ended tasks. Unknown tokens and costs are left out. <c>verified</c>
/// tasks are those with a stated or judged outcome; <c>inferred</c> ones are in no rate, and have a mean probability of success.
/// </summary>
public sealed record ArmDto(
    long Tasks, long Successes, double? SuccessRate, double? Iterations, double? Interventions, double? Tokens, decimal? CostPerSuccess, long TasksWithoutTokens, long TasksWithoutCost,
    long Verified, double? VerifiedShare, long Inferred, double? MeanProbability);

/// <summary>An example that seems to harm.</summary>
public sealed record HarmfulExampleDto(string TrajectoryId, ExampleEvidenceDto Evidence);

/// <summary>The vectors of a trajectory.</summary>
/// <param name="TrajectoryId">Id of the trajectory.</param>
/// <param name="Models">Models of the vectors.</param>
public sealed record EmbeddingResponse(string TrajectoryId, IReadOnlyList<string> Models);

/// <summary>Result of one batch of embedding.</summary>
/// <param name="Model">The embedder's model.</param>
/// <param name="Dimensions">Length of its vectors.</param>
/// <param name="Total">Number of trajectories to embed, in the response to a request without cursor; else null.</param>
/// <param name="Embedded">Trajectories that were embedded.</param>
/// <param name="Failed">Trajectories whose text the embedder rejected.</param>
/// <param name="Resumed">Whether an interrupted rebuild was resumed.</param>
/// <param name="Removed">Vectors of other models that were removed.</param>
/// <param name="Stopped">Why embedding stopped early, or null.</param>
/// <param name="NextCursor">Cursor of the next batch; null at the end.</param>
public sealed record EmbedResponse(
    string Model, int Dimensions, long? Total, int Embedded, IReadOnlyList<EmbedFailureDto> Failed, bool Resumed, int Removed, string? Stopped, string? NextCursor);

/// <summary>A trajectory that was not embedded, and why.</summary>
public sealed record EmbedFailureDto(string TrajectoryId, string Reason);

/// <summary>Result of a cleanup.</summary>
/// <param name="Deleted">Number of trajectories that were deleted, or would be.</param>
/// <param name="DryRun">Whether they were only counted.</param>
public sealed record CleanupResponse(int Deleted, bool DryRun);

/// <summary>Statistics over all trajectories, and on request the effect of examples.</summary>
public sealed record StatisticsResponse : TrajectoryStatistics
{
    /// <summary>For deserialization.</summary>
    [JsonConstructor]
    public StatisticsResponse()
    {
    }

    /// <summary>Extends statistics.</summary>
    public StatisticsResponse(TrajectoryStatistics numbers)
        : base(numbers)
    {
    }

    /// <summary>Effect of examples on success; only on request.</summary>
    [JsonPropertyOrder(1)]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ExperimentsDto? Experiments { get; init; }
}
