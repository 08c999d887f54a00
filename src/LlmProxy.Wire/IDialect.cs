namespace LlmProxy.Wire;

/// <summary>
/// One wire format of completion calls. Implementations hold no state; they are safe for concurrent use.
/// Nothing here throws for any input bytes: what cannot be read is a value that reports it.
/// </summary>
public interface IDialect
{
    /// <summary>Which format this is.</summary>
    DialectKind Kind { get; }

    /// <summary>The dialect's name in files and messages, such as <c>openai-chat</c>.</summary>
    string Name { get; }

    /// <summary>The provider whose format this is, as routes name it, such as <c>openai</c>.</summary>
    string Provider { get; }

    /// <summary>The provider as OpenTelemetry's GenAI conventions name it (<c>gen_ai.provider.name</c>).</summary>
    string ProviderConvention { get; }

    /// <summary>What a call is as the same conventions name it (<c>gen_ai.operation.name</c>).</summary>
    string OperationConvention { get; }

    /// <summary>Whether the API takes a text part of white space alone.</summary>
    bool TakesBlankText { get; }

    /// <summary>Whether requests are recorded and never rewritten, because their form cannot be or because they are signed.</summary>
    bool IsRecordOnly { get; }

    /// <summary>The dialect whose form the messages that <see cref="ReadContent"/> and a <see cref="ReplyAssembler"/> give have.</summary>
    DialectKind StoredAs { get; }

    /// <summary>Whether a path is that of a completion call.</summary>
    /// <param name="path">The path without its query and without a slash at its end.</param>
    bool IsCompletion(ReadOnlySpan<char> path);

    /// <summary>How stub servers recognize its requests.</summary>
    RequestPatterns Patterns { get; }

    /// <summary>
    /// Reads what the request path needs in one forward pass: model, system texts, message keys, tools, stream flag.
    /// </summary>
    /// <param name="body">The decoded request body (UTF-8, a byte order mark is allowed). Must stay unchanged while the reading is used.</param>
    /// <param name="path">The request's path without its query; Gemini has the model and the stream flag there.</param>
    /// <param name="keys">Makes the correlation keys of messages.</param>
    /// <returns>The reading (<see cref="RequestReading.IsTooLarge"/> if the body holds more than is read), or null if the body is not a request of this dialect (broken JSON, no object, no history although one is needed).</returns>
    RequestReading? ReadRequest(ReadOnlyMemory<byte> body, string path, TurnKeys keys);

    /// <summary>Reads the whole conversation of a request, for the record. Slower than <see cref="ReadRequest"/>; never on the request path.</summary>
    /// <param name="body">The decoded request body.</param>
    /// <returns>The content, or null where the body is not a request of this dialect.</returns>
    RequestContent? ReadContent(ReadOnlyMemory<byte> body);

    /// <summary>Reads one stored message of this dialect back (see <see cref="ConversationMessage.Json"/>).</summary>
    /// <param name="json">The message as <see cref="ReadContent"/> or a <see cref="ReplyAssembler"/> gave it.</param>
    ConversationMessage ReadMessage(ReadOnlyMemory<byte> json);

    /// <summary>The key that a stored message has in a request (<see cref="MessageReading.Key"/>); an empty one if it cannot be read.</summary>
    /// <param name="json">The message, as for <see cref="ReadMessage"/>.</param>
    /// <param name="keys">Makes the keys.</param>
    TurnKey KeyOf(ReadOnlyMemory<byte> json, TurnKeys keys);

    /// <summary>Reads a stored list of tools (see <see cref="RequestContent.ToolsJson"/>).</summary>
    /// <param name="json">The list.</param>
    IReadOnlyList<ToolDefinition> ReadTools(ReadOnlyMemory<byte> json);

    /// <summary>Makes an assembler for one response.</summary>
    /// <param name="contentType">The response's Content-Type as sent, or null.</param>
    /// <param name="streamRequested">Whether the request asked for a stream. Some servers answer a stream request with plain JSON, and some send events with an odd content type: the assembler looks at the first bytes as well.</param>
    ReplyAssembler CreateAssembler(string? contentType, bool streamRequested);

    /// <summary>Writes a response as one JSON body: what <see cref="CreateAssembler"/> reads back as the same reply.</summary>
    /// <param name="reply">The response, with a message of this dialect.</param>
    byte[] WriteReply(AssembledReply reply);

    /// <summary>
    /// Writes a response as the events of a stream. One that is not <see cref="AssembledReply.IsComplete"/> lacks its end;
    /// one with an error ends in it.
    /// </summary>
    /// <param name="reply">The response, with a message of this dialect.</param>
    IReadOnlyList<ReplyEvent> WriteEvents(AssembledReply reply);

    /// <summary>Whether a request for a stream gets the events as one JSON array instead of server-sent events.</summary>
    /// <param name="target">The request's path with its query.</param>
    bool StreamsAsArray(string target);

    /// <summary>An error object in this dialect's shape, as its SDKs expect it.</summary>
    /// <param name="status">The HTTP status that goes with it, such as 502 or 504.</param>
    /// <param name="message">What happened and what to do.</param>
    byte[] FormatError(int status, string message);
}
