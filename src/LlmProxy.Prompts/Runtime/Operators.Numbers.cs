using System.Numerics;

using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Runtime;

internal static partial class Operators
{
    private const int MaxShift = 4096;
    private const int MaxBits = 65536;

    private static bool TryApplyInt(ScriptBinaryOperator op, int left, int right, out object? result)
    {
        switch (op)
        {
            case ScriptBinaryOperator.Add:
                result = Values.Box((long)left + right);
                return true;
            case ScriptBinaryOperator.Subtract:
                result = Values.Box((long)left - right);
                return true;
            case ScriptBinaryOperator.Multiply:
                result = Values.Box((long)left * right);
                return true;
            case >= ScriptBinaryOperator.CompareEqual and <= ScriptBinaryOperator.CompareGreaterOrEqual:
                result = Values.Box(Compare(op, left.CompareTo(right)));
                return true;
            default:
                result = null;
                return false;
        }
    }

    private static object? ApplyNumbers(TemplateContext context, ScriptBinaryOperator op, object left, object right)
    {
        var rank = Math.Max(Values.NumberRank(left), Values.NumberRank(right));
        if (op is ScriptBinaryOperator.RangeInclude or ScriptBinaryOperator.RangeExclude && rank <= 4)
        {
            return Range(context, op, Values.ToBig(left), Values.ToBig(right));
        }

        return rank switch
        {
            7 => ApplyDecimal(op, Values.ToDecimal(left), Values.ToDecimal(right)),
            6 => ApplyDouble(op, Values.ToDouble(left), Values.ToDouble(right)),
            5 => ApplyFloat(op, (float)Values.ToDouble(left), (float)Values.ToDouble(right)),
            4 => ApplyBig(op, Values.ToBig(left), Values.ToBig(right)),
            _ => ApplyLong(op, Values.ToLong(left), Values.ToLong(right)),
        };
    }

    private static object ApplyLong(ScriptBinaryOperator op, long left, long right)
    {
        switch (op)
        {
            case >= ScriptBinaryOperator.CompareEqual and <= ScriptBinaryOperator.CompareGreaterOrEqual:
                return Values.Box(Compare(op, left.CompareTo(right)));
            case ScriptBinaryOperator.Divide:
                return left / (double)right;
            case ScriptBinaryOperator.DivideRound when right is not (0 or -1):
                return Values.Box(left / right);
            case ScriptBinaryOperator.Modulus when right is not (0 or -1):
                return Values.Box(left % right);
            default:
                return ApplyBig(op, left, right);
        }
    }

    private static object ApplyBig(ScriptBinaryOperator op, BigInteger left, BigInteger right)
    {
        switch (op)
        {
            case >= ScriptBinaryOperator.CompareEqual and <= ScriptBinaryOperator.CompareGreaterOrEqual:
                return Values.Box(Compare(op, left.CompareTo(right)));
            case ScriptBinaryOperator.Add:
                return Values.Shrink(left + right);
            case ScriptBinaryOperator.Subtract:
                return Values.Shrink(left - right);
            case ScriptBinaryOperator.Multiply:
                CheckSize(left, right);
                return Values.Shrink(left * right);
            case ScriptBinaryOperator.Divide:
                return (double)left / (double)right;
            case ScriptBinaryOperator.DivideRound:
                CheckDivisor(right);
                return Values.Shrink(BigInteger.Divide(left, right));
            case ScriptBinaryOperator.Modulus:
                CheckDivisor(right);
                return Values.Shrink(BigInteger.Remainder(left, right));
            case ScriptBinaryOperator.ShiftLeft:
                CheckSize(left, BigInteger.One);
                return Values.Shrink(left << ShiftCount(right));
            case ScriptBinaryOperator.ShiftRight:
                return Values.Shrink(left >> ShiftCount(right));
            default:
                throw NotImplemented(op, "int");
        }
    }

    private static void CheckDivisor(BigInteger divisor)
    {
        if (divisor.IsZero)
        {
            throw new ScriptFunctionException("Attempted to divide by zero.");
        }
    }

