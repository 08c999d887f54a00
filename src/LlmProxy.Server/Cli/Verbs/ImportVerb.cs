using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Storage;
using LlmProxy.TrainingData.Import;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>import</c>: transcripts of Claude Code and exports of the format <c>anthropic</c> become runs.</summary>
internal static class ImportVerb
{
    private const string ClaudeCode = "claude-code";
    private const string Anthropic = "anthropic";

    public static Command Create(CliContext context)
    {
        var path = new Argument<string>("PATH") { Description = "A file, or a folder with all files below it (Claude Code's are in ~/.claude/projects)" };
        var from = new Option<string>("--from") { Description = "claude-code or anthropic", Required = true };
        from.AcceptOnlyFromAmong(ClaudeCode, Anthropic);
        var dryRun = new Option<bool>("--dry-run") { Description = "Only count" };
        var json = CliContext.JsonOption();
        var command = new Command("import", "Brings Claude Code transcripts, or an anthropic export, into the store; repeating it adds nothing") { path, from, dryRun, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var file = parse.GetValue(path)!;
            if (!File.Exists(file) && !Directory.Exists(file))
            {
                throw new CliException($"There is no file or folder {file}.", ExitCodes.WrongUsage);
            }

            var configuration = context.Configuration(parse);
            await using var store = StoreFactory.Create(configuration.Options.Storage, configuration.BaseDirectory, TimeProvider.System);
            await store.InitializeAsync(cancellationToken);
            var importer = new TrajectoryImporter(store, configuration.Options, new TaskRulesCatalog(configuration.Options.Tasks));
            var source = parse.GetValue(from) == Anthropic ? ImportSource.Anthropic : ImportSource.ClaudeCode;
            var report = await ImportAsync(context.Console, importer, file, source, parse.GetValue(dryRun), cancellationToken);
            Print(context.Console, report, parse.GetValue(dryRun), parse.GetValue(json));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Task<ImportReport> ImportAsync(CliConsole console, TrajectoryImporter importer, string path, ImportSource source, bool dryRun, CancellationToken cancellationToken) =>
        !console.IsTerminal
            ? importer.ImportAsync(path, source, Caller.DefaultTenant, dryRun, null, cancellationToken)
            : console.Ansi.Progress().AutoClear(true).StartAsync(progress =>
            {
                var bar = progress.AddTask("Files", autoStart: true, maxValue: 1);
                return importer.ImportAsync(
                    path,
                    source,
                    Caller.DefaultTenant,
                    dryRun,
                    (done, all) =>
                    {
                        bar.MaxValue = Math.Max(1, all);
                        bar.Value = done;
                    },
                    cancellationToken);
            });

    private static void Print(CliConsole console, ImportReport report, bool dryRun, bool json)
    {
        if (json)
        {
            console.Json(new JsonObject
            {
                ["dryRun"] = dryRun,
                ["files"] = report.Files,
                ["runs"] = report.Runs,
                ["added"] = report.Added,
                ["updated"] = report.Updated,
                ["known"] = report.Known,
                ["steps"] = report.Steps,
                ["ignored"] = Counts(report.Ignored),
                ["unknown"] = Counts(report.Unknown),
            });
            return;
        }

        var verb = dryRun ? "would be " : "";
        console.Line(string.Create(CultureInfo.InvariantCulture, $"{report.Runs} runs in {report.Files} files: {report.Added} {verb}added, {report.Updated} {verb}updated, {report.Known} known already; {report.Steps} steps."));
        Print(console, "Records that hold no message:", report.Ignored);
        Print(console, "Records that are not known:", report.Unknown);
    }

    private static void Print(CliConsole console, string title, SortedDictionary<string, int> counts)
    {
        if (counts.Count > 0)
        {
            console.Line(title + " " + string.Join(", ", counts.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key} {c.Value}"))));
        }
    }

    private static JsonObject Counts(SortedDictionary<string, int> counts) => new(counts.Select(c => KeyValuePair.Create<string, JsonNode?>(c.Key, c.Value)));
}
