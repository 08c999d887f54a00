using System.Text.RegularExpressions;

namespace LlmProxy.Tests.Packaging;

/// <summary>The pages for people lead to each other.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string Docs = Path.Combine(PackedPackages.Repository, "docs");

    public static TheoryData<string> Pages() => [.. Directory.EnumerateFiles(PackedPackages.Repository, "*.md").Concat(Directory.EnumerateFiles(Docs, "*.md", SearchOption.AllDirectories))
        .Select(file => Path.GetRelativePath(PackedPackages.Repository, file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_leads_to_a_file(string page)
    {
        var folder = Path.GetDirectoryName(Path.Combine(PackedPackages.Repository, page))!;

        Assert.All(
            Link().Matches(File.ReadAllText(Path.Combine(PackedPackages.Repository, page))).Select(m => m.Groups["to"].Value).Where(to => !to.Contains("://", StringComparison.Ordinal)),
            to => Assert.True(Path.Exists(Path.Combine(folder, to)), to));
    }

    [Fact]
    public void The_readme_leads_to_every_page()
    {
        var readme = File.ReadAllText(Path.Combine(PackedPackages.Repository, "README.md"));

        Assert.All(Directory.EnumerateFiles(Docs, "*.md"), page => Assert.Contains($"](docs/{Path.GetFileName(page)})", readme, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\]\((?<to>[^)#\s]+)(#[^)]*)?\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Link();
}
