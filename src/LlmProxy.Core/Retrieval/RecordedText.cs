using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

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

    /// <summary>Keys, tokens and passwords.</summary>
    public int Secrets { get; set; }

    /// <summary>Long repetitions.</summary>
    public int Repeats { get; set; }

    /// <summary>Everything but invisible characters, of which one emoji can bring several.</summary>
    public int Total => RoleMarks + Fences + Headings + Injections + Secrets + Repeats;

    /// <summary>Adds another's counts to these.</summary>
    public void Add(RemovedText other)
    {
        ArgumentNullException.ThrowIfNull(other);
        InvisibleCharacters += other.InvisibleCharacters;
        RoleMarks += other.RoleMarks;
        Fences += other.Fences;
        Headings += other.Headings;
        Injections += other.Injections;
        Secrets += other.Secrets;
        Repeats += other.Repeats;
    }

    /// <inheritdoc />
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"role marks {RoleMarks}, fences {Fences}, headings {Headings}, injections {Injections}, secrets {Secrets}, repeats {Repeats}, invisible characters {InvisibleCharacters}");
}

/// <summary>
/// Makes recorded text safe to stand in another model's prompt: what a model once read or wrote is data there, and must
/// neither pose as the agent's own words nor leave its fence. The templates fence it with <c>&lt;recorded_run&gt;</c>.
/// </summary>
/// <remarks>
/// Template marks (<c>{{ }}</c>) need nothing: templates read these texts as values, and values are never parsed.
/// The result is a fixed point: cleaning it again changes nothing.
/// </remarks>
public static partial class RecordedText
{
    /// <summary>What stands in the place of a secret.</summary>
    public const string Removed = "[removed]";

    private const int MaxLength = 20_000;

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

    private static readonly SearchValues<string> SecretStarts = SearchValues.Create(
        ["-----BEGIN", "sk-", "_live_", "_test_", "AIza", "ya29.", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "hooks.slack.com",
            "AKIA", "ASIA", "AGPA", "AROA", "AIDA", "hf_", "npm_", "gsk_", "xai-", "eyJ", "://"],
        StringComparison.Ordinal);

    private static readonly SearchValues<char> HeadingCharacters = SearchValues.Create("#=═─━—-*~_│║┃|+╔╗╚╝┌┐└┘");

    /// <summary>The text with its lines kept, safe. Counts what was taken out.</summary>
    /// <param name="text">Recorded text.</param>
    /// <param name="removed">Where to count, or null.</param>
    public static string Clean(string? text, RemovedText? removed = null) => Clean(text, removed, asLine: false);

    /// <summary>The text as one line, safe: line ends become blanks, so that nothing can stand on a line of its own.</summary>
    public static string CleanLine(string? text, RemovedText? removed = null) => Clean(text, removed, asLine: true);

