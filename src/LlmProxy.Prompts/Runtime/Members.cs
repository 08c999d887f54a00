using LlmProxy.Prompts.Functions;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Runtime;

/// <summary>Named members of values.</summary>
internal static class Members
{
    public static bool TryGet(TemplateContext context, object target, string name, out object? value)
    {
        switch (target)
        {
            case ScriptObject members:
                return members.TryGetValue(name, out value);
            case IReadOnlyDictionary<string, object?> members:
                return members.TryGetValue(name, out value);
            case LoopState loop:
                value = loop.Get(name);
                return value is not null;
            case string text:
                value = name == "size" ? Values.Box(text.Length) : null;
                return value is not null;
            case ScriptArray { HasMembers: true } array when array.Members.TryGetValue(name, out value):
                return true;
            case DateTime date:
                value = DateFunctions.Member(date, name);
                return value is not null;
            case TimeSpan time:
                value = TimeSpanFunctions.Member(time, name);
                return value is not null;
            default:
                value = name == "size" && Values.AsList(target) is { } list ? Values.Box(list.Count) : null;
                return value is not null;
        }
    }

    public static bool TrySet(TemplateContext context, object target, string name, object? value)
    {
        var members = target switch
        {
            ScriptObject direct => direct,
            ScriptArray { IsReadOnly: false } array when name != "size" => array.Members,
            _ => null,
        };
        if (members?.CanWrite(name) != true)
        {
            return false;
        }

        members[name] = value;
        return true;
    }
}

/// <summary>Elements of values.</summary>
internal static class Indexers
{
    public static object? Get(TemplateContext context, ScriptIndexerExpression node, object target, object? index)
    {
        if (target is not (string or IReadOnlyDictionary<string, object?>) && Values.AsList(target) is null)
        {
            throw NoList(context, node, target);
        }

        if (index is null)
        {
            return context.EnableNullIndexer
                ? null
                : throw new ScriptRuntimeException(
                    node.Index.Span, $"Cannot access target `{node.Target}` with a null indexer: {node}");
        }

        if (target is IReadOnlyDictionary<string, object?> || (target is not string && index is string))
        {
            if (Members.TryGet(context, target, Values.ToText(context, index)!, out var member) || context.EnableRelaxedMemberAccess)
            {
                return member;
            }

            throw new ScriptRuntimeException(
                node.Index.Span, $"Cannot access target `{node.Target}` with an indexer: {node.Index}");
        }

        var i = Values.ToInt(index, node.Index.Span);
        var text = target as string;
        var list = text is null ? Values.AsList(target)! : null;
        var count = text?.Length ?? list!.Count;
        if (i < 0)
        {
            i += count;
        }

        if (i >= 0 && i < count)
        {
            return text is null ? list![i] : text[i].ToString();
        }

        return context.EnableRelaxedIndexerAccess
            ? null
            : throw new ScriptRuntimeException(
                node.Index.Span,
                $"The index {i} is out of bounds [0, {count}] on the `{node.Target}` with the indexer: {node.Index}");
    }

    public static void Set(TemplateContext context, ScriptIndexerExpression node, object target, object? index, object? value)
    {
        if (index is null)
        {
            throw new ScriptRuntimeException(node.Index.Span, $"Cannot access target `{node.Target}` with a null indexer: {node}");
        }

        if (target is ScriptObject || (target is ScriptArray && index is string))
        {
            if (!Members.TrySet(context, target, Values.ToText(context, index)!, value))
            {
                throw new ScriptRuntimeException(node.Index.Span, $"Cannot set a value for the readonly member: {node}");
            }

            return;
        }

        if (target is not ScriptArray { IsReadOnly: false } array)
        {
            throw target is string || Values.AsList(target) is not null
                ? new ScriptRuntimeException(node.Index.Span, $"Cannot set a value for the readonly member: {node}")
                : NoList(context, node, target);
        }

        var i = Values.ToInt(index, node.Index.Span);
        if (i < 0)
        {
            i += array.Count;
        }

        if (i < 0)
        {
            throw new ScriptRuntimeException(
                node.Index.Span,
                $"The index {i} is out of bounds [0, {array.Count}] on the `{node.Target}` with the indexer: {node.Index}");
        }

        try
        {
            context.CheckIterations(Math.Max(i - array.Count, 0));
        }
        catch (ScriptFunctionException problem)
        {
            throw new ScriptRuntimeException(node.Index.Span, problem.Message, problem);
        }

        while (array.Count <= i)
        {
            array.Add(null);
        }

        array[i] = value;
    }

    private static ScriptRuntimeException NoList(TemplateContext context, ScriptIndexerExpression node, object target) => new(
        node.Target.Span,
        $"Cannot use the {Values.TypeName(target)} primitive `{Values.ToText(context, target)}` as a list.");
}
