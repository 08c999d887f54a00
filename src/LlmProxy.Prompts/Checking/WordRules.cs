using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking;

/// <summary>
/// What the language takes for something else without a word: keywords and operators of other languages are names to
/// it, and a named argument takes the first part of an expression alone.
/// </summary>
internal sealed class WordRules : ScriptVisitor
{
    private static readonly Dictionary<string, string> Keywords = new(StringComparer.Ordinal)
    {
        ["elseif"] = "else if",
        ["elsif"] = "else if",
        ["elif"] = "else if",
        ["endif"] = "end",
        ["endfor"] = "end",
        ["endwhile"] = "end",
        ["endcase"] = "end",
        ["endunless"] = "end",
        ["endcapture"] = "end",
        ["endraw"] = "}%}",
        ["raw"] = "{%{",
        ["foreach"] = "for",
        ["switch"] = "case",
        ["unless"] = "if !(…)",
        ["assign"] = "name = value",
        ["set"] = "name = value",
        ["then"] = ";",
        ["return"] = "ret",
        ["function"] = "func",
    };

    private static readonly Dictionary<string, string> Operators = new(StringComparer.Ordinal)
    {
        ["and"] = "&&",
        ["or"] = "||",
        ["not"] = "!",
        ["is"] = "==",
        ["eq"] = "==",
        ["ne"] = "!=",
        ["contains"] = "string.contains text part` or `array.contains list item",
        ["mod"] = "%",
        ["div"] = "//",
    };

    private readonly TemplateFile _file;
    private readonly List<TemplateDiagnostic> _found = [];

    private WordRules(TemplateFile file) => _file = file;

    public static List<TemplateDiagnostic> Of(TemplateFile file)
    {
        var rules = new WordRules(file);
        rules.Visit(file.Template.Page);
        return rules._found;
    }

    /// <summary>Whether a name is one of the words that these rules report, so that no other rule needs to.</summary>
    public static bool Knows(string name) => Keywords.ContainsKey(name) || Operators.ContainsKey(name);

    public override void Visit(ScriptExpressionStatement node)
    {
        var first = node.Expression is ScriptFunctionCall call ? call.Target : node.Expression;
        ReportKeyword(first);
        base.Visit(node);
    }

    public override void Visit(ScriptFunctionCall node)
    {
        if (!node.ExplicitCall)
        {
            ReportOperator(node.Target);
            foreach (var argument in node.Arguments)
            {
                ReportOperator(argument);
                ReportKeyword(argument is ScriptVariableGlobal { Name: "then" } ? argument : null);
            }

            for (var i = 1; i < node.Arguments.Count; i++)
            {
                if (node.Arguments[i - 1] is ScriptNamedArgument named
                    && node.Arguments[i] is ScriptUnaryExpression { Operator: ScriptUnaryOperator.Negate or ScriptUnaryOperator.Plus })
                {
                    ReportPart(named, node.Arguments[i].Span);
                }
            }
        }

        base.Visit(node);
    }

    public override void Visit(ScriptBinaryExpression node)
    {
        ReportPart(TrailingArgument(node.Left), node.OperatorToken!.Span);
        base.Visit(node);
    }

    public override void Visit(ScriptConditionalExpression node)
    {
        ReportPart(TrailingArgument(node.Condition), node.ThenValue!.Span);
        base.Visit(node);
    }

    private static ScriptNamedArgument? TrailingArgument(ScriptExpression? expression) => expression switch
    {
        ScriptNamedArgument named => named,
        ScriptFunctionCall { ExplicitCall: false, Arguments.Count: > 0 } call => call.Arguments[call.Arguments.Count - 1] as ScriptNamedArgument,
        _ => null,
    };

    private void ReportPart(ScriptNamedArgument? argument, Scriban.Parsing.SourceSpan rest)
    {
        if (argument is not null)
        {
            Report(
                Rules.NamedArgumentPart,
                argument.Span,
                $"The argument `{argument.Name!.Name}` takes `{argument.Value}` alone; what follows in column {rest.Start.Column + 1} is not part of it. Write parentheses: `{argument.Name!.Name}: (…)`.");
        }
    }

    private void ReportKeyword(ScriptExpression? expression)
    {
        if (IsFree(expression, out var name) && Keywords.TryGetValue(name, out var right))
        {
            Report(Rules.ForeignKeyword, expression!.Span, $"`{name}` is no keyword of this language, it is read as a name: write `{right}`.");
        }
    }

    private void ReportOperator(ScriptExpression? expression)
    {
        if (IsFree(expression, out var name) && Operators.TryGetValue(name, out var right))
        {
            Report(Rules.WordOperator, expression!.Span, $"`{name}` is no operator of this language, it is read as a name: write `{right}`.");
        }
    }

    /// <summary>A name that the template itself gives no meaning to.</summary>
    private bool IsFree(ScriptExpression? expression, out string name)
    {
        name = expression is ScriptVariableGlobal variable ? variable.Name : string.Empty;
        return name.Length > 0 && !_file.Names.Globals.Assigned.ContainsKey(name);
    }

    private void Report(Rule rule, Scriban.Parsing.SourceSpan span, string message) => _found.Add(new TemplateDiagnostic(rule, _file.Place(span), message));
}
