using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.OpenAiChat;

/// <summary>Reads a message of Chat Completions.</summary>
internal static class ChatMessageReader
{
    public static (ConversationMessage Message, IReadOnlyList<string> CallKeys) Read(ReadOnlyMemory<byte> json)
    {
        using var document = LenientJson.Parse(json);
        var root = document?.RootElement ?? default;
        var role = root.Text("role"u8) ?? "user";
        var parts = new MessageBuilder();
        var content = root.Get("content"u8);
        if (role is "tool" or "function")
        {
            var (result, hasImage) = ResultText.Of(content);
            parts.Results.Add(new ToolResult(root.Text("tool_call_id"u8) ?? root.Text("name"u8) ?? "", result, null, hasImage));
            return (parts.ToMessage("tool", false, json), []);
        }

        AddContent(content, parts);
        AddReasoning(root, parts);
        foreach (var call in root.Get("tool_calls"u8).Items())
        {
            AddCall(call, parts);
        }

        var legacy = root.Get("function_call"u8);
        if (legacy.Text("name"u8) is { Length: > 0 } name)
        {
            AddNamed(null, name, legacy.Get("arguments"u8), parts);
        }

        return (parts.ToMessage(role, role == "assistant", json), parts.CallKeys);
    }

    /// <summary>Reasoning in the fields in which servers put it; they often send one text in two of them.</summary>
    public static string? ReasoningOf(JsonElement message)
    {
        var text = message.Text("reasoning_content"u8) is { Length: > 0 } content ? content : message.Text("reasoning"u8);
        if (!string.IsNullOrEmpty(text))
        {
            return text;
        }

        var details = string.Concat(message.Get("reasoning_details"u8).Items().Select(part => part.Text("text"u8) ?? part.Text("summary"u8)));
        return details.Length > 0 ? details : null;
    }

    /// <summary>The texts of a content: a string or parts. Thinking parts (Mistral) are reasoning.</summary>
    public static void AddContent(JsonElement content, MessageBuilder parts)
    {
        if (content.Text() is { } text)
        {
            parts.Texts.Add(text);
        }

        foreach (var part in content.Items())
        {
            switch (part.Text("type"u8))
            {
                case "thinking":
                    var thinking = part.Get("thinking"u8);
                    parts.Reasoning.Add(thinking.Text() ?? string.Concat(thinking.Items().Select(piece => piece.Text("text"u8))));
                    break;
                case "text" or "output_text" or "input_text" or null when part.Text("text"u8) is { } partText:
                    parts.Texts.Add(partText);
                    break;
                default:
                    break;
            }
        }
    }

    private static void AddReasoning(JsonElement message, MessageBuilder parts)
    {
        if (ReasoningOf(message) is { } reasoning)
        {
            parts.Reasoning.Add(reasoning);
        }
    }

    private static void AddCall(JsonElement call, MessageBuilder parts)
    {
        var function = call.Get("function"u8);
        if (function.Text("name"u8) is not { Length: > 0 })
        {
            var custom = call.Get("custom"u8);
            function = custom.Exists() ? custom : function;
        }

        var arguments = function.Get("arguments"u8);
        AddNamed(call.Text("id"u8), function.Text("name"u8) ?? "", arguments.Exists() ? arguments : function.Get("input"u8), parts);
    }

    private static void AddNamed(string? id, string name, JsonElement arguments, MessageBuilder parts)
    {
        var text = arguments.Text() ?? (arguments.Exists() ? arguments.RawText() : "");
        parts.AddCall(id, name, text, Encoding.UTF8.GetBytes(text));
    }
}
