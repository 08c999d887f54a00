using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using LlmProxy.Core;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>A trajectory by its metrics.</summary>
/// <param name="Id">The trajectory's own id.</param>
/// <param name="TaskId">The task's id as clients know it.</param>
/// <param name="ConversationId">Shared by the trajectories of one conversation.</param>
/// <param name="ParentId">The trajectory that started this one as a sub-agent.</param>
/// <param name="SessionId">The client's session id.</param>
/// <param name="Tenant">The tenant that owns it.</param>
/// <param name="Provider">The provider whose model worked on it.</param>
/// <param name="Model">The requested model.</param>
/// <param name="Client">The client's user agent.</param>
/// <param name="TaskDescription">What was asked.</param>
/// <param name="Status"><c>active</c>, <c>completed</c>, <c>failed</c>, <c>needs_help</c> or <c>cancelled</c>.</param>
/// <param name="Provisional">Whether a later exchange of the task withdraws the outcome.</param>
/// <param name="Success">Whether it succeeded; null while unknown.</param>
/// <param name="QualityScore">0 to 1; null without a score.</param>
/// <param name="IterationCount">Number of steps.</param>
/// <param name="ToolCallsCount">Number of tool calls.</param>
/// <param name="ToolsUsed">Names of the called tools, in the order of first use.</param>
/// <param name="ErrorRate">Failed tool results divided by tool calls.</param>
/// <param name="ClickAccuracy">Share of clicks that hit their target; null if no click was judged.</param>
/// <param name="UserInterventions">Number of times a person took over.</param>
/// <param name="TokenUsage">Tokens of all steps; null values if a response did not state them.</param>
/// <param name="CostUsd">Cost in USD; null if a price or a usage is unknown.</param>
/// <param name="StartedAt">Time of the first request.</param>
/// <param name="CompletedAt">Time of the outcome.</param>
/// <param name="DurationMs">From the first request to the last response.</param>
/// <param name="OutcomeSource">Where the outcome comes from: <c>human</c>, <c>ci</c>, <c>api</c>, <c>agent</c>, <c>judge</c>, <c>inferred</c>, <c>error</c> or <c>none</c>.</param>
/// <param name="StatedBy">Name of the key that stated the outcome.</param>
/// <param name="SuccessProbability">How likely it succeeded, 0 to 1, if the outcome is inferred.</param>
/// <param name="Evidence">What the probability rests on, the strongest first.</param>
/// <param name="Comment">A comment that came with the outcome.</param>
/// <param name="HasContent">Whether the steps and their content are there, for good or until <c>eraseAt</c>.</param>
/// <param name="WhyNoContent">Why the content is not kept; null if it is. While <c>hasContent</c> is true all the same, it is hidden from examples and exports.</param>
/// <param name="EraseAt">When hidden content is erased.</param>
/// <param name="Project">Working directory or repository that the client states.</param>
/// <param name="ExampleIds">Trajectories that were shown as examples in this one's prompt.</param>
/// <param name="Arm">Arm of the experiment.</param>
/// <param name="TemplateSet">Hash of the template set that rendered this trajectory's prompts.</param>
/// <param name="Key">Name of the key that made it; null without keys.</param>
/// <param name="Keys">Names of all keys that took part in it, that one first.</param>
/// <param name="AnsweredBy">The models that responded, by their names in the responses.</param>
/// <param name="TaskType">Type of the task, found by curation or stated; null without one.</param>
/// <param name="TaskTypeStated">Whether the type was stated.</param>
public record TrajectoryDto(
    string Id, string TaskId, string ConversationId, string? ParentId, string? SessionId, string Tenant, string Provider, string Model, string Client,
    string TaskDescription, string Status, bool Provisional, bool? Success, double? QualityScore,
    int IterationCount, int ToolCallsCount, IReadOnlyList<string> ToolsUsed, double ErrorRate, double? ClickAccuracy, int UserInterventions,
    TokenUsageDto TokenUsage, decimal? CostUsd, DateTime StartedAt, DateTime? CompletedAt, double DurationMs,
    string OutcomeSource, string? StatedBy, double? SuccessProbability, IReadOnlyList<EvidenceDto> Evidence, string? Comment, bool HasContent, string? WhyNoContent, DateTime? EraseAt, string? Project, IReadOnlyList<string> ExampleIds, string? Arm, string? TemplateSet,
    string? Key, IReadOnlyList<string> Keys, IReadOnlyList<RespondingModelDto> AnsweredBy, string? TaskType, bool TaskTypeStated)
{
    /// <summary>For deserialization of derived types, which sets the properties afterwards.</summary>
    private protected TrajectoryDto()
        : this("", "", "", null, null, "", "", "", "", "", "", false, null, null, 0, 0, [], 0, null, 0, new(null, null, null, null, null, null), null, default, null, 0, "none", null, null, [], null, false, null, null, null, [], null, null, null, [], [], null, false)
    {
    }

    internal static TrajectoryDto Of(Trajectory run) => new(
        run.Id, run.TaskId, run.ConversationId, run.ParentId, run.SessionId, run.Tenant, run.Provider, run.Model, run.Client,
        run.TaskDescription, EnumWords.Snake(run.Status), run.IsProvisional, run.Success, run.QualityScore,
        run.IterationCount, run.ToolCallsCount, run.ToolsUsed, run.ErrorRate, run.ClickAccuracy, run.UserInterventions,
        TokenUsageDto.Of(run.TokenUsage), run.CostUsd, run.StartedAt.UtcDateTime, run.CompletedAt?.UtcDateTime, run.Duration.TotalMilliseconds,
        run.OutcomeSource is { } source ? EnumWords.Snake(source) : "none", run.StatedBy, run.SuccessProbability,
        [.. run.Evidence.Select(e => new EvidenceDto(e.Signal, e.Weight, e.Text))], run.Comment, run.HasContent, (run.WhyNoContent ?? (run is { HasContent: false, CompletedAt: not null } ? NotRecordedReason.ContentNotKept : null))?.ToWord(), run.EraseAt?.UtcDateTime, run.Project, run.ExampleIds, run.Arm, run.TemplateSet,
        run.KeyNames.Count > 0 ? run.KeyNames[0] : null, run.KeyNames, [.. run.AnsweredBy.Select(model => new RespondingModelDto(model.Provider, model.Model, model.Steps))], run.TaskType, run.IsTaskTypeStated);
}

