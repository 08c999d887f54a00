namespace LlmProxy.Core.Retrieval;

/// <summary>
/// Estimates tokens where no tokenizer is at hand: Anthropic and Gemini publish none, and prompts must not wait for one.
/// Tokenizers of 100 000 to 200 000 entries come to about four letters, three digits or one sign of a script without
/// spaces for a token, on English, code and JSON.
/// </summary>
public static class TokenEstimate
{
    /// <summary>Characters of a token in a usual text.</summary>
    public const int CharactersPerToken = 4;

    /// <summary>Tokens of a text.</summary>
    public static int OfText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var quarters = 0L;
        foreach (var c in text)
        {
            quarters += c is >= '\u2E80' and <= '\uD7FF' or >= '\uF900' and <= '\uFAFF' ? 12 : char.IsAsciiDigit(c) ? 4 : c < 0x80 ? 3 : 6;
        }

        return (int)Math.Min(int.MaxValue / 2, (quarters + 11) / 12);
    }

    /// <summary>Tokens of a text of which only the length is known.</summary>
    public static int OfLength(int characters) => (characters + CharactersPerToken - 1) / CharactersPerToken;
}
