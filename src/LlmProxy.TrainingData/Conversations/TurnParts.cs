using System.Text;
using System.Text.Json;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>The parts of a message as training data has them: without reasoning, and in JSON that every consumer can read.</summary>
internal static class TurnParts
{
    /// <summary>The parts of a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="dialect">Its dialect.</param>
    /// <param name="native">The dialect whose own blocks stay, or null.</param>
    public static List<MessagePart> Of(ConversationMessage message, IDialect dialect, DialectKind? native)
    {
        var parts = new List<MessagePart>();
        foreach (var part in message.Parts)
        {
            if (Clean(part, dialect.TakesBlankText) is { } clean)
            {
                parts.Add(clean with { NativeJson = native == dialect.Kind && CanStay(clean, part.NativeJson) ? part.NativeJson : default });
            }
        }

        return parts;
    }

    /// <summary>Whether a block is as consumers take it: the input of a call must be an object.</summary>
    private static bool CanStay(MessagePart part, ReadOnlyMemory<byte> native)
    {
        if (part is not ToolCall)
        {
            return true;
        }

        using var block = LenientJson.Parse(native);
        return block?.RootElement.Get("input"u8).ValueKind == JsonValueKind.Object;
    }

    private static MessagePart? Clean(MessagePart part, bool takesBlankText) => part switch
    {
        TextPart { Text: var text } => text.Length == 0 || (!takesBlankText && string.IsNullOrWhiteSpace(text)) ? null : new TextPart(StrictJson.Clean(text)),
        RefusalPart { Text: var text } => new TextPart(StrictJson.Clean(text)),
        ThinkingPart => null,
        ToolCall { IsHosted: true } => part.NativeJson.IsEmpty ? null : new OtherPart(null),
        // Calls that the provider answered are not the client's. A part without a name is a fragment of a streamed call (Gemini).
        ToolCall { IsAnswered: true } or ToolCall { ResultId: "", Name: "" } or ToolResult { Id: "", Name: "" } => null,
        ToolCall call => new ToolCall(StrictJson.Clean(call.ResultId), StrictJson.Clean(call.Name), Arguments(call.Arguments)),
        ToolResult result => result with { Id = StrictJson.Clean(result.Id), Name = StrictJson.Clean(result.Name), Content = StrictJson.Clean(result.WholeContent ?? result.Content) },
        _ => part,
    };

    /// <summary>Arguments as a JSON object: free text, and JSON that broke off, becomes <c>{"input": …}</c>.</summary>
    private static string Arguments(string arguments)
    {
        if (string.IsNullOrWhiteSpace(arguments))
        {
            return "{}";
        }

        var text = StrictJson.Clean(arguments);
        using var parsed = LenientJson.Parse(Encoding.UTF8.GetBytes(text));
        return parsed?.RootElement.ValueKind switch
        {
            JsonValueKind.Object => StrictJson.Text(parsed.RootElement),
            JsonValueKind.Null => "{}",
            _ => Encoding.UTF8.GetString(StrictJson.Bytes(writer => writer.WriteObject(("input", text)))),
        };
    }
}
