namespace LlmProxy.Core.Trajectories;

/// <summary>Marks of a request's headers, so that those of two requests can be compared without keeping them.</summary>
/// <param name="marks">A hash of each header's name and value; the hashes hold within this process.</param>
internal readonly struct HeaderMarks(int[] marks)
{
    private readonly int[]? _marks = marks;

    /// <summary>The mark of one header.</summary>
    public static int Of(string name, string value) => HashCode.Combine(name.GetHashCode(StringComparison.OrdinalIgnoreCase), value.GetHashCode(StringComparison.Ordinal));

    /// <summary>How many headers two requests have in common.</summary>
    public int InCommon(HeaderMarks other)
    {
        var count = 0;
        foreach (var mark in _marks ?? [])
        {
            count += Array.IndexOf(other._marks ?? [], mark) >= 0 ? 1 : 0;
        }

        return count;
    }
}
