using System.Text.RegularExpressions;

namespace LlmProxy.Core.Retrieval;

/// <content>What is looked for.</content>
public static partial class RecordedText
{
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
        """(?:[<‹〈⟨❮⟪《«˂ᐸ≺]|&lt;?|&\#0*60;?|&\#x0*3c;?|\\u003c|\\x3c|%3c)\s{0,5}(?<close>(?:/|\\/|&\#47;|%2f)?)\s{0,5}recorded[\s_\-]{0,3}""",
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
