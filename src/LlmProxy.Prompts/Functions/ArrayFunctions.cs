using System.Text;

using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Functions;

/// <summary>The functions of the group <c>array</c>.</summary>
internal static class ArrayFunctions
{
    public static readonly FunctionTable All = new()
    {
        { "add", "list:list, value:any", (context, a) => Append(context, List(a), [a[1]]) },
        { "add_range", "list1:list, list2:list", (context, a) => Append(context, List(a), List(a, 1)) },
        { "any", "list:list, function:any...", Any },
        { "compact", "list:list", (context, a) => new ScriptArray(Walk(context, a).Where(v => v is not null)) },
        { "concat", "list1:list, list2:list", (context, a) => Append(context, List(a), List(a, 1)) },
        { "contains", "list:list, item:any", (context, a) => Values.Box(Walk(context, a).Any(v => IsSame(v, a[1]))) },
        { "cycle", "list:list, group:any=null", Cycle },
        { "each", "list:list, function:any...", Each },
        { "filter", "list:list, function:any...", Filter },
        { "first", "list:list", a => List(a) is { Count: > 0 } list ? list[0] : null },
        { "insert_at", "list:list, index:int, value:any", InsertAt },
        { "join", "list:list, delimiter:string, function:any=null", Join },
        { "last", "list:list", a => List(a) is { Count: > 0 } list ? list[list.Count - 1] : null },
        { "limit", "list:list, count:int", (context, a) => a[0] is null ? null : new ScriptArray(Walk(context, a).Take((int)a[1]!)) },
        { "map", "list:any, member:string", Map },
        { "offset", "list:list, index:int", (context, a) => a[0] is null ? null : new ScriptArray(Walk(context, a).Skip((int)a[1]!)) },
        { "remove_at", "list:list, index:int", RemoveAt },
        { "reverse", "list:list", (context, a) => new ScriptArray(Walk(context, a).Reverse()) },
        { "size", "list:list", a => Values.Box(List(a).Count) },
        { "sort", "list:any, member:string=null", Sort },
        { "uniq", "list:list", Uniq },
    };

    private static IReadOnlyList<object?> List(object?[] arguments, int index = 0) =>
        (IReadOnlyList<object?>?)arguments[index] ?? [];

    private static IReadOnlyList<object?> Walk(TemplateContext context, object?[] arguments)
    {
        var list = List(arguments);
        context.CheckIterations(list.Count);
        return list;
    }

    private static ScriptArray Append(TemplateContext context, IReadOnlyList<object?> list, IReadOnlyList<object?> further)
    {
        context.CheckIterations(list.Count + (long)further.Count);
        return new ScriptArray([.. list, .. further]);
    }

    /// <summary>Whether two values are the same; numbers of different kinds are not.</summary>
    private static bool IsSame(object? left, object? right) => Equals(left, right);

    private static IScriptFunction FunctionOf(object?[] arguments, int index = 1) => arguments[index] as IScriptFunction
        ?? throw new ScriptFunctionException($"Unable to convert type `{Values.TypeName(arguments[index])}` to a function", index);

    private static object? Call(TemplateContext context, ScriptNode caller, object?[] arguments, object? item)
    {
        var values = new object?[arguments.Length - 1];
        values[0] = item;
        Array.Copy(arguments, 2, values, 1, values.Length - 1);
        return FunctionCaller.Invoke(context, caller, FunctionOf(arguments), values);
    }

    private static object? Any(TemplateContext context, ScriptNode caller, object?[] a) => a[1] is null
        ? null
        : Values.Box(Walk(context, a).Any(item => Values.IsTrue(Call(context, caller, a, item))));

    private static object? Each(TemplateContext context, ScriptNode caller, object?[] a) => a[0] is null || a[1] is null
        ? a[0]
        : new ScriptArray(Walk(context, a).Select(item => Call(context, caller, a, item)));

