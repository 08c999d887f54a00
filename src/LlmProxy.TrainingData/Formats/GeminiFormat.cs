using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Formats;

/// <summary>Supervised tuning of Gemini (Google's agent platform, "Prepare data for supervised tuning", "Function calling", "Image tuning").</summary>
internal sealed class GeminiFormat : ConversationFormat
{
    public override ShapeRules Shape(ExportRequest request)
    {
        var limits = ExportFormat.Gemini.Limits();
        var hasPlace = request is { KeepsImageFiles: true, ImageUri.Length: > 0 };
        return new ShapeRules(
            false,
            request.MaxImages ?? limits.MaxImages!.Value,
            image => IsWebAddress(image.Url) || image.Url?.StartsWith("gs://", StringComparison.Ordinal) == true || (hasPlace && ImageFiles.IsReadable(image, limits.MaxImageBytes, "image/png", "image/jpeg", "image/webp")))
        {
            NamesBeginWithLetter = true,
        };
    }

    public override void Write(Utf8JsonWriter writer, Conversation conversation, ImageFiles images)
    {
        writer.WriteStartObject();
        GeminiContents.WriteSystem(writer, "systemInstruction", conversation.System);
        writer.WriteStartArray("contents");
        for (var i = 0; i < conversation.Turns.Count; i++)
        {
            // Turns of one side are one content: the roles alternate.
            var isModel = conversation.Turns[i].IsAssistant;
            GeminiContents.Start(writer, isModel ? "model" : "user");
            WriteParts(writer, conversation.Turns[i], images);
            while (i + 1 < conversation.Turns.Count && conversation.Turns[i + 1].IsAssistant == isModel)
            {
                WriteParts(writer, conversation.Turns[++i], images);
            }

            GeminiContents.End(writer);
        }

        writer.WriteEndArray();
        WriteTools(writer, conversation.Tools);
        writer.WriteEndObject();
    }

    private static void WriteParts(Utf8JsonWriter writer, Turn turn, ImageFiles images)
    {
        foreach (var result in turn.Parts.OfType<ToolResult>())
        {
            writer.WriteStartObject();
            writer.WriteStartObject("functionResponse");
            writer.WriteString("name", result.Name);
            writer.WriteStartObject("response");
            writer.WriteString(result.IsError == true ? "error" : "output", result.Content);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        foreach (var image in turn.Parts.OfType<ToolResult>().SelectMany(r => r.Images))
        {
            WriteImage(writer, image, images);
        }

        foreach (var part in turn.Parts)
        {
            switch (part)
            {
                case TextPart text:
                    GeminiContents.WriteText(writer, text.Text);
                    break;
                case OtherPart { Mark: { } mark }:
                    GeminiContents.WriteText(writer, mark);
                    break;
                case ImagePart image:
                    WriteImage(writer, image.Image, images);
                    break;
                case ToolCall call:
                    writer.WriteStartObject();
                    writer.WriteStartObject("functionCall");
                    writer.WriteString("name", call.Name);
                    writer.WritePropertyName("args");
                    StrictJson.Write(writer, call.Arguments);
                    writer.WriteEndObject();
                    writer.WriteEndObject();
                    break;
            }
        }
    }

    private static void WriteImage(Utf8JsonWriter writer, ImageSource image, ImageFiles images)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("fileData");
        writer.WriteString("mimeType", image.MediaType ?? (image.Url!.EndsWith(".jpg", StringComparison.OrdinalIgnoreCase) || image.Url.EndsWith(".jpeg", StringComparison.OrdinalIgnoreCase) ? "image/jpeg" : "image/png"));
        writer.WriteString("fileUri", images.AddressOf(image));
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter writer, IReadOnlyList<OfferedTool> tools)
    {
        if (tools.Count == 0)
        {
            return;
        }

        writer.WriteStartArray("tools");
        writer.WriteStartObject();
        writer.WriteStartArray("functionDeclarations");
        foreach (var tool in tools)
        {
            writer.WriteStartObject();
            writer.WriteString("name", tool.Name);
            writer.WriteString("description", tool.Description.Length > 0 ? tool.Description : tool.Name);
            if (ToolSchema.HasGeminiParameters(tool.Schema))
            {
                writer.WritePropertyName("parameters");
                ToolSchema.WriteGemini(writer, tool.Schema!);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndArray();
    }
}

/// <summary>Contents as Gemini has them.</summary>
internal static class GeminiContents
{
    public static void WriteSystem(Utf8JsonWriter writer, string property, string? system)
    {
        if (string.IsNullOrEmpty(system))
        {
            return;
        }

        writer.WriteStartObject(property);
        writer.WriteString("role", "system");
        writer.WriteStartArray("parts");
        WriteText(writer, system);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    public static void Start(Utf8JsonWriter writer, string role)
    {
        writer.WriteStartObject();
        writer.WriteString("role", role);
        writer.WriteStartArray("parts");
    }

    public static void End(Utf8JsonWriter writer)
    {
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    public static void WriteText(Utf8JsonWriter writer, string text)
    {
        writer.WriteStartObject();
        writer.WriteString("text", text);
        writer.WriteEndObject();
    }
}