    private static string Clean(string? text, RemovedText? removed, bool asLine)
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
                result.Append(c is >= '\uFF01' and <= '\uFF5E' ? (char)(c - 0xFEE0) : c switch { '\uFE64' => '<', '\uFE65' => '>', '\uFE5F' => '#', _ => c });
            }
        }

        return result.ToString();
    }

    private static bool IsInvisible(UnicodeCategory category, int point) =>
        category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        || point is (>= 0xFE00 and <= 0xFE0F) or (>= 0xE0000 and <= 0xE0FFF) or 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or 0x180B or 0x180C or 0x180D or 0x2800 or 0x3164 or 0xFFA0;

    private static string Secrets(string text, RemovedText removed)
    {
        if (text.AsSpan().ContainsAny(SecretStarts))
        {
            text = Replace(SecretPattern(), text, _ => Removed, m => removed.Secrets += m);
        }

        return Replace(SecretAssignment(), text, m => m.Groups["name"].Value + Removed, m => removed.Secrets += m);
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

        text = Replace(RoleLine(), text, m => m.Groups["lead"].Value + m.Groups["role"].Value + " -", CountRole);
        text = Replace(EscapedRoleLine(), text, m => m.Groups["lead"].Value + m.Groups["role"].Value + " -", CountRole);
        text = Replace(RoleProperty(), text, m => m.Groups["role"].Value + " is ", CountRole);
        text = Replace(OwnFence(), text, m => "(" + m.Groups["close"].Value + "recorded ", CountFence);
        text = Replace(CodeFence(), text, _ => "'''", CountFence);
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
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i];
            if (!line.AsSpan().ContainsAny(HeadingCharacters) && !CapitalLine().IsMatch(line))
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
            if (CapitalLine().IsMatch(plain))
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

    // The pattern tries every unit at every place, which was half of what choosing examples cost; what is short repeats little.
    private static string WithoutRepeats(string text, RemovedText removed) =>
        text.Length < 400 || !MayRepeat(text) ? text : Replace(Repeat(), text, m => m.Groups["unit"].Value + m.Groups["unit"].Value + "…", n => removed.Repeats += n);

    /// <summary>Whether any unit of up to 40 characters stands ten times in a row: then the text equals itself, shifted by the unit, over nine units.</summary>
    private static bool MayRepeat(string text)
    {
        for (var unit = 1; unit <= 40; unit++)
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
        }

        return false;
    }

    private static string Collapse(string text, bool asLine)
    {
        text = asLine ? Blanks().Replace(text, " ") : LineBlanks().Replace(InnerBlanks().Replace(text, " "), "\n");
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

    // Formats that providers publish; JWTs (RFC 7519), PEM private keys (RFC 7468), passwords in addresses.
    [GeneratedRegex(
        """
        -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY-----[\s\S]{0,10000}?(?:-----END\ [A-Z ]{0,30}PRIVATE\ KEY-----|\z)
        | \bsk-(?:ant-|proj-|or-|svcacct-)?[A-Za-z0-9_-]{16,}
        | \b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}
        | \bAIza[0-9A-Za-z_-]{30,}
        | \bya29\.[0-9A-Za-z_-]{20,}
        | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_[A-Za-z0-9_]{20,} | \bglpat-[A-Za-z0-9_-]{16,}
        | \bxox[abeoprs]-[A-Za-z0-9-]{10,} | https://hooks\.slack\.com/services/[A-Za-z0-9/]{10,}
        | \b(?:AKIA|ASIA|AGPA|AROA|AIDA)[A-Z0-9]{16}\b
        | \bhf_[A-Za-z0-9]{20,} | \bnpm_[A-Za-z0-9]{30,} | \bgsk_[A-Za-z0-9]{20,} | \bxai-[A-Za-z0-9]{20,}
        | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}
        | (?<=://[^\s/:@]{1,64}:)(?!\[removed\])[^\s/@]{1,128}(?=@)
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant,
        MatchTimeout)]
    private static partial Regex SecretPattern();

    [GeneratedRegex(
        """(?<name>(?:\b(?:api[_-]?key|secret(?:[_-]?(?:access[_-]?)?key)?|access[_-]?token|auth[_-]?token|refresh[_-]?token|client[_-]?secret|passw(?:or)?d|passphrase)\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?)|\bBearer\s{1,3})(?!\[removed\])[^\s"'\\,;&}]{6,}""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant,
        MatchTimeout)]
    private static partial Regex SecretAssignment();

    // ChatML and its kin (<|im_start|>, <｜User｜> after folding), Llama ([INST], <<SYS>>), Gemma (<start_of_turn>).
    [GeneratedRegex(
        """<(?:\s{0,3}\|[^<>\n]{0,64}?\|\s{0,3}>|\|[A-Za-z_]{2,40}\b|<\s{0,3}/?\s{0,3}SYS\s{0,3}>>|\s{0,3}/?\s{0,3}(?:start_of_turn|end_of_turn|start_header_id|end_header_id|eot_id|begin_of_text|end_of_text|bos|eos|s)\s{0,3}>)""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant,
        MatchTimeout)]
    private static partial Regex ChatMark();

    [GeneratedRegex("""\[\s{0,3}/?\s{0,3}(?:INST|SYS|SYSTEM|ASSISTANT|USER|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\s{0,3}\]""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex BracketMark();

    // What is left of a mark that was cut in two.
    [GeneratedRegex("""(?<=\b[A-Za-z_]{2,40})\|>""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex ChatMarkEnd();

    [GeneratedRegex(
        """^(?<lead>[ >*_"'(\-]{0,6})\b(?<role>human|assistant|system|user|developer|tool|model|ai|claude|chatgpt|gpt|gemini)\s{0,2}(?:\*{1,2}|_{1,2})?\s{0,2}[:：]""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Multiline,
        MatchTimeout)]
    private static partial Regex RoleLine();

    // The same behind a line end that is written as an escape, as JSON in a text has it.
    [GeneratedRegex(
        """(?<lead>\\n[ >*_"'(\-]{0,6})(?<role>human|assistant|system|user|developer|tool|model|ai|claude|chatgpt|gpt|gemini)\s{0,2}(?:\*{1,2}|_{1,2})?\s{0,2}[:：]""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant,
        MatchTimeout)]
    private static partial Regex EscapedRoleLine();

    [GeneratedRegex(
        """(?<role>\\?["']role\\?["'])\s{0,3}:\s{0,3}(?=\\?["'](?:system|assistant|user|developer|tool|model))""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant,
        MatchTimeout)]
    private static partial Regex RoleProperty();

    // The fence of our own section, in any spelling and also as an entity or an escape.
    [GeneratedRegex(
        """(?:<|&lt;?|&\#0*60;?|&\#x0*3c;?|\\u003c|%3c)\s{0,5}(?<close>(?:/|\\/|&\#47;|%2f)?)\s{0,5}recorded[\s_\-]{0,3}""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace,
        MatchTimeout)]
    private static partial Regex OwnFence();

    [GeneratedRegex("""`{3,}|~{3,}""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex CodeFence();

    [GeneratedRegex("""<\s{0,5}(?<close>/?)\s{0,5}(?<name>[A-Za-z][A-Za-z0-9_:.\-]{0,60})(?<rest>[^<>\n]{0,300}>|)""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex Tag();

    // A line of nothing but marks, boxes included.
    [GeneratedRegex("""^\s*(?:[#=═─━—\-*~_│║┃|+╔╗╚╝┌┐└┘├┤┬┴┼╠╣╦╩╬▀▄█■░▒▓…]\s*){3,}$""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex Ornament();

    [GeneratedRegex("""^\s*(?:#{1,6}(?=\s|$|[A-Z*])|[═─━—=]{2,}|-{3,}|\*{3,})[\s#═─━—=]*|\s+#+\s*$|\s*(?:[═─━—=]{2,}|-{3,}|\*{3,})\s*$""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex HeadingMark();

    [GeneratedRegex("""^\s*[║┃│╔╚┌└╠├]+\s*|\s*[║┃│╗╝┐┘╣┤]+\s*$""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex BoxSide();

    [GeneratedRegex("""^\s*[A-Z][A-Z0-9&/,'()\-]{0,40}(?: [A-Z0-9&/,'()\-]{1,40}){1,10}\s*$""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex CapitalLine();

    // A unit of up to 40 characters ten times or more. Numbers keep their zeros.
    [GeneratedRegex("""(?<![0-9])(?<unit>[^0-9]|.{2,40}?)\k<unit>{9,}""", RegexOptions.CultureInvariant | RegexOptions.Singleline, MatchTimeout)]
    private static partial Regex Repeat();

    [GeneratedRegex("""[<>|\[\]#`{}]""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex Plain();

    [GeneratedRegex("""\s+""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex Blanks();

    [GeneratedRegex("""[ \t]{2,}""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex InnerBlanks();

    [GeneratedRegex(""" *\n(?: *\n)* *(?=\S|$)""", RegexOptions.CultureInvariant, MatchTimeout)]
    private static partial Regex LineBlanks();
}
