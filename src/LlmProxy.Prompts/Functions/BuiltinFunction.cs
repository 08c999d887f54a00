using System.Globalization;

using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Functions;

internal delegate object? BuiltinBody(TemplateContext context, ScriptNode caller, object?[] arguments);

internal enum ArgumentKind
{
    Any,
    Text,
    Int,
    Number,
    Bool,
    List,
    Function,
}

internal sealed record BuiltinParameter(string Name, ArgumentKind Kind, bool IsOptional, object? Default);

/// <summary>A function that this library brings.</summary>
internal sealed class BuiltinFunction : IScriptFunction
{
    /// <summary>Makes a function from its signature, for example <c>text:string, start:int, length:int=0</c>.</summary>
    public BuiltinFunction(string signature, BuiltinBody body)
    {
        Body = body;
        IsVariadic = signature.EndsWith("...", StringComparison.Ordinal);
        var text = IsVariadic ? signature.Substring(0, signature.Length - 3) : signature;
        Parameters = text.Length == 0 ? [] : [.. text.Split(',').Select(ParseParameter)];
        RequiredCount = Parameters.Count(p => !p.IsOptional);
    }

    public BuiltinParameter[] Parameters { get; }

    public int RequiredCount { get; }

    /// <summary>Whether more arguments than parameters may be given.</summary>
    public bool IsVariadic { get; }

    public BuiltinBody Body { get; }

    private static BuiltinParameter ParseParameter(string text)
    {
        var parts = text.Trim().Split(':', '=');
        var kind = parts[1] switch
        {
            "string" => ArgumentKind.Text,
            "int" => ArgumentKind.Int,
            "number" => ArgumentKind.Number,
            "bool" => ArgumentKind.Bool,
            "list" => ArgumentKind.List,
            "function" => ArgumentKind.Function,
            _ => ArgumentKind.Any,
        };
        object? value = null;
        if (parts.Length > 2)
        {
            value = kind switch
            {
                ArgumentKind.Int when parts[2] != "null" => Values.Box(int.Parse(parts[2], CultureInfo.InvariantCulture)),
                ArgumentKind.Bool => Values.Box(parts[2] == "true"),
                _ => parts[2] == "null" ? null : parts[2],
            };
        }

        return new BuiltinParameter(parts[0], kind, parts.Length > 2, value);
    }
}

/// <summary>The arguments of one call while they are put into place.</summary>
internal sealed class BuiltinArguments(TemplateContext context, ScriptNode caller, BuiltinFunction function)
{
    private readonly object?[] _values = new object?[function.Parameters.Length];
    private readonly bool[] _isSet = new bool[function.Parameters.Length];
    private List<object?>? _further;
    private SourceSpan[]? _spans;

    /// <summary>How many arguments were given, by position or by name.</summary>
    public int Count { get; private set; }

    public void Add(object? value, SourceSpan span)
    {
        var index = Count++;
        if (index < _values.Length)
        {
            Set(index, value, span);
        }
        else if (function.IsVariadic)
        {
            (_further ??= []).Add(value);
        }
        else
        {
            throw new ScriptRuntimeException(
                caller.Span, $"Argument index must be < {_values.Length} (Parameter 'index')");
        }
    }

    public void AddNamed(string name, object? value, SourceSpan span)
    {
        var index = Array.FindIndex(function.Parameters, p => p.Name == name);
        if (index < 0)
        {
            Add(value, span);
            return;
        }

        Count++;
        Set(index, value, span);
    }

    public object?[] Complete()
    {
        for (var i = 0; i < _values.Length; i++)
        {
            if (!_isSet[i])
            {
                _values[i] = function.Parameters[i].Default;
            }
        }

        return _further is null ? _values : [.. _values, .. _further];
    }

    public SourceSpan SpanOf(int argument) =>
        _spans is not null && argument >= 0 && argument < _spans.Length && _isSet[argument] ? _spans[argument] : caller.Span;

    private void Set(int index, object? value, SourceSpan span)
    {
        (_spans ??= new SourceSpan[_values.Length])[index] = span;
        _isSet[index] = true;
        try
        {
            _values[index] = Convert(function.Parameters[index], value);
        }
        catch (ScriptFunctionException problem)
        {
            throw new ScriptRuntimeException(span, problem.Message, problem);
        }
    }

    private object? Convert(BuiltinParameter parameter, object? value)
    {
        switch (parameter.Kind)
        {
            case ArgumentKind.Text:
                return value as string ?? Values.ToText(context, value);
            case ArgumentKind.Int:
                if (Values.TryToInt(value, out var number))
                {
                    return Values.Box(number);
                }

                break;
            case ArgumentKind.Number:
                if (value is null || Values.NumberRank(value) > 1)
                {
                    return value;
                }

                throw new ScriptRuntimeException(caller.Span, $"The value `{Values.ToText(context, value)}` is not a number");
            case ArgumentKind.Bool:
                return Values.Box(Values.IsTrue(value));
            case ArgumentKind.List:
                if (value is null)
                {
                    return null;
                }

                return Values.AsSequence(context, value)
                    ?? throw new ScriptFunctionException($"Unable to convert type `{Values.TypeName(value)}` to `IEnumerable`");
            default:
                return value;
        }

        throw new ScriptFunctionException($"Unable to convert type `{Values.TypeName(value)}` to int");
    }
}
