namespace LlmProxy.Core.Trajectories;

/// <summary>Status of a trajectory.</summary>
public enum TrajectoryStatus
{
    /// <summary>Calls may still come.</summary>
    Active,
    /// <summary>Ended by an outcome or by going idle; see <see cref="Trajectory.Success"/>.</summary>
    Completed,
    /// <summary>Ended without success.</summary>
    Failed,
    /// <summary>The agent asked a person for help; a later call reopens it.</summary>
    NeedsHelp,
    /// <summary>Called off; nothing of its content is kept.</summary>
    Cancelled,
}

/// <summary>Source of a trajectory's outcome.</summary>
public enum OutcomeSource
{
    /// <summary>Stated by a person.</summary>
    Human,
    /// <summary>Stated by a CI result or a command's exit code.</summary>
    Ci,
    /// <summary>Stated by a caller of the API.</summary>
    Api,
    /// <summary>Claimed by the agent: a terminal tool such as <c>set_task_status</c>, or its report.</summary>
    Agent,
    /// <summary>Judged by a model.</summary>
    Judge,
    /// <summary>Inferred from the traffic: <see cref="Trajectory.Success"/> is null, and <see cref="Trajectory.SuccessProbability"/> says how likely it is.</summary>
    Inferred,
    /// <summary>An error that ended it.</summary>
    Error,
}

/// <summary>One run of an agent at one task, by its metrics. The steps are <see cref="TrajectoryStep"/>.</summary>
public sealed record Trajectory
{
    /// <summary>The run's own id.</summary>
    public required string Id { get; init; }

    /// <summary>The task's id as clients know it; unique for a tenant, one trajectory each.</summary>
    public required string TaskId { get; init; }

    /// <summary>The tenant that owns it.</summary>
    public required string Tenant { get; init; }

    /// <summary>Shared by the runs of one conversation (several turns of a coding agent), else the task's id.</summary>
    public required string ConversationId { get; init; }

    /// <summary>Id of the trajectory that started this one as a sub-agent, or null.</summary>
    public string? ParentId { get; init; }

    /// <summary>The client's own session id, or null.</summary>
    public string? SessionId { get; init; }

    /// <summary>
    /// <c>anthropic</c>, <c>openai</c>, <c>gemini</c> or <c>proxy</c>: whose model responded, or the requested one before the first
    /// response; <see cref="RespondingModels.Mixed"/> if models of several providers responded.
    /// </summary>
    public required string Provider { get; init; }

    /// <summary>The models that responded, in the order of their first response; empty before that.</summary>
    public IReadOnlyList<RespondingModel> AnsweredBy { get; init; } = [];

    /// <summary>The model asked for; the one that responded if the request names none.</summary>
    public string Model { get; init; } = "";

    /// <summary>The client as it names itself (user agent), or empty.</summary>
    public string Client { get; init; } = "";

    /// <summary>Name of the preset whose rules apply.</summary>
    public string Preset { get; init; } = "generic";

    /// <summary>What the task is, without boilerplate.</summary>
    public string TaskDescription { get; init; } = "";

    /// <summary>Its status.</summary>
    public TrajectoryStatus Status { get; init; }

    /// <summary>Whether it succeeded; null while unknown.</summary>
    public bool? Success { get; init; }

    /// <summary>0 to 1 by the formula of <see cref="QualityScore"/>; null if it has none.</summary>
    public double? QualityScore { get; init; }

    /// <summary>Calls that are steps; retries and side calls are none.</summary>
    public int IterationCount { get; init; }

    /// <summary>Tool calls that the model made.</summary>
    public int ToolCallsCount { get; init; }

    /// <summary>Tool results that are failures.</summary>
    public int FailedToolResults { get; init; }

    /// <summary>Clicks that a preset's rules could judge, and those of them that hit.</summary>
    public int ClicksTotal { get; init; }

    /// <summary>See <see cref="ClicksTotal"/>.</summary>
    public int ClicksHit { get; init; }

    /// <summary>An error rate that the API stated; wins over the counted one.</summary>
    public double? StatedErrorRate { get; init; }

