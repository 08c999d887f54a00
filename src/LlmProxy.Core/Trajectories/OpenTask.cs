using LlmProxy.Core.Dialects;

namespace LlmProxy.Core.Trajectories;

/// <summary>What the request path knows of a task: enough to place its next call. Guarded by the correlator's lock.</summary>
public sealed class OpenTask
{
    /// <summary>The task's id.</summary>
    public required string TaskId { get; init; }

    /// <summary>Its trajectory.</summary>
    public required string TrajectoryId { get; init; }

    /// <summary>Whose.</summary>
    public required string Tenant { get; init; }

    /// <summary>Its conversation.</summary>
    public required string ConversationId { get; init; }

    /// <summary>The trajectory that started it, or null.</summary>
    public string? ParentId { get; init; }

    /// <summary>The client's session, or null.</summary>
    public string? SessionId { get; init; }

    /// <summary>What the task is.</summary>
    public string TaskDescription { get; init; } = "";

    /// <summary>When its first call came.</summary>
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>Last number given to a step.</summary>
    public int LastStep { get; internal set; }

    /// <summary>Whether its calls offer tools.</summary>
    public bool OffersTools { get; internal set; }

    /// <summary>Model of its last call; null where unknown.</summary>
    internal string? Model { get; set; }

    /// <summary>Whether its last call asked for a stream.</summary>
    internal bool Stream { get; set; }

    /// <summary>Key of the whole history of its last call; null where only the store has it.</summary>
    internal TurnKey? LastRequest { get; set; }

    /// <summary>The answer that its last call named as the one it continues.</summary>
    internal string? LastPrevious { get; set; }

    /// <summary>Number of messages of its last call.</summary>
    internal int LastMessageCount { get; set; }

    /// <summary>Calls whose answer is still on its way.</summary>
    internal int InFlight { get; set; }

    /// <summary>Whether another process told of its last call and not of the answer yet.</summary>
    internal bool IsUnderWayElsewhere { get; set; }

    /// <summary>Whether an answer is still on its way.</summary>
    internal bool IsUnderWay => InFlight > 0 || IsUnderWayElsewhere;

    /// <summary>Whether its last call was answered in full.</summary>
    internal bool LastAnswered { get; set; }

    /// <summary>Whether the last answer could be read. What cannot be read (an unknown encoding) leaves no key of its own.</summary>
    internal bool LastReadable { get; set; } = true;

    /// <summary>Whether the last answer ended its turn without asking for a tool.</summary>
    internal bool LastEndedTurn { get; set; }

    /// <summary>Whether the conversation went on in a task of its own (a next turn).</summary>
    internal bool IsContinued { get; set; }

    /// <summary>Last use, for forgetting.</summary>
    internal DateTimeOffset LastUsed { get; set; }
}

/// <summary>A call that looks for its task.</summary>
public sealed record IncomingCall
{
    /// <summary>Whose.</summary>
    public required string Tenant { get; init; }

    /// <summary>The request, read.</summary>
    public required RequestReading Reading { get; init; }

    /// <summary>The client's rules.</summary>
    public required TaskRules Rules { get; init; }

    /// <summary>The task that the header names, or null.</summary>
    public string? TaskId { get; init; }

    /// <summary>The client's session, or null.</summary>
    public string? SessionId { get; init; }

    /// <summary>What the client's SDK says: how often it has sent this call before.</summary>
    public int RetryCount { get; init; }

    /// <summary>The task's description, asked for when a task is opened.</summary>
    public required Func<string> Description { get; init; }

    /// <summary>Whether the history ends in something that a person wrote, asked for where a turn's boundary may be.</summary>
    public required Func<bool> EndsInUserText { get; init; }

    /// <summary>The system prompt; null for one that was not looked at yet.</summary>
    public SystemPrompt? SystemPrompt { get; init; }

    /// <summary>Whether the server keeps the history: the call brings only what is new, and its tools may be there too.</summary>
    internal bool KeepsHistory => Reading.PreviousResponseId is not null || Reading.ServerConversationId is not null;

    /// <summary>Whether the preset's own rules make it a side call.</summary>
    internal bool IsSideCallByPreset { get; init; }
}

/// <summary>Where a call belongs.</summary>
/// <param name="Task">Its task; for a side call the task that it is for, or null.</param>
/// <param name="StepIndex">Number of its step from 1; 0 for a side call.</param>
/// <param name="IsNewTask">Whether it opened the task.</param>
/// <param name="IsSideCall">Whether it is no step.</param>
/// <param name="IsRetry">Whether it takes the place of an earlier call.</param>
public sealed record CallPlace(OpenTask? Task, int StepIndex, bool IsNewTask, bool IsSideCall, bool IsRetry);
