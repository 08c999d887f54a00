using System.Text;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>One output item as its events describe it; needed when the event that holds the whole response never comes.</summary>
internal sealed class ResponsesItem
{
    private readonly SortedDictionary<long, StringBuilder> _texts = [];
    private readonly SortedDictionary<long, StringBuilder> _summaries = [];
    private readonly StringBuilder _refusal = new();
    private readonly StringBuilder _arguments = new();
    private string _argumentsName = "arguments";

    /// <summary>The item as it was added, before its content came.</summary>
    public byte[]? Added { get; set; }

    /// <summary>The item when it was done.</summary>
    public byte[]? Done { get; set; }

    public void AppendText(long part, string? delta) => Append(_texts, part, delta);

    public void AppendSummary(long part, string? delta) => Append(_summaries, part, delta);

    public void AppendRefusal(string? delta) => _refusal.Append(delta);

    public void AppendArguments(string name, string? delta)
    {
        _argumentsName = name;
        _arguments.Append(delta);
    }

    /// <summary>Writes the item: whole when it was done, else as far as it came.</summary>
    public void WriteTo(ByteBuffer json)
    {
        if (Done is not null)
        {
            json.Append(Done);
            return;
        }

        using var added = Added is null ? null : LenientJson.Parse(Added);
        var values = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        var type = added?.RootElement.Text("type"u8);
        if (type is null)
        {
            values["type"] = _arguments.Length > 0 ? "\"function_call\""u8.ToArray()
                : _texts.Count == 0 && _summaries.Count > 0 ? "\"reasoning\""u8.ToArray()
                : "\"message\",\"role\":\"assistant\""u8.ToArray();
        }

        if (_texts.Count > 0 || _refusal.Length > 0)
        {
            values["content"] = Content(type == "reasoning" ? "reasoning_text" : "output_text");
        }

        if (_summaries.Count > 0)
        {
            values["summary"] = Parts(_summaries.Values, "summary_text");
        }

        if (_arguments.Length > 0)
        {
            values[_argumentsName] = JsonText.EncodeLiteral(_arguments.ToString());
        }

        ReplyJson.AppendChanged(json, added?.RootElement ?? default, values);
    }

    private static void Append(SortedDictionary<long, StringBuilder> texts, long part, string? delta)
    {
        if (!texts.TryGetValue(part, out var text))
        {
            texts[part] = text = new StringBuilder();
        }

        text.Append(delta);
    }

    private byte[] Content(string type)
    {
        if (_refusal.Length == 0)
        {
            return Parts(_texts.Values, type);
        }

        using var json = new ByteBuffer();
        json.Append(_texts.Count == 0 ? "["u8 : Parts(_texts.Values, type).AsSpan()[..^1]);
        json.Append(_texts.Count == 0 ? ""u8 : ","u8);
        json.Append("{\"type\":\"refusal\",\"refusal\":"u8);
        JsonText.AppendLiteral(json, _refusal.ToString());
        json.Append("}]"u8);
        return json.ToArray();
    }

    private static byte[] Parts(IEnumerable<StringBuilder> texts, string type)
    {
        using var json = new ByteBuffer();
        ReplyJson.AppendArray(json, texts, text => json.Append(ReplyJson.Join("{\"type\":", type, ",\"text\":", text.ToString(), "}")));
        return json.ToArray();
    }
}
