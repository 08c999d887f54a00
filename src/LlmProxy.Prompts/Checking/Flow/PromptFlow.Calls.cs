using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking.Flow;

internal sealed partial class PromptFlow
{
    /// <summary>Functions whose result is a number or a yes or no: none of their argument's text is in it.</summary>
    private static readonly HashSet<string> TextFree = new(StringComparer.Ordinal)
    {
        "array.size", "array.contains", "array.any", "string.size", "string.contains", "string.empty", "string.whitespace", "string.ends_with",
        "string.starts_with", "string.equals_ignore_case", "string.index_of", "string.to_int", "string.to_long", "string.to_float",
        "string.to_double", "string.md5", "string.sha1", "string.sha256", "string.sha512", "object.size", "object.typeof", "object.kind",
        "object.has_key", "object.has_value", "math.is_number",
    };

    /// <summary>Functions that give a list of the same elements.</summary>
    private static readonly HashSet<string> ListKeeping = new(StringComparer.Ordinal)
    {
        "array.limit", "array.offset", "array.reverse", "array.sort", "array.uniq", "array.compact", "array.filter", "array.remove_at",
    };

    private FlowValue EvaluateCall(ScriptFunctionCall call, FlowValue[] piped)
    {
        var target = EvaluateTarget(call.Target);
        var arguments = call.Arguments.Select(EvaluateArgument).ToArray();
        return Call(call, call.Target!, target, piped, [.. call.Arguments.Zip(arguments, static (node, value) => (node, value))]);
    }

    /// <summary>What is called; a name that is none is a function that does not exist, and no missing variable.</summary>
    private FlowValue EvaluateTarget(ScriptExpression? target)
    {
        if (target is ScriptVariableGlobal global && !IsKnown(global.Name))
        {
            return FlowValue.Unknown;
        }

        return EvaluateWithoutCall(target);
    }

    private FlowValue EvaluateArgument(ScriptExpression argument) => argument is ScriptAnonymousFunction ? EvaluateWithoutCall(argument) : Evaluate(argument);

    private bool IsKnown(string name) =>
        _state.Globals.ContainsKey(name) || PromptModel.Root.Find(name) is not null || PromptFunctions.Groups.ContainsKey(name) || PromptFunctions.Ungrouped.Contains(name) || File.Names.Globals.Bound.Contains(name);

    private FlowValue CallThroughPipe(ScriptExpression? to, FlowValue[] piped)
    {
        switch (to)
        {
            case ScriptFunctionCall call:
                return EvaluateCall(call, piped);
            case ScriptBinaryExpression binary:
                CallThroughPipe(binary.Left, piped);
                Evaluate(binary.Right);
                return FlowValue.Unknown;
            case ScriptConditionalExpression conditional:
                CallThroughPipe(conditional.Condition, piped);
                return EvaluateBranches(conditional);
            case ScriptNestedExpression nested:
                return CallThroughPipe(nested.Expression, piped);
            case ScriptPipeCall inner:
                return CallThroughPipe(inner.To, [CallThroughPipe(inner.From, piped)]);
            case ScriptUnaryExpression unary:
                return CallThroughPipe(unary.Right, piped);
            case ScriptVariable or ScriptMemberExpression or ScriptIndexerExpression:
                return Call(to, to, EvaluateTarget(to), piped, []);
            default:
                return FlowValue.MadeFrom([.. piped, EvaluateWithoutCall(to)]);
        }
    }

    private FlowValue Call(
        ScriptNode caller,
        ScriptExpression target,
        FlowValue function,
        FlowValue[] piped,
        (ScriptExpression Node, FlowValue Value)[] arguments)
    {
        if (function.IsInclude)
        {
            return CallInclude(function.BuiltinName == "include_join", piped, arguments);
        }

        if (function.Function is { } declared)
        {
            CheckCount(caller, declared, piped, arguments);
            return CallFunction(declared, piped, arguments);
        }

        if (function.Builtin is { } builtin)
        {
            return CallBuiltin(caller, builtin, piped, arguments);
        }

        // "a and b" is reported for its "and".
        if (!arguments.Any(argument => argument.Node is ScriptVariableGlobal { Name: var word } && WordRules.Knows(word)))
        {
            ReportNoFunction(target, function);
        }

        return FlowValue.MadeFrom([.. piped, .. arguments.Select(argument => argument.Value)]);
    }

