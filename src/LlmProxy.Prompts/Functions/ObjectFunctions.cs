using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Functions;

/// <summary>The functions of the group <c>object</c>.</summary>
internal static class ObjectFunctions
{
    public static readonly FunctionTable All = new()
    {
        { "default", "value:any, default:any", a => a[0] is null or "" ? a[1] : a[0] },
        { "eval", "value:string", Eval },
        { "eval_template", "value:string", EvalTemplate },
        { "format", "value:any, format:string, culture:string=null", MathFunctions.Format },
        { "has_key", "value:any, key:string", a => Values.Box(a[1] is string key && a[0] is IReadOnlyDictionary<string, object?> members && members.ContainsKey(key)) },
        { "has_value", "value:any, key:string", a => Values.Box(a[1] is string key && a[0] is IReadOnlyDictionary<string, object?> members && members.TryGetValue(key, out var value) && value is not null) },
        { "keys", "value:any", a => new ScriptArray(Values.AsObject(a[0])?.Keys ?? []) },
        { "size", "value:any", a => Values.Box(Size(a[0])) },
        { "values", "value:any", a => new ScriptArray(Values.AsObject(a[0])?.Values ?? []) },
        { "typeof", "value:any", a => TypeOf(a[0]) },
        { "kind", "value:any", a => a[0] is null ? null : Values.TypeName(a[0]) },
        { "to_json", "value:any", (context, a) => JsonText.Write(context, a[0]) },
        { "from_json", "json:string", (context, a) => a[0] is string json ? JsonText.Read(context, json) : null },
    };

    private static int Size(object? value) => value switch
    {
        string text => text.Length,
        IReadOnlyDictionary<string, object?> members => members.Count,
        _ => Values.AsList(value)?.Count ?? 0,
    };

    private static string? TypeOf(object? value) => value switch
    {
        null => null,
        bool => "boolean",
        string => "string",
        ScriptRange => "iterator",
        IReadOnlyDictionary<string, object?> => "object",
        _ when Values.IsNumber(value) => "number",
        _ when Values.AsList(value) is not null => "array",
        _ => "object",
    };

    private static object? Eval(TemplateContext context, object?[] a)
    {
        if (a[0] is not string code)
        {
            return null;
        }

        var template = Template.Parse(code, null, new ParserOptions { Mode = ScriptMode.ScriptOnly });
        if (template.HasErrors)
        {
            throw new ScriptFunctionException(
                string.Join("\n", template.Messages.Select(m => m.ToString())) + "\n (Parameter 'value')", 0);
        }

        object? value = null;
        var outer = context.PushOutput();
        try
        {
            foreach (var statement in template.Page.Body.Statements)
            {
                context.Step(statement);
                if (statement is ScriptExpressionStatement { Expression: var expression })
                {
                    value = expression.Evaluate(context);
                }
                else
                {
                    value = null;
                    statement.Evaluate(context);
                }

                if (context.Flow == Flow.Return)
                {
                    return context.TakeReturnValue();
                }
            }
        }
        finally
        {
            context.PopOutput(outer);
        }

        return value;
    }

    private static object? EvalTemplate(TemplateContext context, object?[] a)
    {
        if (a[0] is not string text)
        {
            return null;
        }

        var template = Template.Parse(text);
        if (template.HasErrors)
        {
            return string.Empty;
        }

        var outer = context.PushOutput();
        var result = string.Empty;
        try
        {
            context.RenderPage(template.Page);
        }
        finally
        {
            result = context.PopOutput(outer);
        }

        return result;
    }
}
