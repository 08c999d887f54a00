using System.Text;

namespace LlmProxy.Wire;

/// <summary>Keys of messages that were read back from the store.</summary>
internal static class StoredMessageKeys
{
    /// <summary>The key that a stored message has in a request; an empty one where it cannot be read.</summary>
    public static TurnKey KeyOf(this IDialect dialect, ReadOnlyMemory<byte> json, TurnKeys keys)
    {
        // A turn of several items is stored as an array of them.
        var list = json.Span.StartsWith("["u8) ? Encoding.UTF8.GetString(json.Span) : $"[{Encoding.UTF8.GetString(json.Span)}]";
        var name = dialect.Kind switch
        {
            DialectKind.Gemini => "contents",
            DialectKind.OpenAiResponses => "input",
            _ => "messages",
        };
        var reading = dialect.ReadRequest(Encoding.UTF8.GetBytes($$"""{"{{name}}":{{list}}}"""), "/", keys);
        return reading is { Messages: [.., var last] } ? last.Key : default;
    }
}
