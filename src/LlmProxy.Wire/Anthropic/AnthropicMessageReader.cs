using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;

namespace LlmProxy.Wire.Anthropic;

/// <summary>Reads a message of the Messages API.</summary>
internal sealed class AnthropicMessageReader : MessageReader
{
    public static AnthropicMessageReader Instance { get; } = new();

    protected override void Read(JsonElement root, MessageBuilder message)
    {
        message.Role = root.Text("role"u8) ?? "user";
        message.IsAssistant = message.Role == "assistant";
        var content = root.Get("content"u8);
        message.AddText(content.Text());
        foreach (var block in content.Items())
        {
            if (PartOf(block, content, message) is { } part)
            {
                message.Add(part with { NativeJson = message.Slice(block) });
            }
        }
    }

    private static MessagePart? PartOf(JsonElement block, JsonElement content, MessageBuilder message) => block.Text("type"u8) switch
    {
        "text" or null => block.Text("text"u8) is { } text ? new TextPart(text) : null,
        "thinking" => block.Text("thinking"u8) is { Length: > 0 } thinking ? new ThinkingPart(thinking) : null,
        "redacted_thinking" => null,
        "image" => ImageReader.BySource(block, message) is { } image ? new ImagePart(image) : new OtherPart(ImageSource.Mark),
        "document" => new OtherPart(OtherPart.Document),
        "tool_use" => CallOf(block, message),
        "server_tool_use" or "mcp_tool_use" => HostedTool.OfBlock(block, content, message),
        "tool_result" => ResultContent.Read(block.Text("tool_use_id"u8) ?? "", block.Get("content"u8), block.Get("is_error"u8).ValueKind == JsonValueKind.True, message),
        _ => new OtherPart(null),
    };

    private static ToolCall CallOf(JsonElement block, MessageBuilder message)
    {
        // Arguments that broke off are kept as a string: see AnthropicAssembler.
        var input = block.Get("input"u8);
        return message.NewCall(block.Text("id"u8), block.Text("name"u8) ?? "", input.Text() ?? (input.Exists() ? input.RawText() : "{}"), input.Raw());
    }
}
