using Scriban.Parsing;
using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking;

/// <summary>The rules that follow from the parse alone.</summary>
internal static class LanguageRules
{
    /// <summary>How Scriban words what has a rule of its own; all else is <see cref="Rules.SyntaxError"/>.</summary>
    private static readonly (string Text, Rule Rule)[] Kinds =
    [
        ("not terminated by a ", Rules.UnclosedString),
        ("The <end> statement was not found", Rules.MissingEnd),
        ("without a corresponding beginning of a block", Rules.StrayBlockPart),
        ("condition must be preceded by", Rules.StrayBlockPart),
        ("Invalid if/else combination", Rules.StrayBlockPart),
        ("Expecting a closing", Rules.MissingBracket),
        ("Expecting ']'", Rules.MissingBracket),
        ("while expecting `]`", Rules.MissingBracket),
        ("while expecting `}`", Rules.MissingBracket),
        ("while expecting `)`", Rules.MissingBracket),
        ("The loop variable <", Rules.UnknownMember),
        ("depth limit", Rules.TooDeep),
    ];

    /// <summary>The parser's messages, each at the place where it is mended.</summary>
    public static TemplateDiagnostic[] Errors(TemplateFile file)
    {
        var messages = file.Template.Messages.Where(message => message.Type == ParserMessageType.Error).Select(message => (Message: message, Rule: RuleOf(message.Message))).ToList();

        // A string without its end makes everything after it look wrong, too.
        if (messages.Find(message => message.Rule == Rules.UnclosedString) is { Rule: not null })
        {
            var opening = CodeScan.OpenString(file.Text);
            var start = file.PlaceAt(opening);
            return FirstOfEachPlace([
                .. messages.Where(message => message.Rule != Rules.MissingEnd && message.Message.Span.Start.Offset >= 0 && message.Message.Span.Start.Offset < opening)
                    .Select(message => Translate(file, message.Message, message.Rule)),
                new TemplateDiagnostic(Rules.UnclosedString, start, $"The string that begins here is not closed: write the closing {file.Text[opening]} after it."),
            ]);
        }

        // The parser says where the text ends, people want to know where the block begins.
        var missing = messages.Exists(message => message.Rule == Rules.TooDeep) ? 0 : messages.Count(message => message.Rule == Rules.MissingEnd);
        var open = missing == 0 ? [] : CodeScan.OpenBlocks(file.Text).Take(missing).Select(word => new TemplateDiagnostic(
            Rules.MissingEnd,
            file.PlaceAt(word.Offset, word.Text.Length - 1),
            $"`{word.Text}` is not closed: write `{{{{ end }}}}` where it ends."));
        return FirstOfEachPlace([.. open, .. messages.Where(message => message.Rule != Rules.MissingEnd).Select(message => Translate(file, message.Message, message.Rule))]);
    }

    /// <summary>Code and escape blocks that are open at the end of the file; the language takes them for closed.</summary>
    public static IEnumerable<TemplateDiagnostic> OpenCode(TemplateFile file)
    {
        var marks = new MarkCollector();
        marks.Visit(file.Template.Page);
        if (marks.Last is { IsEntering: true } open)
        {
            var mark = file.Text.Substring(open.Span.Start.Offset, open.Span.End.Offset - open.Span.Start.Offset + 1);
            var closing = "}" + new string('%', mark.Count(character => character == '%')) + "}";
            yield return new TemplateDiagnostic(
                Rules.OpenCode,
                file.Place(open.Span),
                $"`{mark}` is still open at the end of the file, so everything after it was read as code: close it with `{closing}`.");
        }
    }

    private static Rule RuleOf(string message) =>
        Array.Find(Kinds, kind => message.Contains(kind.Text)).Rule ?? Rules.SyntaxError;

    /// <summary>What the parser says of one place after the first is a consequence of that.</summary>
    private static TemplateDiagnostic[] FirstOfEachPlace(IEnumerable<TemplateDiagnostic> found) =>
        [.. found.GroupBy(one => one.Span.Start.Offset).Select(group => group.First())];

    private static TemplateDiagnostic Translate(TemplateFile file, LogMessage message, Rule rule)
    {
        var text = rule == Rules.UnknownMember ? message.Message.Replace("> is invalid", "> is not supported") : message.Message;
        var advice = rule == Rules.StrayBlockPart ? ". Remove it, or open the block it belongs to with `if`, `for`, `case` or another block."
            : rule == Rules.MissingBracket ? " Close the bracket before this place."
            : rule == Rules.UnknownMember ? ": a `for` has index, rindex, length, first, last, even, odd and changed; a `while` has index, first, even and odd."
            : rule == Rules.TooDeep ? ": move a part into a template of its own and include it, or into a variable."
            : Hint(text);
        return new TemplateDiagnostic(rule, file.Place(message.Span), text + advice);
    }

    /// <summary>The parser says what it did not expect; people want to know what to write.</summary>
    private static string Hint(string message) => message switch
    {
        _ when message.Contains("Expecting <EOL>") => " A statement ends with `}}`, a line end or `;`: is one of them, or an operator, missing before this place?",
        _ when message.Contains("no matching {") => " Remove it, or write `}}` to end the code.",
        _ when message.Contains("Unexpected escape character") => " Write `\\\\` for a backslash.",
        _ => string.Empty,
    };

    private sealed class MarkCollector : ScriptVisitor
    {
        public ScriptEscapeStatement? Last { get; private set; }

        public override void Visit(ScriptEscapeStatement node)
        {
            if (Last is null || node.Span.Start.Offset > Last.Span.Start.Offset)
            {
                Last = node;
            }
        }
    }
}
