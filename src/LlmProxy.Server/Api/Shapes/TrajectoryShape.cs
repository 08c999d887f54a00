using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Server.Api.Shapes;

/// <summary>A run by its metrics, as the API writes it.</summary>
public record TrajectoryShape
{
    /// <summary>The run's own id.</summary>
    public string Id { get; init; } = "";

    /// <summary>The task's id as clients know it.</summary>
    public string TaskId { get; init; } = "";

    /// <summary>Shared by the runs of one conversation.</summary>
    public string ConversationId { get; init; } = "";

    /// <summary>The run that started this one as a sub-agent.</summary>
    public string? ParentId { get; init; }

    /// <summary>The client's session id.</summary>
    public string? SessionId { get; init; }

    /// <summary>Whose run it is.</summary>
    public string Tenant { get; init; } = "";

    /// <summary>Whose model worked on it.</summary>
    public string Provider { get; init; } = "";

    /// <summary>The model asked for.</summary>
    public string Model { get; init; } = "";

    /// <summary>The client as it names itself.</summary>
    public string Client { get; init; } = "";

    /// <summary>What the task is.</summary>
    public string TaskDescription { get; init; } = "";

    /// <summary><c>active</c>, <c>completed</c>, <c>failed</c>, <c>needs_help</c> or <c>cancelled</c>.</summary>
    public string Status { get; init; } = "";

    /// <summary>Whether a later call of the task takes the outcome back.</summary>
    public bool Provisional { get; init; }

    /// <summary>Whether it succeeded; null while unknown.</summary>
    public bool? Success { get; init; }

    /// <summary>0 to 1; null where there is no score.</summary>
    public double? QualityScore { get; init; }

    /// <summary>Number of steps.</summary>
    public int IterationCount { get; init; }

    /// <summary>Number of tool calls.</summary>
    public int ToolCallsCount { get; init; }

    /// <summary>Names of the tools it called, in the order of first use.</summary>
    public IReadOnlyList<string> ToolsUsed { get; init; } = [];

    /// <summary>Failed results by tool calls.</summary>
    public double ErrorRate { get; init; }

    /// <summary>Share of clicks that hit; null where none was judged.</summary>
    public double? ClickAccuracy { get; init; }

    /// <summary>Episodes in which a person took over.</summary>
    public int UserInterventions { get; init; }

    /// <summary>Tokens.</summary>
    public TokenUsageShape TokenUsage { get; init; } = new();

    /// <summary>Cost in USD; null where a price is unknown.</summary>
    public decimal? CostUsd { get; init; }

    /// <summary>First request.</summary>
    public DateTime StartedAt { get; init; }

    /// <summary>When it was over.</summary>
    public DateTime? CompletedAt { get; init; }

    /// <summary>First request to last answer.</summary>
    public double DurationMs { get; init; }

    /// <summary><c>api</c>, <c>tool</c>, <c>idle</c> or <c>error</c>: who said how it ended.</summary>
    public string? OutcomeSource { get; init; }

    /// <summary>A comment that came with the outcome.</summary>
    public string? Comment { get; init; }

    /// <summary>Whether steps and their content are kept.</summary>
    public bool HasContent { get; init; }

    /// <summary>Runs whose examples were put into this run's prompt.</summary>
    public IReadOnlyList<string> ExampleIds { get; init; } = [];

    /// <summary>Arm of the experiment.</summary>
    public string? Arm { get; init; }

    /// <summary>Version of the prompt templates: the hash of the set that this run's prompts were rendered with.</summary>
    public string? TemplateSet { get; init; }

    /// <summary>The shape of a run.</summary>
    internal static TrajectoryShape Of(Trajectory run) => new()
    {
        Id = run.Id,
        TaskId = run.TaskId,
        ConversationId = run.ConversationId,
        ParentId = run.ParentId,
        SessionId = run.SessionId,
        Tenant = run.Tenant,
        Provider = run.Provider,
        Model = run.Model,
        Client = run.Client,
        TaskDescription = run.TaskDescription,
        Status = WireNames.Of(run.Status),
        Provisional = run.IsProvisional,
        Success = run.Success,
        QualityScore = run.QualityScore,
        IterationCount = run.IterationCount,
        ToolCallsCount = run.ToolCallsCount,
        ToolsUsed = run.ToolsUsed,
        ErrorRate = run.ErrorRate,
        ClickAccuracy = run.ClickAccuracy,
        UserInterventions = run.UserInterventions,
        TokenUsage = TokenUsageShape.Of(run.TokenUsage),
        CostUsd = run.CostUsd,
        StartedAt = run.StartedAt.UtcDateTime,
        CompletedAt = run.CompletedAt?.UtcDateTime,
        DurationMs = run.Duration.TotalMilliseconds,
        OutcomeSource = run.OutcomeSource is { } source ? WireNames.Of(source) : null,
        Comment = run.Comment,
        HasContent = run.HasContent,
        ExampleIds = run.ExampleIds,
        Arm = run.Arm,
        TemplateSet = run.TemplateSet,
    };
}

/// <summary>A run with its score's terms and its steps.</summary>
public sealed record TrajectoryDetailShape : TrajectoryShape
{
    /// <summary>An empty one, for readers.</summary>
    [JsonConstructor]
    public TrajectoryDetailShape()
    {
    }

    internal TrajectoryDetailShape(TrajectoryShape run)
        : base(run)
    {
    }

