using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire;

/// <summary>A range of bytes in a request body.</summary>
/// <param name="Start">Offset of the first byte.</param>
/// <param name="Length">Number of bytes.</param>
public readonly record struct ByteRange(int Start, int Length)
{
    /// <summary>Offset after the last byte.</summary>
    public int End => Start + Length;
}

/// <summary>One text of the system prompt: the JSON string literal that holds it.</summary>
/// <param name="Literal">The literal in the body, with its quotes.</param>
/// <param name="Message">Number of the system message, developer item or block list that it is a part of, from 0; parts of one message share it.</param>
public readonly record struct PromptText(ByteRange Literal, int Message);

/// <summary>Where a system prompt can be put when the request has none: <c>Before + "the text as a JSON literal" + After</c> replaces <paramref name="Range"/>.</summary>
/// <param name="Range">What is replaced; empty for a pure insertion.</param>
/// <param name="Before">Bytes before the literal.</param>
/// <param name="After">Bytes after the literal.</param>
public sealed record PromptInsertion(ByteRange Range, byte[] Before, byte[] After);

/// <summary>One message of the history, by its key.</summary>
/// <param name="Range">The message's JSON in the body (for a turn of several items, from the first to the last).</param>
/// <param name="IsAssistant">Whether a model is said to have produced it.</param>
/// <param name="Key">The message's own key: equal for messages that mean the same (see <see cref="TurnKeys"/>).</param>
/// <param name="Chain">The key of this message and all before it.</param>
/// <param name="AnswersCall">Whether it is known to hold the result of a tool call. Where calls have no ids (Gemini) it is not known.</param>
public readonly record struct MessageReading(ByteRange Range, bool IsAssistant, TurnKey Key, TurnKey Chain, bool AnswersCall = false);

/// <summary>A tool that a request offers.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">Its description, or empty.</param>
public sealed record ToolOffer(string Name, string Description);

/// <summary>What one forward pass over a request finds. Holds ranges into the body, no copies of the history.</summary>
public sealed class RequestReading
{
    /// <summary>The body that the ranges point into.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The model asked for, or null.</summary>
    public string? Model { get; init; }

    /// <summary>Whether the response is asked for as a stream.</summary>
    public bool Stream { get; init; }

    /// <summary>Texts of the system prompt in the order of the request.</summary>
    public IReadOnlyList<PromptText> SystemTexts { get; init; } = [];

    /// <summary>Index in <see cref="SystemTexts"/> of the text that is rewritten when none holds the heading: the last text of the first system message. -1 if there is none.</summary>
    public int DefaultSystemText { get; init; } = -1;

    /// <summary>How to add a system prompt where <see cref="SystemTexts"/> is empty; null where the request must not get one (a Gemini call with cached content).</summary>
    public PromptInsertion? Insertion { get; init; }

    /// <summary>Messages of the history in order, system and developer messages left out.</summary>
    public IReadOnlyList<MessageReading> Messages { get; init; } = [];

    /// <summary>Ids of the tool calls in the history (calls and results), in order of appearance, each once. Ids that clients make up (Gemini) are left out; ends of thought signatures take their place, and ids of the model's messages, compacted histories and references (Responses).</summary>
    public IReadOnlyList<string> ToolCallIds { get; init; } = [];

    /// <summary>Whether any tool is offered (also in items such as <c>additional_tools</c>).</summary>
    public bool OffersTools { get; init; }

    /// <summary>Whether the request asks for a compacted history instead of an answer: no step of a task.</summary>
    internal bool IsCompaction { get; init; }

    /// <summary>Id of the response that this call continues on the server's side: <c>previous_response_id</c>, <c>previous_message_id</c>, or null.</summary>
    public string? PreviousResponseId { get; init; }

    /// <summary>Id of a conversation or thread that the server keeps, or null.</summary>
    public string? ServerConversationId { get; init; }

    /// <summary>What the body says of the client's session: the session id in <c>metadata.user_id</c>, else <c>prompt_cache_key</c>, or null. Narrows candidates, never decides.</summary>
    public string? SessionHint { get; init; }

    /// <summary>Whether the history holds an assistant turn, or the call continues a history that the server keeps.</summary>
    public bool IsContinuation { get; init; }

    /// <summary>Reads the tools that are offered. Not part of the forward pass; for a task's first call.</summary>
    public required Func<IReadOnlyList<ToolOffer>> ReadTools { get; init; }

    /// <summary>Reads the text of the first user message of the history. Not part of the forward pass.</summary>
    public required Func<string> ReadFirstUserText { get; init; }

    /// <summary>Reads the text of the last user message that holds text and no tool result. Not part of the forward pass.</summary>
    public required Func<string> ReadLastUserText { get; init; }

    /// <summary>Reads one of <see cref="Messages"/> as the record keeps it, by its index. Not part of the forward pass.</summary>
    public Func<int, ConversationMessage> ReadMessage { get; init; } = static _ => throw new NotSupportedException("This reading has no messages.");

    /// <summary>Reads all texts of the system prompt, those within the history too, joined by a blank line; null if there is none. Not part of the forward pass.</summary>
    public Func<string?> ReadSystemPrompt { get; init; } = static () => null;

    /// <summary>Reads the tools array as sent (with <c>cache_control</c> removed), or null. Not part of the forward pass.</summary>
    public Func<ReadOnlyMemory<byte>?> ReadToolsJson { get; init; } = static () => null;

    /// <summary>Reads the same in another copy of the body, without another pass; null where that cannot be done.</summary>
    internal RequestPlaces? Places { get; init; }

    /// <summary>The same request as one that continues another response on the server.</summary>
    /// <param name="previousResponseId">Id of that response; null if the request begins its history.</param>
    internal RequestReading Continuing(string? previousResponseId) => Places?.Continuing(previousResponseId).In(Body) ?? this;

    /// <summary>The same request as one that was translated: its body is not what was sent.</summary>
    internal RequestReading AsTranslated() => Places?.In(Body, isTranslated: true) ?? this;

    /// <summary>Places of all that <see cref="ReadSystemPrompt"/> reads.</summary>
    internal Func<IEnumerable<ByteRange>> SystemPromptPlaces { get; init; } = static () => [];

    /// <summary>Places of all that <see cref="ReadToolsJson"/> reads.</summary>
    internal IReadOnlyList<ByteRange> ToolPlaces { get; init; } = [];

    /// <summary>Whether the request holds more than is read (see <see cref="RequestLimits"/>). Everything else is empty then.</summary>
    public bool IsTooLarge { get; private init; }

    /// <summary>The reading of a request that holds more than is read.</summary>
    internal static RequestReading TooLarge(ReadOnlyMemory<byte> body) => new()
    {
        Body = body,
        ReadTools = static () => [],
        ReadFirstUserText = static () => "",
        ReadLastUserText = static () => "",
        IsTooLarge = true,
    };
}
