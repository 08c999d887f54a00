namespace LlmProxy.Core.Redaction;

/// <summary>A PEM private key (RFC 7468), from its first line to its last, or as far as it is there.</summary>
internal sealed class PrivateKeyPattern() : SecretPattern("PEM private key", [Begin], "", "-----BEGIN " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0+x/y\n-----END PRIVATE KEY-----")
{
    private const string Begin = "-----BEGIN ";
    private const string Dashes = "-----";
    private const int LongestLabel = 40;
    private const int LongestKey = 20_000;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        var label = text[at..].StartsWith(Begin, StringComparison.Ordinal) ? text[(at + Begin.Length)..] : [];
        var labelEnd = label[..Math.Min(label.Length, LongestLabel)].IndexOf(Dashes);
        if (labelEnd < 0 || !(label[..labelEnd].EndsWith("PRIVATE KEY") || label[..labelEnd].EndsWith("PRIVATE KEY BLOCK")))
        {
            return default;
        }

        var start = at + Begin.Length + labelEnd + Dashes.Length;
        var body = text.Slice(start, Math.Min(LongestKey, text.Length - start));
        if (body.IndexOf('"') is >= 0 and var quote)
        {
            body = body[..quote];
        }

        return (at, start + (LastLineEnd(body) ?? BodyEnd(body)));
    }

    /// <summary>Where the key's last line ends; null if the next line of dashes is another key's beginning, or there is none.</summary>
    private static int? LastLineEnd(ReadOnlySpan<char> body)
    {
        const string End = "-----END ";
        var dashes = body.IndexOf(Dashes);
        if (dashes < 0 || !body[dashes..].StartsWith(End))
        {
            return null;
        }

        var close = body[(dashes + End.Length)..];
        var length = close[..Math.Min(close.Length, LongestLabel)].IndexOf(Dashes);
        return length < 0 ? null : dashes + End.Length + length + Dashes.Length;
    }

    /// <summary>Where a key without its last line ends: never between a backslash and what it escapes.</summary>
    public static int BodyEnd(ReadOnlySpan<char> body)
    {
        var end = 0;
        while (end < body.Length)
        {
            if (char.IsAsciiLetterOrDigit(body[end]) || body[end] is '+' or '/' or '=' or ' ' or '\t' or '\r' or '\n')
            {
                end++;
            }
            else if (body[end] == '\\' && body[end..].IndexOfAnyExcept('\\') is > 0 and var slashes && body[end + slashes] is 'n' or 'r' or 't' or 'u' or '/')
            {
                end += slashes + 1;
            }
            else
            {
                break;
            }
        }

        return end;
    }
}
