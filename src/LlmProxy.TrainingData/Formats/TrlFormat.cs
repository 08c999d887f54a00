using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Formats;

/// <summary>
/// Conversations for TRL (huggingface.co/docs/trl, "Dataset formats", conversational prompt-completion): the loss is that of
/// the completion, so what came before the run is in the prompt. Arguments are objects, roles alternate.
/// </summary>
internal sealed class TrlFormat : ConversationFormat
{
    // Images are a column of every line where there are any, so they are there only when asked for.
    private bool _withImages;

    public override ShapeRules Shape(ExportRequest request)
    {
        _withImages = request is { KeepsImageFiles: true, MaxImages: > 0 };
        return new ShapeRules(
            false,
            _withImages ? request.MaxImages!.Value : 0,
            image => _withImages && ImageFiles.IsReadable(image, null, "image/png", "image/jpeg", "image/webp", "image/gif"))
        {
            KeepLearned = true,
        };
    }

    /// <summary>Replies that are learned from elsewhere end a completion: what follows has a line of its own.</summary>
    public override IEnumerable<Conversation> Lines(Conversation conversation)
    {
        var turns = conversation.Turns;
        var end = 0;
        while (turns.FindIndex(end, t => t.IsTrained) is >= 0 and var first)
        {
            var stop = turns.FindIndex(first, t => t is { IsAssistant: true, IsTrained: false });
            end = turns.FindLastIndex((stop < 0 ? turns.Count : stop) - 1, t => t.IsTrained) + 1;
            yield return conversation.With([.. turns[..first].Select(t => t.WithoutTraining()), .. turns[first..end]]);
        }
    }

    public override void Write(Utf8JsonWriter writer, Conversation conversation, ImageFiles images)
    {
        var columns = _withImages ? new List<string>() : null;
        writer.WriteStartObject();
        Action<ImageSource>? addImage = columns is null ? null : image => columns.Add(images.Add(image));
        var completion = conversation.Turns.FindIndex(t => t.IsTrained);
        writer.WriteStartArray("prompt");
        TrlMessages.WriteSystem(writer, conversation.System, _withImages);
        TrlMessages.WriteTurns(writer, conversation.Turns[..completion], addImage);
        writer.WriteEndArray();
        writer.WriteStartArray("completion");
        TrlMessages.WriteTurns(writer, conversation.Turns[completion..], addImage);
        writer.WriteEndArray();
        TrlMessages.WriteTools(writer, conversation.Tools);
        if (columns is not null)
        {
            writer.WriteArray("images", columns, writer.WriteStringValue);
        }

        writer.WriteEndObject();
    }
}

/// <summary>Messages as chat templates take them.</summary>
internal static class TrlMessages
{
    public static void WriteSystem(Utf8JsonWriter writer, string? system, bool inParts)
    {
        if (!string.IsNullOrEmpty(system))
        {
            Write(writer, "system", null, [new TextPart(system)], inParts ? _ => { } : null);
        }
    }

    /// <summary>Writes turns; adjacent client turns are one message. With <paramref name="addImage"/> contents are parts.</summary>
    public static void WriteTurns(Utf8JsonWriter writer, IReadOnlyList<Turn> turns, Action<ImageSource>? addImage)
    {
        for (var i = 0; i < turns.Count; i++)
        {
            if (turns[i].IsAssistant)
            {
                WriteAssistant(writer, turns[i], addImage);
                continue;
            }

            var parts = new List<MessagePart>(turns[i].Parts);
            while (i + 1 < turns.Count && !turns[i + 1].IsAssistant)
            {
                parts.AddRange(turns[++i].Parts);
            }

            foreach (var result in parts.OfType<ToolResult>())
            {
                Write(writer, "tool", result.Name, [new TextPart(LineFormat.ResultText(result))], addImage);
            }

            List<MessagePart> rest = [.. parts.OfType<ToolResult>().SelectMany(r => r.Images).Select(i => new ImagePart(i)), .. parts.Where(p => p is not ToolResult)];
            if (rest.Exists(p => p is not OtherPart { Mark: null }))
            {
                Write(writer, "user", null, rest, addImage);
            }
        }
    }

    public static void WriteTools(Utf8JsonWriter writer, IReadOnlyList<OfferedTool> tools)
    {
        if (tools.Count > 0)
        {
            writer.WritePropertyName("tools");
            OpenAiMessages.WriteToolList(writer, tools);
        }
    }

    private static void WriteAssistant(Utf8JsonWriter writer, Turn turn, Action<ImageSource>? addImage)
    {
        writer.WriteStartObject();
        writer.WriteString("role", "assistant");
        WriteContent(writer, [new TextPart(turn.Text)], addImage);
        var calls = turn.Calls.ToList();
        if (calls.Count > 0)
        {
            writer.WriteArray("tool_calls", calls, call =>
            {
                writer.WriteStartObject();
                writer.WriteString("type", "function");
                writer.WriteStartObject("function");
                writer.WriteString("name", call.Name);
                writer.WritePropertyName("arguments");
                StrictJson.Write(writer, call.Arguments);
                writer.WriteEndObject();
                writer.WriteEndObject();
            });
        }

        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, string role, string? name, IReadOnlyList<MessagePart> parts, Action<ImageSource>? addImage)
    {
        writer.WriteStartObject();
        writer.WriteString("role", role);
        if (name is not null)
        {
            writer.WriteString("name", name);
        }

        WriteContent(writer, parts, addImage);
        writer.WriteEndObject();
    }

    private static void WriteContent(Utf8JsonWriter writer, IReadOnlyList<MessagePart> parts, Action<ImageSource>? addImage)
    {
        if (addImage is null)
        {
            writer.WriteString("content", string.Join('\n', parts.Select(TextOf).Where(t => t.Length > 0)));
            return;
        }

        writer.WriteStartArray("content");
        foreach (var part in parts)
        {
            if (part is ImagePart image)
            {
                addImage(image.Image);
                writer.WriteObject(("type", "image"));
            }
            else if (TextOf(part) is { Length: > 0 } text)
            {
                writer.WriteObject(("type", "text"), ("text", text));
            }
        }

        writer.WriteEndArray();
    }

    private static string TextOf(MessagePart part) => part is TextPart text ? text.Text : (part as OtherPart)?.Mark ?? "";
}
