using LlmProxy.Prompts.Checking;
using Microsoft.CodeAnalysis;

namespace LlmProxy.Analyzers.Tests;

public sealed class ReleaseFileTests
{
    [Fact]
    public void Every_rule_is_a_diagnostic_with_its_page_and_stands_in_a_release_file_once()
    {
        var descriptors = new TemplateAnalyzer().SupportedDiagnostics;
        Assert.Equal(Rules.All.Select(rule => (rule.Id, rule.Title, rule.Page)), descriptors.Select(one => (one.Id, one.Title.ToString(System.Globalization.CultureInfo.InvariantCulture), one.HelpLinkUri)));
        Assert.All(descriptors, one => Assert.True(one.IsEnabledByDefault));

        var lines = Directory.EnumerateFiles(Folder, "AnalyzerReleases.*.md").SelectMany(File.ReadAllLines).Where(line => line.StartsWith("LLMP", StringComparison.Ordinal)).ToList();

        Assert.Equal(
            descriptors.Select(one => $"{one.Id} | {one.Category} | {(one.DefaultSeverity == DiagnosticSeverity.Error ? "Error" : "Warning")} | "),
            lines.Select(line => line[..(line.LastIndexOf('|') + 2)]));
    }

    private static string Folder
    {
        get
        {
            for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            {
                if (Directory.Exists(Path.Combine(folder, "analyzers", "LlmProxy.Analyzers")))
                {
                    return Path.Combine(folder, "analyzers", "LlmProxy.Analyzers");
                }
            }

            throw new DirectoryNotFoundException("analyzers/LlmProxy.Analyzers");
        }
    }
}
