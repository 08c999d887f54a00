using System.Text.RegularExpressions;

namespace LlmProxy.Architecture.Tests;

/// <summary>docs/security.md names a test for each claim; a test that was renamed or removed takes its claim with it.</summary>
public sealed partial class SecurityClaimTests
{
    [Fact]
    public void Every_test_that_the_threat_model_names_exists()
    {
        var repository = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(repository, "LlmProxy.sln")))
        {
            repository = Path.GetDirectoryName(repository)!;
        }

        var sources = Directory.EnumerateFiles(Path.Combine(repository, "tests"), "*Tests*.cs", SearchOption.AllDirectories)
            .GroupBy(file => Path.GetFileName(file).Split('.')[0], file => File.ReadAllText(file), StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => string.Concat(g), StringComparer.Ordinal);
        var named = Named().Matches(File.ReadAllText(Path.Combine(repository, "docs", "security.md")));

        Assert.True(named.Count > 20);
        Assert.All(named, name => Assert.Contains(
            name.Groups["test"].Success ? $" {name.Groups["test"].Value}(" : $"class {name.Groups["class"].Value}",
            sources.GetValueOrDefault(name.Groups["class"].Value, ""),
            StringComparison.Ordinal));
    }

    [GeneratedRegex(@"`(?<class>[A-Z]\w+Tests)(?:\.(?<test>\w+))?`", RegexOptions.CultureInvariant, 1_000)]
    private static partial Regex Named();
}
