using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>OpenAI's Responses (OpenAI API reference, "Responses"), over HTTP.</summary>
public sealed class OpenAiResponsesDialect : IDialect
{
    /// <inheritdoc />
    public DialectKind Kind => DialectKind.OpenAiResponses;

    /// <inheritdoc />
    public RequestReading? ReadRequest(ReadOnlyMemory<byte> body, string path, TurnKeys keys)
        => RequestScan.Run(body, keys, ResponsesRequestReader.Read) is { } scan
            // What stands in input beside a history that the server keeps becomes a part of it: only instructions,
            // which are not kept, may be rewritten then.
            ? new RequestPlaces(scan, this, historyTextsCount: scan.PreviousResponseId is null && scan.ServerConversationId is null).In(scan.Body)
            : null;

    /// <inheritdoc />
    public RequestContent? ReadContent(ReadOnlyMemory<byte> body)
        => RequestScan.Run(body, null, ResponsesRequestReader.Read) is { } scan ? RequestPlaces.Content(scan, this) : null;

    /// <inheritdoc />
    public ConversationMessage ReadMessage(ReadOnlyMemory<byte> json) => ResponsesMessageReader.Read(json).Message;

    /// <inheritdoc />
    public ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new ResponsesAssembler();

    /// <inheritdoc />
    public byte[] WriteReply(AssembledReply reply) => new ResponsesReplyWriter(reply).Whole();

    /// <inheritdoc />
    public IReadOnlyList<ReplyEvent> WriteEvents(AssembledReply reply) => new ResponsesReplyWriter(reply).Events();

    /// <inheritdoc />
    public byte[] FormatError(int status, string message) => DialectErrors.OpenAi(status, message);
}
