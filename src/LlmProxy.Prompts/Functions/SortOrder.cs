using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Functions;

/// <summary>
/// The order of <c>array.sort</c>: null first, then values of one kind. Text is ordered as a dictionary orders it, letter
/// by letter without regard to case, and the small letter first where nothing else differs, on every platform alike.
/// </summary>
internal sealed class SortOrder : IComparer<object?>
{
    public static readonly SortOrder Instance = new();

    /// <exception cref="ScriptFunctionException">The values cannot be compared.</exception>
    public static void Check(object? left, object? right)
    {
        if (left is not null && right is not null && !CanCompare(left, right))
        {
            throw new ScriptFunctionException("Failed to compare two elements in the array.");
        }
    }

    public int Compare(object? x, object? y)
    {
        if (x is null || y is null)
        {
            return (x is null ? 0 : 1) - (y is null ? 0 : 1);
        }

        Check(x, y);
        return x is string left && y is string right ? CompareText(left, right) : ((IComparable)x).CompareTo(y);
    }

    private static bool CanCompare(object left, object right) =>
        left is IComparable && Values.TypeName(left) == Values.TypeName(right) && left is not (IScriptFunction or System.Collections.IEnumerable and not string);

    private static int CompareText(string left, string right)
    {
        var common = Math.Min(left.Length, right.Length);
        var tie = 0;
        for (var i = 0; i < common; i++)
        {
            var order = Rank(left[i]).CompareTo(Rank(right[i]));
            if (order != 0)
            {
                return order;
            }

            if (tie == 0 && left[i] != right[i])
            {
                tie = char.IsLower(left[i]) ? -1 : 1;
            }
        }

        var byLength = left.Length.CompareTo(right.Length);
        return byLength != 0 ? byLength : tie;
    }

    /// <summary>White space, then punctuation, digits, letters.</summary>
    private static int Rank(char c)
    {
        var kind = char.IsWhiteSpace(c) ? 0 : char.IsDigit(c) ? 2 : char.IsLetter(c) ? 3 : 1;
        return (kind << 16) + char.ToLowerInvariant(c);
    }
}
