using LlmProxy.Wire.Gemini;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.Anthropic;

/// <summary>Anthropic's Messages API (platform.claude.com, API reference, "Messages"), version 2023-06-01 and later.</summary>
internal sealed class AnthropicMessagesDialect()
    : Dialect(DialectKind.AnthropicMessages, "anthropic-messages", "anthropic", AnthropicMessageReader.Instance, AnthropicRequestReader.Read, AnthropicRequestReader.Instance.ScanMessage)
{
    public override bool TakesBlankText => false;

    public override RequestPatterns Patterns { get; } = RequestPatterns.InBody("/messages", id => $"$..[?(@.tool_use_id == {id})]", "$..[?(@.tool_use_id)]");

    // POST /v1/threads/ID/messages is OpenAI's Assistants API: it adds a message, no model answers.
    public override bool IsCompletion(ReadOnlySpan<char> path) =>
        (path.EndsWith("/messages", StringComparison.Ordinal) && !path.Contains("/threads/", StringComparison.Ordinal)) || VertexPath.IsOf("anthropic", path);

    public override IReadOnlyList<ToolDefinition> ReadTools(ReadOnlyMemory<byte> json) => ToolLists.Read(json, [new ByteRange(0, json.Length)], keepsNative: true);

    public override ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new AnthropicAssembler();

    public override byte[] FormatError(int status, string message)
    {
        // platform.claude.com, "Errors".
        var type = status switch
        {
            400 or 422 or 426 or 431 => "invalid_request_error",
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            408 or 504 => "timeout_error",
            503 or 529 => "overloaded_error",
            _ => "api_error",
        };
        return ReplyJson.Join("{\"type\":\"error\",\"error\":{\"type\":", type, ",\"message\":", message, "}}");
    }

    // System messages within the history stay as they are: only the prompt outside it may be rewritten.
    protected override RequestPlaces PlacesOf(RequestScan scan, string path, MessageReader reader)
    {
        scan.Model ??= VertexPath.Model(path);
        return new(scan, reader, historyTextsCount: false);
    }

    protected override ReplyWriter WriterOf(AssembledReply reply) => new AnthropicReplyWriter(reply);
}
