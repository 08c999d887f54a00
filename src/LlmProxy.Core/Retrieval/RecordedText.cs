using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Retrieval;

/// <summary>What <see cref="RecordedText"/> took out of texts.</summary>
public sealed class RemovedText
{
    /// <summary>Control, invisible, bidirectional and tag characters.</summary>
    public int InvisibleCharacters { get; set; }

    /// <summary>Marks of roles and of chat templates.</summary>
    public int RoleMarks { get; set; }

    /// <summary>Tags and fences that could be taken for those of a prompt.</summary>
    public int Fences { get; set; }

    /// <summary>Headings and ornaments.</summary>
    public int Headings { get; set; }

    /// <summary>Sentences that talk to the model.</summary>
    public int Injections { get; set; }

    /// <summary>Sentences of tool results that ask their reader to act.</summary>
    public int Instructions { get; set; }

    /// <summary>Keys, tokens and passwords.</summary>
    public int Secrets { get; set; }

    /// <summary>Long repetitions.</summary>
    public int Repeats { get; set; }

    /// <summary>Everything but invisible characters, of which one emoji can bring several.</summary>
    public int Total => RoleMarks + Fences + Headings + Injections + Instructions + Secrets + Repeats;

    /// <summary>Adds another's counts to these.</summary>
    public void Add(RemovedText other)
    {
        ArgumentNullException.ThrowIfNull(other);
        InvisibleCharacters += other.InvisibleCharacters;
        RoleMarks += other.RoleMarks;
        Fences += other.Fences;
        Headings += other.Headings;
        Injections += other.Injections;
        Instructions += other.Instructions;
        Secrets += other.Secrets;
        Repeats += other.Repeats;
    }

    /// <inheritdoc />
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"role marks {RoleMarks}, fences {Fences}, headings {Headings}, injections {Injections}, instructions {Instructions}, secrets {Secrets}, repeats {Repeats}, invisible characters {InvisibleCharacters}");
}

/// <summary>
/// Makes recorded text safe to put into another model's prompt: what a model once read or wrote is data there, and must
/// neither pose as the agent's own words nor leave its fence. The templates fence it with <c>&lt;recorded_run&gt;</c>.
/// </summary>
/// <remarks>
/// Template marks (<c>{{ }}</c>) need nothing: templates read these texts as values, and values are never parsed.
/// The result is a fixed point: cleaning it again changes nothing.
/// </remarks>
public static partial class RecordedText
{
    /// <summary>The replacement of a secret.</summary>
    public const string Removed = "[removed]";

    private const int MaxLength = 20_000;

    private const int EqualBlock = 16;

    // All patterns take linear time or nearly; this is for a mistake in that. Long, because a first match also compiles.
    private const int MatchTimeout = 2_000;

