using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;

namespace LlmProxy.Wire.OpenAiChat;

/// <summary>Reads a message of Chat Completions.</summary>
internal sealed class ChatMessageReader : MessageReader
{
    public static ChatMessageReader Instance { get; } = new();

    protected override void Read(JsonElement root, MessageBuilder message)
    {
        message.Role = root.Text("role"u8) ?? "user";
        var content = root.Get("content"u8);
        if (message.Role is "tool" or "function")
        {
            message.Role = "tool";
            var name = root.Text("name"u8);
            message.Add(ResultContent.Read(root.Text("tool_call_id"u8) ?? name ?? "", content, null, message) with { Name = name });
            return;
        }

        message.IsAssistant = message.Role == "assistant";
        ContentParts.Read(content, message);
        if (root.Text("refusal"u8) is { Length: > 0 } refusal)
        {
            message.Add(new RefusalPart(refusal));
        }

        message.AddThinking(ReasoningOf(root));
        foreach (var call in root.Get("tool_calls"u8).Items())
        {
            message.Add(CallOf(call, message));
        }

        foreach (var call in root.Get("executed_tools"u8).Items())
        {
            // Groq: tools that the server ran.
            var (name, output) = (call.Text("type"u8) ?? "tool", call.Text("output"u8));
            var id = string.Create(CultureInfo.InvariantCulture, $"{name}#{call.Number("index"u8) ?? 0}");
            message.Add(HostedTool.Call(id, name, call.Text("arguments"u8) ?? "", output is null ? null : new ToolResult(id, output, null, false)));
        }

        var legacy = root.Get("function_call"u8);
        if (legacy.Text("name"u8) is { Length: > 0 } function)
        {
            message.Add(CallOf(null, legacy, message) with { ResultId = function });
        }
    }

    /// <summary>Reasoning in the fields in which servers put it; they often send one text in two of them.</summary>
    private static string? ReasoningOf(JsonElement message)
    {
        var text = message.Text("reasoning_content"u8) is { Length: > 0 } content ? content : message.Text("reasoning"u8);
        return !string.IsNullOrEmpty(text)
            ? text
            : string.Concat(message.Get("reasoning_details"u8).Items().Select(part => part.Text("text"u8) ?? part.Text("summary"u8)));
    }

    private static ToolCall CallOf(JsonElement call, MessageBuilder message)
    {
        var function = call.Get("function"u8);
        if (function.Text("name"u8) is not { Length: > 0 })
        {
            var custom = call.Get("custom"u8);
            function = custom.Exists() ? custom : function;
        }

        return CallOf(call.Text("id"u8), function, message);
    }

    private static ToolCall CallOf(string? id, JsonElement function, MessageBuilder message)
    {
        var arguments = function.Get("arguments"u8);
        arguments = arguments.Exists() ? arguments : function.Get("input"u8);
        var text = arguments.Text() ?? (arguments.Exists() ? arguments.RawText() : "");
        return message.NewCall(id, function.Text("name"u8) ?? "", text, Encoding.UTF8.GetBytes(text));
    }
}
