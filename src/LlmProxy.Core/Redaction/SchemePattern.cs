namespace LlmProxy.Core.Redaction;

/// <summary>What follows the name of an authentication scheme, such as <c>Bearer</c>. The name stays.</summary>
/// <param name="scheme">The scheme.</param>
/// <param name="example">An example of what follows.</param>
internal sealed class SchemePattern(string scheme, string example) : SecretPattern(scheme + " credential", [scheme + " "], "Call it with " + scheme + " ", example)
{
    private const int Least = 8;
    private const int Telling = 20;
    private const int LongestChecked = 200;

    /// <inheritdoc />
    public override bool IgnoresCase => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (!text[at..].StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
        {
            return default;
        }

        var start = at + scheme.Length;
        while (start < text.Length && text[start] == ' ')
        {
            start++;
        }

        if (start >= text.Length)
        {
            return default;
        }

        var end = runs.End(text, start, Alphabet.Credential);
        var value = text[start..Math.Min(end, start + LongestChecked)].TrimEnd('.');
        return IsCredential(value) ? (start, end - (end - start == value.Length + 1 && text[end - 1] == '.' ? 1 : 0)) : default;
    }

    /// <summary>Whether a value can be a credential: words with hyphens and dots occur after a scheme's name as well.</summary>
    public static bool IsCredential(ReadOnlySpan<char> value)
    {
        var isOneWord = !value.ContainsAny("-.") || Randomness.IsRandom(value);
        return value.ContainsAnyInRange('0', '9') ? value.Length >= Least && isOneWord : value.ContainsAnyInRange('A', 'Z') && value.Length >= Telling && isOneWord;
    }
}

/// <summary>User and password of HTTP's <c>Basic</c> scheme: base64 of text with a colon.</summary>
internal sealed class BasicPattern() : SecretPattern("Basic credential", [Scheme], "Call it with " + Scheme, "YWRtaW46" + "VHIwdWI0ZG9yM3hROQ==")
{
    private const string Scheme = "Basic ";
    private const int Longest = 512;

    /// <inheritdoc />
    public override bool IgnoresCase => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (!text[at..].StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return default;
        }

        var start = at + Scheme.Length;
        var length = CharacterRuns.Length(text[start..Math.Min(text.Length, start + Longest)], Alphabet.Credential);
        Span<byte> bytes = stackalloc byte[Longest];
        return length >= 8 && Convert.TryFromBase64Chars(text.Slice(start, length), bytes, out var count) && bytes[..count].Contains((byte)':') && !bytes[..count].ContainsAnyInRange((byte)0, (byte)31)
            ? (start, start + length)
            : default;
    }
}
