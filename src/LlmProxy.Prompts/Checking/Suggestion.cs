namespace LlmProxy.Prompts.Checking;

/// <summary>"Did you mean": the nearest of the known words.</summary>
public static class Suggestion
{
    /// <summary>A sentence with the nearest known word, or with all of them when none is near.</summary>
    public static string For(string word, IReadOnlyCollection<string> known)
    {
        if (Nearest(word, known) is { } nearest)
        {
            return $"did you mean \"{nearest}\"?";
        }

        return known.Count == 0 ? "remove it." : $"use one of {string.Join(", ", known)}.";
    }

    /// <summary>The nearest known word; null where none is near.</summary>
    public static string? Nearest(string word, IEnumerable<string> known)
    {
        // A third of the letters may differ, as git and dotnet do it: enough for a typo, too little for another word. One
        // letter for another is none.
        var nearest = known.Select(candidate => (candidate, distance: Distance(word, candidate))).OrderBy(pair => pair.distance).FirstOrDefault();
        return nearest.candidate is not null && nearest.distance < word.Length && nearest.distance <= Math.Max(2, nearest.candidate.Length / 3) ? nearest.candidate : null;
    }

    private static int Distance(string left, string right)
    {
        var previous = Enumerable.Range(0, right.Length + 1).ToArray();
        var current = new int[right.Length + 1];
        for (var i = 1; i <= left.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var change = char.ToUpperInvariant(left[i - 1]) == char.ToUpperInvariant(right[j - 1]) ? 0 : 1;
                current[j] = Math.Min(Math.Min(previous[j], current[j - 1]) + 1, previous[j - 1] + change);
            }

            (previous, current) = (current, previous);
        }

        return previous[right.Length];
    }
}
