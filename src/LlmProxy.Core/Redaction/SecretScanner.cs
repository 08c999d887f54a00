using System.Text;

namespace LlmProxy.Core.Redaction;

/// <summary>A secret in a text.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Where it ends.</param>
/// <param name="Kind">What it is, as placeholders call it.</param>
/// <param name="Value">What the reader sees of it.</param>
internal readonly record struct FoundSecret(int Start, int End, string Kind, string Value);

/// <summary>Finds the secrets of <see cref="SecretPatterns.All"/> and of <see cref="NumberSecrets"/> in one forward scan, in linear time for any text.</summary>
internal static class SecretScanner
{
    private static readonly TokenPattern[] Tokens = [.. SecretPatterns.All.OfType<TokenPattern>()];
    private static readonly string[] TokenStarts = [.. Tokens.SelectMany(token => token.Starts)];
    private static readonly StartTable Starts = new(SecretPatterns.All.Append(new PlaceholderPattern()));

    /// <summary>Whether JSON can hold a secret in one of its strings. Quick, and wrong only on the safe side.</summary>
    public static bool MayHold(ReadOnlySpan<char> json)
    {
        var survey = TextSurvey.Of(json);
        if (!FoldedText.IsNeeded(json, survey))
        {
            return MayHoldPlain(json, survey.MayHaveNumbers);
        }

        using var folded = FoldedText.Of(json);
        return MayHoldPlain(folded.Text, mayHaveNumbers: true);
    }

    /// <summary>The text with a mark in place of each secret; the same object if there are none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="mark">What takes the place of a secret.</param>
    /// <param name="count">How many were found.</param>
    public static string Replace(string text, string mark, out int count)
    {
        var found = Find(text);
        count = found.Count;
        return Replace(text, found, _ => mark);
    }

    /// <summary>The text with a placeholder in place of each secret; the same object if there are none.</summary>
    public static string Replace(string text, IReadOnlyList<FoundSecret> found, Func<FoundSecret, string> placeholder)
    {
        if (found.Count == 0)
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        var copied = 0;
        foreach (var secret in found)
        {
            result.Append(text, copied, secret.Start - copied).Append(placeholder(secret));
            copied = secret.End;
        }

        return result.Append(text, copied, text.Length - copied).ToString();
    }

    /// <summary>The secrets of a text, in order.</summary>
    public static IReadOnlyList<FoundSecret> Find(ReadOnlySpan<char> text)
    {
        var survey = TextSurvey.Of(text);
        if (!FoldedText.IsNeeded(text, survey))
        {
            return FindPlain(text, survey.MayHaveNumbers);
        }

        using var folded = FoldedText.Of(text);
        var found = FindPlain(folded.Text, mayHaveNumbers: true);
        return found.Count == 0 ? found : [.. Originals(found, folded)];
    }

    /// <summary>Whether a text begins with a token that identifies itself.</summary>
    public static bool BeginsToken(ReadOnlySpan<char> text)
    {
        foreach (var start in TokenStarts)
        {
            if (text.StartsWith(start, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether the last word of a text is the beginning of a token that is not complete.</summary>
    public static bool EndsOpen(ReadOnlySpan<char> text)
    {
        const int Longest = 60;
        var start = text.Length;
        while (start > 0 && text.Length - start < Longest && (char.IsAsciiLetterOrDigit(text[start - 1]) || text[start - 1] is '-' or '_' or '.'))
        {
            start--;
        }

        for (; start < text.Length; start++)
        {
            foreach (var token in Tokens)
            {
                if (token.EndsOpen(text, start))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool MayHoldPlain(ReadOnlySpan<char> json, bool mayHaveNumbers)
    {
        if (mayHaveNumbers && NumberSecrets.FindNext(json, 0).Kind is not null)
        {
            return true;
        }

        CharacterRuns? runs = null;
        for (var at = Starts.Next(json, 0); at < json.Length; at = Starts.Next(json, at + 1))
        {
            runs ??= new CharacterRuns();
            foreach (ref readonly var candidate in Starts.At(json, at))
            {
                if (candidate.IsAt(json, at) && candidate.Pattern.MayMatch(json, at - candidate.Offset, runs))
                {
                    return true;
                }
            }
        }

        return json.Contains("\\/\\/", StringComparison.Ordinal);
    }

    private static List<FoundSecret> FindPlain(ReadOnlySpan<char> text, bool mayHaveNumbers)
    {
        List<FoundSecret>? found = null;
        var number = mayHaveNumbers ? NumberSecrets.FindNext(text, 0) : default;
        CharacterRuns? runs = null;
        var floor = 0;
        for (var at = Starts.Next(text, 0); at < text.Length;)
        {
            while (number.Kind is not null && number.Start < at)
            {
                AddNumber(text, ref number, ref floor, ref found);
            }

            var (start, end, pattern) = Match(text, at, floor, runs ??= new CharacterRuns());
            if (pattern is null)
            {
                at = Starts.Next(text, at + 1);
                continue;
            }

            if (pattern is PlaceholderPattern)
            {
                floor = end;
                at = Starts.Next(text, end);
                continue;
            }

            (found ??= []).Add(new FoundSecret(start, end, KindOf(text, start, end, pattern, runs!), text[start..end].ToString()));
            floor = end;
            at = Starts.Next(text, end);
            if (number.Kind is not null && number.Start < end)
            {
                number = NumberSecrets.FindNext(text, end);
            }
        }

        while (number.Kind is not null)
        {
            AddNumber(text, ref number, ref floor, ref found);
        }

        return found ?? None;
    }

    private static readonly List<FoundSecret> None = [];

    private static void AddNumber(ReadOnlySpan<char> text, ref (int Start, int End, string? Kind) number, ref int floor, ref List<FoundSecret>? found)
    {
        if (number.Start >= floor)
        {
            (found ??= []).Add(new FoundSecret(number.Start, number.End, number.Kind!, text[number.Start..number.End].ToString()));
            floor = number.End;
        }

        number = NumberSecrets.FindNext(text, number.End);
    }

    /// <summary>What a secret that was found by its context is by itself.</summary>
    private static string KindOf(ReadOnlySpan<char> text, int start, int end, SecretPattern pattern, CharacterRuns runs)
    {
        if (!pattern.IsTelling)
        {
            foreach (var telling in SecretPatterns.Tokens)
            {
                if (telling.Match(text[..end], start, new CharacterRuns()) == (start, end))
                {
                    return telling.Kind;
                }
            }
        }

        return pattern.Kind;
    }

    /// <summary>The first secret that three characters belong to, and that begins at a place or after it.</summary>
    private static (int Start, int End, SecretPattern? Pattern) Match(ReadOnlySpan<char> text, int at, int floor, CharacterRuns runs)
    {
        foreach (ref readonly var candidate in Starts.At(text, at))
        {
            var place = at - candidate.Offset;
            if (place >= floor && candidate.IsAt(text, at) && candidate.Pattern.Match(text, place, runs) is var (start, end) && end > start && start >= floor)
            {
                return (start, end, candidate.Pattern);
            }
        }

        return default;
    }

    /// <summary>The places of what was found in the text as it is; of two whose characters are written as one the first counts.</summary>
    private static IEnumerable<FoundSecret> Originals(IReadOnlyList<FoundSecret> found, FoldedText folded)
    {
        var floor = 0;
        foreach (var secret in found)
        {
            var (start, end) = folded.Original(secret.Start, secret.End);
            if (start >= floor)
            {
                floor = end;
                yield return secret with { Start = start, End = end };
            }
        }
    }
}
