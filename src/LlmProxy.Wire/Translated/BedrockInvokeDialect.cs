using System.Text.Json;
using LlmProxy.Wire.Anthropic;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translated;

/// <summary>
/// Bedrock's InvokeModel and InvokeModelWithResponseStream (AWS API reference, "Amazon Bedrock Runtime") with Anthropic's
/// models: a Messages request without model and stream, which the path names. Amazon's own models take Converse's form.
/// </summary>
internal sealed class BedrockInvokeDialect() : TranslatedDialect(DialectKind.BedrockInvoke, "bedrock-invoke", "proxy", new AnthropicMessagesDialect())
{
    private const string Whole = "/invoke";
    private const string Stream = "/invoke-with-response-stream";

    public override string ProviderConvention => "aws.bedrock";

    public override bool IsCompletion(ReadOnlySpan<char> path) =>
        path.Contains("/model/", StringComparison.Ordinal) && (path.EndsWith(Whole, StringComparison.Ordinal) || path.EndsWith(Stream, StringComparison.Ordinal));

    public override ReplyAssembler CreateAssembler(string? contentType, bool streamRequested)
    {
        return new BedrockAssembler(
            Form.CreateAssembler(null, streamRequested),
            (form, reply) =>
            {
                if (reply.Get("output"u8).Exists())
                {
                    ConverseReply.Whole(form, reply);
                }
                else
                {
                    form.Append(reply.Raw());
                }
            },
            (form, type, chunk) =>
            {
                if (type == "chunk" && chunk.Get("bytes"u8) is { ValueKind: JsonValueKind.String } bytes && bytes.TryGetBytesFromBase64(out var json))
                {
                    ConverseReply.Chunk(form, json);
                }
            });
    }

    public override byte[] FormatError(int status, string message) => ReplyJson.Join("{\"message\":", message, "}");

    protected override byte[]? Translate(ReadOnlyMemory<byte> body, string path)
    {
        using var document = LenientJson.Parse(body);
        var request = document?.RootElement ?? default;
        if (request.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var isStream = path.TrimEnd('/').EndsWith(Stream, StringComparison.Ordinal);
        if (request.Get("schemaVersion"u8).Exists())
        {
            return ConverseRequest.ToMessages(request, PathModel.OfBedrock(path), isStream);
        }

        using var json = new ByteBuffer(body.Length + 128);
        json.Add("{"u8);
        if (PathModel.OfBedrock(path) is { } model)
        {
            json.Add("\"model\":"u8).Add(model).Add(","u8);
        }

        json.Add(isStream ? "\"stream\":true"u8 : "\"stream\":false"u8);
        foreach (var property in request.EnumerateObject())
        {
            json.Add(",\""u8).Add(System.Runtime.InteropServices.JsonMarshal.GetRawUtf8PropertyName(property)).Add("\":"u8).Add(property.Value);
        }

        return json.Add("}"u8).ToArray();
    }
}
