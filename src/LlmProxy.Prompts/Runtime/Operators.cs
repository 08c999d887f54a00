using System.Text;

using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Runtime;

/// <summary>What operators do with values.</summary>
internal static partial class Operators
{
    // The longest array that .NET has.
    private const long MaxArrayLength = 0x7FFFFFC7;

    public static string Text(ScriptBinaryOperator op) => op switch
    {
        ScriptBinaryOperator.EmptyCoalescing => "??",
        ScriptBinaryOperator.NotEmptyCoalescing => "?!",
        ScriptBinaryOperator.Or => "||",
        ScriptBinaryOperator.And => "&&",
        ScriptBinaryOperator.CompareEqual => "==",
        ScriptBinaryOperator.CompareNotEqual => "!=",
        ScriptBinaryOperator.CompareLess => "<",
        ScriptBinaryOperator.CompareLessOrEqual => "<=",
        ScriptBinaryOperator.CompareGreater => ">",
        ScriptBinaryOperator.CompareGreaterOrEqual => ">=",
        ScriptBinaryOperator.Add => "+",
        ScriptBinaryOperator.Subtract => "-",
        ScriptBinaryOperator.Multiply => "*",
        ScriptBinaryOperator.Divide => "/",
        ScriptBinaryOperator.DivideRound => "//",
        ScriptBinaryOperator.Modulus => "%",
        ScriptBinaryOperator.ShiftLeft => "<<",
        ScriptBinaryOperator.ShiftRight => ">>",
        ScriptBinaryOperator.RangeInclude => "..",
        _ => "..<",
    };

    public static object? Binary(
        TemplateContext context,
        ScriptBinaryOperator op,
        object? left,
        object? right,
        SourceSpan leftSpan,
        SourceSpan opSpan,
        SourceSpan rightSpan)
    {
        try
        {
            return Apply(context, op, left, right, leftSpan, rightSpan);
        }
        catch (Exception problem) when (problem is ScriptFunctionException or ArithmeticException or InvalidCastException)
        {
            throw new ScriptRuntimeException(opSpan, problem.Message, problem);
        }
    }

    public static object? Sign(bool negate, object? value, SourceSpan span, bool forIncrement = false)
    {
        switch (value)
        {
            case null:
                return forIncrement
                    ? null
                    : throw new ScriptRuntimeException(span, $"Operator `{(negate ? '-' : '+')}` is not supported");
            case bool:
                break;
            case int number when negate:
                return Values.Box(-(long)number);
            case long number when negate:
                return Values.Shrink(-(System.Numerics.BigInteger)number);
            case float number:
                return negate ? -number : number;
            case double number:
                return negate ? -number : number;
            case decimal number:
                return negate ? -number : number;
            default:
                if (Values.IsNumber(value))
                {
                    return negate ? Values.Shrink(-Values.ToBig(value)) : value;
                }

                break;
        }

        throw new ScriptRuntimeException(
            span,
            $"Unexpected value `{value} / Type: {Values.TypeName(value)}`. Cannot negate(-)/positive(+) a non-numeric value");
    }

    private static object? Apply(
        TemplateContext context, ScriptBinaryOperator op, object? left, object? right, SourceSpan leftSpan, SourceSpan rightSpan)
    {
        switch (op)
        {
            case ScriptBinaryOperator.EmptyCoalescing:
                return left ?? right;
            case ScriptBinaryOperator.NotEmptyCoalescing:
                return left is null ? null : right;
        }

        if (left is int a && right is int b && TryApplyInt(op, a, b, out var fast))
        {
            return fast;
        }

        if (left is string || right is string)
        {
            return ApplyText(context, op, left, right, leftSpan, rightSpan);
        }

        if (left is EmptyValue || right is EmptyValue)
        {
            return ApplyEmpty(op, left, right);
        }

        if (left is null || right is null)
        {
            return ApplyNull(op, left, right);
        }

        var leftList = Values.AsList(left);
        var rightList = Values.AsList(right);
        if (leftList is not null || rightList is not null)
        {
            return ApplyList(context, op, left, right, leftList, rightList, leftSpan, rightSpan);
        }

        if (left is DateTime or TimeSpan || right is DateTime or TimeSpan)
        {
            return ApplyTime(context, op, left, right);
        }

        if (Values.IsNumber(left) && Values.IsNumber(right))
        {
            return ApplyNumbers(context, op, left, right);
        }

        return ApplyOther(op, left, right);
    }

    private static object ApplyOther(ScriptBinaryOperator op, object left, object right)
    {
        if (!Values.IsNumber(left) && !Values.IsNumber(right))
        {
            switch (op)
            {
                case ScriptBinaryOperator.CompareEqual:
                    return Values.Box(ReferenceEquals(left, right));
                case ScriptBinaryOperator.CompareNotEqual:
                    return Values.Box(!ReferenceEquals(left, right));
            }

            throw new ScriptFunctionException(
                $"Unsupported types `{left}/{Values.TypeName(left)}` {Text(op)} `{right}/{Values.TypeName(right)}` for binary operation");
        }

