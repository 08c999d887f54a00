using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

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
        GeminiContents.Write(writer, conversation.Turns, turn => WriteParts(writer, turn, images));
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
            writer.WriteObject("response", (result.IsError == true ? "error" : "output", result.Content));
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
        var isJpeg = image.Url?.EndsWith(".jpg", StringComparison.OrdinalIgnoreCase) == true || image.Url?.EndsWith(".jpeg", StringComparison.OrdinalIgnoreCase) == true;
        writer.WriteStartObject();
        writer.WriteObject("fileData", ("mimeType", image.MediaType ?? (isJpeg ? "image/jpeg" : "image/png")), ("fileUri", images.AddressOf(image)));
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
        writer.WriteArray("functionDeclarations", tools, tool =>
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
        });
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

        writer.WritePropertyName(property);
        Start(writer, "system");
        WriteText(writer, system);
        End(writer);
    }

    /// <summary>Writes turns; turns of one side are one content, so that the roles alternate.</summary>
    public static void Write(Utf8JsonWriter writer, IReadOnlyList<Turn> turns, Action<Turn> writeParts)
    {
        writer.WriteStartArray("contents");
        for (var i = 0; i < turns.Count; i++)
        {
            if (i == 0 || turns[i].IsAssistant != turns[i - 1].IsAssistant)
            {
                Start(writer, turns[i].IsAssistant ? "model" : "user");
            }

            writeParts(turns[i]);
            if (i + 1 == turns.Count || turns[i].IsAssistant != turns[i + 1].IsAssistant)
            {
                End(writer);
            }
        }

        writer.WriteEndArray();
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
        writer.WriteObject(("text", text));
    }
}
