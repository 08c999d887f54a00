using System.Text.Json;

namespace LlmProxy.Wire.Json;

/// <summary>Parses JSON that strangers sent, without exceptions.</summary>
internal static class LenientJson
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = JsonText.MaxDepth };

    /// <summary>Parses JSON, with or without a byte order mark; null if it is broken. The bytes must outlive the document.</summary>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonDocument.Parse(WithoutMark(json), Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The bytes after a byte order mark.</summary>
    public static ReadOnlyMemory<byte> WithoutMark(ReadOnlyMemory<byte> json) => json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json;
}
