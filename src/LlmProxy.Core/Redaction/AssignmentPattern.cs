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
    private const int LongestValue = 1_000;
    private const int LongestFreeValue = 512;
    private const int ShortestStated = 8;

    private static readonly SearchValues<char> Signs = SearchValues.Create("!#$%&*+?@^~");
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
        var (start, isStated) = FindValue(text, at);
        if (start == 0 || start >= text.Length)
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

        var isSecret = value.Length <= LongestFreeValue && accepts(value, quote != '\0') && (!isStated || IsStrong(value));
        return isSecret ? (start, start + value.Length) : default;
    }

    /// <inheritdoc />
    public override bool MayMatch(ReadOnlySpan<char> json, int at, CharacterRuns runs) => FindValue(json, at).Start > 0;

    /// <summary>Where the value of a name begins, and whether it is stated in a sentence; 0 if it is no such name or nothing is assigned to it.</summary>
    private (int Start, bool IsStated) FindValue(ReadOnlySpan<char> text, int at)
    {
        foreach (var ending in Starts)
        {
            if ((text[at] | 0x20) != ending[0] || !text[at..].StartsWith(ending, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            var end = at + ending.Length;
            var found = Separators.After(text, end) is { } value ? (value, false)
                : Separators.AfterVerb(text, end) is { } stated ? (stated, true)
                : end + 1 < text.Length && text[end] == ' ' && text[end + 1] is not ('-' or ' ') && Beginning(text, at).StartsWith("--", StringComparison.Ordinal) ? (Separators.SkipQuote(text, end + 1), false)
                : default;
            if (found != default && !IsHarmless(Beginning(text, at)))
            {
                return found;
            }
        }

        return default;
    }

    /// <summary>What is before the end of a name.</summary>
    private static ReadOnlySpan<char> Beginning(ReadOnlySpan<char> text, int at)
    {
        var beginning = text[Math.Max(0, at - LongestName)..at];
        return beginning[(beginning.LastIndexOfAnyExcept(NameCharacters) + 1)..];
    }

    /// <summary>Whether a value is no word: after "the password is" words are more frequent than passwords.</summary>
    private static bool IsStrong(ReadOnlySpan<char> value) =>
        value.Length >= ShortestStated && value.ContainsAnyInRange('0', '9') && (Randomness.IsRandom(value) || value.ContainsAny(Signs));

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
