using System.Text.RegularExpressions;

using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Functions;

/// <summary>The functions of the group <c>regex</c>. Every pattern runs within the context's time-out.</summary>
internal static class RegexFunctions
{
    public static readonly FunctionTable All = new()
    {
        { "escape", "pattern:string", a => a[0] is string pattern ? Regex.Escape(pattern) : null },
        { "match", "text:string, pattern:string, options:string=null", (context, a) => HasBoth(a) ? GroupsOf(Make(context, a, 2).Match((string)a[0]!)) : new ScriptArray() },
        { "matches", "text:string, pattern:string, options:string=null", Matches },
        { "replace", "text:string, pattern:string, replace:string, options:string=null", Replace },
        { "split", "text:string, pattern:string, options:string=null", (context, a) => HasBoth(a) ? new ScriptArray(Make(context, a, 2).Split((string)a[0]!)) : new ScriptArray() },
        { "unescape", "pattern:string", a => a[0] is string pattern ? Regex.Unescape(pattern) : null },
    };

    private static bool HasBoth(object?[] a) => a[0] is string && a[1] is string;

    private static Regex Make(TemplateContext context, object?[] a, int optionsAt)
    {
        var options = RegexOptions.CultureInvariant;
        foreach (var c in (string?)a[optionsAt] ?? string.Empty)
        {
            options |= c switch
            {
                'i' => RegexOptions.IgnoreCase,
                'm' => RegexOptions.Multiline,
                's' => RegexOptions.Singleline,
                'x' => RegexOptions.IgnorePatternWhitespace,
                _ => RegexOptions.None,
            };
        }

        return new Regex((string)a[1]!, options, context.RegexTimeOut);
    }

    private static ScriptArray GroupsOf(Match match)
    {
        var groups = new ScriptArray();
        if (match.Success)
        {
            foreach (Group group in match.Groups)
            {
                groups.Add(group.Value);
            }
        }

        return groups;
    }

    private static object? Matches(TemplateContext context, object?[] a)
    {
        var result = new ScriptArray();
        if (HasBoth(a))
        {
            foreach (Match match in Make(context, a, 2).Matches((string)a[0]!))
            {
                result.Add(GroupsOf(match));
                context.CheckIterations(result.Count);
            }
        }

        return result;
    }

    private static object? Replace(TemplateContext context, object?[] a)
    {
        if (!HasBoth(a))
        {
            return a[0];
        }

        var result = Make(context, a, 3).Replace((string)a[0]!, (string?)a[2] ?? string.Empty);
        context.CheckStringLength(result.Length);
        return result;
    }
}
