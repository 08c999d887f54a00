using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using LlmProxy.Core.Prompting;

namespace LlmProxy.Benchmarks.Analyzer;

/// <summary>
/// What the analyzer adds to the build of a project with 20 templates while the compiler server is warm: the time of the
/// compiler's task, as MSBuild counts it, with and without the analyzer, in turns.
/// </summary>
internal static partial class AnalyzerScenario
{
    private const int Templates = 20;
    private const double MostMilliseconds = 100;

    public static async Task<int> RunAsync(AnalyzerOptions options, CancellationToken cancellationToken)
    {
        // 1. Two projects that differ in the analyzer alone, and a compiler server of their own.
        var folder = Directory.CreateTempSubdirectory("llmproxy-analyzer-").FullName;
        var server = "llmproxy-" + Guid.NewGuid().ToString("N");
        ScratchProject? without = null;
        try
        {
            without = await ScratchProject.MakeAsync(Path.Combine(folder, "without"), withAnalyzer: false, server, cancellationToken);
            var with = await ScratchProject.MakeAsync(Path.Combine(folder, "with"), withAnalyzer: true, server, cancellationToken);

            // 2. Warm: the server has loaded and compiled what it needs.
            for (var i = 0; i < options.Warm; i++)
            {
                await without.BuildAsync(changeTemplate: false, cancellationToken);
                await with.BuildAsync(changeTemplate: i % 2 == 1, cancellationToken);
            }

            // 3. In turns, so that what else the machine does falls on all.
            var (plain, same, changed) = (new List<double>(), new List<double>(), new List<double>());
            for (var i = 0; i < options.Rounds; i++)
            {
                plain.Add(await without.BuildAsync(changeTemplate: false, cancellationToken));
                same.Add(await with.BuildAsync(changeTemplate: false, cancellationToken));
                changed.Add(await with.BuildAsync(changeTemplate: true, cancellationToken));
                await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{i + 1} of {options.Rounds}: without {plain[^1]} ms, with {same[^1]} ms, one template changed {changed[^1]} ms"));
            }

            // 4. The medians.
            var table = new Table($"compiler, warm, {Templates} templates", "median ms", "least ms", "added ms");
            var (none, unchanged, one) = (plain.Quantile(0.5), same.Quantile(0.5), changed.Quantile(0.5));
            table.Add("without the analyzer", none.Show(0), plain.Min().Show(0), "");
            table.Add("with it, code changed", unchanged.Show(0), same.Min().Show(0), (unchanged - none).Show(0));
            table.Add("with it, one template changed", one.Show(0), changed.Min().Show(0), (one - none).Show(0));
            Console.Write(table);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nAt most {MostMilliseconds} ms may be added."));
            return Math.Max(unchanged, one) - none <= MostMilliseconds ? 0 : 1;
        }
        finally
        {
            await (without?.StopServerAsync() ?? Task.CompletedTask);
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed partial class ScratchProject(string folder, string server)
    {
        private int _change;

        public static async Task<ScratchProject> MakeAsync(string folder, bool withAnalyzer, string server, CancellationToken cancellationToken)
        {
            Directory.CreateDirectory(Path.Combine(folder, "templates", "parts"));
            var root = RepositoryRoot();
            var configuration = AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";
            var output = Path.Combine(root, "analyzers", "LlmProxy.Analyzers", "bin", configuration, "netstandard2.0");
            var analyzer = withAnalyzer
                ? $"""
                    <ItemGroup>
                      <Analyzer Include="{Path.Combine(output, "LlmProxy.Analyzers.dll")};{Path.Combine(output, "LlmProxy.Prompts.dll")};{Path.Combine(output, "Scriban.Signed.dll")}" />
                    </ItemGroup>
                    <Import Project="{Path.Combine(root, "analyzers", "LlmProxy.Analyzers", "build", "LlmProxy.Analyzers.targets")}" />
                  """
                : "";
            await File.WriteAllTextAsync(
                Path.Combine(folder, "Scratch.csproj"),
                $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Library</OutputType></PropertyGroup>
                {analyzer}
                </Project>
                """,
                cancellationToken);

            // The shipped ones, and parts that they include.
            var parts = Enumerable.Range(1, Templates - TemplateSet.Shipped.Files.Count).ToList();
            foreach (var (name, text) in TemplateSet.Shipped.Files)
            {
                var including = name == "openai.sbn" ? string.Concat(parts.Select(part => $"{{{{ include 'parts/part{part}' }}}}")) : "";
                await File.WriteAllTextAsync(Path.Combine(folder, "templates", name), text + including, cancellationToken);
            }

            foreach (var part in parts)
            {
                await File.WriteAllTextAsync(Path.Combine(folder, "templates", "parts", $"part{part}.sbn"), Part(part, 0), cancellationToken);
            }

            var project = new ScratchProject(folder, server);
            await project.RunAsync(["restore"], cancellationToken);
            return project;
        }

        /// <summary>Changes a line of code, and a template if asked for, and builds.</summary>
        /// <returns>Milliseconds of the compiler.</returns>
        public async Task<double> BuildAsync(bool changeTemplate, CancellationToken cancellationToken)
        {
            _change++;
            await File.WriteAllTextAsync(Path.Combine(folder, "Code.cs"), $"namespace Scratch;\n\npublic static class Code\n{{\n    public static int Change => {_change};\n}}\n", cancellationToken);
            if (changeTemplate)
            {
                await File.WriteAllTextAsync(Path.Combine(folder, "templates", "parts", "part1.sbn"), Part(1, _change), cancellationToken);
            }

            var output = await RunAsync(["build", "--nologo", "--no-restore", "-v", "quiet", "-clp:PerformanceSummary", "-p:UseSharedCompilation=true", "-p:SharedCompilationId=" + server], cancellationToken);
            return double.Parse(CompilerTime().Match(output) is { Success: true } match ? match.Groups["time"].Value : throw new InvalidOperationException(output), CultureInfo.InvariantCulture);
        }

        /// <summary>Ends the compiler server, and no other.</summary>
        public async Task StopServerAsync()
        {
            var compiler = (await RunAsync(["msbuild", "-getProperty:RoslynTargetsPath"], CancellationToken.None)).Trim();
            await RunAsync([Path.Combine(compiler, "bincore", "VBCSCompiler.dll"), "-shutdown", "-pipename:" + server], CancellationToken.None);
        }

        private static string Part(int number, int change) =>
            $"{{{{ if tools.size > {number} }}}}Part {number}, change {change}: {{{{ for tool in tools limit:3 }}}}{{{{ tool.name | string.upcase }}}} {{{{ end }}}}{{{{ else }}}}None of {number}.{{{{ end }}}}\n" + Wire.Filler.Text(number, 1500).Replace('{', '(').Replace('}', ')');

        [GeneratedRegex(@"^\s*(?<time>\d+) ms\s+Csc\s", RegexOptions.Multiline | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
        private static partial Regex CompilerTime();

        private static string RepositoryRoot()
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "LlmProxy.sln")))
            {
                folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("This measurement is run from the repository.");
            }

            return folder;
        }

        private async Task<string> RunAsync(string[] arguments, CancellationToken cancellationToken)
        {
            var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
            start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEndAsync(cancellationToken);
            var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0 ? output : throw new InvalidOperationException(output + await error);
        }
    }
}

/// <summary>What <c>analyzer</c> is asked for.</summary>
internal sealed record AnalyzerOptions(int Rounds, int Warm)
{
    public static AnalyzerOptions Parse(string[] arguments)
    {
        var options = new AnalyzerOptions(Rounds: 15, Warm: 8);
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--rounds" => options with { Rounds = reader.Number(name) },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options;
    }
}
