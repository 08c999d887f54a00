
namespace LlmProxy.Wire;

/// <summary>
/// Puts one response together from its decoded bytes, as they come. Used while the response streams to the client, so
/// that its keys are known before its last bytes leave, and once more after a restart, from the spool.
/// Never throws for any bytes. Not safe for concurrent use.
/// </summary>
public abstract class ReplyAssembler
{
    /// <summary>Whether the response's own end was seen (a terminal event, or a finish reason where the dialect has no terminal event).</summary>
    public abstract bool HasEnded { get; }

    /// <summary>Takes the next bytes of the response's body, split anywhere.</summary>
    public abstract void Append(ReadOnlySpan<byte> bytes);

    /// <summary>The response as far as it came. May be called at any time, and again after more bytes.</summary>
    public abstract AssembledReply ToReply();
}

/// <summary>A response, put together.</summary>
public sealed record AssembledReply
{
    /// <summary>The response's id, or null.</summary>
    public string? ResponseId { get; init; }

    /// <summary>The model that answered, as it names itself, or null.</summary>
    public string? Model { get; init; }

    /// <summary>The assistant's message: text, reasoning, tool calls, and its JSON in the dialect's own form.</summary>
    public required ConversationMessage Message { get; init; }

    /// <summary>Why the model stopped, in the dialect's own word (<c>end_turn</c>, <c>tool_calls</c>, <c>STOP</c>…), or null.</summary>
    public string? StopReason { get; init; }

    /// <summary>Tokens, brought to one way of counting: input includes cached tokens, output includes reasoning.</summary>
    public TokenUsage Usage { get; init; } = TokenUsage.None;

    /// <summary>Whether usage was in the response at all.</summary>
    public bool HasUsage { get; init; }

    /// <summary>What the price depends on besides tokens.</summary>
    public UsageTerms Terms { get; init; } = UsageTerms.Standard;

    /// <summary>The refusal's text, or null.</summary>
    public string? Refusal { get; init; }

    /// <summary>An error that the response holds (also inside a 200), as <c>type: message</c>, or null.</summary>
    public string? Error { get; init; }

    /// <summary>Whether the response is whole: its own end was seen and it holds no error.</summary>
    public bool IsComplete { get; init; }

    /// <summary>Whether it says anything: text, reasoning, a tool call or a refusal.</summary>
    public bool HasSubstance => Message.Text.Length > 0 || Message.ToolCalls.Count > 0 || Message.Reasoning is not null || Refusal is not null;

    /// <summary>Whether the model ended its turn without asking for a tool.</summary>
    public bool EndedTurn { get; init; }

    /// <summary>Parts of the assistant turn's key: see <see cref="TurnKeys.AssistantTurn"/>. Ids, or name and canonical arguments for Gemini.</summary>
    public IReadOnlyList<string> CallKeys { get; init; } = [];

    /// <summary>Values that a client gives back as they are where the server's calls have no ids: ends of Gemini's thought signatures, ids of output items (Responses).</summary>
    public IReadOnlyList<string> Marks { get; init; } = [];

    /// <summary>Events or blocks of unknown type, raw, so that nothing is lost.</summary>
    public IReadOnlyList<string> Unknown { get; init; } = [];
}