    /// <summary>A click accuracy that the API stated; wins over the counted one.</summary>
    public double? StatedClickAccuracy { get; init; }

    /// <summary>Episodes in which a person took over.</summary>
    public int UserInterventions { get; init; }

    /// <summary>Tokens of all steps and of known side calls; null if a response did not state them.</summary>
    public TokenUsage? TokenUsage { get; init; } = TokenUsage.None;

    /// <summary>Cost in USD by the price list, or null where a model's price or a call's usage is unknown.</summary>
    public decimal? CostUsd { get; init; }

    /// <summary>First request.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The last response so far.</summary>
    public required DateTimeOffset LastActivityAt { get; init; }

    /// <summary>When it was found to be over: the time of its last response, or of the API call; null while active.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>Source of the outcome; null while active.</summary>
    public OutcomeSource? OutcomeSource { get; init; }

    /// <summary>Who stated the outcome (name of a key), or null.</summary>
    public string? StatedBy { get; init; }

    /// <summary>How likely it succeeded, 0 to 1; null while active, and if a source other than <see cref="OutcomeSource.Inferred"/> gave the outcome.</summary>
    public double? SuccessProbability { get; init; }

    /// <summary>What the probability rests on, the strongest first.</summary>
    public IReadOnlyList<OutcomeEvidence> Evidence { get; init; } = [];

    /// <summary>Whether a person, CI, a caller or a judge gave the outcome.</summary>
    public bool IsVerified => OutcomeSource is Trajectories.OutcomeSource.Human or Trajectories.OutcomeSource.Ci or Trajectories.OutcomeSource.Api or Trajectories.OutcomeSource.Judge;

    /// <summary>Whether a person, CI or a caller stated the outcome.</summary>
    public bool IsStated => OutcomeSource is Trajectories.OutcomeSource.Human or Trajectories.OutcomeSource.Ci or Trajectories.OutcomeSource.Api;

    /// <summary>How far the outcome can be trusted: 3 stated, 2 judged, 1 claimed by the agent, 0 inferred or unknown.</summary>
    public int OutcomeRank => OutcomeSource switch
    {
        Trajectories.OutcomeSource.Human or Trajectories.OutcomeSource.Ci or Trajectories.OutcomeSource.Api => 3,
        Trajectories.OutcomeSource.Judge => 2,
        Trajectories.OutcomeSource.Agent => 1,
        _ => 0,
    };

    /// <summary>An outcome that a later call takes back: a terminal tool's or an ended turn's, until the grace is over.</summary>
    public bool IsProvisional { get; init; }

    /// <summary>Whether the steps and their content are there, for good or until <see cref="EraseAt"/>.</summary>
    public bool HasContent { get; init; }

    /// <summary>Why the rules do not keep its content, or null. While <see cref="HasContent"/> is true all the same, the content is hidden from examples and exports.</summary>
    public NotRecordedReason? WhyNoContent { get; init; }

    /// <summary>When hidden content is erased; null if none is.</summary>
    public DateTimeOffset? EraseAt { get; init; }

    /// <summary>Whether its content may be used for examples and exports.</summary>
    public bool HasUsableContent => HasContent && WhyNoContent is null;

    /// <summary>Working directory or repository that the client states, or null.</summary>
    public string? Project { get; init; }

    /// <summary>Trajectories whose examples were put into this run's prompt.</summary>
    public IReadOnlyList<string> ExampleIds { get; init; } = [];

    /// <summary>Arm of the experiment, or null.</summary>
    public string? Arm { get; init; }

    /// <summary>Version of the prompt templates: the hash of the set that its prompts were rendered with; null where none were.</summary>
    public string? TemplateSet { get; init; }

    /// <summary>Names of the keys whose calls are part of it, the first one's first; empty without keys.</summary>
    public IReadOnlyList<string> KeyNames { get; init; } = [];

    /// <summary>Type of the task, found by curation or stated; null without one. A save of the trajectory leaves a stored type as it is.</summary>
    public string? TaskType { get; init; }

    /// <summary>Whether the type was stated; curation keeps it.</summary>
    public bool IsTaskTypeStated { get; init; }

