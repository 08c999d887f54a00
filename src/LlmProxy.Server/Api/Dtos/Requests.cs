using System.Text.Json.Nodes;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>Opens a task.</summary>
/// <param name="TaskId">Its id; one is made where it is missing.</param>
/// <param name="Description">What it is.</param>
/// <param name="Provider">The provider that will work on it.</param>
/// <param name="Model">The model.</param>
public sealed record StartTaskRequest(string? TaskId = null, string? Description = null, string? Provider = null, string? Model = null);

/// <summary>Says how a task ended.</summary>
/// <param name="Success">Whether it succeeded; must be there.</param>
/// <param name="Metrics">Measured values, which win over the counted ones.</param>
/// <param name="Comment">A comment to keep with the run.</param>
public sealed record CompleteTaskRequest(bool? Success = null, MetricsRequest? Metrics = null, string? Comment = null);

/// <summary>Measured values of a run.</summary>
/// <param name="ErrorRate">0 to 1.</param>
/// <param name="ClickAccuracy">0 to 1.</param>
/// <param name="UserInterventions">0 or more.</param>
/// <param name="IterationCount">0 or more.</param>
public sealed record MetricsRequest(double? ErrorRate = null, double? ClickAccuracy = null, int? UserInterventions = null, int? IterationCount = null);

/// <summary>Looks for runs that are similar to a task.</summary>
/// <param name="TaskDescription">The task; must be there.</param>
/// <param name="TopK">How many at most; the setting where it is missing.</param>
/// <param name="MinSimilarity">Least cosine; the embedder's own where it is missing.</param>
/// <param name="Providers">Whose runs; the setting where it is missing.</param>
/// <param name="SuccessOnly">Only successful runs (default).</param>
/// <param name="MinQuality">Least score; the setting where it is missing.</param>
public sealed record SearchRequest(
    string? TaskDescription = null,
    int? TopK = null,
    double? MinSimilarity = null,
    IReadOnlyList<string>? Providers = null,
    bool? SuccessOnly = null,
    double? MinQuality = null);

/// <summary>Text to make a run's vectors from.</summary>
/// <param name="TaskDescription">The text; must be there.</param>
public sealed record EmbeddingRequest(string? TaskDescription = null);

/// <summary>Tells how a use of an example went.</summary>
/// <param name="Success">Whether the task with the example in its prompt succeeded.</param>
public sealed record ExampleUsageRequest(bool? Success = null);

/// <summary>Changes an example; what is missing stays.</summary>
/// <param name="Pinned">Kept before others.</param>
/// <param name="Retired">Never used again.</param>
/// <param name="TaskDescription">Its task in other words.</param>
/// <param name="Edited">Task, outcome or steps in place of the condensed ones; an empty object takes an earlier edit back.</param>
public sealed record UpdateExampleRequest(bool? Pinned = null, bool? Retired = null, string? TaskDescription = null, JsonNode? Edited = null);

/// <summary>Which runs to delete.</summary>
/// <param name="OlderThanDays">Only runs that ended so long ago; the setting where it is missing.</param>
/// <param name="MaxQuality">Only runs that score at most so much; the setting where it is missing.</param>
/// <param name="IncludeUnscored">Runs without a score too.</param>
/// <param name="DryRun">Only count.</param>
public sealed record CleanupRequest(int? OlderThanDays = null, double? MaxQuality = null, bool? IncludeUnscored = null, bool? DryRun = null);

/// <summary>Which runs get vectors. Repeat it with the answer's <c>nextCursor</c> until that is null.</summary>
/// <param name="Rebuild">All runs anew; else those that have no vector of the embedder in use.</param>
/// <param name="Cursor">Where to go on.</param>
/// <param name="Limit">About how many runs at most; an answer also comes after some 20 s.</param>
/// <param name="RemoveOthers">At the end of a rebuild remove the vectors of models that are not in use.</param>
public sealed record EmbedRequest(bool? Rebuild = null, string? Cursor = null, int? Limit = null, bool? RemoveOthers = null);
