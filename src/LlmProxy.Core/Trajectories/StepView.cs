namespace LlmProxy.Core.Trajectories;

/// <summary>A step with its texts, as people, searches and exports read it.</summary>
public sealed record StepView
{
    /// <summary>The step's row.</summary>
    public required TrajectoryStep Step { get; init; }

    /// <summary>The agent's own system prompt.</summary>
    public string? SystemPrompt { get; init; }

    /// <summary>The system prompt that was sent.</summary>
    public string? SentSystemPrompt { get; init; }

    /// <summary>The tools array as sent, or null.</summary>
    public ReadOnlyMemory<byte>? ToolsJson { get; init; }

    /// <summary>Messages that are new in this step, with the mark of those that no recorded response produced.</summary>
    public IReadOnlyList<(ConversationMessage Message, bool IsForeign)> Messages { get; init; } = [];

    /// <summary>The reply, or null.</summary>
    public ConversationMessage? Reply { get; init; }

    /// <summary>What came back for the reply's tool calls: the results in the next step's messages, by call id.</summary>
    public IReadOnlyList<ToolResult> ToolResults { get; init; } = [];

    /// <summary>How many of its texts and messages cannot be read: damaged in the store, or removed while they were read. They are left out.</summary>
    public int Unreadable { get; init; }
}
