namespace LlmProxy.TrainingData.Import;

/// <summary>Text that Claude Code marks with tags. Tags are found by their names alone; nothing is read as XML.</summary>
internal static class MarkedText
{
    /// <summary>The texts within tags of a name, in order.</summary>
    public static IEnumerable<string> AllOf(string text, string name)
    {
        var (open, close) = ($"<{name}>", $"</{name}>");
        for (var at = 0; Find(text, open, at) is var start && start >= 0 && Find(text, close, start) is var end && end >= 0; at = end + close.Length)
        {
            yield return text[(start + open.Length)..end];
        }
    }

    /// <summary>The text within the first tag of a name; null if there is none.</summary>
    public static string? Of(string text, string name) => AllOf(text, name).FirstOrDefault();

    /// <summary>The text without what is within tags of some names.</summary>
    public static string Without(string text, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            var (open, close) = ($"<{name}>", $"</{name}>");
            for (var start = Find(text, open, 0); start >= 0 && Find(text, close, start) is var end && end >= 0; start = Find(text, open, start))
            {
                text = text.Remove(start, end + close.Length - start);
            }
        }

        return text;
    }

    /// <summary>The text within a tag, with or without attributes, that holds all of it; else the text.</summary>
    public static string Unwrap(string text, params ReadOnlySpan<string> names)
    {
        var trimmed = text.Trim();
        foreach (var name in names)
        {
            var (open, close) = ($"<{name}", $"</{name}>");
            if (trimmed.StartsWith(open, StringComparison.Ordinal) && trimmed.EndsWith(close, StringComparison.Ordinal)
                && trimmed.Length > open.Length && trimmed[open.Length] is ' ' or '>' or '\n'
                && trimmed.IndexOf('>', StringComparison.Ordinal) is var end && end + close.Length < trimmed.Length)
            {
                return trimmed[(end + 1)..^close.Length];
            }
        }

        return text;
    }

    private static int Find(string text, string tag, int from) => text.IndexOf(tag, from, StringComparison.Ordinal);
}
