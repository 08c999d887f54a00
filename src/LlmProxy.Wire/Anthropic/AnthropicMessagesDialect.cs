using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.Anthropic;

/// <summary>Anthropic's Messages API (platform.claude.com, API reference, "Messages"), version 2023-06-01 and later.</summary>
public sealed class AnthropicMessagesDialect : IDialect
{
    /// <inheritdoc />
    public DialectKind Kind => DialectKind.AnthropicMessages;

    /// <inheritdoc />
    public RequestReading? ReadRequest(ReadOnlyMemory<byte> body, string path, TurnKeys keys)
        => RequestScan.Run(body, keys, AnthropicRequestReader.Read) is { } scan
            // System messages within the history stay as they are: only the prompt beside it may be rewritten.
            ? new RequestPlaces(scan, this, historyTextsCount: false).In(scan.Body)
            : null;

    /// <inheritdoc />
    public RequestContent? ReadContent(ReadOnlyMemory<byte> body)
        => RequestScan.Run(body, null, AnthropicRequestReader.Read) is { } scan ? RequestPlaces.Content(scan, this) : null;

    /// <inheritdoc />
    public ConversationMessage ReadMessage(ReadOnlyMemory<byte> json) => AnthropicMessageReader.Read(json).Message;

    /// <inheritdoc />
    public ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new AnthropicAssembler();

    /// <inheritdoc />
    public byte[] WriteReply(AssembledReply reply) => new AnthropicReplyWriter(reply).Whole();

    /// <inheritdoc />
    public IReadOnlyList<ReplyEvent> WriteEvents(AssembledReply reply) => new AnthropicReplyWriter(reply).Events();

    /// <inheritdoc />
    public byte[] FormatError(int status, string message) => DialectErrors.Anthropic(status, message);
}
