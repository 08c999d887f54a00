using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Anthropic;

/// <summary>One content block: as its start gave it, and what its deltas added.</summary>
internal sealed class AnthropicBlock
{
    private readonly byte[] _start;
    private readonly SortedDictionary<string, byte[]> _set = new(StringComparer.Ordinal);
    private readonly List<byte[]> _citations = [];
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _thinking = new();
    private readonly StringBuilder _input = new();

    public AnthropicBlock(JsonElement start)
    {
        _start = start.ValueKind == JsonValueKind.Object ? start.Raw().ToArray() : "{}"u8.ToArray();
    }

    private AnthropicBlock(byte[] start)
    {
        _start = start;
    }

    public static AnthropicBlock ForDelta(string? type) => new(type switch
    {
        "text_delta" or "citations_delta" => "{\"type\":\"text\",\"text\":\"\"}"u8.ToArray(),
        "thinking_delta" or "signature_delta" => "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"u8.ToArray(),
        "input_json_delta" => "{\"type\":\"tool_use\",\"id\":\"\",\"name\":\"\",\"input\":{}}"u8.ToArray(),
        _ => "{}"u8.ToArray(),
    });

    /// <summary>Whether a delta came, or the start held all of a call.</summary>
    public bool HasGrown => _text.Length > 0 || _thinking.Length > 0 || _input.Length > 0 || _set.Count > 0 || _citations.Count > 0 || IsClosed;

    /// <summary>Whether its end was seen.</summary>
    public bool IsClosed { get; set; }

    /// <summary>Whether a delta of this type belongs to a block of this kind.</summary>
    public bool Takes(string? delta)
    {
        using var start = LenientJson.Parse(_start);
        var type = start?.RootElement.Text("type"u8) ?? "";
        return delta switch
        {
            "text_delta" or "citations_delta" => type == "text",
            "thinking_delta" or "signature_delta" => type == "thinking",
            "input_json_delta" => type.EndsWith("tool_use", StringComparison.Ordinal),
            _ => true,
        };
    }

    /// <summary>Takes a delta.</summary>
    /// <returns>Whether it was of a known type.</returns>
    public bool Append(JsonElement delta)
    {
        switch (delta.Text("type"u8))
        {
            case "text_delta":
                _text.Append(delta.Text("text"u8));
                return true;
            case "thinking_delta":
                _thinking.Append(delta.Text("thinking"u8));
                return true;
            case "input_json_delta":
                _input.Append(delta.Text("partial_json"u8));
                return true;
            case "signature_delta":
                _set["signature"] = delta.Get("signature"u8).Raw().ToArray();
                return true;
            case "citations_delta":
                _citations.Add(delta.Get("citation"u8).Raw().ToArray());
                return true;
            case "compaction_delta":
                foreach (var property in delta.EnumerateObject())
                {
                    var name = Encoding.UTF8.GetString(property.Utf8Name());
                    if (name != "type")
                    {
                        _set[name] = property.Value.Raw().ToArray();
                    }
                }

                return true;
            default:
                return false;
        }
    }

    /// <summary>Writes the block as a client would send it back.</summary>
    public void WriteTo(ByteBuffer json)
    {
        if (_text.Length == 0 && _thinking.Length == 0 && _input.Length == 0 && _set.Count == 0 && _citations.Count == 0)
        {
            json.Append(_start);
            return;
        }

        using var start = LenientJson.Parse(_start);
        var root = start!.RootElement;
        var values = new SortedDictionary<string, byte[]>(_set, StringComparer.Ordinal);
        AddText(values, root, "text", _text);
        AddText(values, root, "thinking", _thinking);
        if (_input.Length > 0)
        {
            var input = Encoding.UTF8.GetBytes(_input.ToString());
            using var parsed = LenientJson.Parse(input);
            // Arguments that broke off (max_tokens, a cut stream) stay readable as a string.
            values["input"] = parsed is not null ? input : JsonText.EncodeLiteral(_input.ToString());
        }

        if (_citations.Count > 0)
        {
            values["citations"] = Array(root.Get("citations"u8).Items().Select(citation => citation.Raw().ToArray()).Concat(_citations));
        }

        ReplyJson.AppendChanged(json, root, values);
    }

    private static void AddText(SortedDictionary<string, byte[]> values, JsonElement root, string name, StringBuilder more)
    {
        if (more.Length > 0)
        {
            values[name] = JsonText.EncodeLiteral((root.Text(Encoding.ASCII.GetBytes(name)) ?? "") + more);
        }
    }

    private static byte[] Array(IEnumerable<byte[]> items)
    {
        using var buffer = new ByteBuffer();
        ReplyJson.AppendArray(buffer, items, item => buffer.Append(item));
        return buffer.ToArray();
    }
}
