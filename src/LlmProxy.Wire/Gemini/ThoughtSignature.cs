namespace LlmProxy.Wire.Gemini;

/// <summary>
/// Gemini's thought signatures (ai.google.dev, "Thought signatures"): opaque, of one response alone, and to be sent back
/// with it. Its calls have no ids, so these distinguish runs whose words are the same.
/// </summary>
internal static class ThoughtSignature
{
    // Clients put short fixed words in place of a signature that they do not have.
    private const int ShortestReal = 64;
    private const int MarkLength = 48;

    /// <summary>
    /// What is kept of a signature: its end, in the alphabet for URLs (RFC 4648, section 5). Google's servers use the
    /// other one, and some clients write the bytes anew. Null for none, or for a placeholder.
    /// </summary>
    public static string? Mark(string? signature) =>
        signature is { Length: >= ShortestReal } && signature.TrimEnd('=') is { Length: >= MarkLength } digits
            ? digits[^MarkLength..].Replace('+', '-').Replace('/', '_')
            : null;
}
