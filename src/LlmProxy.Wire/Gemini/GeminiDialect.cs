using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.Gemini;

/// <summary>Google's generateContent and streamGenerateContent (ai.google.dev/api/generate-content), also on Vertex AI.</summary>
public sealed class GeminiDialect : IDialect
{
    /// <inheritdoc />
    public DialectKind Kind => DialectKind.Gemini;

    /// <inheritdoc />
    public RequestReading? ReadRequest(ReadOnlyMemory<byte> body, string path, TurnKeys keys)
    {
        if (RequestScan.Run(body, keys, GeminiRequestReader.Read) is not { } scan)
        {
            return null;
        }

        var end = path.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query ? path[..query] : path;
        end = end.TrimEnd('/');
        scan.Model = GeminiPath.Model(end) ?? scan.Model;
        scan.Stream = GeminiPath.IsStream(end);
        return new RequestPlaces(scan, this).In(scan.Body);
    }

    /// <inheritdoc />
    public RequestContent? ReadContent(ReadOnlyMemory<byte> body)
        => RequestScan.Run(body, null, GeminiRequestReader.Read) is { } scan ? RequestPlaces.Content(scan, this) : null;

    /// <inheritdoc />
    public ConversationMessage ReadMessage(ReadOnlyMemory<byte> json) => GeminiMessageReader.Read(json).Message;

    /// <inheritdoc />
    public ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new GeminiAssembler();

    /// <inheritdoc />
    public byte[] WriteReply(AssembledReply reply) => new GeminiReplyWriter(reply).Whole();

    /// <inheritdoc />
    public IReadOnlyList<ReplyEvent> WriteEvents(AssembledReply reply) => new GeminiReplyWriter(reply).Events();

    /// <inheritdoc />
    public byte[] FormatError(int status, string message) => DialectErrors.Gemini(status, message);
}