    private static object? Filter(TemplateContext context, ScriptNode caller, object?[] a) => a[0] is null || a[1] is null
        ? a[0]
        : new ScriptArray(Walk(context, a).Where(item => Values.IsTrue(Call(context, caller, a, item))));

    private static object? Cycle(TemplateContext context, object?[] a)
    {
        var list = List(a);
        if (list.Count == 0)
        {
            return null;
        }

        var group = Values.ToText(context, a[1]) ?? Join(context, null!, [list, ",", null]) as string ?? string.Empty;
        var index = context.Cycles.TryGetValue(group, out var next) ? next % list.Count : 0;
        context.Cycles[group] = index + 1;
        return list[index];
    }

    private static object? InsertAt(TemplateContext context, object?[] a)
    {
        var list = List(a);
        var index = Math.Max((int)a[1]!, 0);
        context.CheckIterations(Math.Max((long)list.Count, index) + 1);
        var result = new ScriptArray(list);
        while (result.Count < index)
        {
            result.Add(null);
        }

        result.Insert(index, a[2]);
        return result;
    }

    private static object? Join(TemplateContext context, ScriptNode caller, object?[] a)
    {
        var text = new StringBuilder();
        var isFirst = true;
        foreach (var item in Walk(context, a))
        {
            text.Append(isFirst ? string.Empty : (string?)a[1]);
            isFirst = false;
            var part = Values.ToText(context, item);
            if (a[2] is IScriptFunction function)
            {
                part = Values.ToText(context, FunctionCaller.Invoke(context, caller, function, [part]));
            }

            text.Append(part);
            context.CheckStringLength(text.Length);
        }

        return text.ToString();
    }

    private static object? Map(TemplateContext context, object?[] a)
    {
        if (a[0] is null || a[1] is null)
        {
            return null;
        }

        var list = Values.AsSequence(context, a[0]) ?? [a[0]];
        context.CheckIterations(list.Count);
        var result = new ScriptArray();
        foreach (var item in list)
        {
            // Only objects have members to map: the size of a list or a string is none.
            if (item is IReadOnlyDictionary<string, object?> members && members.TryGetValue((string)a[1]!, out var value))
            {
                result.Add(value);
            }
        }

        return result;
    }

    private static object? RemoveAt(TemplateContext context, object?[] a)
    {
        if (a[0] is null)
        {
            return null;
        }

        var result = new ScriptArray(Walk(context, a));
        var index = (int)a[1]!;
        index = index < 0 ? index + result.Count : index;
        if (index >= 0 && index < result.Count)
        {
            result.RemoveAt(index);
        }

        return result;
    }

    private static object? Sort(TemplateContext context, object?[] a)
    {
        if (a[0] is null)
        {
            return null;
        }

        var list = Values.AsSequence(context, a[0]) ?? [a[0]];
        context.CheckIterations(list.Count);
        var member = a[1] as string;
        var items = list.ToArray();
        var keys = Array.ConvertAll(items, item => string.IsNullOrEmpty(member) ? item : MemberOf(context, item, member!));
        if (keys.Length > 1)
        {
            foreach (var key in keys)
            {
                SortOrder.Check(keys[0], key);
            }
        }

        // A stable sort keeps the output independent of the platform.
        return new ScriptArray(Enumerable.Range(0, items.Length).OrderBy(i => keys[i], SortOrder.Instance).Select(i => items[i]));
    }

    private static object? MemberOf(TemplateContext context, object? item, string member) =>
        item is not null && Members.TryGet(context, item, member, out var value) ? value : null;

    private static ScriptArray Uniq(TemplateContext context, object?[] a)
    {
        var seen = new HashSet<object>();
        var result = new ScriptArray();
        var hasNull = false;
        foreach (var item in Walk(context, a))
        {
            if (item is null ? !hasNull : seen.Add(item))
            {
                hasNull |= item is null;
                result.Add(item);
            }
        }

        return result;
    }
}
