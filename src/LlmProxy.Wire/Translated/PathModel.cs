namespace LlmProxy.Wire.Translated;

/// <summary>The model that a path names between two segments.</summary>
internal static class PathModel
{
    /// <summary>What is between <c>/model/</c> and the last segment of a Bedrock path; null if there is none.</summary>
    public static string? OfBedrock(string path)
    {
        const string Before = "/model/";
        var end = path.TrimEnd('/').LastIndexOf('/');
        var start = end < 0 ? -1 : path.LastIndexOf(Before, end, StringComparison.Ordinal);
        return start >= 0 && start + Before.Length < end ? Uri.UnescapeDataString(path[(start + Before.Length)..end]) : null;
    }
}
