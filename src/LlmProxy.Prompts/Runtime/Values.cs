using System.Collections;
using System.Globalization;
using System.Numerics;

namespace LlmProxy.Prompts.Runtime;

/// <summary>What values are, and what they turn into.</summary>
internal static partial class Values
{
    private const int FirstBoxed = -1;
    private static readonly object True = true;
    private static readonly object False = false;
    private static readonly object[] Boxed = [.. Enumerable.Range(FirstBoxed, 1026).Select(i => (object)i)];

    public static object Box(bool value) => value ? True : False;

    public static object Box(int value) =>
        value >= FirstBoxed && value < FirstBoxed + Boxed.Length ? Boxed[value - FirstBoxed] : value;

    public static object Box(long value) => value is >= int.MinValue and <= int.MaxValue ? Box((int)value) : value;

    public static object Shrink(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue)
        {
            return Box((long)value);
        }

        return value;
    }

    public static bool IsTrue(object? value) => value switch
    {
        null or EmptyValue => false,
        bool flag => flag,
        _ => true,
    };

    public static bool IsEmpty(object? value) => value switch
    {
        null or EmptyValue => true,
        string text => text.Length == 0,
        IReadOnlyDictionary<string, object?> members => members.Count == 0,
        IReadOnlyList<object?> list => list.Count == 0,
        IEnumerable items => !items.GetEnumerator().MoveNext(),
        _ => false,
    };

    public static bool IsNumber(object? value) => NumberRank(value) > 0;

    /// <summary>The rank of a kind of number: of two operands, the lower one is converted to the higher. 0 is no number, 1 is a bool.</summary>
    public static int NumberRank(object? value) => value switch
    {
        bool => 1,
        int or short or byte or sbyte or ushort => 2,
        long or uint => 3,
        ulong or BigInteger => 4,
        float => 5,
        double => 6,
        decimal => 7,
        _ => 0,
    };

    public static long ToLong(object value) => value switch
    {
        int i => i,
        long l => l,
        bool flag => flag ? 1 : 0,
        _ => Convert.ToInt64(value, CultureInfo.InvariantCulture),
    };

    public static BigInteger ToBig(object value) => value switch
    {
        BigInteger big => big,
        ulong u => u,
        _ => ToLong(value),
    };

    public static double ToDouble(object value) => value switch
    {
        double d => d,
        BigInteger big => (double)big,
        bool flag => flag ? 1 : 0,
        _ => Convert.ToDouble(value, CultureInfo.InvariantCulture),
    };

    public static decimal ToDecimal(object value) => value switch
    {
        decimal d => d,
        BigInteger big => (decimal)big,
        bool flag => flag ? 1 : 0,
        _ => Convert.ToDecimal(value, CultureInfo.InvariantCulture),
    };

    public static bool TryToInt(object? value, out int result)
    {
        result = 0;
        switch (value)
        {
            case null:
                return true;
            case int i:
                result = i;
                return true;
            case bool flag:
                result = flag ? 1 : 0;
                return true;
        }

        if (!IsNumber(value))
        {
            return false;
        }

        var number = Math.Truncate(ToDouble(value));
        if (!(number >= int.MinValue && number <= int.MaxValue))
        {
            return false;
        }

        result = (int)number;
        return true;
    }

    public static int ToInt(object? value, SourceSpan span) => TryToInt(value, out var result)
        ? result
        : throw new ScriptRuntimeException(span, $"Unable to convert type `{TypeName(value)}` to int");

    public static ScriptObject? AsObject(object? value) => value switch
    {
        ScriptObject members => members,
        IReadOnlyDictionary<string, object?> members => new ScriptObject(members),
        _ => null,
    };

    /// <summary>The elements of a list, without those of strings and objects; null for anything else.</summary>
    public static IReadOnlyList<object?>? AsList(object? value) => value switch
    {
        IReadOnlyList<object?> list => list,
        string or null or IReadOnlyDictionary<string, object?> => null,
        IEnumerable items => [.. items.Cast<object?>()],
        _ => null,
    };

    /// <summary>What a loop or a list function walks over: also the characters of a string and the members of an object.</summary>
    public static IReadOnlyList<object?>? AsSequence(TemplateContext context, object? value)
    {
        switch (value)
        {
            case IReadOnlyList<object?> list:
                return list;
            case string text:
                context.CheckIterations(0);
                var letters = new object?[text.Length];
                for (var i = 0; i < letters.Length; i++)
                {
                    letters[i] = text[i].ToString();
                }

                return letters;
            case IReadOnlyDictionary<string, object?> members:
                var pairs = new List<object?>(members.Count);
                foreach (var member in members)
                {
                    pairs.Add(new ScriptObject(2) { ["key"] = member.Key, ["value"] = member.Value });
                }

                return pairs;
            case EmptyValue:
                return [];
            default:
                return AsList(value);
        }
    }

    public static string TypeName(object? value) => value switch
    {
        null => "null",
        bool => "bool",
        int => "int",
        long => "long",
        uint => "uint",
        ulong => "ulong",
        float => "float",
        double => "double",
        decimal => "decimal",
        BigInteger => "bigint",
        string => "string",
        ScriptRange => "range",
        IScriptFunction => "function",
        DateTime => "DateTime",
        TimeSpan => "TimeSpan",
        IReadOnlyDictionary<string, object?> => "object",
        IEnumerable => "array",
        _ => "object",
    };

    /// <summary>The name that .NET has for the kind of value, without its namespace.</summary>
    public static string ShortTypeName(object? value) => value switch
    {
        null => "null",
        bool => "Boolean",
        int => "Int32",
        long => "Int64",
        float => "Single",
        double => "Double",
        decimal => "Decimal",
        BigInteger => "BigInteger",
        string => "String",
        DateTime => "DateTime",
        TimeSpan => "TimeSpan",
        _ => TypeName(value),
    };

    public static string ClrTypeName(object value) =>
        value is BigInteger ? "System.Numerics.BigInteger" : "System." + ShortTypeName(value);
}
