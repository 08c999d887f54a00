using LlmProxy.Prompts.Functions;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Runtime;

/// <summary>The first arguments of a call: what stands before the pipe.</summary>
internal sealed class Piped
{
    private readonly TemplateContext? _context;
    private readonly ScriptExpression? _from;
    private IReadOnlyList<object?>? _values;

    /// <summary>Takes values that are known.</summary>
    public Piped(IReadOnlyList<object?> values, SourceSpan span)
    {
        _values = values;
        Span = span;
    }

    /// <summary>Takes an expression, which is evaluated only when a function to receive it has been found.</summary>
    public Piped(TemplateContext context, ScriptExpression from)
    {
        _context = context;
        _from = from;
        Span = from.Span;
    }

    public SourceSpan Span { get; }

    public IReadOnlyList<object?> Values => _values ??= Evaluate();

    private IReadOnlyList<object?> Evaluate()
    {
        var value = _from!.Evaluate(_context!);
        return _from is ScriptUnaryExpression { Operator: ScriptUnaryOperator.FunctionParametersExpand }
            && Runtime.Values.AsList(value) is { } list
            ? list
            : [value];
    }
}

/// <summary>Calls functions: finds the target, brings the arguments into the order of the parameters, adds places to errors.</summary>
internal static class FunctionCaller
{
    private static readonly object?[] NoArguments = [];

    /// <summary>Calls a function that is named without arguments.</summary>
    public static object? CallPath(TemplateContext context, ScriptExpression path, IScriptFunction function) =>
        Invoke(context, path, function, null, null, null);

    public static object? Call(TemplateContext context, ScriptFunctionCall call, Piped? piped)
    {
        var target = call.Target.EvaluateWithoutCall(context);
        if (target is IScriptFunction function)
        {
            return Invoke(context, call, function, call.Arguments, piped, null);
        }

        if (piped is not null && target is not null)
        {
            throw NoPipeTarget(call);
        }

        if (target is not null)
        {
            throw new ScriptRuntimeException(
                call.Span, $"Invalid target function `{Values.ToText(context, target)}` ({Values.TypeName(target)})");
        }

        return context.EnableRelaxedFunctionAccess
            ? null
            : throw new ScriptRuntimeException(call.Target.Span, $"The function `{call.Target}` was not found");
    }

    public static object? Pipe(TemplateContext context, ScriptPipeCall pipe)
    {
        var piped = new Piped(context, pipe.From);
        return TryPipe(context, pipe.To, piped, out var result) ? result : throw NoPipeTarget(pipe.To);
    }

    public static object? Invoke(
        TemplateContext context,
        ScriptNode caller,
        IScriptFunction function,
        IReadOnlyList<ScriptExpression>? arguments,
        Piped? piped,
        ScriptBlockStatement? block)
    {
        context.Step(caller);
        switch (function)
        {
            case BuiltinFunction builtin:
                return InvokeBuiltin(context, caller, builtin, arguments, piped);
            case ScriptFunction { Parameters: null } simple:
                var call = Collect(context, arguments, piped);
                return Run(context, caller, simple, call, null, block);
            case ScriptFunction declared:
                return InvokeDeclared(context, caller, declared, arguments, piped, block);
            case IncludeFunction include:
                return include.Invoke(context, caller, arguments, piped);
            default:
                throw new ScriptRuntimeException(caller.Span, $"A function of the type `{function.GetType().Name}` cannot be called.");
        }
    }

    /// <summary>Calls a function with values, as built-in functions do that take a function.</summary>
    public static object? Invoke(TemplateContext context, ScriptNode caller, IScriptFunction function, object?[] values)
    {
        context.Step(caller);
        if (function is not BuiltinFunction builtin)
        {
            return Invoke(context, caller, function, null, new Piped(values, caller.Span), null);
        }

        // A built-in function takes as many of the values as it has parameters.
        if (!builtin.IsVariadic && values.Length > builtin.Parameters.Length)
        {
            Array.Resize(ref values, builtin.Parameters.Length);
        }

        return InvokeBuiltin(context, caller, builtin, null, new Piped(values, caller.Span));
    }

    private static bool TryPipe(TemplateContext context, ScriptExpression to, Piped piped, out object? result)
    {
        switch (to)
        {
            case ScriptFunctionCall call:
                result = Call(context, call, piped);
                return true;
            case ScriptBinaryExpression binary when TryPipe(context, binary.Left, piped, out var left):
                result = Operators.Binary(
                    context, binary.Operator, left, binary.Right.Evaluate(context), binary.Left.Span, binary.OperatorSpan, binary.Right.Span);
                return true;
            case ScriptNestedExpression nested when TryPipe(context, nested.Expression, piped, out result):
                return true;
            case ScriptPipeCall inner when TryPipe(context, inner.From, piped, out var from):
                return TryPipe(context, inner.To, new Piped([from], inner.From.Span), out result);
            case ScriptUnaryExpression { Operator: ScriptUnaryOperator.Not } not when TryPipe(context, not.Right, piped, out var value):
                result = Values.Box(!Values.IsTrue(value));
                return true;
            case ScriptVariable or ScriptMemberExpression or ScriptIndexerExpression or ScriptAnonymousFunction
                or ScriptUnaryExpression { Operator: ScriptUnaryOperator.FunctionAlias }:
                if (to.EvaluateWithoutCall(context) is IScriptFunction function)
                {
                    result = Invoke(context, to, function, null, piped, null);
                    return true;
                }

                break;
        }

        result = null;
        return false;
    }

