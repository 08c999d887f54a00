namespace LlmProxy.Core.Trajectories;

/// <summary>A call that looks for its task.</summary>
public sealed record IncomingCall
{
    /// <summary>The tenant that owns the task.</summary>
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

    /// <summary>The project that the call states, asked for when a conversation is opened.</summary>
    public Func<string?> Project { get; init; } = static () => null;

    /// <summary>Whether the history ends in something that a person wrote, asked for where a turn's boundary may be.</summary>
    public required Func<bool> EndsInUserText { get; init; }

    /// <summary>The text of the last message if a user's text is in it, else empty; asked for where a rule needs it.</summary>
    public Func<string> LastUserText { get; init; } = () => "";

    /// <summary>The sub-agent that makes the call; null for the main agent.</summary>
    public string? AgentId { get; init; }

    /// <summary>The sub-agent that started it; null if the main agent did.</summary>
    public string? ParentAgentId { get; init; }

    /// <summary>The session of the agent that started it; null if that has the same session.</summary>
    internal string? ParentSessionId { get; init; }

    /// <summary>The system prompt; null for one that was not looked at yet.</summary>
    public SystemPrompt? SystemPrompt { get; init; }

    /// <summary>Whether the server keeps the history: the call brings only what is new, and its tools may be there too.</summary>
    internal bool KeepsHistory => Reading.PreviousResponseId is not null || Reading.ServerConversationId is not null;

    /// <summary>Whether the preset's own rules make it a side call, though it continues a recorded response.</summary>
    internal bool IsSideCallByPreset { get; init; }

    /// <summary>Marks of the client's headers.</summary>
    internal HeaderMarks Headers { get; init; }

    /// <summary>Fingerprint of what surrounds its history.</summary>
    internal RequestFingerprint Frame { get; init; }
}

/// <summary>Where a call belongs.</summary>
/// <param name="Task">Its task; for a side call the task that it is for, or null.</param>
/// <param name="StepIndex">Number of its step from 1; 0 for a side call.</param>
/// <param name="IsNewTask">Whether it opened the task.</param>
/// <param name="IsSideCall">Whether it is no step.</param>
/// <param name="IsRetry">Whether it takes the place of an earlier call.</param>
public sealed record TaskAssignment(OpenTask? Task, int StepIndex, bool IsNewTask, bool IsSideCall, bool IsRetry);
