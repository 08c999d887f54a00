using LlmProxy.Wire.Json;

namespace LlmProxy.Wire;

/// <summary>
/// Reads and replaces one string literal of a body and leaves all other bytes as they are, so that unknown fields,
/// key order, number formats and cache marks survive.
/// </summary>
public static class PromptSplicer
{
    /// <summary>The text of a literal.</summary>
    /// <param name="body">The body.</param>
    /// <param name="literal">The literal with its quotes, as <see cref="PromptText.Literal"/> gives it.</param>
    public static string ReadText(ReadOnlyMemory<byte> body, ByteRange literal) => JsonText.DecodeLiteral(body.Span.Slice(literal.Start, literal.Length));

    /// <summary>The body with another text in place of a literal.</summary>
    public static byte[] Replace(ReadOnlyMemory<byte> body, ByteRange literal, string text) => Splice(body.Span, literal, default, text, default);

    /// <summary>The body with a system prompt that it did not have.</summary>
    public static byte[] Insert(ReadOnlyMemory<byte> body, PromptInsertion insertion, string text)
        => Splice(body.Span, insertion.Range, insertion.Before, text, insertion.After);

    private static byte[] Splice(ReadOnlySpan<byte> body, ByteRange range, ReadOnlySpan<byte> before, string text, ReadOnlySpan<byte> after)
    {
        using var buffer = new ByteBuffer(body.Length + text.Length + before.Length + after.Length);
        buffer.Append(body[..range.Start]);
        buffer.Append(before);
        JsonText.AppendLiteral(buffer, text);
        buffer.Append(after);
        buffer.Append(body[range.End..]);
        return buffer.ToArray();
    }
}
