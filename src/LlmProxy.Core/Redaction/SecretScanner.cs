using System.Buffers;
using System.Text;

namespace LlmProxy.Core.Redaction;

/// <summary>Finds the secrets of <see cref="SecretPatterns.All"/> and card numbers in one forward scan, in linear time for any text.</summary>
internal static class SecretScanner
{
    // Two searches are several times as fast as one in which every start may be in any case.
    private static readonly SearchValues<string> Tokens = SearchValues.Create([.. SecretPatterns.All.Where(p => !p.IgnoresCase).SelectMany(p => p.Starts)], StringComparison.Ordinal);
    private static readonly SearchValues<string> Names = SearchValues.Create([.. SecretPatterns.All.Where(p => p.IgnoresCase).SelectMany(p => p.Starts)], StringComparison.OrdinalIgnoreCase);

    /// <summary>Patterns by the first character of their starts.</summary>
    private static readonly SecretPattern[][] ByFirst = [.. Enumerable.Range(0, 128).Select(c => SecretPatterns.All.Where(p => p.Starts.Any(s => IsFirst((char)c, s[0], p.IgnoresCase))).ToArray())];

    /// <summary>Whether JSON can hold a secret in one of its strings. Quick, and wrong only on the safe side.</summary>
    public static bool MayHold(ReadOnlySpan<char> json)
    {
        if (CardNumbers.MayHold(json))
        {
            return true;
        }

        var starts = new StartFinder(json);
        CharacterRuns? runs = null;
        bool? hasEscapes = null;
        for (var at = starts.Next(0); at < json.Length; at = starts.Next(at + 1))
        {
            runs ??= new CharacterRuns();
            // An escape can hide what is between a name and its value, or within a token.
            if (hasEscapes ??= json.Contains("\\u", StringComparison.Ordinal))
            {
                return true;
            }

            foreach (var pattern in ByFirst[json[at]])
            {
                if (pattern.MayMatch(json, at, runs))
                {
                    return true;
                }
            }
        }

        return json.Contains("\\/\\/", StringComparison.Ordinal);
    }

    /// <summary>The text with a mark in place of each secret; the same object if there are none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="mark">What takes the place of a secret.</param>
    /// <param name="count">How many were found.</param>
    public static string Replace(string text, string mark, out int count)
    {
        var result = ReplaceCards(ReplacePatterns(text, mark, out var secrets), mark, out var cards);
        count = secrets + cards;
        return result;
    }

    private static string ReplacePatterns(string text, string mark, out int count)
    {
        count = 0;
        var starts = new StartFinder(text);
        var at = starts.Next(0);
        if (at >= text.Length)
        {
            return text;
        }

        StringBuilder? result = null;
        var copied = 0;
        var runs = new CharacterRuns();
        while (at < text.Length)
        {
            var (start, end) = Match(text, at, runs);
            if (end > start)
            {
                result ??= new StringBuilder(text.Length);
                result.Append(text, copied, start - copied).Append(mark);
                copied = end;
                count++;
                at = starts.Next(end);
            }
            else
            {
                at = starts.Next(at + 1);
            }
        }

        return result is null ? text : result.Append(text, copied, text.Length - copied).ToString();
    }

    private static (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        foreach (var pattern in ByFirst[text[at]])
        {
            if (pattern.Match(text, at, runs) is var (start, end) && end > start)
            {
                return (start, end);
            }
        }

        return default;
    }

    private static bool IsFirst(char c, char first, bool ignoresCase) =>
        c == first || (ignoresCase && char.ToLowerInvariant(c) == char.ToLowerInvariant(first));

    private static string ReplaceCards(string text, string mark, out int count)
    {
        count = 0;
        StringBuilder? result = null;
        var copied = 0;
        for (var card = CardNumbers.FindNext(text, 0); card.Length > 0; card = CardNumbers.FindNext(text, copied))
        {
            result ??= new StringBuilder(text.Length);
            result.Append(text, copied, card.Start - copied).Append(mark);
            copied = card.Start + card.Length;
            count++;
        }

        return result is null ? text : result.Append(text, copied, text.Length - copied).ToString();
    }

    /// <summary>Finds the starts of patterns in order.</summary>
    private ref struct StartFinder(ReadOnlySpan<char> text)
    {
        private readonly ReadOnlySpan<char> _text = text;
        private int _token = -1;
        private int _name = -1;

        /// <summary>The next start at a place or after it; the text's length if there is none.</summary>
        public int Next(int from)
        {
            _token = _token < from ? Find(Tokens, from) : _token;
            _name = _name < from ? Find(Names, from) : _name;
            return Math.Min(_token, _name);
        }

        private readonly int Find(SearchValues<string> starts, int from) =>
            from < _text.Length && _text[from..].IndexOfAny(starts) is >= 0 and var hit ? from + hit : _text.Length;
    }
}
