using System.Globalization;
using System.Text.Json.Nodes;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Server.Cli;

/// <summary>Prints what an import found and did.</summary>
internal static class ImportPrinter
{
    public static void Print(CliConsole console, ImportReport report, string? batch, bool dryRun)
    {
        var verb = dryRun ? "would be " : "";
        console.Line(string.Create(CultureInfo.InvariantCulture, $"{report.Runs} runs in {report.Files} files: {report.Added} {verb}added, {report.Updated} {verb}updated, {report.Known} unchanged; {report.Steps} steps."));
        if (report.MetricsOnly > 0)
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"Metrics only: {report.MetricsOnly}, because LlmProxy:Recording:Providers does not name the provider of their models."));
        }

        Print(console, "Skipped records without a message:", report.Ignored);
        Print(console, "Skipped records of unknown kinds:", report.Unknown);
        Print(console, "Messages left out:", report.LeftOut);
        foreach (var line in report.SkippedLines)
        {
            console.Line("Skipped line: " + line + ".");
        }

        if (batch is not null && report.Added > 0)
        {
            console.Line($"To remove the added runs: llmproxy import --undo {batch}");
        }
    }

    public static void PrintJson(CliConsole console, ImportReport report, string? batch, bool dryRun) => console.Json(new JsonObject
    {
        ["dryRun"] = dryRun,
        ["files"] = report.Files,
        ["runs"] = report.Runs,
        ["added"] = report.Added,
        ["updated"] = report.Updated,
        ["known"] = report.Known,
        ["metricsOnly"] = report.MetricsOnly,
        ["steps"] = report.Steps,
        ["ignored"] = Counts(report.Ignored),
        ["unknown"] = Counts(report.Unknown),
        ["leftOut"] = Counts(report.LeftOut),
        ["skipped"] = report.Skipped,
        ["skippedLines"] = new JsonArray([.. report.SkippedLines.Select(l => JsonValue.Create(l))]),
        ["batch"] = report.Added > 0 ? batch : null,
    });

    private static void Print(CliConsole console, string title, SortedDictionary<string, int> counts)
    {
        if (counts.Count > 0)
        {
            console.Line(title + " " + string.Join(", ", counts.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key} {c.Value}"))));
        }
    }

    private static JsonObject Counts(SortedDictionary<string, int> counts) => new(counts.Select(c => KeyValuePair.Create<string, JsonNode?>(c.Key, c.Value)));
}
