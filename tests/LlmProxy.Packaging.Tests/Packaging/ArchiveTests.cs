using System.Formats.Tar;
using System.IO.Compression;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Cli;

namespace LlmProxy.Tests.Packaging;

/// <summary>The archives of the program. Only the one of this system can be run; the others are told by what their files are.</summary>
public sealed class ArchiveTests
{
    [NeedsArchives]
    public void Each_archive_holds_the_program_the_runtime_and_SQLite_of_its_system()
    {
        var archives = Archives().ToList();
        Assert.NotEmpty(archives);
        Assert.All(archives, archive =>
        {
            var system = SystemOf(archive);
            var files = Read(archive, name => name is "llmproxy" or "llmproxy.exe" or "llmproxy-local" or "llmproxy-local.exe" or "llmproxy.dll" or "System.Private.CoreLib.dll"
                || name.Contains("e_sqlite3", StringComparison.Ordinal));
            var program = files.Single(f => Path.GetFileNameWithoutExtension(f.Key) is "llmproxy" or "llmproxy-local" && !f.Key.EndsWith(".dll", StringComparison.Ordinal)).Value;
            var sqlite = files.Single(f => Path.GetFileNameWithoutExtension(f.Key) is "libe_sqlite3" or "e_sqlite3" && !f.Key.Contains("provider", StringComparison.Ordinal)).Value;

            Assert.Equal(system, KindOf(program));
            Assert.Equal(system, KindOf(sqlite));
            Assert.True(IsReadyToRun(files["llmproxy.dll"]), "llmproxy.dll is not compiled ahead of time.");
            Assert.True(IsReadyToRun(files["System.Private.CoreLib.dll"]), "The runtime is not compiled ahead of time.");
        });
    }

    [NeedsArchives]
    public void Each_archive_has_licence_notices_settings_and_templates_and_no_symbols()
    {
        Assert.All(Archives(), archive =>
        {
            var names = Read(archive, _ => true).Keys.ToHashSet(StringComparer.Ordinal);

            Assert.All((string[])["LICENSE", "THIRD-PARTY-NOTICES.txt", "proxy.json", "proxy.schema.json", "openai.sbn", "few-shot.sbn"], name => Assert.Contains(name, names));
            Assert.DoesNotContain(names, name => name.EndsWith(".pdb", StringComparison.Ordinal));
        });
    }