    private static ScriptRuntimeException NoPipeTarget(ScriptNode to) =>
        new(to.Span, $"Pipe expression destination `{to}` is not a valid function ");

    /// <summary>The values of arguments by position, with the named ones as members.</summary>
    private static ScriptArray Collect(TemplateContext context, IReadOnlyList<ScriptExpression>? arguments, Piped? piped)
    {
        var result = new ScriptArray((arguments?.Count ?? 0) + (piped?.Values.Count ?? 0));
        result.AddRange(piped?.Values ?? NoArguments);
        foreach (var argument in arguments ?? [])
        {
            var value = argument.Evaluate(context);
            if (argument is ScriptNamedArgument named)
            {
                result.Members[named.Name.Name] = value;
            }
            else if (IsSpread(argument) && Values.AsList(value) is { } list)
            {
                result.AddRange(list);
            }
            else
            {
                result.Add(value);
            }
        }

        return result;
    }

    private static bool IsSpread(ScriptExpression argument) =>
        argument is ScriptUnaryExpression { Operator: ScriptUnaryOperator.FunctionParametersExpand };

    private static object? InvokeDeclared(
        TemplateContext context,
        ScriptNode caller,
        ScriptFunction function,
        IReadOnlyList<ScriptExpression>? arguments,
        Piped? piped,
        ScriptBlockStatement? block)
    {
        var declared = function.Parameters!;
        var given = Collect(context, arguments, piped);
        var isVariadic = declared.Count > 0 && declared[declared.Count - 1].IsVariadic;
        var required = declared.Count(p => p.DefaultValue is null && !p.IsVariadic);
        var count = given.Count + (given.HasMembers ? given.Members.Count : 0);
        if (arguments is not null && given.HasMembers)
        {
            count = (piped?.Values.Count ?? 0) + arguments.Count;
        }

        if (count < required)
        {
            throw WrongCount(EndOf(caller), caller, count, required);
        }

        if (count > declared.Count && !isVariadic && !given.HasMembers)
        {
            var span = arguments is { Count: > 0 } ? arguments[arguments.Count - 1].Span : caller.Span;
            throw WrongCount(span, caller, count, declared.Count);
        }

        var parameters = new ScriptObject(declared.Count);
        var fixedCount = isVariadic ? declared.Count - 1 : declared.Count;
        for (var i = 0; i < fixedCount; i++)
        {
            parameters[declared[i].Name.Name] = i < given.Count ? given[i] : declared[i].DefaultValue?.Value;
        }

        if (isVariadic)
        {
            parameters[declared[fixedCount].Name.Name] = new ScriptArray(given.Skip(fixedCount));
        }

        if (given.HasMembers)
        {
            foreach (var member in given.Members)
            {
                if (parameters.ContainsKey(member.Key))
                {
                    parameters[member.Key] = member.Value;
                }
            }
        }

        return Run(context, caller, function, given, parameters, block);
    }

    private static object? Run(
        TemplateContext context, ScriptNode caller, ScriptFunction function, ScriptArray arguments, ScriptObject? parameters, ScriptBlockStatement? block)
    {
        // A named function does not see its caller's parameters; a "do" function is part of the caller's text.
        // A local function sees itself, though not the other locals of the place where it was defined.
        var locals = function.Name is ScriptVariableLocal own ? new ScriptObject(1) { [own.Name] = function } : null;
        var state = context.EnterCall(caller, 1, arguments, locals, parameters, hidesParameters: function.Name is not null);
        try
        {
            context.SetBlockDelegate(block);
            function.Body.Evaluate(context);
            return context.TakeReturnValue();
        }
        finally
        {
            context.LeaveCall(state);
        }
    }

    private static object? InvokeBuiltin(
        TemplateContext context,
        ScriptNode caller,
        BuiltinFunction function,
        IReadOnlyList<ScriptExpression>? arguments,
        Piped? piped)
    {
        var slots = new BuiltinArguments(context, caller, function);
        if (piped is not null)
        {
            foreach (var value in piped.Values)
            {
                slots.Add(value, piped.Span);
            }
        }

        if (arguments is not null)
        {
            foreach (var argument in arguments)
            {
                var value = argument.Evaluate(context);
                if (argument is ScriptNamedArgument named)
                {
                    slots.AddNamed(named.Name.Name, value, named.Value?.Span ?? named.Span);
                }
                else if (IsSpread(argument) && Values.AsList(value) is { } list)
                {
                    foreach (var item in list)
                    {
                        slots.Add(item, argument.Span);
                    }
                }
                else
                {
                    slots.Add(value, argument.Span);
                }
            }
        }

        if (slots.Count < function.RequiredCount)
        {
            throw WrongCount(EndOf(caller), caller, slots.Count, function.RequiredCount);
        }

        try
        {
            return function.Body(context, caller, slots.Complete());
        }
        catch (ScriptFunctionException problem)
        {
            throw new ScriptRuntimeException(slots.SpanOf(problem.Argument), problem.Message, problem);
        }
        catch (Exception problem) when (problem is not (ScriptRuntimeException or OperationCanceledException or OutOfMemoryException))
        {
            // Whatever the platform objects to (a pattern, a format, a number) is an error of the template.
            throw new ScriptRuntimeException(caller.Span, problem.Message, problem);
        }
    }

    private static SourceSpan EndOf(ScriptNode node)
    {
        var end = node.Span.End.NextColumn();
        return node.Span with { Start = end, End = end };
    }

    private static ScriptRuntimeException WrongCount(SourceSpan span, ScriptNode caller, int given, int expected) =>
        new(span, $"Invalid number of arguments `{given}` passed to `{caller}` while expecting `{expected}` arguments");
}
