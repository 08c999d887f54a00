using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.OpenAiChat;

/// <summary>The forward pass over a Chat Completions request (OpenAI API reference, "Create chat completion").</summary>
internal sealed class ChatRequestReader : MessageRules
{
    public static ChatRequestReader Instance { get; } = new();

    public override DialectKind Kind => DialectKind.OpenAiChat;

    public override CanonicalRules Canonical { get; } = new()
    {
        TextType = "text"u8.ToArray(),
        TextNames = ["content"u8.ToArray()],
        CallIdName = "tool_call_id"u8.ToArray(),
    };

    public static bool Read(RequestScan scan, ref Utf8JsonReader reader)
    {
        var hasHistory = false;
        bool tools = false, functions = false;
        List<ByteRange> toolList = [], functionList = [];
        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("messages"u8))
            {
                scan.Insertion = InsertionAt(scan, reader);
                hasHistory = scan.ReadMessages(ref reader, Instance);
            }
            else if (name.SequenceEqual("tools"u8))
            {
                tools = ToolLists.Replace(scan, toolList, ref reader);
            }
            else if (name.SequenceEqual("functions"u8))
            {
                functions = ToolLists.Replace(scan, functionList, ref reader);
            }
            else if (name.SequenceEqual("prompt_cache_key"u8))
            {
                scan.SessionHint = scan.String(ref reader);
            }
            else
            {
                scan.ReadCommon(name, ref reader);
            }
        }

        scan.ToolLists.AddRange(toolList);
        scan.ToolLists.AddRange(functionList);
        scan.OffersTools = tools || functions;
        return hasHistory;
    }

    public override Side SideOf(ReadOnlySpan<byte> role)
        => role.SequenceEqual("assistant"u8) ? Side.Model
        : role.SequenceEqual("system"u8) || role.SequenceEqual("developer"u8) ? Side.System
        : Side.Client;

    public override void ReadModelProperty(RequestScan scan, scoped ReadOnlySpan<byte> name, ref Utf8JsonReader reader)
    {
        if (name.SequenceEqual("content"u8))
        {
            scan.ResetText();
            ContentScan.ReadModel(scan, ref reader);
        }
        else if (name.SequenceEqual("tool_calls"u8) && reader.TokenType == JsonTokenType.StartArray)
        {
            scan.ResetCalls();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                ReadCall(scan, ref reader);
            }
        }
        else if (name.SequenceEqual("function_call"u8) && reader.TokenType == JsonTokenType.StartObject)
        {
            var function = ScannedCall.Read(scan, ref reader);
            if (function.Name.Length > 2)
            {
                function.AddTo(scan, isText: true);
            }
        }
        else
        {
            reader.Skip();
        }
    }

    private static PromptInsertion? InsertionAt(RequestScan scan, Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return null;
        }

        var at = scan.End(ref reader);
        reader.Read();
        return new PromptInsertion(
            new ByteRange(at, 0),
            "{\"role\":\"system\",\"content\":"u8.ToArray(),
            reader.TokenType == JsonTokenType.EndArray ? "}"u8.ToArray() : "},"u8.ToArray());
    }

    private static void ReadCall(RequestScan scan, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        var id = default(ByteRange);
        var function = default(ScannedCall);
        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("id"u8))
            {
                id = scan.Literal(ref reader);
            }
            else if ((name.SequenceEqual("function"u8) || name.SequenceEqual("custom"u8)) && reader.TokenType == JsonTokenType.StartObject)
            {
                function = ScannedCall.Read(scan, ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        if (id.Length > 2)
        {
            scan.AddCall(id);
        }
        else
        {
            // A server that gives no ids.
            function.AddTo(scan, isText: true);
        }
    }
}