/// <summary>A reason for a trajectory's success probability.</summary>
/// <param name="Signal">Name of the signal.</param>
/// <param name="Weight">What it adds to the log-odds of success; negative speaks for failure.</param>
/// <param name="Text">What it rests on.</param>
public sealed record EvidenceDto(string Signal, double Weight, string Text)
{
    /// <summary><c>for</c> success, <c>against</c> it, or <c>neither</c>.</summary>
    public string Direction => Weight switch { > 0 => "for", < 0 => "against", _ => "neither" };
}

/// <summary>A trajectory with the terms of its score and its steps.</summary>
public sealed record TrajectoryDetailDto : TrajectoryDto
{
    /// <summary>For deserialization.</summary>
    [JsonConstructor]
    public TrajectoryDetailDto()
    {
    }

    internal TrajectoryDetailDto(Trajectory run)
        : base(Of(run)) => Outcome = OutcomeExplanationDto.Of(run);

    /// <summary>Why it has its outcome, and how to correct it.</summary>
    [JsonPropertyOrder(1)]
    public OutcomeExplanationDto Outcome { get; init; } = new("unknown", "", null, null, null);

    /// <summary>What judges found; absent if none was asked.</summary>
    [JsonPropertyOrder(1)]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<JudgementDto>? Judgements { get; init; }

    /// <summary>How the score was computed.</summary>
    [JsonPropertyOrder(1)]
    public ScoringDto Scoring { get; init; } = new("", new Dictionary<string, double?>(), new Dictionary<string, double>());

    /// <summary>The steps in order.</summary>
    [JsonPropertyOrder(2)]
    public IReadOnlyList<StepDto> Steps { get; init; } = [];
}

/// <summary>The trajectory of a task after a request about it.</summary>
public sealed record TaskResponse : TrajectoryDto
{
    /// <summary>For deserialization.</summary>
    [JsonConstructor]
    public TaskResponse()
    {
    }

    internal TaskResponse(TaskResult result)
        : base(Of(result.Trajectory)) => (Recorded, Reason) = (result.Recorded, result.Reason?.ToWord());

    /// <summary>Whether its steps are kept.</summary>
    [JsonPropertyOrder(1)]
    public bool Recorded { get; init; }

    /// <summary>Why the steps are not kept, or null.</summary>
    [JsonPropertyOrder(2)]
    public string? Reason { get; init; }
}

