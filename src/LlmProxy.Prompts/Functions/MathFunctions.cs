using System.Globalization;
using System.Numerics;

using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Functions;

/// <summary>The functions of the group <c>math</c>.</summary>
internal static class MathFunctions
{
    public static readonly FunctionTable All = new()
    {
        { "abs", "value:number", Abs },
        { "ceil", "value:number", a => Round(a[0], Math.Ceiling, Math.Ceiling) },
        { "divided_by", "value:any, divisor:any", DividedBy },
        { "floor", "value:number", a => Round(a[0], Math.Floor, Math.Floor) },
        { "format", "value:any, format:string, culture:string=null", Format },
        { "is_number", "value:any", a => Values.Box(Values.NumberRank(a[0]) > 1) },
        { "minus", "value:any, with:any", (context, caller, a) => Apply(context, caller, ScriptBinaryOperator.Subtract, a) },
        { "modulo", "value:any, with:any", (context, caller, a) => Apply(context, caller, ScriptBinaryOperator.Modulus, a) },
        { "plus", "value:any, with:any", (context, caller, a) => Apply(context, caller, ScriptBinaryOperator.Add, a) },
        { "round", "value:number, precision:int=0", RoundTo },
        { "times", "value:any, with:any", (context, caller, a) => Apply(context, caller, ScriptBinaryOperator.Multiply, a) },
        { "uuid", "", _ => throw NotRepeatable("math.uuid") },
        { "random", "minValue:int, maxValue:int", _ => throw NotRepeatable("math.random") },
    };

    /// <summary>Formats as .NET does, in the invariant culture.</summary>
    public static object? Format(TemplateContext context, object?[] a)
    {
        Cultures.Check((string?)a[2], 2);
        if (a[0] is null)
        {
            return string.Empty;
        }

        return a[0] is IFormattable value
            ? value.ToString((string?)a[1], CultureInfo.InvariantCulture)
            : throw new ScriptFunctionException($"Unexpected `{Values.ToText(context, a[0])}`. Must be a formattable object");
    }

    private static ScriptFunctionException NotRepeatable(string name) =>
        new($"The function `{name}` is not available: a template must give the same text every time.");

    private static object? Abs(object?[] a) => a[0] switch
    {
        null => null,
        double number => Math.Abs(number),
        float number => Math.Abs(number),
        decimal number => Math.Abs(number),
        var number => Values.Shrink(BigInteger.Abs(Values.ToBig(number))),
    };

    private static object? Round(object? value, Func<double, double> round, Func<decimal, decimal> roundDecimal) => value switch
    {
        double number => round(number),
        float number => (float)round(number),
        decimal number => roundDecimal(number),
        _ => value,
    };

    private static object? RoundTo(object?[] a)
    {
        var precision = (int)a[1]!;
        return Round(a[0], number => Math.Round(number, precision), number => Math.Round(number, precision));
    }

    private static object? Apply(TemplateContext context, ScriptNode caller, ScriptBinaryOperator op, object?[] a) =>
        Operators.Binary(context, op, a[0], a[1], caller.Span, caller.Span, caller.Span);

    private static object? DividedBy(TemplateContext context, ScriptNode caller, object?[] a)
    {
        var result = Apply(context, caller, ScriptBinaryOperator.Divide, a);
        if (result is null || a[1] is not (int or long or BigInteger))
        {
            return result;
        }

        var number = Math.Truncate(Values.ToDouble(result));
        return double.IsNaN(number) || double.IsInfinity(number)
            ? throw new ScriptFunctionException("Attempted to divide by zero.")
            : Values.Shrink(new BigInteger(number));
    }
}

/// <summary>Rendering depends on no culture; a template that asks for one is told so.</summary>
internal static class Cultures
{
    public static void Check(string? name, int argument)
    {
        if (name is not (null or "" or "en" or "en-US" or "en-GB"))
        {
            throw new ScriptFunctionException(
                $"The culture `{name}` is not available: templates render in the invariant culture.", argument);
        }
    }
}
