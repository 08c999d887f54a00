namespace LlmProxy.Core.Redaction;

/// <summary>A JSON web token, signed (RFC 7519, three parts) or encrypted (RFC 7516, five parts): its head must be base64 of JSON.</summary>
internal sealed class WebTokenPattern(string example) : SecretPattern("JSON web token", [Start], "It: ", Start + example)
{
    private const string Start = "eyJ";
    private const int LongestHead = 8_000;
    private const int MostParts = 5;
    private const int Least = 12;
    private const int Checked = 24;

    /// <inheritdoc />
    public override string Kind => "json-web-token";

    /// <inheritdoc />
    public override bool IsTelling => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (!text[at..].StartsWith(Start, StringComparison.Ordinal))
        {
            return default;
        }

        var end = runs.End(text, at, Alphabet.Token);
        if (end >= text.Length || text[end] != '.' || end - at > LongestHead || !IsJson(text[at..end]))
        {
            return default;
        }

        var (parts, rest) = (1, 0);
        while (parts < MostParts && end < text.Length && text[end] == '.')
        {
            var next = end + 1 < text.Length ? Math.Max(end + 1, runs.End(text, end + 1, Alphabet.Token, parts)) : end + 1;
            if (next == end + 1 && !(next < text.Length && text[next] == '.'))
            {
                break;
            }

            rest += next - end - 1;
            end = next;
            parts++;
        }

        return parts >= 3 && rest >= Least ? (at, JoinedLines.Extend(text, end)) : default;
    }

    /// <summary>Whether base64 holds readable text at its beginning.</summary>
    private static bool IsJson(ReadOnlySpan<char> head)
    {
        Span<char> base64 = stackalloc char[Checked];
        Span<byte> bytes = stackalloc byte[Checked];
        var length = Math.Min(Checked, head.Length) / 4 * 4;
        head[..length].CopyTo(base64);
        base64[..length].Replace('-', '+');
        base64[..length].Replace('_', '/');
        return Convert.TryFromBase64Chars(base64[..length], bytes, out var count) && count >= 6 && !bytes[..count].ContainsAnyExceptInRange((byte)'\t', (byte)'~') && bytes[..count].Contains((byte)'"');
    }
}
