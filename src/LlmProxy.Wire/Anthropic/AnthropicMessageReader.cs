using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Anthropic;

/// <summary>Reads a message of the Messages API.</summary>
internal static class AnthropicMessageReader
{
    public static (ConversationMessage Message, IReadOnlyList<string> CallKeys) Read(ReadOnlyMemory<byte> json)
    {
        var parts = new MessageBuilder();
        using var document = LenientJson.Parse(json);
        var root = document?.RootElement ?? default;
        var role = root.Text("role"u8) ?? "user";
        var content = root.Get("content"u8);
        if (content.Text() is { } text)
        {
            parts.Texts.Add(text);
        }

        foreach (var block in content.Items())
        {
            AddBlock(block, parts);
        }

        return (parts.ToMessage(role, role == "assistant", json), parts.CallKeys);
    }

    private static void AddBlock(JsonElement block, MessageBuilder parts)
    {
        switch (block.Text("type"u8))
        {
            case "text" or null:
                if (block.Text("text"u8) is { } text)
                {
                    parts.Texts.Add(text);
                }

                break;
            case "thinking":
                if (block.Text("thinking"u8) is { Length: > 0 } thinking)
                {
                    parts.Reasoning.Add(thinking);
                }

                break;
            case "tool_use":
                // Arguments that broke off are kept as a string: see AnthropicAssembler.
                var input = block.Get("input"u8);
                parts.AddCall(
                    block.Text("id"u8),
                    block.Text("name"u8) ?? "",
                    input.Text() ?? (input.Exists() ? input.RawText() : "{}"),
                    input.Raw());
                break;
            case "tool_result":
                var (result, hasImage) = ResultText.Of(block.Get("content"u8));
                parts.Results.Add(new ToolResult(
                    block.Text("tool_use_id"u8) ?? "",
                    result,
                    block.Get("is_error"u8).ValueKind == JsonValueKind.True,
                    hasImage));
                break;
            default:
                break;
        }
    }
}
