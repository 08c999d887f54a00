namespace LlmProxy.Wire;

/// <summary>One message (or turn of several items) of a conversation, as the record keeps it.</summary>
public sealed class ConversationMessage
{
    /// <summary><c>user</c>, <c>assistant</c>, <c>tool</c>, <c>system</c> or another role as sent.</summary>
    public required string Role { get; init; }

    /// <summary>
    /// The message in its dialect's own form, UTF-8, with <c>cache_control</c> marks removed and nothing else changed.
    /// A turn of several items (Responses) is a JSON array of them.
    /// </summary>
    public required ReadOnlyMemory<byte> Json { get; init; }

    /// <summary>Whether a model is said to have produced it.</summary>
    public bool IsAssistant { get; init; }

    /// <summary>All that it holds, in order; the members below are views of it.</summary>
    public IReadOnlyList<MessagePart> Parts { get; init; } = [];

    /// <summary>
    /// Its texts; never hidden reasoning. Texts of the client are joined by line ends. The texts of an assistant follow
    /// each other without a separator: servers and SDKs split and join one text at will, and its key must not depend on that.
    /// </summary>
    public string Text { get; init; } = "";

    /// <summary>Reasoning text that the model showed, or null.</summary>
    public string? Reasoning { get; init; }

    /// <summary>Tool calls in order.</summary>
    public IReadOnlyList<ToolCall> ToolCalls { get; init; } = [];

    /// <summary>Tool results in order.</summary>
    public IReadOnlyList<ToolResult> ToolResults { get; init; } = [];
}

/// <summary>A tool definition as a request holds it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">Its description, or empty.</param>
/// <param name="ParametersJson">Its JSON schema as sent, or null.</param>
public sealed record ToolDefinition(string Name, string Description, string? ParametersJson)
{
    /// <summary>The definition as sent, where <see cref="IDialect.ReadTools"/> keeps it; else empty.</summary>
    public ReadOnlyMemory<byte> NativeJson { get; init; }
}

/// <summary>The whole conversation that a request holds.</summary>
public sealed class RequestContent
{
    /// <summary>All texts of the system prompt, joined by a blank line; null if there is none.</summary>
    public string? SystemPrompt { get; init; }

    /// <summary>The tools array as sent (with <c>cache_control</c> removed), or null.</summary>
    public ReadOnlyMemory<byte>? ToolsJson { get; init; }

    /// <summary>The tools.</summary>
    public IReadOnlyList<ToolDefinition> Tools { get; init; } = [];

    /// <summary>The history, one entry for each of <see cref="RequestReading.Messages"/>, in the same order.</summary>
    public IReadOnlyList<ConversationMessage> Messages { get; init; } = [];
}
