using System.Buffers;

namespace LlmProxy.Core.Redaction;

/// <summary>A value that a name gives away: <c>DB_PASSWORD=…</c>, <c>"api_key": "…"</c>, <c>password: …</c>. The name stays.</summary>
/// <param name="name">What it is.</param>
/// <param name="names">How the names end, in lower case.</param>
/// <param name="accepts">Tells secrets from other values.</param>
/// <param name="before">The beginning of the example.</param>
/// <param name="example">The example's secret.</param>
/// <param name="not">Beginnings of names that are no secrets, in lower case.</param>
internal sealed class AssignmentPattern(string name, string[] names, SecretCheck accepts, string before, string example, params string[] not)
    : SecretPattern(name, names, before, example)
{
    private const int LongestName = 40;
    private const int LongestGap = 3;
    private const int LongestValue = 1_000;
    private const int LongestFreeValue = 512;

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    private static readonly SearchValues<char> ValueEnds = SearchValues.Create(" \t\r\n\"'`\\,;<>}");
    private static readonly SearchValues<char> QueryValueEnds = SearchValues.Create("&# \t\r\n\"'`\\,;<>}");

    /// <inheritdoc />
    public override bool IgnoresCase => true;

    /// <summary>Whether a name is one of these.</summary>
    public bool Names(ReadOnlySpan<char> property)
    {
        foreach (var end in Starts)
        {
            if (property.EndsWith(end, StringComparison.OrdinalIgnoreCase) && !IsHarmless(property[..^end.Length]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether the value of a property can be a secret.</summary>
    public bool Accepts(ReadOnlySpan<char> value) => value.Length <= LongestFreeValue && !value.ContainsAny(" \t\r\n") && accepts(value, isQuoted: true);

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (FindValue(text, at) is not { } start || start >= text.Length)
        {
            return default;
        }

        var value = text.Slice(start, Math.Min(LongestValue, text.Length - start));
        var quote = text[start - 1] is '"' or '\'' or '`' ? text[start - 1] : '\0';
        var isQuery = IsQuery(text, at);
        var end = quote != '\0' ? value.IndexOfAny(quote, '\\', '\n') : isQuery ? value.IndexOfAny(QueryValueEnds) : value.IndexOfAny(ValueEnds);
        end = end < 0 ? value.Length : end;
        value = value[..end];
        if (quote != '\0' ? value.ContainsAny(" \t") : end > 0 && value[^1] is '.' or ')')
        {
            // A sentence in quotes, or the end of one.
            value = quote != '\0' ? [] : value[..^1];
        }

        return value.Length <= LongestFreeValue && accepts(value, quote != '\0') ? (start, start + value.Length) : default;
    }

    /// <inheritdoc />
    public override bool MayMatch(ReadOnlySpan<char> json, int at, CharacterRuns runs) => FindValue(json, at) is not null;

    /// <summary>Where the value of a name begins; null if it is no such name or nothing is assigned to it.</summary>
    private int? FindValue(ReadOnlySpan<char> text, int at)
    {
        var beginning = text[Math.Max(0, at - LongestName)..at];
        if (IsHarmless(beginning[(beginning.LastIndexOfAnyExcept(NameCharacters) + 1)..]))
        {
            return null;
        }

        foreach (var ending in Starts)
        {
            if (text[at..].StartsWith(ending, StringComparison.OrdinalIgnoreCase) && AfterSeparator(text, at + ending.Length) is { } value)
            {
                return value;
            }
        }

        return null;
    }

    /// <summary>What follows the quotes, blanks and the separator after a name; null if there is no separator.</summary>
    private static int? AfterSeparator(ReadOnlySpan<char> text, int at)
    {
        at = SkipQuote(text, at);
        at = SkipBlanks(text, at);
        if (at >= text.Length || text[at] is not ('=' or ':' or '>'))
        {
            return null;
        }

        if (text[at] == '>')
        {
            // An element of XML.
            return at + 1;
        }

        at++;
        if (at < text.Length && text[at] is '=' or '>')
        {
            // "==" compares, ":=" and "=>" assign.
            if (text[at - 1] == '=' && text[at] == '=')
            {
                return null;
            }

            at++;
        }

        at = SkipBlanks(text, at);
        return SkipQuote(text, at);
    }

    private static int SkipBlanks(ReadOnlySpan<char> text, int at)
    {
        var end = Math.Min(text.Length, at + LongestGap);
        while (at < end && text[at] is ' ' or '\t')
        {
            at++;
        }

        return at;
    }

    /// <summary>Skips a quote and the backslashes before it (JSON inside of a JSON string).</summary>
    private static int SkipQuote(ReadOnlySpan<char> text, int at)
    {
        var quote = at;
        while (quote < text.Length && text[quote] == '\\' && quote - at < 8)
        {
            quote++;
        }

        return quote < text.Length && text[quote] is '"' or '\'' or '`' ? quote + 1 : at;
    }

    private static bool IsQuery(ReadOnlySpan<char> text, int at)
    {
        var beginning = text[Math.Max(0, at - LongestName)..at];
        var mark = beginning.LastIndexOfAnyExcept(NameCharacters);
        return mark >= 0 && beginning[mark] is '?' or '&';
    }

    private bool IsHarmless(ReadOnlySpan<char> beginning)
    {
        beginning = beginning.TrimEnd("_-");
        foreach (var harmless in not)
        {
            if (beginning.EndsWith(harmless, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>Whether a value that was assigned can be a secret.</summary>
internal delegate bool SecretCheck(ReadOnlySpan<char> value, bool isQuoted);