/// <summary>A model that responded.</summary>
/// <param name="Provider">The provider of the model.</param>
/// <param name="Model">The model as its responses name it.</param>
/// <param name="Steps">Number of its steps.</param>
public sealed record RespondingModelDto(string Provider, string Model, int Steps);

/// <summary>Tokens of an exchange or a trajectory; all values are null if they are unknown.</summary>
/// <param name="Input">Input tokens, cached ones included.</param>
/// <param name="Output">Output tokens, reasoning included.</param>
/// <param name="Total">Input and output together.</param>
/// <param name="CacheRead">Input tokens read from a cache.</param>
/// <param name="CacheWrite">Input tokens written to a cache.</param>
/// <param name="Reasoning">Output tokens used for reasoning.</param>
public sealed record TokenUsageDto(long? Input, long? Output, long? Total, long? CacheRead, long? CacheWrite, long? Reasoning)
{
    internal static TokenUsageDto Of(TokenUsage? usage) => new(usage?.Input, usage?.Output, usage?.Total, usage?.CacheRead, usage?.CacheWrite, usage?.Reasoning);
}

/// <summary>How a score was computed.</summary>
/// <param name="Preset">The preset whose rules apply.</param>
/// <param name="Inputs">The measured values by name.</param>
/// <param name="Terms">What each term subtracts from 1, by name.</param>
public sealed record ScoringDto(string Preset, IReadOnlyDictionary<string, double?> Inputs, IReadOnlyDictionary<string, double> Terms);

/// <summary>A page of a list.</summary>
/// <typeparam name="T">Type of the items.</typeparam>
/// <param name="Items">The items.</param>
/// <param name="NextCursor">Cursor of the next page; null on the last page.</param>
public sealed record PageResponse<T>(IReadOnlyList<T> Items, string? NextCursor)
{
    /// <summary>True if a search of texts stopped at its limit before the page was full: continue with <c>nextCursor</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Incomplete { get; init; }
}

/// <summary>One exchange of a trajectory.</summary>
/// <param name="Index">1, 2, 3…</param>
/// <param name="SystemPrompt">The agent's own system prompt.</param>
/// <param name="SentSystemPrompt">The system prompt that was sent upstream.</param>
/// <param name="Messages">Messages that are new in this step, in their dialect's own form; <c>foreign</c> marks an assistant message that no recorded response produced.</param>
/// <param name="Response">Text of the reply.</param>
/// <param name="Reasoning">Visible reasoning of the model.</param>
/// <param name="ToolCalls">Tool calls of the reply.</param>
/// <param name="ToolResults">Results of the tool calls.</param>
/// <param name="TokenUsage">Tokens of the exchange; null values if the response does not state them.</param>
/// <param name="StartedAt">Arrival of the request.</param>
/// <param name="DurationMs">From the request to the end of the response.</param>
/// <param name="TimeToFirstByteMs">From the request to the first byte of the response; null without a response.</param>
/// <param name="Status"><c>ok</c>, or how the exchange failed.</param>
public sealed record StepDto(
    int Index, string? SystemPrompt, string? SentSystemPrompt, IReadOnlyList<JsonNode> Messages, ReplyDto? Response, string? Reasoning,
    IReadOnlyList<ToolCallDto> ToolCalls, IReadOnlyList<ToolResultDto> ToolResults, TokenUsageDto TokenUsage,
    DateTime StartedAt, double DurationMs, double? TimeToFirstByteMs, string Status)
{
    /// <summary>How many texts and messages of the step are left out, since they are damaged in the store or were removed while they were read; absent for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Unreadable { get; init; }
}

/// <summary>Text of a reply.</summary>
/// <param name="Text">The text.</param>
/// <param name="StopReason">Why the model stopped, in the dialect's term.</param>
public sealed record ReplyDto(string Text, string? StopReason);

/// <summary>A tool call.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Name of the tool.</param>
/// <param name="Arguments">The arguments; a string if they are not valid JSON.</param>
public sealed record ToolCallDto(string Id, string Name, JsonNode? Arguments);

/// <summary>The result of a tool call.</summary>
/// <param name="Id">Id of the call.</param>
/// <param name="Content">Its text.</param>
/// <param name="IsError">Whether the dialect marks it as failed; null if the dialect has no such mark.</param>
public sealed record ToolResultDto(string Id, string Content, bool? IsError);
