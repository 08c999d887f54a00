using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>Reads items of Responses: one of the client's, or the list that makes up a turn of the model.</summary>
internal sealed class ResponsesMessageReader : MessageReader
{
    public static ResponsesMessageReader Instance { get; } = new();

    /// <summary>A turn of the model is stored as a list of items, a bare string as a user message.</summary>
    public override ReadOnlySpan<byte> ToStored(ReadOnlySpan<byte> json, bool isAssistant) =>
        isAssistant ? (byte[])[(byte)'[', .. json, (byte)']']
        : json.StartsWith("\""u8) ? (byte[])[.. "{\"role\":\"user\",\"content\":"u8, .. json, (byte)'}']
        : json;

    /// <summary>Whether an item is a call that the client is to answer: it has a call id, and the same output does not answer it.</summary>
    public static bool IsClientCall(JsonElement item)
    {
        var type = item.Text("type"u8);
        return type is not null && (type.EndsWith("_call", StringComparison.Ordinal) || type == "program")
            && item.Text("call_id"u8) is { Length: > 0 };
    }

    /// <summary>Ids of the calls that an output answers within itself: hosted tools.</summary>
    public static HashSet<string?> AnsweredIn(JsonElement output) =>
        output.Items().Where(IsResult).Select(IdOf).ToHashSet(StringComparer.Ordinal);

    protected override void Read(JsonElement root, MessageBuilder message)
    {
        if (root.ValueKind == JsonValueKind.Array)
        {
            (message.Role, message.IsAssistant) = ("assistant", true);
            foreach (var item in root.Items())
            {
                ReadModelItem(item, root, message);
            }

            return;
        }

        var role = root.Text("role"u8);
        var type = root.Text("type"u8);
        if (IsResult(root))
        {
            message.Role = "tool";
            message.Add(ResultOf(root, message));
        }
        else if (ItemKind.SideOf(Encoding.UTF8.GetBytes(type ?? ""), Encoding.UTF8.GetBytes(role ?? ""), default) == ItemSide.Model)
        {
            (message.Role, message.IsAssistant) = ("assistant", true);
            ReadModelItem(root, default, message);
        }
        else
        {
            message.Role = role ?? "user";
            if (type is null or "message")
            {
                ContentParts.Read(root.Get("content"u8), message);
            }
        }
    }

    private static bool IsResult(JsonElement item) => item.Text("type"u8)?.EndsWith("_output", StringComparison.Ordinal) == true;

    private static ToolResult ResultOf(JsonElement item, MessageBuilder message)
    {
        var output = item.Get("output"u8);
        return ResultContent.Read(IdOf(item) ?? "", output.Exists() ? output : item.Get("tools"u8), null, message);
    }

    private static string? IdOf(JsonElement result) => result.Text("call_id"u8) ?? result.Text("id"u8);

    private static void ReadModelItem(JsonElement item, JsonElement turn, MessageBuilder message)
    {
        switch (item.Text("type"u8))
        {
            case "message" or null:
                ContentParts.Read(item.Get("content"u8), message);
                break;
            case "reasoning":
                ReadReasoning(item, message);
                break;
            default:
                if (IsClientCall(item))
                {
                    var call = CallOf(item, message);
                    var result = turn.Items().FirstOrDefault(other => IsResult(other) && IdOf(other) == call.Id);
                    message.Add(result.Exists() ? call with { IsAnswered = true, Answer = ResultOf(result, message) } : call);
                }
                else if (item.Text("type"u8) is { } type && type.EndsWith("_call", StringComparison.Ordinal))
                {
                    message.Add(HostedTool.OfItem(item, type, message));
                }

                break;
        }
    }

    private static ToolCall CallOf(JsonElement item, MessageBuilder message)
    {
        var name = item.Text("name"u8) ?? item.Text("type"u8)!.Replace("_call", "", StringComparison.Ordinal);
        var arguments = item.Get("arguments"u8);
        foreach (var field in (ReadOnlySpan<string>)["input", "action", "operation"])
        {
            arguments = arguments.Exists() ? arguments : item.Get(Encoding.ASCII.GetBytes(field));
        }

        return message.NewCall(item.Text("call_id"u8), name, arguments.Text() ?? (arguments.Exists() ? arguments.RawText() : ""), default);
    }

    private static void ReadReasoning(JsonElement item, MessageBuilder message)
    {
        // Full reasoning if the server shows it, else its summary.
        var texts = TextsOf(item.Get("content"u8));
        foreach (var text in texts.Count > 0 ? texts : TextsOf(item.Get("summary"u8)))
        {
            message.AddThinking(text);
        }
    }

    private static List<string?> TextsOf(JsonElement parts) => [.. parts.Items().Select(part => part.Text("text"u8)).Where(text => !string.IsNullOrEmpty(text))];
}
