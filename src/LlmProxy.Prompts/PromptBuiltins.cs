using Scriban;
using Scriban.Functions;
using Scriban.Runtime;
using Scriban.Syntax;

namespace LlmProxy.Prompts;

/// <summary>
/// Scriban's built-in functions as far as <see cref="PromptFunctions"/> lists them. Those that run text as code or give
/// another value in every call are errors. Shared by all renderings; a template cannot change them.
/// </summary>
internal static class PromptBuiltins
{
    /// <summary>The groups of functions by name, and what stands in no group.</summary>
    public static ScriptObject All { get; } = Make();

    private static ScriptObject Make()
    {
        var (all, scriban) = (new ScriptObject(), new BuiltinFunctions());
        foreach (var name in PromptFunctions.Ungrouped)
        {
            all.SetValue(name, scriban[name], readOnly: false);
        }

        foreach (var listed in PromptFunctions.Groups)
        {
            var group = listed.Key == "date" ? new PromptDates() : (ScriptObject)scriban[listed.Key]!;
            foreach (var name in group.Keys.Where(name => !listed.Value.ContainsKey(name)).ToList())
            {
                group.Remove(name);
            }

            foreach (var function in listed.Value.Values.OfType<PromptFunction>())
            {
                Remove(group, function, PromptFunctions.Changing, "a template must give the same text every time.");
                Remove(group, function, PromptFunctions.Evaluating, "text is not run as code.");
            }

            group.IsReadOnly = true;
            all.SetValue(listed.Key, group, readOnly: false);
        }

        return all;
    }

    private static void Remove(ScriptObject group, PromptFunction function, IReadOnlyCollection<string> names, string reason)
    {
        if (names.Contains(function.Name, StringComparer.Ordinal))
        {
            var name = function.Name.Substring(function.Name.IndexOf('.') + 1);
            group.Remove(name);
            group.SetValue(name, DynamicCustomFunction.Create(Refuse(function.Required, $"The function `{function.Name}` is not available: {reason}")), readOnly: true);
        }
    }

    private static Delegate Refuse(int parameters, string message) => parameters switch
    {
        0 => new Func<TemplateContext, object?>(context => throw new ScriptRuntimeException(context.CurrentSpan, message)),
        1 => new Func<TemplateContext, object?, object?>((context, value) => throw new ScriptRuntimeException(context.CurrentSpan, message)),
        _ => new Func<TemplateContext, object?, object?, object?>((context, minValue, maxValue) => throw new ScriptRuntimeException(context.CurrentSpan, message)),
    };

    /// <summary>Dates that do not depend on the day of the rendering: a text without a year would mean this one.</summary>
    private sealed class PromptDates : DateTimeFunctions
    {
        public PromptDates()
        {
            Replace("parse", new Func<TemplateContext, string?, string?, string?, DateTime?>(ParseWithYear));
            Replace("parse_to_string", new Func<TemplateContext, string?, string?, string?, string?, string?, string?>(ParseWithYearToString));
        }

        public override object? Invoke(TemplateContext context, ScriptNode? callerContext, ScriptArray arguments, ScriptBlockStatement? blockStatement)
        {
            if (arguments.Count == 1)
            {
                WithYear(context, context.ObjectToString(arguments[0]));
            }

            return base.Invoke(context, callerContext, arguments, blockStatement);
        }

        private void Replace(string name, Delegate function)
        {
            Remove(name);
            SetValue(name, DynamicCustomFunction.Create(function), readOnly: true);
        }

        private static DateTime? ParseWithYear(TemplateContext context, string? text, string? pattern = null, string? culture = null) =>
            Parse(context, WithYear(context, text), pattern, culture);

        private static string? ParseWithYearToString(
            TemplateContext context, string? text, string? output_pattern = null, string? output_culture = null, string? input_pattern = null, string? input_culture = null) =>
            ParseToString(context, WithYear(context, text), output_pattern, output_culture, input_pattern, input_culture);

        private static string? WithYear(TemplateContext context, string? text)
        {
            var digits = 0;
            foreach (var character in text ?? string.Empty)
            {
                digits = char.IsDigit(character) ? digits + 1 : 0;
                if (digits == 4)
                {
                    return text;
                }
            }

            return string.IsNullOrEmpty(text) ? text : throw new ScriptRuntimeException(context.CurrentSpan, $"`{text}` has no year of four digits, so it would be another date every day.");
        }
    }
}
