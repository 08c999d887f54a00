using LlmProxy.Wire.Gemini;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.OpenAiChat;

/// <summary>OpenAI's Chat Completions (OpenAI API reference, "Chat"), and what compatible servers make of it.</summary>
internal sealed class OpenAiChatDialect()
    : Dialect(DialectKind.OpenAiChat, "openai-chat", "openai", ChatMessageReader.Instance, ChatRequestReader.Read, ChatRequestReader.Instance.ScanMessage)
{
    public override RequestPatterns Patterns { get; } = RequestPatterns.InBody("/chat/completions", id => $"$..[?(@.tool_call_id == {id})]", "$..[?(@.tool_call_id)]");

    public override bool IsCompletion(ReadOnlySpan<char> path) => path.EndsWith("/chat/completions", StringComparison.Ordinal) || VertexPath.IsOf("mistralai", path);

    public override ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new ChatAssembler();

    public override byte[] FormatError(int status, string message) => OpenAiErrors.Format(status, message);

    protected override RequestPlaces PlacesOf(RequestScan scan, string path, MessageReader reader)
    {
        scan.Model ??= VertexPath.Model(path);
        return base.PlacesOf(scan, path, reader);
    }

    protected override ReplyWriter WriterOf(AssembledReply reply) => new ChatReplyWriter(reply);
}
