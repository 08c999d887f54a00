namespace LlmProxy.Core.Redaction;

/// <summary>What follows the name of an authentication scheme, such as <c>Bearer</c>. The name stays.</summary>
/// <param name="scheme">The scheme.</param>
/// <param name="example">An example of what follows.</param>
internal sealed class SchemePattern(string scheme, string example) : SecretPattern(scheme + " credential", [scheme + " "], "Authorization: " + scheme + " ", example)
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

        // Words with hyphens and dots occur after the scheme's name as well ("Bearer authentication-is-required").
        var end = runs.End(text, start, Alphabet.Credential);
        var value = text[start..Math.Min(end, start + LongestChecked)];
        return value.ContainsAnyInRange('0', '9') ? Found(Least) : value.ContainsAnyInRange('A', 'Z') ? Found(Telling) : default;

        (int, int) Found(int least) => end - start >= least ? (start, end) : default;
    }
}
