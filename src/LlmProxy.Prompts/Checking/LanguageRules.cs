using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Checking;

/// <summary>The rules that follow from the parse alone.</summary>
internal static class LanguageRules
{
    /// <summary>The parser's messages, each at the place where it is mended.</summary>
    public static TemplateDiagnostic[] Errors(TemplateFile file)
    {
        var messages = file.Template.Messages.Where(message => message.Type == ParserMessageType.Error).ToList();

        // A string without its end makes everything after it look wrong, too.
        if (messages.Find(message => message.Code == ParserMessageCode.UnclosedString) is { } unclosed)
        {
            messages = [.. messages.Where(message => message.Span.Start.Offset >= 0 && message.Span.Start.Offset < unclosed.Opening!.Value.Offset), unclosed];
        }

        return [.. messages.Select(message => Translate(file, message)).GroupBy(found => found.Span.Start.Offset).Select(group => group.First())];
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
                $"`{mark}` is still open at the end of the file, so everything behind it was read as code: close it with `{closing}`.");
        }
    }

    private static TemplateDiagnostic Translate(TemplateFile file, LogMessage message)
    {
        var place = file.Place(message.Span);
        switch (message.Code)
        {
            case ParserMessageCode.MissingEnd when message.Opening is { } opening:
                var word = WordAt(file.Text, opening.Offset);
                return new TemplateDiagnostic(
                    Rules.MissingEnd,
                    file.Place(opening, new TextPosition(opening.Offset + word.Length - 1, opening.Line, opening.Column + word.Length - 1)),
                    $"`{word}` is not closed: write `{{{{ end }}}}` where it ends.");
            case ParserMessageCode.StrayBlockPart:
                return new TemplateDiagnostic(
                    Rules.StrayBlockPart, place, $"{message.Message}. Remove it, or open the block it belongs to with `if`, `for`, `case` or another block.");
            case ParserMessageCode.UnclosedString:
                var start = message.Opening!.Value;
                return new TemplateDiagnostic(
                    Rules.UnclosedString, file.Place(start, start), $"The string that begins here is not closed: write the closing {file.Text[start.Offset]} behind it.");
            case ParserMessageCode.MissingBracket:
                return new TemplateDiagnostic(Rules.MissingBracket, place, message.Message + " Close the bracket before this place.");
            case ParserMessageCode.LoopVariable:
                return new TemplateDiagnostic(
                    Rules.UnknownMember, place, message.Message + ": a `for` has index, rindex, length, first, last, even, odd and changed; a `while` has index, first, even and odd.");
            case ParserMessageCode.TooDeep:
                return new TemplateDiagnostic(Rules.TooDeep, place, message.Message + ": move a part into a template of its own and include it, or into a variable.");
            default:
                return new TemplateDiagnostic(Rules.SyntaxError, place, message.Message + Hint(message.Message));
        }
    }

    /// <summary>The parser says what it did not expect; people want to know what to write.</summary>
    private static string Hint(string message) => message switch
    {
        _ when message.Contains("Expecting <EOL>") => " A statement ends with `}}`, a line end or `;`: is one of them, or an operator, missing before this place?",
        _ when message.Contains("no matching {") => " Remove it, or write `}}` to end the code.",
        _ when message.Contains("Unexpected escape character") => " Write `\\\\` for a backslash.",
        _ => string.Empty,
    };

    private static string WordAt(string text, int offset)
    {
        var end = offset;
        while (end < text.Length && (char.IsLetterOrDigit(text[end]) || text[end] == '_'))
        {
            end++;
        }

        return end == offset ? "block" : text.Substring(offset, end - offset);
    }

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
