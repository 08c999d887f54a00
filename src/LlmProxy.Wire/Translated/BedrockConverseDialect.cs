using LlmProxy.Wire.Anthropic;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translated;

/// <summary>Bedrock's Converse and ConverseStream (AWS API reference, "Amazon Bedrock Runtime"), recorded in the form of Messages.</summary>
internal sealed class BedrockConverseDialect() : TranslatedDialect(DialectKind.BedrockConverse, "bedrock-converse", "proxy", new AnthropicMessagesDialect())
{
    private const string Stream = "/converse-stream";

    public override string ProviderConvention => "aws.bedrock";

    public override bool IsCompletion(ReadOnlySpan<char> path) =>
        path.Contains("/model/", StringComparison.Ordinal) && (path.EndsWith("/converse", StringComparison.Ordinal) || path.EndsWith(Stream, StringComparison.Ordinal));

    public override ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) =>
        new BedrockAssembler(Form.CreateAssembler(null, streamRequested), ConverseReply.Whole, ConverseReply.Part);

    public override byte[] FormatError(int status, string message) => ReplyJson.Join("{\"message\":", message, "}");

    protected override byte[]? Translate(ReadOnlyMemory<byte> body, string path)
    {
        using var document = LenientJson.Parse(body);
        return document is null ? null : ConverseRequest.ToMessages(document.RootElement, PathModel.OfBedrock(path), path.TrimEnd('/').EndsWith(Stream, StringComparison.Ordinal));
    }
}
