using System.Text;

using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Functions;

/// <summary><c>include name …</c> and <c>include_join names separator begin end</c></summary>
internal sealed class IncludeFunction(bool isJoin) : IScriptFunction
{
    private const string NoName = "Include template name cannot be null or empty";

    public object? Invoke(
        TemplateContext context, ScriptNode caller, IReadOnlyList<ScriptExpression>? arguments, Piped? piped)
    {
        var values = new ScriptArray(piped?.Values ?? []);
        ScriptObject? locals = null;
        foreach (var argument in arguments ?? [])
        {
            var value = argument.Evaluate(context);
            if (argument is ScriptNamedArgument named)
            {
                values.Members[named.Name.Name] = value;

                // The value of a named argument is asked for twice, which can be seen if asking changes something.
                (locals ??= new ScriptObject())[named.Name.Name] = named.Evaluate(context);
            }
            else if (argument is ScriptUnaryExpression { Operator: ScriptUnaryOperator.FunctionParametersExpand }
                && Values.AsList(value) is { } list)
            {
                values.AddRange(list);
            }
            else
            {
                values.Add(value);
            }
        }

        if (values.Count == 0)
        {
            var end = caller.Span.End.NextColumn();
            throw new ScriptRuntimeException(
                caller.Span with { Start = end, End = end },
                $"Invalid number of arguments `0` passed to `{caller}` while expecting `1` arguments");
        }

        return isJoin ? Join(context, caller, values, locals) : Render(context, caller, values[0], values, locals);
    }

    private static string Join(TemplateContext context, ScriptNode caller, ScriptArray values, ScriptObject? locals)
    {
        var names = Values.AsList(values[0]) ?? [];
        var text = new StringBuilder();
        var separator = Part(context, caller, values, 1, locals);
        for (var i = 0; i < names.Count; i++)
        {
            text.Append(i == 0 ? Part(context, caller, values, 2, locals) : separator);
            text.Append(Render(context, caller, names[i], values, locals));
        }

        if (names.Count > 0)
        {
            text.Append(Part(context, caller, values, 3, locals));
        }

        return text.ToString();
    }

    /// <summary>What stands around and between; with the prefix <c>tpl:</c> it is the name of a template.</summary>
    private static string Part(TemplateContext context, ScriptNode caller, ScriptArray values, int index, ScriptObject? locals)
    {
        var text = index < values.Count ? Values.ToText(context, values[index]) ?? string.Empty : string.Empty;
        return text.StartsWith("tpl:", StringComparison.Ordinal)
            ? Render(context, caller, text.Substring(4), values, locals)
            : text;
    }

    private static string Render(TemplateContext context, ScriptNode caller, object? name, ScriptArray values, ScriptObject? locals)
    {
        var templateName = Values.ToText(context, name);
        if (string.IsNullOrEmpty(templateName))
        {
            throw new ScriptRuntimeException(caller.Span, NoName);
        }

        var template = Find(context, caller, templateName!);

        // An include counts as two levels: the call of the function and the page.
        var state = context.EnterCall(caller, 2, values, locals, null, hidesParameters: false);
        try
        {
            var outer = context.PushOutput();
            string text;
            try
            {
                context.RenderPage(template.Page);
            }
            finally
            {
                text = context.PopOutput(outer);
            }

            return text;
        }
        finally
        {
            context.LeaveCall(state);
        }
    }

    private static Template Find(TemplateContext context, ScriptNode caller, string name)
    {
        var loader = context.TemplateLoader;
        if (loader is null)
        {
            return context.CachedTemplates.TryGetValue(name, out var supplied)
                ? Check(supplied, caller, name)
                : throw new ScriptRuntimeException(
                    caller.Span,
                    $"Unable to include <{name}>. No TemplateLoader registered in TemplateContext.TemplateLoader");
        }

        string? path;
        string? text;
        try
        {
            path = loader.GetPath(context, caller.Span, name)
                ?? throw new ScriptRuntimeException(caller.Span, $"Include template path is null for `{name}");
            if (context.CachedTemplates.TryGetValue(path, out var cached))
            {
                return Check(cached, caller, path);
            }

            text = loader.Load(context, caller.Span, path);
        }
        catch (Exception problem) when (problem is not (ScriptRuntimeException or OperationCanceledException))
        {
            throw new ScriptRuntimeException(
                caller.Span, $"Unexpected exception while creating template from path `{name}`", problem);
        }

        if (text is null)
        {
            throw new ScriptRuntimeException(caller.Span, $"The result of including `{name}` cannot be null");
        }

        var template = Check(Template.Parse(text, path), caller, path);
        context.CachedTemplates[path] = template;
        return template;
    }

    private static Template Check(Template template, ScriptNode caller, string path)
    {
        if (!template.HasErrors)
        {
            return template;
        }

        throw new ScriptParserRuntimeException(caller.Span, $"Error while parsing template `{path}`", template.Messages);
    }
}
