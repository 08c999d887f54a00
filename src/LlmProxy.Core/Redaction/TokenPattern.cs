using System.Buffers;

namespace LlmProxy.Core.Redaction;

/// <summary>A part of a token.</summary>
/// <param name="Alphabet">Its characters.</param>
/// <param name="Least">Fewest characters.</param>
/// <param name="Most">Most characters: a longer run is no such token.</param>
/// <param name="Then">What follows the part, or empty.</param>
internal readonly record struct TokenPart(Alphabet Alphabet, int Least, int Most = int.MaxValue, string Then = "");

/// <summary>A further test of a token, given what follows its prefix.</summary>
internal delegate bool TokenCheck(ReadOnlySpan<char> body);

/// <summary>A token with a prefix that its issuer documents.</summary>
internal sealed class TokenPattern : SecretPattern
{
    // The start of a token tells; a whole one may be as long as the text.
    private const int LongestChecked = 200;
    private const int LongestPath = 100;
    private const int ShortestFreePrefix = 4;
    private static readonly SearchValues<char> Base64 = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");

    private readonly string[] _prefixes;
    private readonly TokenPart[] _parts;
    private readonly TokenCheck? _accepts;
    private readonly bool _isBase64;
    private readonly bool _isDistinct;
    private readonly string _example;

    /// <summary>A token of one part.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="prefixes">How it begins, in this case; several with <c>|</c> between them.</param>
    /// <param name="alphabet">What follows.</param>
    /// <param name="least">Fewest characters after the prefix.</param>
    /// <param name="example">The rest of an example.</param>
    /// <param name="most">Most characters after the prefix.</param>
    /// <param name="accepts">A further test of what follows the prefix, or null.</param>
    public TokenPattern(string name, string prefixes, Alphabet alphabet, int least, string example, int most = int.MaxValue, TokenCheck? accepts = null)
        : this(name, prefixes, [new TokenPart(alphabet, least, most)], example, accepts)
    {
    }

    /// <summary>A token of several parts.</summary>
    public TokenPattern(string name, string prefixes, TokenPart[] parts, string example, TokenCheck? accepts = null)
        : base(name, prefixes.Split('|'), "It: ", prefixes.Split('|')[0] + example)
    {
        (_prefixes, _parts, _accepts, _example) = (prefixes.Split('|'), parts, accepts, example);
        _isBase64 = parts.Length == 1 && !_prefixes[0].AsSpan().ContainsAnyExcept(Base64);
        _isDistinct = _prefixes[0].Length >= ShortestFreePrefix && !_prefixes[0].All(char.IsAsciiLetterOrDigit);
        Kind = name.ToLowerInvariant().Replace(' ', '-');
    }

    /// <inheritdoc />
    public override string Kind { get; }

    /// <inheritdoc />
    public override bool IsTelling => true;

    /// <inheritdoc />
    public override IEnumerable<string> ExampleSecrets => _prefixes.Select(prefix => prefix + _example);

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (PrefixAt(text, at) is not { } prefix || !MayFollow(text, at))
        {
            return default;
        }

        var first = at + prefix.Length;
        if (EndOfParts(text, first, runs) is not { } end)
        {
            // The line may end within the token.
            end = first + (_isDistinct && _parts.Length == 1 ? CharacterRuns.Length(text[first..Math.Min(text.Length, first + _parts[0].Least)], _parts[0].Alphabet) : 0);
            return _isDistinct && JoinedLines.Extend(text, end) is var joined && joined > end && joined - first >= _parts[0].Least ? (at, joined) : default;
        }

        var body = text[first..Math.Min(end, first + LongestChecked)];
        if ((_accepts is not null && !_accepts(body)) || (!WordBoundary.IsBefore(text, at) && !Randomness.IsRandom(body)) || (_isBase64 && IsInBase64(text, at, end)))
        {
            return default;
        }

        return (at, _parts[^1].Most == int.MaxValue ? JoinedLines.Extend(text, end) : end);
    }

    /// <inheritdoc />
    public override bool MayMatch(ReadOnlySpan<char> json, int at, CharacterRuns runs) => base.MayMatch(json, at, runs) || EndsOpen(json, at);

    /// <summary>Whether a text ends, or a line or a string within it, before the token that begins at a place is complete.</summary>
    public bool EndsOpen(ReadOnlySpan<char> text, int at)
    {
        if (!_isDistinct || PrefixAt(text, at) is not { } prefix)
        {
            return false;
        }

        var first = at + prefix.Length;
        var end = first + CharacterRuns.Length(text[first..Math.Min(text.Length, first + LongestChecked)], _parts[0].Alphabet);
        return end == text.Length || text[end] is '"' or '\\' or '\n' or '\r';
    }

    private string? PrefixAt(ReadOnlySpan<char> text, int at)
    {
        foreach (var prefix in _prefixes)
        {
            if (text[at..].StartsWith(prefix, StringComparison.Ordinal))
            {
                return prefix;
            }
        }

        return null;
    }

    /// <summary>Where the last part ends; null if there is one that does not fit.</summary>
    private int? EndOfParts(ReadOnlySpan<char> text, int first, CharacterRuns runs)
    {
        var end = first;
        for (var part = 0; part < _parts.Length; part++)
        {
            var (alphabet, least, most, then) = _parts[part];
            var start = end;
            end = Math.Max(start, start < text.Length ? runs.End(text, start, alphabet, part) : start);
            if (end - start < least || end - start > most || !text[end..].StartsWith(then, StringComparison.Ordinal))
            {
                return null;
            }

            end += then.Length;
        }

        return end;
    }

    /// <summary>Whether the token may begin after what is before it: at a word's beginning, and a telling one after a letter too.</summary>
    private bool MayFollow(ReadOnlySpan<char> text, int at) =>
        WordBoundary.IsBefore(text, at) || _isDistinct || (_isBase64 && _prefixes[0].Length >= ShortestFreePrefix && (text[at - 1] == '_' || char.IsAsciiLetterLower(text[at - 1])));

    /// <summary>Letters and digits alone occur in images too, where a slash before and after them makes a word of them.</summary>
    private static bool IsInBase64(ReadOnlySpan<char> text, int start, int end)
    {
        var before = text[Math.Max(0, start - LongestPath)..start];
        var after = text[end..Math.Min(text.Length, end + LongestPath)];
        return (before.Length == LongestPath && !before.ContainsAnyExcept(Base64)) || (after.Length == LongestPath && !after.ContainsAnyExcept(Base64));
    }
}
