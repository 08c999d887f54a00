namespace LlmProxy.Core.Redaction;

/// <summary>Where words begin in text that may be escaped.</summary>
internal static class WordBoundary
{
    /// <summary>Whether a word can begin here: no character of a word is before it but the last of an escape (JSON inside of a JSON string).</summary>
    public static bool IsBefore(ReadOnlySpan<char> text, int at)
    {
        if (at == 0 || !(char.IsAsciiLetterOrDigit(text[at - 1]) || text[at - 1] == '_'))
        {
            return true;
        }

        return (at >= 2 && text[at - 2] == '\\' && text[at - 1] is 'n' or 'r' or 't' or 'b' or 'f')
            || (at >= 6 && text[at - 6] == '\\' && text[at - 5] == 'u' && char.IsAsciiHexDigit(text[at - 4]) && char.IsAsciiHexDigit(text[at - 3]) && char.IsAsciiHexDigit(text[at - 2]) && char.IsAsciiHexDigit(text[at - 1]));
    }
}