    [NeedsArchives]
    public void The_checksums_are_those_of_the_archives()
    {
        var lines = Directory.EnumerateFiles(NeedsArchivesAttribute.Folder!, "*.sha256").SelectMany(File.ReadAllLines).Select(line => line.Split("  ")).ToDictionary(p => p[1], p => p[0], StringComparer.Ordinal);

        Assert.All(Archives(), archive =>
        {
            using var file = File.OpenRead(archive);
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(file)), lines[Path.GetFileName(archive)]);
        });
    }

    [NeedsArchives]
    public void The_bill_of_materials_names_the_packages_that_were_restored()
    {
        Assert.All(Directory.EnumerateFiles(NeedsArchivesAttribute.Folder!, "*.cdx.json"), file =>
        {
            var project = Path.GetFileName(file).StartsWith("llmproxy-local", StringComparison.Ordinal) ? "LlmProxy.Server.Local" : "LlmProxy.Server";
            var bill = JsonNode.Parse(File.ReadAllText(file))!;
            var named = bill["components"]!.AsArray().Select(c => $"{c!["name"]}/{c["version"]}");

            var assets = JsonNode.Parse(File.ReadAllText(Path.Combine(PackedPackages.Repository, "src", project, "obj", "project.assets.json")))!;
            // Analyzers are used to build and are in no archive: nothing of theirs is compiled against or run.
            var restored = assets["targets"]!["net10.0"]!.AsObject().Where(t => (string?)t.Value!["type"] == "package" && !IsForBuildAlone(assets, t.Key)).Select(t => t.Key);

            Assert.Equal(restored.Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
        });
    }

    [NeedsArchives]
    public async Task The_archive_of_this_system_shows_its_demo()
    {
        if (Archives().FirstOrDefault(a => SystemOf(a) == ThisSystem()) is not { } archive)
        {
            return;
        }

        using var folder = new TestFolder();
        if (archive.EndsWith(".zip", StringComparison.Ordinal))
        {
            await ZipFile.ExtractToDirectoryAsync(archive, folder.Path);
        }
        else
        {
            await using var zipped = new GZipStream(File.OpenRead(archive), CompressionMode.Decompress);
            await TarFile.ExtractToDirectoryAsync(zipped, folder.Path, overwriteFiles: false);
        }

        var program = Directory.EnumerateFiles(folder.Path, "llmproxy*", SearchOption.AllDirectories).Single(f => Path.GetFileName(f) is "llmproxy" or "llmproxy.exe" or "llmproxy-local");
        var (code, output) = await PackedPackages.RunAsync(folder.Path, program, "demo", "--json");

        Assert.True(code == 0, output);
        Assert.Equal("completed", (string?)JsonNode.Parse(output)!["recorded"]!["status"]);
    }

    private static IEnumerable<string> Archives() => Directory.EnumerateFiles(NeedsArchivesAttribute.Folder!)
        .Where(f => f.EndsWith(".tar.gz", StringComparison.Ordinal) || f.EndsWith(".zip", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    private static string SystemOf(string archive) => string.Join('-', Path.GetFileName(archive).Replace(".tar.gz", "", StringComparison.Ordinal).Replace(".zip", "", StringComparison.Ordinal).Split('-')[^2..]);

    private static string ThisSystem() =>
        (OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux") + (RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "-arm64" : "-x64");

    /// <summary>Files by name, those alone whose name is asked for.</summary>
    private static Dictionary<string, byte[]> Read(string archive, Predicate<string> wanted)
    {
        var found = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        using var file = File.OpenRead(archive);
        if (archive.EndsWith(".zip", StringComparison.Ordinal))
        {
            using var zip = new ZipArchive(file);
            foreach (var entry in zip.Entries.Where(e => e.Name.Length > 0 && wanted(e.Name)))
            {
                using var content = entry.Open();
                found[entry.Name] = ToBytes(content);
            }

            return found;
        }

        using var unzipped = new GZipStream(file, CompressionMode.Decompress);
        using var tar = new TarReader(unzipped);
        while (tar.GetNextEntry() is { } entry)
        {
            if (entry.DataStream is { } content && wanted(Path.GetFileName(entry.Name)))
            {
                found[Path.GetFileName(entry.Name)] = ToBytes(content);
            }
        }

        return found;
    }

    private static byte[] ToBytes(Stream content)
    {
        using var bytes = new MemoryStream();
        content.CopyTo(bytes);
        return bytes.ToArray();
    }

    /// <summary>The system that a native file is for, by its header.</summary>
    private static string KindOf(byte[] file) =>
        file is [0x7F, (byte)'E', (byte)'L', (byte)'F', ..] ? (file[18] == 0xB7 ? "linux-arm64" : file[18] == 0x3E ? "linux-x64" : "?")
        : BitConverter.ToUInt32(file) == 0xFEEDFACF ? (BitConverter.ToInt32(file, 4) == 0x0100000C ? "osx-arm64" : "?")
        : file is [(byte)'M', (byte)'Z', ..] ? (new PEHeaders(new MemoryStream(file)).CoffHeader.Machine == Machine.Amd64 ? "win-x64" : "?")
        : "?";

    private static bool IsReadyToRun(byte[] file) => new PEHeaders(new MemoryStream(file)).CorHeader is { ManagedNativeHeaderDirectory.Size: > 0 };

    private static bool IsForBuildAlone(JsonNode assets, string package)
    {
        var files = assets["targets"]!["net10.0"]![package]!.AsObject();
        return !files.ContainsKey("runtime") && !files.ContainsKey("runtimeTargets") && !files.ContainsKey("compile") && files["dependencies"] is null && !files.ContainsKey("native");
    }
}
