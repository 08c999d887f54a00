using System.Text.RegularExpressions;

using LlmProxy.Prompts.Checking;

namespace LlmProxy.Tests.Prompts.Checking;

/// <summary>The pages about the rules, with the examples that stand in them.</summary>
internal static partial class RulePages
{
    public static string Folder { get; } = FindFolder();

    public static string Read(string id) => File.ReadAllText(Path.Combine(Folder, id + ".md"));

    /// <summary>The files under a heading of a page: path and text.</summary>
    public static IReadOnlyList<(string Path, string Text)> Files(string page, string heading)
    {
        var start = page.IndexOf("\n## " + heading + "\n", StringComparison.Ordinal);
        var end = page.IndexOf("\n## ", start + 4, StringComparison.Ordinal);
        return [.. Block().Matches(page[start..(end < 0 ? page.Length : end)]).Select(match => (match.Groups["path"].Value, match.Groups["text"].Value))];
    }

    /// <summary>Checks files as the command line does; <c>proxy.json</c> is the settings file.</summary>
    public static IReadOnlyList<TemplateDiagnostic> Check(params (string Path, string Text)[] files)
    {
        var settings = files.Where(file => file.Path == "proxy.json").Select(file => SettingsFile.Parse(file.Path, file.Text)).FirstOrDefault();
        return TemplateChecker.Check(files.Where(file => file.Path != "proxy.json").Select(file => TemplateFile.Parse(file.Path, file.Text)), settings);
    }

    [GeneratedRegex("`(?<path>[^`\n]+)`\n\n```[a-z]+\n(?<text>.*?)\n```", RegexOptions.Singleline | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Block();

    private static string FindFolder()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            var rules = Path.Combine(folder, "docs", "rules");
            if (Directory.Exists(rules))
            {
                return rules;
            }
        }

        throw new DirectoryNotFoundException("docs/rules");
    }
}
