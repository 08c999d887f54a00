using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Formats;

/// <summary>OpenAI's supervised chat format (developers.openai.com, "Supervised fine-tuning", "Vision fine-tuning"; FineTuneChatRequestInput).</summary>
internal sealed class OpenAiFormat : ConversationFormat
{
    public override ShapeRules Shape(ExportRequest request)
    {
        var limits = ExportFormat.OpenAi.Limits();
        return new ShapeRules(true, request.MaxImages ?? limits.MaxImages!.Value, image => IsWebAddress(image.Url) || ImageFiles.IsReadable(image, limits.MaxImageBytes, "image/png", "image/jpeg", "image/webp"))
        {
            KeepLearned = true,
        };
    }

    public override void Write(Utf8JsonWriter writer, Conversation conversation, ImageFiles images)
    {
        writer.WriteStartObject();
        OpenAiMessages.Write(writer, conversation.System, conversation.Turns, withWeight: true);
        OpenAiMessages.WriteTools(writer, conversation.Tools, conversation.Turns);
        writer.WriteEndObject();
    }
}

/// <summary>Messages and tools as Chat Completions has them.</summary>
internal static class OpenAiMessages
{
    public static void Write(Utf8JsonWriter writer, string? system, IReadOnlyList<Turn> turns, bool withWeight)
    {
        writer.WriteStartArray("messages");
        if (!string.IsNullOrEmpty(system))
        {
            WriteText(writer, "system", system);
        }

        foreach (var turn in turns)
        {
            WriteTurn(writer, turn, withWeight);
        }

        writer.WriteEndArray();
    }

    public static void WriteTurn(Utf8JsonWriter writer, Turn turn, bool withWeight)
    {
        if (turn.IsAssistant)
        {
            WriteAssistant(writer, turn, withWeight);
            return;
        }

        // Tool messages hold text alone: their images follow, after the last of them, in a user message.
        var images = new List<ImageSource>();
        foreach (var result in turn.Parts.OfType<ToolResult>())
        {
            writer.WriteObject(("role", "tool"), ("tool_call_id", result.Id), ("content", LineFormat.ResultText(result)));
            images.AddRange(result.Images);
        }

        if (images.Count == 0 && !turn.Parts.Exists(p => p is ImagePart))
        {
            if (turn.Text is { Length: > 0 } text)
            {
                WriteText(writer, "user", text);
            }

            return;
        }

        writer.WriteStartObject();
        writer.WriteString("role", "user");
        writer.WriteStartArray("content");
        images.ForEach(image => WriteImage(writer, image));
        foreach (var part in turn.Parts)
        {
            if (part is ImagePart image)
            {
                WriteImage(writer, image.Image);
            }
            else if ((part is TextPart t ? t.Text : (part as OtherPart)?.Mark) is { Length: > 0 } text)
            {
                writer.WriteObject(("type", "text"), ("text", text));
            }
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    public static void WriteTools(Utf8JsonWriter writer, IReadOnlyList<OfferedTool> tools, IReadOnlyList<Turn> turns)
    {
        if (tools.Count == 0)
        {
            return;
        }

        writer.WritePropertyName("tools");
        WriteToolList(writer, tools);
        writer.WriteBoolean("parallel_tool_calls", turns.Any(t => t.Calls.Skip(1).Any()));
    }

    public static void WriteToolList(Utf8JsonWriter writer, IReadOnlyList<OfferedTool> tools)
    {
        writer.WriteStartArray();
        foreach (var tool in tools)
        {
            writer.WriteStartObject();
            writer.WriteString("type", "function");
            writer.WriteStartObject("function");
            writer.WriteString("name", tool.Name);
            if (tool.Description.Length > 0)
            {
                writer.WriteString("description", tool.Description);
            }

            writer.WritePropertyName("parameters");
            ToolSchema.WriteJsonSchema(writer, tool.Schema);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteAssistant(Utf8JsonWriter writer, Turn turn, bool withWeight)
    {
        writer.WriteStartObject();
        writer.WriteString("role", "assistant");
        var text = turn.Text;
        var calls = turn.Calls.ToList();
        writer.WriteString("content", text.Length == 0 && calls.Count > 0 ? null : text);
        if (calls.Count > 0)
        {
            writer.WriteArray("tool_calls", calls, call =>
            {
                writer.WriteStartObject();
                writer.WriteString("id", call.Id);
                writer.WriteString("type", "function");
                writer.WriteObject("function", ("name", call.Name), ("arguments", call.Arguments));
                writer.WriteEndObject();
            });
        }

        if (withWeight && !turn.IsTrained)
        {
            writer.WriteNumber("weight", 0);
        }

        writer.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter writer, string role, string text)
    {
        writer.WriteObject(("role", role), ("content", text));
    }

    private static void WriteImage(Utf8JsonWriter writer, ImageSource image)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "image_url");
        writer.WriteObject("image_url", ("url", image.Url ?? $"data:{image.MediaType};base64,{image.Base64}"));
        writer.WriteEndObject();
    }
}
