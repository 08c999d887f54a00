using System.Text;
using LlmProxy.Prompts;

namespace LlmProxy.Analyzers;

/// <summary>C# names for templates: <c>few-shot.sbn</c> is <c>FewShot</c>, <c>openai/gpt-4o.sbn</c> is <c>OpenAiGpt4o</c>.</summary>
internal static class TemplateNames
{
    // What the generated class has beside the templates.
    private static readonly string[] Taken = ["All", "Files", "Names", "Prompts", "PromptTemplate", "Equals", "ReferenceEquals"];

    /// <summary>A name for each path, each another one.</summary>
    public static IReadOnlyList<string> Of(IEnumerable<string> paths)
    {
        var used = new HashSet<string>(Taken, StringComparer.Ordinal);
        var names = new List<string>();
        foreach (var path in paths)
        {
            var name = Identifier(IncludeName(path));
            var free = name;
            for (var i = 2; !used.Add(free); i++)
            {
                free = name + "_" + i.ToString(System.Globalization.CultureInfo.InvariantCulture);
            }

            names.Add(free);
        }

        return names;
    }

    /// <summary>The name without extension, as <c>include</c> takes it.</summary>
    public static string IncludeName(string path) => path.EndsWith(TemplatePaths.Extension, StringComparison.OrdinalIgnoreCase)
        ? path.Substring(0, path.Length - TemplatePaths.Extension.Length)
        : path;

    private static string Identifier(string path)
    {
        var name = new StringBuilder();
        foreach (var word in Words(path))
        {
            // Two words that are written as one.
            if (word == "openai")
            {
                name.Append("OpenAi");
                continue;
            }

            name.Append(char.ToUpperInvariant(word[0])).Append(word, 1, word.Length - 1);
        }

        return name.Length == 0 || char.IsDigit(name[0]) ? "_" + name : name.ToString();
    }

    private static IEnumerable<string> Words(string path)
    {
        var start = -1;
        for (var i = 0; i <= path.Length; i++)
        {
            if (i < path.Length && char.IsLetterOrDigit(path[i]))
            {
                start = start < 0 ? i : start;
            }
            else if (start >= 0)
            {
                yield return path.Substring(start, i - start);
                start = -1;
            }
        }
    }
}
