using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.OpenAiChat;

/// <summary>OpenAI's Chat Completions (OpenAI API reference, "Chat"), and what compatible servers make of it.</summary>
public sealed class OpenAiChatDialect : IDialect
{
    /// <inheritdoc />
    public DialectKind Kind => DialectKind.OpenAiChat;

    /// <inheritdoc />
    public RequestReading? ReadRequest(ReadOnlyMemory<byte> body, string path, TurnKeys keys)
        => RequestScan.Run(body, keys, ChatRequestReader.Read) is { } scan ? new RequestPlaces(scan, this).In(scan.Body) : null;

    /// <inheritdoc />
    public RequestContent? ReadContent(ReadOnlyMemory<byte> body)
        => RequestScan.Run(body, null, ChatRequestReader.Read) is { } scan ? RequestPlaces.Content(scan, this) : null;

    /// <inheritdoc />
    public ConversationMessage ReadMessage(ReadOnlyMemory<byte> json) => ChatMessageReader.Read(json).Message;

    /// <inheritdoc />
    public ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new ChatAssembler();

    /// <inheritdoc />
    public byte[] WriteReply(AssembledReply reply) => new ChatReplyWriter(reply).Whole();

    /// <inheritdoc />
    public IReadOnlyList<ReplyEvent> WriteEvents(AssembledReply reply) => new ChatReplyWriter(reply).Events();

    /// <inheritdoc />
    public byte[] FormatError(int status, string message) => DialectErrors.OpenAi(status, message);
}
