using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Sdk;

/// <summary>
/// One call of a model as the application made it: what it sent, and what came back. Tool calls, tool results, images
/// and reasoning are contents of the messages, in the types of Microsoft.Extensions.AI
/// (<see cref="FunctionCallContent"/>, <see cref="FunctionResultContent"/>, <see cref="DataContent"/>…).
/// </summary>
public sealed record IterationSnapshot
{
    /// <summary>
    /// The messages that were sent, oldest first: the whole history, as chat APIs take it. A result whose
    /// <see cref="FunctionResultContent.Exception"/> is set counts as failed.
    /// </summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>The model's response: messages, <see cref="ChatResponse.Usage"/>, <see cref="ChatResponse.FinishReason"/>; null if none came.</summary>
    public ChatResponse? Response { get; init; }

    /// <summary>The system prompt; null if <see cref="Messages"/> hold it or there is none.</summary>
    public string? SystemPrompt { get; init; }

    /// <summary>The tools that were offered.</summary>
    public IReadOnlyList<AITool> Tools { get; init; } = [];

    /// <summary>The model that was asked; null for the one that the task was started with.</summary>
    public string? Model { get; init; }

    /// <summary>Whether <see cref="Messages"/> are only those that came since the last iteration, because the server or the application keeps the history elsewhere.</summary>
    public bool HasNewMessagesOnly { get; init; }

    /// <summary>When the call began; null: it ended just now.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; init; }
}

/// <summary>What became of an iteration.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Iteration">Its number in the task from 1; that of an earlier iteration where this one repeats it.</param>
/// <param name="Recorded">Whether it is on its way into the store.</param>
/// <param name="Reason">Why not, or null.</param>
public sealed record IterationReceipt(string TaskId, int Iteration, bool Recorded, string? Reason);
