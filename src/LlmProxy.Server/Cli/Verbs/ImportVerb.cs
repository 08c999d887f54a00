using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>import</c>: stores Claude Code transcripts, or an <c>anthropic</c> export, as trajectories.</summary>
internal static class ImportVerb
{
    private const string ClaudeCode = "claude-code";
    private const string Anthropic = "anthropic";

    public static Command Create(CliContext context)
    {
        var path = new Argument<string>("PATH") { Description = "A file, or a folder to search recursively (Claude Code's transcripts are in ~/.claude/projects)" };
        var from = new Option<string>("--from") { Description = "Format of the files: claude-code or anthropic", Required = true };
        from.AcceptOnlyFromAmong(ClaudeCode, Anthropic);
        var dryRun = new Option<bool>("--dry-run") { Description = "Count only; store nothing" };
        var json = CliContext.JsonOption();
        var command = new Command("import", "Import Claude Code transcripts or an anthropic export; safe to repeat") { path, from, dryRun, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var file = parse.GetValue(path)!;
            if (!File.Exists(file) && !Directory.Exists(file))
            {
                throw new CliException($"File or folder not found: {file}. Check PATH.", ExitCodes.WrongUsage);
            }

            var configuration = context.Configuration(parse);
            await using var store = StoreFactory.Create(configuration.Options.Storage, configuration.BaseDirectory, TimeProvider.System);
            await store.InitializeAsync(cancellationToken);
            var importer = new TrajectoryImporter(store, configuration.Options, new TaskRulesCatalog(configuration.Options.Tasks));
            var source = parse.GetValue(from) == Anthropic ? ImportSource.Anthropic : ImportSource.ClaudeCode;
            var report = await context.Console.ProgressAsync("Files", onProgress =>
                importer.ImportAsync(file, source, ApiConnection.TenantOf(configuration, parse.GetValue(context.Tenant)), parse.GetValue(dryRun), (done, all) => onProgress(done, all), cancellationToken));
            Print(context.Console, report, parse.GetValue(dryRun), parse.GetValue(json));
            return ExitCodes.Done;
        });
        return command;
    }

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
                ["leftOut"] = Counts(report.LeftOut),
                ["skipped"] = report.Skipped,
                ["skippedLines"] = new JsonArray([.. report.SkippedLines.Select(l => JsonValue.Create(l))]),
            });
            return;
        }

        var verb = dryRun ? "would be " : "";
        console.Line(string.Create(CultureInfo.InvariantCulture, $"{report.Runs} runs in {report.Files} files: {report.Added} {verb}added, {report.Updated} {verb}updated, {report.Known} unchanged; {report.Steps} steps."));
        Print(console, "Skipped records without a message:", report.Ignored);
        Print(console, "Skipped records of unknown kinds:", report.Unknown);
        Print(console, "Messages left out:", report.LeftOut);
        foreach (var line in report.SkippedLines)
        {
            console.Line("Skipped line: " + line + ".");
        }
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
