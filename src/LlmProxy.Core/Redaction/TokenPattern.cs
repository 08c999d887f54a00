using System.Buffers;

namespace LlmProxy.Core.Redaction;

/// <summary>A part of a token.</summary>
/// <param name="Alphabet">Its characters.</param>
/// <param name="Least">Fewest characters.</param>
/// <param name="Most">Most characters: a longer run is no such token.</param>
/// <param name="Then">What follows the part, or empty.</param>
internal readonly record struct TokenPart(Alphabet Alphabet, int Least, int Most = int.MaxValue, string Then = "");

/// <summary>A token with a prefix that its issuer documents, as a word of its own.</summary>
internal sealed class TokenPattern : SecretPattern
{
    // The start of a token tells; a whole one may be as long as the text.
    private const int LongestChecked = 200;
    private const int LongestPath = 100;
    private static readonly SearchValues<char> Base64 = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");

    private readonly string _prefix;
    private readonly TokenPart[] _parts;
    private readonly Func<string, bool>? _accepts;
    private readonly bool _isBase64;

    /// <summary>A token of one part.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="prefix">How it begins, in this case.</param>
    /// <param name="alphabet">What follows.</param>
    /// <param name="least">Fewest characters after the prefix.</param>
    /// <param name="example">The rest of an example.</param>
    /// <param name="most">Most characters after the prefix.</param>
    /// <param name="accepts">A further test of what follows the prefix, or null.</param>
    public TokenPattern(string name, string prefix, Alphabet alphabet, int least, string example, int most = int.MaxValue, Func<string, bool>? accepts = null)
        : this(name, prefix, [new TokenPart(alphabet, least, most)], example, accepts)
    {
    }

    /// <summary>A token of several parts.</summary>
    public TokenPattern(string name, string prefix, TokenPart[] parts, string example, Func<string, bool>? accepts = null)
        : base(name, [prefix], "key: ", prefix + example)
    {
        (_prefix, _parts, _accepts) = (prefix, parts, accepts);
        _isBase64 = parts.Length == 1 && !prefix.AsSpan().ContainsAnyExcept(Base64);
    }

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (!text[at..].StartsWith(_prefix, StringComparison.Ordinal) || !WordBoundary.IsBefore(text, at))
        {
            return default;
        }

        var first = at + _prefix.Length;
        var end = first;
        for (var part = 0; part < _parts.Length; part++)
        {
            var (alphabet, least, most, then) = _parts[part];
            var start = end;
            end = Math.Max(start, start < text.Length ? runs.End(text, start, alphabet, part) : start);
            if (end - start < least || end - start > most || !text[end..].StartsWith(then, StringComparison.Ordinal))
            {
                return default;
            }

            end += then.Length;
        }

        var isAccepted = _accepts is null || _accepts(text[first..Math.Min(end, first + LongestChecked)].ToString());
        return isAccepted && !(_isBase64 && IsInBase64(text, at, end)) ? (at, end) : default;
    }

    /// <summary>Letters and digits alone occur in images too, where a slash before and after them makes a word of them.</summary>
    private static bool IsInBase64(ReadOnlySpan<char> text, int start, int end)
    {
        var before = text[Math.Max(0, start - LongestPath)..start];
        var after = text[end..Math.Min(text.Length, end + LongestPath)];
        return (before.Length == LongestPath && !before.ContainsAnyExcept(Base64)) || (after.Length == LongestPath && !after.ContainsAnyExcept(Base64));
    }
}
