using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>OpenAI's Responses (OpenAI API reference, "Responses"), over HTTP.</summary>
internal sealed class OpenAiResponsesDialect()
    : Dialect(DialectKind.OpenAiResponses, "openai-responses", "openai", ResponsesMessageReader.Instance, ResponsesRequestReader.Read, ResponsesRequestReader.ScanItem)
{
    public override RequestPatterns Patterns { get; } = RequestPatterns.InBody("/responses", id => $"$.input[?(@.call_id == {id} && @.output)]", "$.input[?(@.call_id && @.output)]");

    private const string Compaction = "/responses/compact";

    public override bool IsCompletion(ReadOnlySpan<char> path) => path.EndsWith("/responses", StringComparison.Ordinal) || path.EndsWith(Compaction, StringComparison.Ordinal);

    public override ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new ResponsesAssembler();

    public override byte[] FormatError(int status, string message) => OpenAiErrors.Format(status, message);

    // If the server keeps the history, what input holds becomes a part of it: only instructions, which are not kept,
    // may be rewritten then.
    protected override RequestPlaces PlacesOf(RequestScan scan, string path, MessageReader reader)
    {
        scan.IsCompaction |= path.AsSpan().TrimEnd('/').EndsWith(Compaction, StringComparison.Ordinal);
        return new(scan, reader, historyTextsCount: scan.PreviousResponseId is null && scan.ServerConversationId is null);
    }

    protected override ReplyWriter WriterOf(AssembledReply reply) => new ResponsesReplyWriter(reply);
}
