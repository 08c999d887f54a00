using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Formats;

/// <summary>
/// The last request with its response, as Anthropic's Messages API has them. Blocks of that API are kept as sent;
/// thinking is left out, since its signatures are bound to one model and key.
/// </summary>
internal sealed class AnthropicFormat : ConversationFormat
{
    public override ShapeRules Shape(ExportRequest request) => new(
        false,
        request.MaxImages ?? int.MaxValue,
        image => IsWebAddress(image.Url) || ImageFiles.IsReadable(image, null, "image/png", "image/jpeg", "image/webp", "image/gif"))
    {
        Native = DialectKind.AnthropicMessages,
    };

    public override void Write(Utf8JsonWriter writer, Conversation conversation, ImageFiles images)
    {
        writer.WriteStartObject();
        writer.WriteString("model", conversation.Model);
        if (!string.IsNullOrEmpty(conversation.System))
        {
            writer.WriteStartArray("system");
            WriteText(writer, conversation.System);
            writer.WriteEndArray();
        }

        if (conversation.Tools.Count > 0)
        {
            writer.WriteArray("tools", conversation.Tools, tool => WriteTool(writer, tool));
        }

        writer.WriteArray("messages", conversation.Turns, turn =>
        {
            writer.WriteStartObject();
            writer.WriteString("role", turn.IsAssistant ? "assistant" : "user");
            if (turn.Parts is [TextPart { NativeJson.Length: 0 } only])
            {
                writer.WriteString("content", only.Text);
            }
            else
            {
                writer.WriteArray("content", turn.Parts, part => WritePart(writer, part));
            }

            writer.WriteEndObject();
        });
        writer.WriteEndObject();
    }

    private static void WriteTool(Utf8JsonWriter writer, OfferedTool tool)
    {
        if (tool.NativeJson.Length > 0)
        {
            StrictJson.Write(writer, tool.NativeJson);
            return;
        }

        writer.WriteStartObject();
        writer.WriteString("name", tool.Name);
        if (tool.Description.Length > 0)
        {
            writer.WriteString("description", tool.Description);
        }

        writer.WritePropertyName("input_schema");
        ToolSchema.WriteJsonSchema(writer, tool.Schema);
        writer.WriteEndObject();
    }

    private static void WritePart(Utf8JsonWriter writer, MessagePart part)
    {
        if (part.NativeJson.Length > 0)
        {
            StrictJson.Write(writer, part.NativeJson);
            return;
        }

        switch (part)
        {
            case TextPart text:
                WriteText(writer, text.Text);
                break;
            case OtherPart { Mark: { } mark }:
                WriteText(writer, mark);
                break;
            case ImagePart image:
                WriteImage(writer, image.Image);
                break;
            case ToolCall call:
                writer.WriteStartObject();
                writer.WriteString("type", "tool_use");
                writer.WriteString("id", call.Id);
                writer.WriteString("name", call.Name);
                writer.WritePropertyName("input");
                StrictJson.Write(writer, call.Arguments);
                writer.WriteEndObject();
                break;
            case ToolResult result:
                WriteResult(writer, result);
                break;
        }
    }

    private static void WriteResult(Utf8JsonWriter writer, ToolResult result)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "tool_result");
        writer.WriteString("tool_use_id", result.Id);
        if (result.Images.Count == 0)
        {
            writer.WriteString("content", result.Content);
        }
        else
        {
            writer.WriteStartArray("content");
            if (result.Content.Length > 0)
            {
                WriteText(writer, result.Content);
            }

            foreach (var image in result.Images)
            {
                WriteImage(writer, image);
            }

            writer.WriteEndArray();
        }

        if (result.IsError == true)
        {
            writer.WriteBoolean("is_error", true);
        }

        writer.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter writer, string text)
    {
        writer.WriteObject(("type", "text"), ("text", text));
    }

    private static void WriteImage(Utf8JsonWriter writer, ImageSource image)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "image");
        if (image.Url is { } url)
        {
            writer.WriteObject("source", ("type", "url"), ("url", url));
        }
        else
        {
            writer.WriteObject("source", ("type", "base64"), ("media_type", image.MediaType), ("data", image.Base64));
        }

        writer.WriteEndObject();
    }
}
