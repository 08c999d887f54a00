using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>Reads items of Responses: one of the client's, or the list that makes up a turn of the model.</summary>
internal static class ResponsesMessageReader
{
    public static (ConversationMessage Message, IReadOnlyList<string> CallKeys) Read(ReadOnlyMemory<byte> json)
    {
        using var document = LenientJson.Parse(json);
        var root = document?.RootElement ?? default;
        var parts = new MessageBuilder();
        if (root.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in root.Items())
            {
                AddModelItem(item, parts);
            }

            return (parts.ToMessage("assistant", true, json), parts.CallKeys);
        }

        var role = root.Text("role"u8);
        var type = root.Text("type"u8);
        if (type is null or "message")
        {
            if (role == "assistant")
            {
                AddModelItem(root, parts);
                return (parts.ToMessage(role, true, json), parts.CallKeys);
            }

            AddTexts(root.Get("content"u8), parts);
            return (parts.ToMessage(role ?? "user", false, json), []);
        }

        if (type.EndsWith("_output", StringComparison.Ordinal))
        {
            var output = root.Get("output"u8);
            var (text, hasImage) = ResultText.Of(output.Exists() ? output : root.Get("tools"u8));
            parts.Results.Add(new ToolResult(root.Text("call_id"u8) ?? root.Text("id"u8) ?? "", text, null, hasImage));
            return (parts.ToMessage("tool", false, json), []);
        }

        var side = ItemKind.SideOf(Encoding.UTF8.GetBytes(type), default, default);
        if (side == ItemSide.Model)
        {
            AddModelItem(root, parts);
            return (parts.ToMessage("assistant", true, json), parts.CallKeys);
        }

        return (parts.ToMessage(role ?? "user", false, json), []);
    }

    /// <summary>Whether an item is a call that the client is to answer: it has a call id, and the same output does not answer it.</summary>
    public static bool IsClientCall(JsonElement item)
    {
        var type = item.Text("type"u8);
        return type is not null && (type.EndsWith("_call", StringComparison.Ordinal) || type == "program")
            && item.Text("call_id"u8) is { Length: > 0 };
    }

    private static void AddModelItem(JsonElement item, MessageBuilder parts)
    {
        switch (item.Text("type"u8))
        {
            case "message" or null:
                AddTexts(item.Get("content"u8), parts);
                break;
            case "reasoning":
                AddReasoning(item, parts);
                break;
            default:
                if (IsClientCall(item))
                {
                    AddCall(item, parts);
                }

                break;
        }
    }

    private static void AddCall(JsonElement item, MessageBuilder parts)
    {
        var name = item.Text("name"u8) ?? item.Text("type"u8)!.Replace("_call", "", StringComparison.Ordinal);
        var arguments = item.Get("arguments"u8);
        foreach (var field in (ReadOnlySpan<string>)["input", "action", "operation"])
        {
            arguments = arguments.Exists() ? arguments : item.Get(Encoding.ASCII.GetBytes(field));
        }

        parts.AddCall(item.Text("call_id"u8), name, arguments.Text() ?? (arguments.Exists() ? arguments.RawText() : ""), default);
    }

    private static void AddTexts(JsonElement content, MessageBuilder parts)
    {
        if (content.Text() is { } text)
        {
            parts.Texts.Add(text);
        }

        foreach (var part in content.Items())
        {
            if (part.Text("type"u8) is "output_text" or "input_text" or "text" or null && part.Text("text"u8) is { } partText)
            {
                parts.Texts.Add(partText);
            }
        }
    }

    private static void AddReasoning(JsonElement item, MessageBuilder parts)
    {
        // Full reasoning where the server shows it, else its summary.
        var texts = item.Get("content"u8).Items().Select(part => part.Text("text"u8)).Where(text => !string.IsNullOrEmpty(text)).ToList();
        if (texts.Count == 0)
        {
            texts = [.. item.Get("summary"u8).Items().Select(part => part.Text("text"u8)).Where(text => !string.IsNullOrEmpty(text))];
        }

        parts.Reasoning.AddRange(texts!);
    }
}
