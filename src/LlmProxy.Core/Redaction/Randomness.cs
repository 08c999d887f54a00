namespace LlmProxy.Core.Redaction;

/// <summary>Tells random text from words: in random text capitals, small letters and digits take turns.</summary>
internal static class Randomness
{
    private const int LongestChecked = 200;
    private const int LeastWithoutDigit = 12;
    private const double LeastChanges = 0.25;
    private const double LeastChangesWithoutDigit = 0.4;

    /// <summary>Whether a text looks random. Separators do not count, so that <c>utf-8</c> and <c>part-2-of-3</c> hold no change.</summary>
    public static bool IsRandom(ReadOnlySpan<char> value)
    {
        value = value[..Math.Min(value.Length, LongestChecked)];
        var (pairs, changes, hasDigit, last) = (0, 0, false, 0);
        foreach (var c in value)
        {
            var kind = char.IsAsciiLetterLower(c) ? 1 : char.IsAsciiLetterUpper(c) ? 2 : char.IsAsciiDigit(c) ? 3 : 0;
            hasDigit |= kind == 3;
            if (kind != 0 && last != 0)
            {
                pairs++;
                changes += kind == last ? 0 : 1;
            }

            last = kind;
        }

        return changes > 0 && (hasDigit ? changes >= pairs * LeastChanges : value.Length >= LeastWithoutDigit && changes >= pairs * LeastChangesWithoutDigit);
    }

    /// <summary>Whether a text is a UUID or holds nothing but hexadecimal digits: the form of most ids and of all hashes.</summary>
    public static bool IsHash(ReadOnlySpan<char> value) => !value.ContainsAnyExcept(HashCharacters);

    private static readonly System.Buffers.SearchValues<char> HashCharacters = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF-");
}