    /// <summary>How the score came about.</summary>
    [JsonPropertyOrder(1)]
    public ScoringShape Scoring { get; init; } = new();

    /// <summary>The steps in order.</summary>
    [JsonPropertyOrder(2)]
    public IReadOnlyList<StepShape> Steps { get; init; } = [];
}

/// <summary>A run after a call about its task, and whether its content is kept.</summary>
public sealed record TaskAnswerShape : TrajectoryShape
{
    /// <summary>An empty one, for readers.</summary>
    [JsonConstructor]
    public TaskAnswerShape()
    {
    }

    internal TaskAnswerShape(TrajectoryShape run)
        : base(run)
    {
    }

    /// <summary>Whether its steps are kept.</summary>
    [JsonPropertyOrder(1)]
    public bool Recorded { get; init; }

    /// <summary>Why not, or null.</summary>
    [JsonPropertyOrder(2)]
    public string? Reason { get; init; }

    internal static TaskAnswerShape Of(Core.Recording.TaskResult result) =>
        new(Of(result.Trajectory)) { Recorded = result.Recorded, Reason = result.Reason?.ToWord() };
}

/// <summary>Tokens of a call or a run.</summary>
public sealed record TokenUsageShape
{
    /// <summary>Input tokens, cached ones included.</summary>
    public long Input { get; init; }

    /// <summary>Output tokens, reasoning included.</summary>
    public long Output { get; init; }

    /// <summary>Input and output together.</summary>
    public long Total { get; init; }

    /// <summary>Input tokens read from a cache.</summary>
    public long CacheRead { get; init; }

    /// <summary>Input tokens written to a cache.</summary>
    public long CacheWrite { get; init; }

    /// <summary>Output tokens that were reasoning.</summary>
    public long Reasoning { get; init; }

    internal static TokenUsageShape Of(TokenUsage usage) => new()
    {
        Input = usage.Input,
        Output = usage.Output,
        Total = usage.Total,
        CacheRead = usage.CacheRead,
        CacheWrite = usage.CacheWrite,
        Reasoning = usage.Reasoning,
    };
}

/// <summary>How a score came about.</summary>
public sealed record ScoringShape
{
    /// <summary>The preset whose rules apply.</summary>
    public string Preset { get; init; } = "";

    /// <summary>The measured values by name.</summary>
    public IReadOnlyDictionary<string, double?> Inputs { get; init; } = new Dictionary<string, double?>(StringComparer.Ordinal);

    /// <summary>What each term took away from 1, by name.</summary>
    public IReadOnlyDictionary<string, double> Terms { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    internal static ScoringShape Of(Scoring scoring) => new() { Preset = scoring.Preset, Inputs = scoring.Inputs, Terms = scoring.Terms };
}

/// <summary>A page of a list.</summary>
/// <typeparam name="T">What is listed.</typeparam>
/// <param name="Items">The items.</param>
/// <param name="NextCursor">Where to go on; null at the end.</param>
public sealed record PageShape<T>(IReadOnlyList<T> Items, string? NextCursor);

/// <summary>One call of a run.</summary>
public sealed record StepShape
{
    /// <summary>1, 2, 3…</summary>
    public int Index { get; init; }

    /// <summary>The agent's own system prompt.</summary>
    public string? SystemPrompt { get; init; }

    /// <summary>The system prompt that was sent.</summary>
    public string? SentSystemPrompt { get; init; }

    /// <summary>Messages that are new in this step, in their dialect's own form; <c>foreign</c> marks an assistant turn that no recorded answer produced.</summary>
    public IReadOnlyList<JsonNode> Messages { get; init; } = [];

    /// <summary>The answer.</summary>
    public ResponseShape? Response { get; init; }

    /// <summary>Reasoning that the model showed.</summary>
    public string? Reasoning { get; init; }

    /// <summary>Tool calls of the answer.</summary>
    public IReadOnlyList<ToolCallShape> ToolCalls { get; init; } = [];

    /// <summary>What came back for them.</summary>
    public IReadOnlyList<ToolResultShape> ToolResults { get; init; } = [];

    /// <summary>Tokens.</summary>
    public TokenUsageShape TokenUsage { get; init; } = new();

    /// <summary>When the request came.</summary>
    public DateTime StartedAt { get; init; }

    /// <summary>To the end of the answer.</summary>
    public double DurationMs { get; init; }

    /// <summary>To the answer's first byte; null where none came.</summary>
    public double? TimeToFirstByteMs { get; init; }

    /// <summary><c>ok</c>, or how the call ended.</summary>
    public string Status { get; init; } = "";
}

/// <summary>An answer's text.</summary>
/// <param name="Text">The text.</param>
/// <param name="StopReason">Why the model stopped, in the dialect's word.</param>
public sealed record ResponseShape(string Text, string? StopReason);

/// <summary>A tool call.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">The tool.</param>
/// <param name="Arguments">The arguments; text where they are no JSON.</param>
public sealed record ToolCallShape(string Id, string Name, JsonNode? Arguments);

/// <summary>What came back for a tool call.</summary>
/// <param name="Id">Id of the call.</param>
/// <param name="Content">Its text.</param>
/// <param name="IsError">Whether the dialect marks it as failed; null where it has no mark.</param>
public sealed record ToolResultShape(string Id, string Content, bool? IsError);
