using System.Text.Json.Nodes;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>Starts a task.</summary>
/// <param name="TaskId">Id of the task; generated if omitted.</param>
/// <param name="Description">What is asked.</param>
/// <param name="Provider">The provider that will work on it.</param>
/// <param name="Model">The model.</param>
public sealed record StartTaskRequest(string? TaskId = null, string? Description = null, string? Provider = null, string? Model = null);

/// <summary>Reports the outcome of a task.</summary>
/// <param name="Success">Whether it succeeded; required.</param>
/// <param name="Metrics">Measured values, which override the counted ones.</param>
/// <param name="Comment">A comment to keep with the trajectory.</param>
/// <param name="Source">Who states it: <c>human</c>, <c>ci</c>, <c>api</c> (default), or <c>agent</c>, whose word is a claim.</param>
/// <param name="Ended">With <c>last</c> or <c>session:ID</c>: the latest task that has ended, not one under way.</param>
public sealed record CompleteTaskRequest(bool? Success = null, MetricsRequest? Metrics = null, string? Comment = null, string? Source = null, bool? Ended = null);

/// <summary>A person's feedback on a task: one of thumbs and score, a comment, or both.</summary>
/// <param name="Thumbs"><c>up</c> (it succeeded) or <c>down</c> (it failed).</param>
/// <param name="Score">0 to 1; 0.5 and above states success.</param>
/// <param name="Comment">A comment to keep with the trajectory.</param>
public sealed record FeedbackRequest(string? Thumbs = null, double? Score = null, string? Comment = null);

/// <summary>What a client saw of a task's last turn: evidence for the estimate of its outcome, not the outcome.</summary>
/// <param name="Verifications">Tests, builds, linters and exit codes in order, in place of those reported before; at most 20. Omitted, they are kept.</param>
/// <param name="Interrupted">Whether a person interrupted the turn; omitted, what was reported before is kept.</param>
public sealed record EvidenceRequest(IReadOnlyList<VerificationRequest>? Verifications = null, bool? Interrupted = null);

/// <summary>A test, build, linter or exit code.</summary>
/// <param name="Passed">Whether it passed; required.</param>
/// <param name="Quote">The line of output that reports it; required, at most 2000 characters. Secrets are removed and 160 characters kept.</param>
public sealed record VerificationRequest(bool? Passed = null, string? Quote = null);

/// <summary>Measured values of a trajectory.</summary>
/// <param name="ErrorRate">0 to 1.</param>
/// <param name="ClickAccuracy">0 to 1.</param>
/// <param name="UserInterventions">0 or more.</param>
/// <param name="IterationCount">0 or more.</param>
public sealed record MetricsRequest(double? ErrorRate = null, double? ClickAccuracy = null, int? UserInterventions = null, int? IterationCount = null);

/// <summary>Searches for trajectories that are similar to a task.</summary>
/// <param name="TaskDescription">The task; required.</param>
/// <param name="TopK">Maximum number of results; defaults to the setting.</param>
/// <param name="MinSimilarity">Minimum cosine similarity; defaults to that of the embedder.</param>
/// <param name="Providers">Providers of the trajectories; defaults to the setting.</param>
/// <param name="SuccessOnly">Only successful trajectories (default).</param>
/// <param name="MinQuality">Minimum score; defaults to the setting.</param>
/// <param name="Project">Only trajectories of this working directory or repository; defaults to all.</param>
/// <param name="Tools">Tools that the request would offer; defaults to unknown.</param>
public sealed record SearchRequest(
    string? TaskDescription = null,
    int? TopK = null,
    double? MinSimilarity = null,
    IReadOnlyList<string>? Providers = null,
    bool? SuccessOnly = null,
    double? MinQuality = null,
    string? Project = null,
    IReadOnlyList<string>? Tools = null);

/// <summary>The text to compute a trajectory's vectors from.</summary>
/// <param name="TaskDescription">The text; required.</param>
public sealed record EmbeddingRequest(string? TaskDescription = null);

/// <summary>Reports the outcome of a use of an example.</summary>
/// <param name="Success">Whether the task with the example in its prompt succeeded.</param>
public sealed record ExampleUsageRequest(bool? Success = null);

/// <summary>Changes an example; omitted fields are kept.</summary>
/// <param name="Pinned">Preferred to other examples.</param>
/// <param name="Retired">Excluded from use.</param>
/// <param name="TaskDescription">Replaces the description of its task.</param>
/// <param name="Edited">Replaces task, outcome or steps of the condensed example; an empty object reverts an earlier edit.</param>
/// <param name="TaskType">States the type of its task, which curation keeps; an empty text leaves the type to curation again.</param>
public sealed record UpdateExampleRequest(bool? Pinned = null, bool? Retired = null, string? TaskDescription = null, JsonNode? Edited = null, string? TaskType = null);

/// <summary>How to curate the examples.</summary>
/// <param name="DryRun">Report only; change nothing.</param>
public sealed record CurateRequest(bool? DryRun = null);

/// <summary>Selects the trajectories to delete.</summary>
/// <param name="OlderThanDays">Minimum age in days; defaults to the setting.</param>
/// <param name="MaxQuality">Maximum score; defaults to the setting.</param>
/// <param name="IncludeUnscored">Includes trajectories without a score.</param>
/// <param name="DryRun">Only counts them.</param>
public sealed record CleanupRequest(int? OlderThanDays = null, double? MaxQuality = null, bool? IncludeUnscored = null, bool? DryRun = null);

/// <summary>Selects the trajectories to embed. Repeat the request with the response's <c>nextCursor</c> until that is null.</summary>
/// <param name="Rebuild">All trajectories; else those without a vector of the current embedder.</param>
/// <param name="Cursor">Cursor of the previous response.</param>
/// <param name="Limit">Approximate maximum of the batch; a batch also ends after about 20 s.</param>
/// <param name="RemoveOthers">Removes the vectors of other models at the end of a rebuild.</param>
public sealed record EmbedRequest(bool? Rebuild = null, string? Cursor = null, int? Limit = null, bool? RemoveOthers = null);
