namespace LlmProxy.Wire.Gemini;

/// <summary>Paths of models of other publishers on Vertex AI: <c>…/publishers/NAME/models/MODEL:rawPredict</c> and <c>:streamRawPredict</c>. The body is in the publisher's own form.</summary>
internal static class VertexPath
{
    /// <summary>Whether a path is that of a publisher's model.</summary>
    /// <param name="publisher">The publisher.</param>
    /// <param name="path">The path without its query and without a slash at its end.</param>
    public static bool IsOf(ReadOnlySpan<char> publisher, ReadOnlySpan<char> path)
    {
        const string Publishers = "/publishers/";
        if (!IsRawPredict(path))
        {
            return false;
        }

        var start = path.LastIndexOf(Publishers, StringComparison.Ordinal);
        return start >= 0 && path[(start + Publishers.Length)..].StartsWith(publisher, StringComparison.Ordinal);
    }

    /// <summary>The model that such a path names; null for another path.</summary>
    public static string? Model(string path)
    {
        var end = path.AsSpan().TrimEnd('/');
        return IsRawPredict(end) ? GeminiPath.Model(end.ToString()) : null;
    }

    private static bool IsRawPredict(ReadOnlySpan<char> path) => GeminiPath.EndsWith(path, "rawPredict") || GeminiPath.EndsWith(path, "streamRawPredict");
}
