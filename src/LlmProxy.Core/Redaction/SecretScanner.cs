using System.Buffers;
using System.Text;

namespace LlmProxy.Core.Redaction;

/// <summary>Finds the secrets of <see cref="SecretPatterns.All"/> and card numbers in one forward scan, in linear time for any text.</summary>
internal static class SecretScanner
{
    private static readonly SearchValues<string> Starts = SearchValues.Create([.. SecretPatterns.All.SelectMany(p => p.Starts)], StringComparison.OrdinalIgnoreCase);

    /// <summary>Patterns by the first letter of their starts, in either case.</summary>
    private static readonly SecretPattern[][] ByFirst = [.. Enumerable.Range(0, 128).Select(c => SecretPatterns.All.Where(p => p.Starts.Any(s => char.ToLowerInvariant(s[0]) == char.ToLowerInvariant((char)c))).ToArray())];

    /// <summary>Whether JSON can hold a secret in one of its strings. Quick, and wrong only on the safe side.</summary>
    public static bool MayHold(ReadOnlySpan<char> json)
    {
        if (CardNumbers.MayHold(json))
        {
            return true;
        }

        var runs = new CharacterRuns();
        bool? hasEscapes = null;
        for (var at = NextStart(json, 0); at < json.Length; at = NextStart(json, at + 1))
        {
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
        var at = NextStart(text, 0);
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
                at = NextStart(text, end);
            }
            else
            {
                at = NextStart(text, at + 1);
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

    private static int NextStart(ReadOnlySpan<char> text, int from) =>
        from < text.Length && text[from..].IndexOfAny(Starts) is >= 0 and var hit ? from + hit : text.Length;

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
}
