using System.Diagnostics;
using System.IO.Compression;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using LlmProxy.Prompts.Checking;

namespace LlmProxy.Analyzers.Tests;

/// <summary>The package as a stranger gets it: packed, restored into a fresh project from a folder, and built with.</summary>
public sealed partial class PackageTests(PackageTests.Packed packed) : IClassFixture<PackageTests.Packed>
{
    private const string Whole = "{{ system.head }}{{ for e in examples limit:3 }}<recorded_run>{{ e.task }}</recorded_run>{{ end }}{{ system.tail }}";

    [Fact]
    public void It_carries_what_the_compiler_loads_and_depends_on_nothing()
    {
        using var package = ZipFile.OpenRead(packed.File);
        var entries = package.Entries.Select(entry => entry.FullName).ToList();

        Assert.Contains("analyzers/dotnet/cs/LlmProxy.Analyzers.dll", entries);
        Assert.Contains("analyzers/dotnet/cs/LlmProxy.Prompts.dll", entries);
        Assert.Contains("analyzers/dotnet/cs/Scriban.Signed.dll", entries);
        Assert.Contains("build/LlmProxy.Analyzers.targets", entries);
        Assert.All(Rules.All, rule => Assert.Contains(rule.Page, entries));
        Assert.DoesNotContain(entries, entry => entry.StartsWith("lib/", StringComparison.Ordinal));
        using var nuspec = package.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        Assert.DoesNotContain(XDocument.Load(nuspec).Descendants(), element => element.Name.LocalName == "dependency");
    }

    [Fact]
    public async Task A_project_that_references_it_gets_its_templates_checked_without_any_setting()
    {
        using var project = new ScratchProject(packed);
        project.Write("templates/openai.sbn", Whole + "{{ include 'parts/more' }}");
        project.Write("templates/parts/more.sbn", "More for {{ model }}.");
        project.Write("proxy.json", """{ "LlmProxy": { "Models": [ { "pattern": "gpt-*", "provider": "openai" } ] } }""");
        project.Write("Program.cs", "System.Console.WriteLine(Scratch.Prompts.OpenAi.Name + \" \" + Scratch.Prompts.Names.PartsMore);");

        // 1. Sound, it builds without a word.
        var (code, output) = await project.BuildAsync();
        Assert.True(code == 0, output);
        Assert.DoesNotContain("LLMP", output, StringComparison.Ordinal);

        // 2. Broken in five ways, each is told with its place.
        project.Write("templates/openai.sbn", Whole + "\n{{ include 'parts/mre' }}\n{{ modle }}\n{{ model | string.upcas }}\n{{ string.replace 'a' 'b' }}");
        project.Write("templates/parts/more.sbn", "More\n for {{ if model }}.");
        project.Write("proxy.json", "{ \"LlmProxy\": { \"Models\": [\n { \"pattern\": \"gpt-*\", \"provider\": \"gemini\" } ] } }");
        (code, output) = await project.BuildAsync();
        Assert.NotEqual(0, code);
        Assert.Equal(
            [
                "proxy.json(2,36): warning LLMP305",
                "templates/openai.sbn(2,12): error LLMP301",
                "templates/openai.sbn(3,4): error LLMP201",
                "templates/openai.sbn(4,19): error LLMP203",
                "templates/openai.sbn(5,4): error LLMP204",
                "templates/parts/more.sbn(2,9): error LLMP102",
            ],
            project.Diagnostics(output));

        // 3. Code that names a template which is not there does not compile.
        project.Write("templates/openai.sbn", Whole);
        project.Write("templates/parts/more.sbn", "{{ system.text }}");
        project.Write("proxy.json", "{ }");
        project.Write("Program.cs", "System.Console.WriteLine(Scratch.Prompts.Gemini);\nSystem.Console.WriteLine(\"opena.sbn\");");
        project.Write(".editorconfig", "root = true\n[*.cs]\ndotnet_diagnostic.LLMP303.severity = none\n");
        (code, output) = await project.BuildAsync();
        Assert.NotEqual(0, code);
        Assert.Contains("Program.cs(1,42): error CS0117", output, StringComparison.Ordinal);
        Assert.Equal(["Program.cs(2,26): error LLMP501"], project.Diagnostics(output));
    }

    /// <summary>The package, packed once from what was built with these tests.</summary>
    public sealed class Packed : IDisposable
    {
        public Packed()
        {
            // Nothing is restored or compiled here: the analyzer's output is the one that these tests were built with.
            var (code, output) = Run(RepositoryRoot, "pack", "analyzers/LlmProxy.Analyzers", "--no-build", "--nologo", "-c", Configuration, "-o", Folder).GetAwaiter().GetResult();
            if (code != 0)
            {
                throw new InvalidOperationException(output);
            }

            File = Directory.EnumerateFiles(Folder, "LlmProxy.Analyzers.*.nupkg").Single();
        }

        public string Folder { get; } = Directory.CreateTempSubdirectory("llmproxy-feed-").FullName;

        public string File { get; }

        public string Version => Path.GetFileNameWithoutExtension(File)["LlmProxy.Analyzers.".Length..];

        private static string Configuration => AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";

        private static string RepositoryRoot
        {
            get
            {
                var folder = AppContext.BaseDirectory;
                while (!System.IO.File.Exists(Path.Combine(folder, "LlmProxy.sln")))
                {
                    folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("LlmProxy.sln");
                }

                return folder;
            }
        }

        public void Dispose() => Directory.Delete(Folder, recursive: true);
    }

    /// <summary>A project outside of the repository whose only package source is a folder, and whose packages go to a folder of its own.</summary>
    private sealed partial class ScratchProject : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("llmproxy-scratch-").FullName;
        private readonly Packed _packed;

        public ScratchProject(Packed packed)
        {
            _packed = packed;
            Write("Scratch.csproj", $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <TargetFramework>net10.0</TargetFramework>
                    <OutputType>Exe</OutputType>
                    <UseAppHost>false</UseAppHost>
                  </PropertyGroup>
                  <ItemGroup>
                    <PackageReference Include="LlmProxy.Analyzers" Version="{packed.Version}" PrivateAssets="all" />
                  </ItemGroup>
                </Project>
                """);
            Write("nuget.config", $"""
                <configuration>
                  <packageSources><clear /><add key="packed" value="{packed.Folder}" /></packageSources>
                  <config><add key="globalPackagesFolder" value="packages" /></config>
                </configuration>
                """);
        }

        public void Write(string path, string text)
        {
            var file = Path.Combine(_folder, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
        }

        public Task<(int Code, string Output)> BuildAsync() => Run(_folder, "build", "--nologo", "-nodeReuse:false", "-v", "minimal");

        /// <summary>Path, place, severity and id of the LLMP diagnostics in a build's output, each once.</summary>
        public IReadOnlyList<string> Diagnostics(string output) =>
        [
            .. Line().Matches(output)
                .Select(match => Path.GetRelativePath(Path.GetFullPath(_folder), match.Groups["path"].Value).Replace('\\', '/') + match.Groups["place"].Value)
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal),
        ];

        public void Dispose() => Directory.Delete(_folder, recursive: true);

        [GeneratedRegex(@"^\s*(?<path>\S+?)(?<place>\(\d+,\d+\): (error|warning) LLMP\d+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
        private static partial Regex Line();
    }

    private static async Task<(int Code, string Output)> Run(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var error = process.StandardError.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, await output + await error);
    }
}
