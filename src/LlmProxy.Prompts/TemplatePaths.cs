namespace LlmProxy.Prompts;

/// <summary>How templates of a set are named.</summary>
public static class TemplatePaths
{
    /// <summary>The end of a template file's name.</summary>
    public const string Extension = ".sbn";

    /// <summary>The path that <c>include</c> means by a name: with or without extension, always from the set's root.</summary>
    /// <param name="name">The name; <c>\</c> counts as <c>/</c>.</param>
    /// <param name="exists">Whether the set has a path.</param>
    /// <returns>The path, or null where the set has none.</returns>
    public static string? Resolve(string name, Func<string, bool> exists)
    {
        var path = name.Replace('\\', '/');
        path = path.StartsWith("./", StringComparison.Ordinal) ? path.Substring(2) : path;
        return exists(path) ? path : exists(path + Extension) ? path + Extension : null;
    }

    /// <summary>The first segment of a path, without extension: <c>openai</c> for <c>openai.sbn</c> and <c>openai/gpt-4o.sbn</c>.</summary>
    public static string FirstName(string path)
    {
        var end = path.IndexOfAny(['/', '.']);
        return end < 0 ? path : path.Substring(0, end);
    }

    /// <summary>Whether a template is chosen by provider and model; the others are there to be included.</summary>
    public static bool IsProviderTemplate(string path, IEnumerable<string> providers)
        => path.EndsWith(Extension, StringComparison.OrdinalIgnoreCase) && providers.Contains(FirstName(path), StringComparer.OrdinalIgnoreCase);
}