    // Tags that prompts of agents and chat templates use as structure. Those with "-", "_" or ":" count anyway.
    private static readonly FrozenSet<string> PromptTags = (
        "system assistant user human model developer tool tools function functions instructions instruction prompt context document documents example examples " +
        "thinking think reasoning answer response request query task important policy policies rules rule admin override invoke parameter result results output input " +
        "message messages conversation memory env environment reminder s bos eos sys inst")
        .Split(' ').ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    // Closing tags of these belong to pages and files that agents work with; every other closing tag could close a fence.
    private static readonly FrozenSet<string> PageTags = (
        "a abbr article aside audio b blockquote body br button canvas caption center cite code col colgroup dd del details dfn div dl dt em fieldset figcaption figure " +
        "footer form frame g h1 h2 h3 h4 h5 h6 head header hr html i iframe img ins kbd label legend li link main map mark meta nav noscript ol optgroup option p path " +
        "picture pre q rect samp script section select small span strong style sub summary sup svg table tbody td template text textarea tfoot th thead time title tr u ul var video")
        .Split(' ').ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    // What a text must contain for a pattern to be tried at all: searching for it takes a fraction of the pattern's time.
    private static readonly SearchValues<string> Role = SearchValues.Create(["role"], StringComparison.OrdinalIgnoreCase);
    private static readonly SearchValues<string> Recorded = SearchValues.Create(["recorded"], StringComparison.OrdinalIgnoreCase);
    private static readonly SearchValues<string> CodeFences = SearchValues.Create(["```", "~~~"], StringComparison.Ordinal);
    private static readonly SearchValues<char> Plainest = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c), '\n']);
    private static readonly SearchValues<char> HeadingCharacters = SearchValues.Create("#=═─━—-*~_│║┃|+╔╗╚╝┌┐└┘");

    /// <summary>The text with its lines kept, safe. Counts what was taken out.</summary>
    /// <param name="text">Recorded text.</param>
    /// <param name="removed">Where to count, or null.</param>
    public static string Clean(string? text, RemovedText? removed = null) => Clean(text, removed, asLine: false);

    /// <summary>The text as one line, safe: line ends become blanks, so that nothing can be on a line of its own.</summary>
    public static string CleanLine(string? text, RemovedText? removed = null) => Clean(text, removed, asLine: true);

    /// <summary>A tool's result with its lines kept, safe, and without sentences that ask their reader to act.</summary>
    public static string CleanResult(string? text, RemovedText? removed = null) => Clean(text, removed, asLine: false, isResult: true);

    /// <summary>The same as one line.</summary>
    public static string CleanResultLine(string? text, RemovedText? removed = null) => Clean(text, removed, asLine: true, isResult: true);

    private static string Clean(string? text, RemovedText? removed, bool asLine, bool isResult = false)
    {
        if (string.IsNullOrEmpty(text))
        {
            return "";
        }

        removed ??= new RemovedText();
        try
        {
            var result = Visible(text.Length > MaxLength ? text[..MaxLength] : text, removed);

            // First, because everything else is slower on a long text.
            result = WithoutRepeats(result, removed);

            // Taking one mark out can put the parts of another together; each round only shortens or disarms.
            for (var round = 0; round < 6; round++)
            {
                var before = result;
                var total = removed.Total;
                result = Secrets(result, removed);
                (result, var injections) = InjectionPhrases.Remove(result);
                removed.Injections += injections;
                if (isResult)
                {
                    (result, var instructions) = ReaderInstructions.Remove(result);
                    removed.Instructions += instructions;
                }

                result = WithoutMarks(result, removed);
                result = WithoutHeadings(result, removed);
                result = WithoutRepeats(result, removed);
                result = Collapse(result, asLine);

                // Nothing was taken out, so a further round would find nothing either.
                if (removed.Total == total && (!asLine || round > 0 || !before.Contains('\n', StringComparison.Ordinal)))
                {
                    return result;
                }
            }

            // Still changing: built to resist. Nothing of it is worth the risk.
            removed.Fences++;
            return Collapse(Plain().Replace(result, " "), asLine);
        }
        catch (RegexMatchTimeoutException)
        {
            removed.Injections++;
            return "";
        }
    }

    private static string Visible(string text, RemovedText removed)
    {
        if (!text.AsSpan().ContainsAnyExcept(Plainest))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is '\r')
            {
                // "\r\n" is one line end, a lone "\r" another.
                if (i + 1 >= text.Length || text[i + 1] != '\n')
                {
                    result.Append('\n');
                }

                continue;
            }

            if (c == '\u001B' && i + 1 < text.Length && text[i + 1] == '[')
            {
                // A terminal's colour or cursor command.
                i += 2;
                while (i < text.Length && text[i] is >= ' ' and <= '?')
                {
                    i++;
                }

                removed.InvisibleCharacters++;
                continue;
            }

            if (c is '\n' or (>= ' ' and <= '~'))
            {
                result.Append(c);
                continue;
            }

            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                var point = char.ConvertToUtf32(c, text[i + 1]);
                i++;
                if (IsInvisible(CharUnicodeInfo.GetUnicodeCategory(point), point))
                {
                    removed.InvisibleCharacters++;
                }
                else
                {
                    result.Append(char.ConvertFromUtf32(point));
                }

                continue;
            }

            var category = char.GetUnicodeCategory(c);
            if (c is '\t' or '\u00A0' || category is UnicodeCategory.SpaceSeparator)
            {
                result.Append(' ');
            }
            else if (c is '\u0085' or '\u2028' or '\u2029')
            {
                result.Append('\n');
            }
            else if (IsInvisible(category, c))
            {
                removed.InvisibleCharacters++;
            }
            else
            {
                // Full-width and small forms of the signs that marks are made of are read like the signs themselves.
                result.Append(c is >= '\uFF01' and <= '\uFF5E' ? (char)(c - 0xFEE0) : c switch { '\uFE64' => '<', '\uFE65' => '>', '\uFE5F' => '#', '\u2044' or '\u2215' or '\u29F8' or '\u2571' => '/', _ => c });
            }
        }

        return ConfusableLetters.Plain(result.ToString());
    }

    private static bool IsInvisible(UnicodeCategory category, int point) =>
        category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        || point is (>= 0xFE00 and <= 0xFE0F) or (>= 0xE0000 and <= 0xE0FFF) or 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or 0x180B or 0x180C or 0x180D or 0x2800 or 0x3164 or 0xFFA0;

    private static string Secrets(string text, RemovedText removed)
    {
        text = SecretScanner.Replace(text, Removed, out var count);
        removed.Secrets += count;
        return text;
    }

    private static string WithoutMarks(string text, RemovedText removed)
    {
        void CountRole(int n) => removed.RoleMarks += n;
        void CountFence(int n) => removed.Fences += n;
        if (text.AsSpan().ContainsAny('<', '[', '|'))
        {
            text = Replace(ChatMark(), text, _ => " ", CountRole);
            text = Replace(BracketMark(), text, _ => " ", CountRole);
            text = Replace(ChatMarkEnd(), text, _ => " ", CountRole);
        }

        if (text.AsSpan().ContainsAny(':', '：'))
        {
            text = Replace(RoleLine(), text, m => m.Groups["lead"].Value + m.Groups["role"].Value + " -", CountRole);
            if (text.Contains("\\n", StringComparison.Ordinal))
            {
                text = Replace(EscapedRoleLine(), text, m => m.Groups["lead"].Value + m.Groups["role"].Value + " -", CountRole);
            }

            if (text.AsSpan().ContainsAny(Role))
            {
                text = Replace(RoleProperty(), text, m => m.Groups["role"].Value + " is ", CountRole);
            }
        }

        if (text.AsSpan().ContainsAny(Recorded))
        {
            text = Replace(OwnFence(), text, m => "(" + m.Groups["close"].Value + "recorded ", CountFence);
        }

        if (text.AsSpan().ContainsAny(CodeFences))
        {
            text = Replace(CodeFence(), text, _ => "'''", CountFence);
        }

        if (!text.Contains('<', StringComparison.Ordinal))
        {
            return text;
        }

        var fences = 0;
        text = Tag().Replace(text, m =>
        {
            var (close, name, rest) = (m.Groups["close"].Value, m.Groups["name"].Value, m.Groups["rest"].Value);
            var isWhole = rest.EndsWith('>');
            var looksLikeFence = PromptTags.Contains(name)
                || (isWhole && name.AsSpan().ContainsAny('-', '_', ':'))
                || (isWhole && close.Length > 0 && !PageTags.Contains(name));

            // "a < result" and "a < b && c > d" are comparisons.
            if (!looksLikeFence || (m.Value[1] is ' ' && rest.AsSpan().TrimStart() is not ['>']))
            {
                return m.Value;
            }

            fences++;
            return "(" + close + name + (isWhole ? rest[..^1] + ")" : rest);
        });
        removed.Fences += fences;
        return text;
    }

    private static string WithoutHeadings(string text, RemovedText removed)
    {
        if (!text.Contains('\n', StringComparison.Ordinal) && !text.AsSpan().ContainsAny(HeadingCharacters) && !IsCapitalLine(text))
        {
            return text;
        }

        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i];
            if (!line.AsSpan().ContainsAny(HeadingCharacters) && !IsCapitalLine(line))
            {
                continue;
            }

            if (Ornament().IsMatch(line))
            {
                removed.Headings++;
                lines[i] = "";
                continue;
            }

            var plain = HeadingMark().Replace(line, "");
            plain = BoxSide().Replace(plain, "");
            if (IsCapitalLine(plain))
            {
                // The agent's headings are lines of capitals alone; with a full stop it is a sentence.
                plain = plain.TrimEnd() + ".";
            }

            if (!string.Equals(plain, line, StringComparison.Ordinal))
            {
                removed.Headings++;
                lines[i] = plain;
            }
        }

        return string.Join('\n', lines);
    }

    // Most lines hold a small letter, and such a line is no line of capitals.
    private static bool IsCapitalLine(string line) => !line.AsSpan().ContainsAnyInRange('a', 'z') && CapitalLine().IsMatch(line);

    // The pattern tries every unit at every place, which was half of what choosing examples cost; what is short repeats little.
    private static string WithoutRepeats(string text, RemovedText removed) =>
        text.Length < 400 || !MayRepeat(text) ? text : Replace(Repeat(), text, m => m.Groups["unit"].Value + m.Groups["unit"].Value + "…", n => removed.Repeats += n);

    /// <summary>Whether any unit of up to 40 characters occurs ten times in a row: then the text equals itself, shifted by the unit, over nine units.</summary>
    private static bool MayRepeat(string text)
    {
        for (var unit = 1; unit <= 40; unit++)
        {
            // A stretch of 31 equal characters and more holds a whole block of 16 that are: only where one is found is
            // it worth looking at each character. Shorter stretches, of the shortest units, are looked for one by one.
            if ((9 * unit < (2 * EqualBlock) - 1 || HasEqualBlock(text, unit)) && Repeats(text, unit))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasEqualBlock(string text, int unit)
    {
        var now = text.AsSpan(unit);
        var before = text.AsSpan(0, text.Length - unit);
        for (var i = 0; i + EqualBlock <= now.Length; i += EqualBlock)
        {
            if (now.Slice(i, EqualBlock).SequenceEqual(before.Slice(i, EqualBlock)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Repeats(string text, int unit)
    {
        var equal = 0;
        for (var i = unit; i < text.Length; i++)
        {
            equal = text[i] == text[i - unit] ? equal + 1 : 0;
            if (equal >= 9 * unit)
            {
                return true;
            }
        }

        return false;
    }

    private static string Collapse(string text, bool asLine)
    {
        if (text.AsSpan().ContainsAny('\n', '\t') || text.Contains("  ", StringComparison.Ordinal))
        {
            text = asLine ? Blanks().Replace(text, " ") : LineBlanks().Replace(InnerBlanks().Replace(text, " "), "\n");
        }

        return text.Trim();
    }

    private static string Replace(Regex pattern, string text, MatchEvaluator with, Action<int> count)
    {
        var n = 0;
        var result = pattern.Replace(text, m =>
        {
            n++;
            return with(m);
        });
        if (n > 0)
        {
            count(n);
        }

        return result;
    }
}
