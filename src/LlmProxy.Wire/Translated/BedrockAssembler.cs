using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translated;

/// <summary>
/// Assembles a response of Bedrock: an AWS event stream, or JSON (errors and whole responses). Its first byte decides:
/// a message of an event stream begins with its length, which is below 2^24.
/// </summary>
/// <param name="form">Assembles the translated response.</param>
/// <param name="whole">Translates a whole response.</param>
/// <param name="part">Translates an event: its type and payload.</param>
internal sealed class BedrockAssembler(ReplyAssembler form, Action<ReplyAssembler, JsonElement> whole, Action<ReplyAssembler, string, JsonElement> part) : ReplyAssembler
{
    private EventStreamReader? _stream;
    private Replies.JsonValueReader? _json;

    public override bool HasEnded => form.HasEnded;

    public override void Append(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        if (_stream is null && _json is null)
        {
            if (bytes[0] <= 1)
            {
                _stream = new EventStreamReader(OnMessage);
            }
            else
            {
                _json = new Replies.JsonValueReader(OnWhole, static () => { });
            }
        }

        _stream?.Append(bytes);
        _json?.Append(bytes);
    }

    public override AssembledReply ToReply() => form.ToReply();

    private void OnWhole(ReadOnlyMemory<byte> json)
    {
        using var document = LenientJson.Parse(json);
        if (document is null)
        {
            return;
        }

        if (document.RootElement.Text("message"u8) is { } error && !document.RootElement.Get("content"u8).Exists())
        {
            AppendError(document.RootElement.Text("__type"u8) ?? "error", error);
            return;
        }

        whole(form, document.RootElement);
    }

    private void OnMessage(string type, ReadOnlyMemory<byte> payload)
    {
        using var document = LenientJson.Parse(payload);
        var value = document?.RootElement ?? default;
        if (type.EndsWith("Exception", StringComparison.Ordinal))
        {
            AppendError(type, value.Text("message"u8) ?? Encoding.UTF8.GetString(payload.Span));
        }
        else
        {
            part(form, type, value);
        }
    }

    private void AppendError(string type, string message) =>
        form.Append(Replies.ReplyJson.Join("{\"type\":\"error\",\"error\":{\"type\":", type, ",\"message\":", message, "}}"));
}