        var (other, number) = Values.IsNumber(left) ? (right, left) : (left, right);
        throw new ScriptFunctionException($"Unable to convert type `{Values.TypeName(other)}` to {Values.TypeName(number)}");
    }

    private static object? ApplyNull(ScriptBinaryOperator op, object? left, object? right)
    {
        switch (op)
        {
            case ScriptBinaryOperator.CompareEqual:
                return Values.Box(left is null && right is null);
            case ScriptBinaryOperator.CompareNotEqual:
                return Values.Box(left is not null || right is not null);
            case ScriptBinaryOperator.CompareLess:
            case ScriptBinaryOperator.CompareLessOrEqual:
            case ScriptBinaryOperator.CompareGreater:
            case ScriptBinaryOperator.CompareGreaterOrEqual:
                return Values.Box(false);
            case ScriptBinaryOperator.ShiftLeft when Values.AsList(left) is { } list:
                return Append(list, null);
            case ScriptBinaryOperator.ShiftRight when Values.AsList(right) is { } list:
                return new ScriptArray([null, .. list]);
            default:
                return null;
        }
    }

    private static object ApplyEmpty(ScriptBinaryOperator op, object? left, object? right)
    {
        var other = left is EmptyValue ? right : left;
        var isEqual = other is EmptyValue
            || (other is not null && !Values.IsNumber(other) && Values.IsEmpty(other));
        return op switch
        {
            ScriptBinaryOperator.CompareEqual => Values.Box(isEqual),
            ScriptBinaryOperator.CompareNotEqual => Values.Box(!isEqual),
            ScriptBinaryOperator.CompareLess or ScriptBinaryOperator.CompareLessOrEqual
                or ScriptBinaryOperator.CompareGreater or ScriptBinaryOperator.CompareGreaterOrEqual => Values.Box(false),
            _ => throw new ScriptFunctionException($"Operator `{Text(op)}` is not supported for the empty value"),
        };
    }

    private static object? ApplyText(
        TemplateContext context, ScriptBinaryOperator op, object? left, object? right, SourceSpan leftSpan, SourceSpan rightSpan)
    {
        switch (op)
        {
            case ScriptBinaryOperator.Add:
                var joined = Values.ToText(context, left) + Values.ToText(context, right);
                context.CheckStringLength(joined.Length);
                return joined;
            case ScriptBinaryOperator.Multiply:
                return Repeat(context, left, right, leftSpan, rightSpan);
            case ScriptBinaryOperator.ShiftLeft when Values.AsList(left) is { } list:
                return Append(list, right);
            case ScriptBinaryOperator.ShiftRight when Values.AsList(right) is { } list:
                return new ScriptArray([left, .. list]);
        }

        if (left is null || right is null)
        {
            return ApplyNull(op, left, right);
        }

        if (left is EmptyValue || right is EmptyValue)
        {
            return Values.Box(op == ScriptBinaryOperator.CompareNotEqual);
        }

        if (op is < ScriptBinaryOperator.CompareEqual or > ScriptBinaryOperator.CompareGreaterOrEqual)
        {
            throw new ScriptFunctionException($"Operator `{Text(op)}` is not supported on string objects");
        }

        return Values.Box(Compare(op, string.CompareOrdinal(Values.ToText(context, left), Values.ToText(context, right))));
    }

    private static bool Compare(ScriptBinaryOperator op, int order) => op switch
    {
        ScriptBinaryOperator.CompareEqual => order == 0,
        ScriptBinaryOperator.CompareNotEqual => order != 0,
        ScriptBinaryOperator.CompareLess => order < 0,
        ScriptBinaryOperator.CompareLessOrEqual => order <= 0,
        ScriptBinaryOperator.CompareGreater => order > 0,
        _ => order >= 0,
    };

    private static string? Repeat(TemplateContext context, object? left, object? right, SourceSpan leftSpan, SourceSpan rightSpan)
    {
        var (text, factor, span) = left is string s ? (s, right, rightSpan) : ((string)right!, left, leftSpan);
        if (factor is null)
        {
            return null;
        }

        if (!Values.IsNumber(factor))
        {
            throw new ScriptRuntimeException(
                left is string && right is string ? leftSpan : span,
                "Expecting an integer. The operator `*` is not supported for the expression. Only working on string x int or int x string");
        }

        var count = Math.Max(Values.ToInt(factor, span), 0);
        if (text.Length == 0 || count == 0)
        {
            return string.Empty;
        }

        var length = (long)text.Length * count;
        if (length > int.MaxValue / 2 || (context.LimitToString > 0 && length > context.LimitToString))
        {
            throw new ScriptRuntimeException(span, $"String multiplication exceeds LimitToString `{context.LimitToString}`.");
        }

        return new StringBuilder((int)length).Insert(0, text, count).ToString();
    }