    private static void CheckSize(BigInteger left, BigInteger right)
    {
        // Numbers that double their length in every step of a loop would use up the memory long before the loop limit.
        if (left.ToByteArray().Length + right.ToByteArray().Length > MaxBits / 8)
        {
            throw new ScriptFunctionException("The number is too large.");
        }
    }

    private static int ShiftCount(BigInteger count) => count >= -MaxShift && count <= MaxShift
        ? (int)count
        : throw new ScriptFunctionException($"A number cannot be shifted by more than {MaxShift} bits.");

    private static object ApplyDouble(ScriptBinaryOperator op, double left, double right) => op switch
    {
        ScriptBinaryOperator.Add => left + right,
        ScriptBinaryOperator.Subtract => left - right,
        ScriptBinaryOperator.Multiply => left * right,
        ScriptBinaryOperator.Divide => left / right,
        ScriptBinaryOperator.DivideRound => Math.Round(left / right),
        ScriptBinaryOperator.Modulus => left % right,
        ScriptBinaryOperator.CompareEqual => Values.Box(left == right),
        ScriptBinaryOperator.CompareNotEqual => Values.Box(left != right),
        ScriptBinaryOperator.CompareLess => Values.Box(left < right),
        ScriptBinaryOperator.CompareLessOrEqual => Values.Box(left <= right),
        ScriptBinaryOperator.CompareGreater => Values.Box(left > right),
        ScriptBinaryOperator.CompareGreaterOrEqual => Values.Box(left >= right),
        _ => throw NotImplemented(op, "double"),
    };

    private static object ApplyFloat(ScriptBinaryOperator op, float left, float right) => op switch
    {
        ScriptBinaryOperator.Add => left + right,
        ScriptBinaryOperator.Subtract => left - right,
        ScriptBinaryOperator.Multiply => left * right,
        ScriptBinaryOperator.Divide => left / right,
        ScriptBinaryOperator.DivideRound => (float)Math.Round(left / right),
        ScriptBinaryOperator.Modulus => left % right,
        ScriptBinaryOperator.RangeInclude or ScriptBinaryOperator.RangeExclude
            or ScriptBinaryOperator.ShiftLeft or ScriptBinaryOperator.ShiftRight => throw NotImplemented(op, "float"),
        _ => ApplyDouble(op, left, right),
    };

    private static object ApplyDecimal(ScriptBinaryOperator op, decimal left, decimal right) => op switch
    {
        ScriptBinaryOperator.Add => left + right,
        ScriptBinaryOperator.Subtract => left - right,
        ScriptBinaryOperator.Multiply => left * right,
        ScriptBinaryOperator.Divide => left / right,
        ScriptBinaryOperator.DivideRound => Math.Round(left / right),
        ScriptBinaryOperator.Modulus => left % right,
        ScriptBinaryOperator.RangeInclude or ScriptBinaryOperator.RangeExclude
            or ScriptBinaryOperator.ShiftLeft or ScriptBinaryOperator.ShiftRight => throw NotImplemented(op, "decimal"),
        _ => Values.Box(Compare(op, left.CompareTo(right))),
    };

    private static ScriptRange Range(TemplateContext context, ScriptBinaryOperator op, BigInteger first, BigInteger last)
    {
        var step = first <= last ? 1 : -1;
        var count = BigInteger.Abs(last - first) + (op == ScriptBinaryOperator.RangeInclude ? 1 : 0);
        if (context.LoopLimit > 0 && count > context.LoopLimit)
        {
            throw new ScriptFunctionException($"Range expression exceeds LoopLimit `{context.LoopLimit}`.");
        }

        if (count > int.MaxValue || first < long.MinValue || first > long.MaxValue || last < long.MinValue || last > long.MaxValue)
        {
            throw new ScriptFunctionException("The range is too large.");
        }

        return new ScriptRange((long)first, (int)count, step);
    }

    private static ScriptFunctionException NotImplemented(ScriptBinaryOperator op, string type) =>
        new($"The operator `{Text(op)}` is not implemented for {type}<->{type}");
}