    private FlowValue CallBuiltin(
        ScriptNode caller,
        PromptFunction function,
        FlowValue[] piped,
        (ScriptExpression Node, FlowValue Value)[] arguments)
    {
        var name = function.Name;
        CheckBuiltinCall(caller, function, piped.Length, arguments);
        if (PromptFunctions.Changing.Contains(name))
        {
            Report(
                Rules.ChangingValue,
                caller.Span,
                $"`{name}` gives another value in every call, which makes the provider's prompt cache useless, and fails when the prompt is rendered: leave it out.");
        }

        if (PromptFunctions.Evaluating.Contains(name))
        {
            Report(Rules.EvaluatedText, caller.Span, $"`{name}` runs text as code, which cannot be checked: write the code into the template, or include another one.");
        }

        FlowValue[] values = [.. piped, .. arguments.Select(argument => argument.Value)];
        foreach (var passed in values)
        {
            if (passed.Function is { } callback)
            {
                CallFunction(callback, values.Length > 0 ? [ElementOf(values[0])] : [], []);
            }
        }

        if (TextFree.Contains(name))
        {
            return FlowValue.Unknown;
        }

        var list = values.Length > 0 ? values[0] : FlowValue.Unknown;
        if (ListKeeping.Contains(name))
        {
            return list with { Constant = null, IsLimited = list.IsLimited || name == "array.limit" };
        }

        return name switch
        {
            "array.first" or "array.last" => ElementOf(list),
            "array.map" when values.Length > 1 && values[1].Constant is { } member && list.Type?.Element is { IsObject: true } element =>
                MapMember(arguments, element, member, list),
            "object.default" when values.Length == 2 => FlowValue.Either(list, values[1]),
            _ => FlowValue.MadeFrom(values),
        };
    }

    private FlowValue MapMember((ScriptExpression Node, FlowValue Value)[] arguments, PromptType element, string name, FlowValue list)
    {
        if (element.Find(name) is { } member)
        {
            var value = FlowValue.OfMember(member, element);
            return value with { Type = PromptType.ListOf(member.Type), IsLimited = list.IsLimited };
        }

        Report(Rules.UnknownMember, arguments[arguments.Length - 1].Node.Span, $"The elements of this list have no member `{name}`: " + NameHint(name, element.Members.Select(m => m.Name)));
        return FlowValue.Unknown;
    }

    /// <summary>Runs a function that the template defines.</summary>
    private FlowValue CallFunction(ScriptFunction function, FlowValue[] piped, (ScriptExpression Node, FlowValue Value)[] arguments)
    {
        _called.Add(function);
        if (_calls >= MostCalls || !Step())
        {
            return FlowValue.MadeFrom([.. piped, .. arguments.Select(argument => argument.Value)]);
        }

        _calls++;
        var outer = _state.Frame;
        _state.Frame = new FlowFrame(null, isCall: true);
        var hidden = new List<(string Name, FlowValue? Value)>();
        var given = piped.Concat(arguments.Where(argument => argument.Node is not ScriptNamedArgument).Select(argument => argument.Value)).ToArray();
        for (var i = 0; i < (function.Parameters?.Count ?? 0); i++)
        {
            var name = function.Parameters![i].Name?.Name ?? string.Empty;
            hidden.Add((name, _state.Globals.TryGetValue(name, out var value) ? value : null));
            var named = arguments.FirstOrDefault(argument => argument.Node is ScriptNamedArgument node && node.Name?.Name == name).Value;
            _state.Globals[name] = named ?? (i < given.Length ? given[i] : FlowValue.Unknown);
        }

        var result = Capture(() =>
        {
            Run(function.Body);
            Leave(outer);
        });
        foreach (var (name, value) in hidden)
        {
            _state.Globals.Remove(name);
            if (value is not null)
            {
                _state.Globals[name] = value;
            }
        }

        _state.Frame = outer;
        _calls--;
        return result;
    }

    private FlowValue CallInclude(bool isJoin, FlowValue[] piped, (ScriptExpression Node, FlowValue Value)[] arguments)
    {
        var name = piped.Length > 0 ? piped[0].Constant : arguments.Length > 0 ? arguments[0].Value.Constant : null;
        if (isJoin || name is null || _index.Resolve(name) is not { } file)
        {
            // What is included is not known: what the output holds cannot be told any more.
            IsComplete = false;
            return FlowValue.Unknown;
        }

        if (_files.Count >= MostIncludes || _files.Contains(file))
        {
            return FlowValue.Unknown;
        }

        var given = new Dictionary<string, FlowValue>(StringComparer.Ordinal);
        foreach (var (node, value) in arguments)
        {
            if (node is ScriptNamedArgument named)
            {
                given[named.Name?.Name ?? string.Empty] = value;
            }
        }

        return Capture(() => RunPage(file, new FlowFrame(given, isCall: false)));
    }
}