    private static ScriptArray Append(IReadOnlyList<object?> list, object? item)
    {
        var result = new ScriptArray(list.Count + 1);
        result.AddRange(list);
        result.Add(item);
        return result;
    }

    private static object? ApplyList(
        TemplateContext context,
        ScriptBinaryOperator op,
        object left,
        object right,
        IReadOnlyList<object?>? leftList,
        IReadOnlyList<object?>? rightList,
        SourceSpan leftSpan,
        SourceSpan rightSpan)
    {
        context.CheckIterations(0);
        switch (op)
        {
            case ScriptBinaryOperator.ShiftLeft when leftList is not null:
                return Append(leftList, right);
            case ScriptBinaryOperator.ShiftRight when rightList is not null:
                return new ScriptArray([left, .. rightList]);
            case ScriptBinaryOperator.Multiply when leftList is null != rightList is null:
                return RepeatList(context, leftList ?? rightList!, leftList is null ? left : right);
            case ScriptBinaryOperator.Add when leftList is not null && rightList is not null:
                context.CheckIterations(leftList.Count + (long)rightList.Count);
                return new ScriptArray([.. leftList, .. rightList]);
            case >= ScriptBinaryOperator.CompareEqual and <= ScriptBinaryOperator.CompareGreaterOrEqual
                when leftList is not null && rightList is not null:
                return Values.Box(CompareLists(context, op, leftList, rightList));
        }

        var message = $"The operator `{Text(op)}` is not supported between {Values.TypeName(left)} and {Values.TypeName(right)}.";
        if (leftList is null)
        {
            throw new ScriptRuntimeException(leftSpan, message + " Expecting an array for the left argument.");
        }

        throw rightList is null
            ? new ScriptRuntimeException(rightSpan, message + " Expecting an array for the right argument.")
            : new ScriptFunctionException(message);
    }

    private static ScriptArray RepeatList(TemplateContext context, IReadOnlyList<object?> list, object factor)
    {
        if (!Values.TryToInt(factor, out var count))
        {
            throw new ScriptFunctionException($"Unable to convert type `{Values.TypeName(factor)}` to int");
        }

        var length = list.Count * (long)Math.Max(count, 0);
        if (length > MaxArrayLength)
        {
            throw new ScriptFunctionException("Array multiplication result length exceeds the maximum supported array length.");
        }

        context.CheckIterations(length);
        var result = new ScriptArray((int)length);
        for (var i = 0; i < count && list.Count > 0; i++)
        {
            result.AddRange(list);
        }

        return result;
    }

    private static bool CompareLists(
        TemplateContext context, ScriptBinaryOperator op, IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        context.CheckIterations(Math.Max(left.Count, right.Count));
        context.EnterComparison();
        try
        {
            return CompareElements(context, op, left, right);
        }
        finally
        {
            context.LeaveComparison();
        }
    }

    private static bool CompareElements(
        TemplateContext context, ScriptBinaryOperator op, IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        if (op is ScriptBinaryOperator.CompareEqual or ScriptBinaryOperator.CompareNotEqual)
        {
            return AreEqual(context, left, right) == (op == ScriptBinaryOperator.CompareEqual);
        }

        // The shorter list is the smaller one; of two of the same length, each element must be smaller.
        if (left.Count != right.Count || left.Count == 0)
        {
            return Compare(op, left.Count.CompareTo(right.Count));
        }

        for (var i = 0; i < left.Count; i++)
        {
            if (!Values.IsTrue(Apply(context, op, left[i], right[i], default, default)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool AreEqual(TemplateContext context, IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        for (var i = 0; i < left.Count; i++)
        {
            if (!Values.IsTrue(Apply(context, ScriptBinaryOperator.CompareEqual, left[i], right[i], default, default)))
            {
                return false;
            }
        }

        return true;
    }

    private static object ApplyTime(TemplateContext context, ScriptBinaryOperator op, object left, object right)
    {
        switch (left, right)
        {
            case (DateTime a, DateTime b) when op == ScriptBinaryOperator.Subtract:
                return a - b;
            case (DateTime a, DateTime b) when op is >= ScriptBinaryOperator.CompareEqual and <= ScriptBinaryOperator.CompareGreaterOrEqual:
                return Values.Box(Compare(op, a.CompareTo(b)));
            case (DateTime a, TimeSpan b) when op == ScriptBinaryOperator.Add:
                return a + b;
            case (DateTime a, TimeSpan b) when op == ScriptBinaryOperator.Subtract:
                return a - b;
            case (TimeSpan a, DateTime b) when op == ScriptBinaryOperator.Add:
                return b + a;
        }

        throw new ScriptFunctionException(
            $"Unsupported types `{Values.ToText(context, left)}/{Values.TypeName(left)}` {Text(op)} `{Values.ToText(context, right)}/{Values.TypeName(right)}` for binary operation");
    }
}