    /// <summary>Names of the tools it called, in the order of first use.</summary>
    public IReadOnlyList<string> ToolsUsed { get; init; } = [];

    /// <summary>Name of the import that added it, by which it can be removed again; null if it was recorded.</summary>
    public string? ImportBatch { get; init; }

    /// <summary>A comment that came with the outcome, or null.</summary>
    public string? Comment { get; init; }

    /// <summary>
    /// How often the run was saved. The store rejects a change if its number differs, since the change was made from
    /// outdated values; 0 for a run that is not stored. Null saves it whatever the number.
    /// </summary>
    public long? Version { get; init; }

    /// <summary>Failed results by tool calls: the stated rate, else the counted one.</summary>
    public double ErrorRate => StatedErrorRate ?? (ToolCallsCount == 0 ? 0 : Math.Min(1, (double)FailedToolResults / ToolCallsCount));

    /// <summary>The stated click accuracy, else the counted one; null where nothing was measured.</summary>
    public double? ClickAccuracy => StatedClickAccuracy ?? (ClicksTotal == 0 ? null : (double)ClicksHit / ClicksTotal);

    /// <summary>First request to last response; never negative, also if the clock was set back in between.</summary>
    public TimeSpan Duration => LastActivityAt - StartedAt is var duration && duration > TimeSpan.Zero ? duration : TimeSpan.Zero;
}

/// <summary>A reference to one stored message.</summary>
/// <param name="Content">Hash of the message's JSON in the content store.</param>
/// <param name="Role">Its role.</param>
/// <param name="IsForeign">An assistant turn that no recorded response produced.</param>
public sealed record StepMessage(ContentHash Content, string Role, bool IsForeign);

/// <summary>One call of a run. Texts are references into the content store, so that each message is kept once.</summary>
public sealed record TrajectoryStep
{
    /// <summary>The run that it belongs to.</summary>
    public required string TrajectoryId { get; init; }

    /// <summary>1, 2, 3…</summary>
    public required int Index { get; init; }

    /// <summary>Id of the exchange that it was made from; unique, so that an exchange takes effect once.</summary>
    public required string ExchangeId { get; init; }

    /// <summary>The wire format of its messages.</summary>
    public required DialectKind Dialect { get; init; }

    /// <summary>The model that responded, or the requested one.</summary>
    public string Model { get; init; } = "";

    /// <summary>The agent's own system prompt.</summary>
    public ContentHash? SystemPrompt { get; init; }

    /// <summary>The system prompt that was sent; equal to <see cref="SystemPrompt"/> where nothing was rewritten.</summary>
    public ContentHash? SentSystemPrompt { get; init; }

    /// <summary>The tools array.</summary>
    public ContentHash? Tools { get; init; }

    /// <summary>How many messages of the history so far (messages and replies of the steps before, in order) this call's history keeps.</summary>
    public int HistoryKept { get; init; }

    /// <summary>Messages after the kept ones: those that are new in this step.</summary>
    public IReadOnlyList<StepMessage> Messages { get; init; } = [];

    /// <summary>The assistant's reply, or null where none came.</summary>
    public ContentHash? Reply { get; init; }

    /// <summary>Why the model stopped, in the dialect's word.</summary>
    public string? StopReason { get; init; }

    /// <summary>The response's id.</summary>
    public string? ResponseId { get; init; }

    /// <summary>Tokens; null if the response does not state them.</summary>
    public TokenUsage? TokenUsage { get; init; } = TokenUsage.None;

    /// <summary>When the request came.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>To the end of the response, in milliseconds.</summary>
    public double DurationMs { get; init; }

    /// <summary>To the response's first byte, in milliseconds; null where none came.</summary>
    public double? TimeToFirstByteMs { get; init; }

    /// <summary>When the parts of the response came; null if there was no response or nothing is known of it.</summary>
    public StreamRhythm? Rhythm { get; init; }

    /// <summary>HTTP status of the response; 0 where none came.</summary>
    public int HttpStatus { get; init; }

    /// <summary>How the call ended.</summary>
    public StepStatus Status { get; init; }
}
