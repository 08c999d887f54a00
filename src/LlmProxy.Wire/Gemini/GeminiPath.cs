namespace LlmProxy.Wire.Gemini;

/// <summary>What a Gemini call's path says: model and method.</summary>
internal static class GeminiPath
{
    /// <summary>Whether a path (without query and slash at its end) is that of a completion.</summary>
    public static bool IsCompletion(ReadOnlySpan<char> path) => IsStream(path) || EndsWith(path, "generateContent");

    /// <summary>Whether the path asks for a stream.</summary>
    public static bool IsStream(ReadOnlySpan<char> path) => EndsWith(path, "streamGenerateContent");

    /// <summary>The model: what is between the last slash and the method.</summary>
    public static string? Model(string path)
    {
        var end = path.LastIndexOf(':');
        if (end < 0)
        {
            end = path.LastIndexOf("%3A", StringComparison.OrdinalIgnoreCase);
        }

        if (end < 0)
        {
            return null;
        }

        var start = path.LastIndexOf('/', end) + 1;
        return start < end ? Uri.UnescapeDataString(path[start..end]) : null;
    }

    /// <summary>Whether a path ends in a method, after a colon.</summary>
    public static bool EndsWith(ReadOnlySpan<char> path, string method)
    {
        if (!path.EndsWith(method, StringComparison.Ordinal))
        {
            return false;
        }

        path = path[..^method.Length];
        return path.EndsWith(":", StringComparison.Ordinal) || path.EndsWith("%3A", StringComparison.OrdinalIgnoreCase);
    }
}
