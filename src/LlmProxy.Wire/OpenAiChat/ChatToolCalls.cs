using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.OpenAiChat;

/// <summary>Puts the tool calls of one choice together from fragments.</summary>
internal sealed class ChatToolCalls
{
    private readonly List<Call> _calls = [];

    public int Count => _calls.Count;

    /// <summary>Takes a fragment, or a whole call.</summary>
    public void Append(JsonElement fragment)
    {
        var index = fragment.Number("index"u8);
        var id = fragment.Text("id"u8);
        var function = fragment.Get("function"u8);
        var isCustom = false;
        if (function.Text("name"u8) is not { Length: > 0 } && fragment.Get("custom"u8) is { ValueKind: JsonValueKind.Object } custom && !function.Exists())
        {
            function = custom;
            isCustom = true;
        }

        var name = function.Text("name"u8);
        var call = Find(index, id, name);
        if (call is null)
        {
            call = new Call(index);
            _calls.Add(call);
        }

        call.Id = string.IsNullOrEmpty(call.Id) ? id : call.Id;
        call.Name = string.IsNullOrEmpty(call.Name) ? name : call.Name;
        call.IsCustom |= isCustom || fragment.Get("type"u8).Is("custom"u8);
        var arguments = function.Get("arguments"u8);
        arguments = arguments.Exists() ? arguments : function.Get("input"u8);
        call.Arguments.Append(arguments.Text() ?? (arguments.Exists() ? arguments.RawText() : ""));
        var extra = fragment.Get("extra_content"u8);
        call.Extra = extra.Exists() ? extra.Raw().ToArray() : call.Extra;
    }

    /// <summary>Adds the calls of another choice.</summary>
    public void Take(ChatToolCalls other) => _calls.AddRange(other._calls);

    /// <summary>Writes the calls as an array.</summary>
    public void WriteTo(ByteBuffer json)
    {
        ReplyJson.AppendArray(json, _calls, call =>
        {
            json.Append(string.IsNullOrEmpty(call.Id) ? "{"u8 : ReplyJson.Join("{\"id\":", call.Id, ","));
            json.Append(ReplyJson.Join(
                call.IsCustom ? "\"type\":\"custom\",\"custom\":{\"name\":" : "\"type\":\"function\",\"function\":{\"name\":",
                call.Name ?? "",
                call.IsCustom ? ",\"input\":" : ",\"arguments\":",
                call.Arguments.ToString(),
                "}"));
            if (call.Extra is not null)
            {
                json.Append(",\"extra_content\":"u8);
                json.Append(call.Extra);
            }

            json.Append("}"u8);
        });
    }

    /// <summary>
    /// The call that a fragment continues. The index decides, but compatible servers leave it out or always send 0:
    /// then a new id begins a new call, and without ids a name after whole arguments does.
    /// </summary>
    private Call? Find(long? index, string? id, string? name)
    {
        var call = index is null ? _calls.LastOrDefault() : _calls.LastOrDefault(known => known.Index == index);
        if (call is null)
        {
            return null;
        }

        if (!string.IsNullOrEmpty(id))
        {
            // Some servers make up an id for each fragment: one without a name, or with the name of a call that is not whole, continues it.
            return string.IsNullOrEmpty(call.Id) || call.Id == id ? call
                : _calls.Find(known => known.Id == id) is { } known ? known
                : index is not null && (string.IsNullOrEmpty(name) || (name == call.Name && call.Arguments.Length > 0 && !IsWhole(call.Arguments))) ? call
                : null;
        }

        return !string.IsNullOrEmpty(name) && !string.IsNullOrEmpty(call.Name) && IsWhole(call.Arguments) ? null : call;
    }

    private static bool IsWhole(StringBuilder arguments)
    {
        using var document = arguments.Length == 0 ? null : LenientJson.Parse(Encoding.UTF8.GetBytes(arguments.ToString()));
        return document is not null;
    }

    private sealed class Call(long? index)
    {
        public long? Index { get; } = index;

        public string? Id { get; set; }

        public string? Name { get; set; }

        public bool IsCustom { get; set; }

        public byte[]? Extra { get; set; }

        public StringBuilder Arguments { get; } = new();
    }
}
