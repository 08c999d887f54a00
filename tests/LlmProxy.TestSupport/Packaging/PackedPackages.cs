using System.Diagnostics;

namespace LlmProxy.Tests.Packaging;

/// <summary>The packages of the repository, packed once from what was built with these tests, in a folder that is a package source.</summary>
public sealed class PackedPackages : IDisposable
{
    public PackedPackages()
    {
        var (code, output) = RunAsync(Repository, "dotnet", "pack", "LlmProxy.sln", "--no-build", "--nologo", "-v", "quiet", "-c", Configuration, "-o", Folder).GetAwaiter().GetResult();
        if (code != 0)
        {
            throw new InvalidOperationException(output);
        }
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("llmproxy-feed-").FullName;

    public static string Repository
    {
        get
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "LlmProxy.sln")))
            {
                folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("LlmProxy.sln");
            }

            return folder;
        }
    }

    private static string Configuration => AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";

    /// <summary>Runs a program to its end.</summary>
    public static Task<(int Code, string Output)> RunAsync(string folder, string program, params string[] arguments) => RunAsync(folder, [], program, arguments);

    /// <summary>The same with variables of the environment.</summary>
    public static async Task<(int Code, string Output)> RunAsync(string folder, IEnumerable<KeyValuePair<string, string>> environment, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var error = process.StandardError.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, await output + await error);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
