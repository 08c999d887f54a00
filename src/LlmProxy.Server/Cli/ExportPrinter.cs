using System.Globalization;
using System.Text.Json.Nodes;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using LlmProxy.TrainingData.Validation;
using Spectre.Console;

namespace LlmProxy.Server.Cli;

/// <summary>Prints what an export or a check gave.</summary>
internal static class ExportPrinter
{
    private const int ShownProblems = 20;

    public static void Print(CliConsole console, ExportFormat format, ExportResult result, bool json)
    {
        if (json)
        {
            console.Json(new JsonObject
            {
                ["format"] = format.Name(),
                ["training"] = Json(result.Training),
                ["validation"] = result.Validation is null ? null : Json(result.Validation),
                ["origins"] = result.OriginsPath,
                ["added"] = result.Added,
                ["images"] = result.Images,
                ["runs"] = result.Summary.Runs,
                ["leftOut"] = Json(result.Summary.LeftOut),
                ["notes"] = Json(result.Summary.Notes),
                ["nextSince"] = Time(result.Summary.NextSince),
            });
            return;
        }

        console.Line(string.Create(CultureInfo.InvariantCulture, $"{result.Added} lines of {result.Summary.Runs} {(format.IsPreference() ? "pairs" : "runs")} written in the format {format.Name()}."));
        Print(console, "training", result.Training);
        if (result.Validation is not null)
        {
            Print(console, "validation", result.Validation);
        }

        console.Line($"  origin of each line: {result.OriginsPath}");
        if (result.Images > 0)
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"  {result.Images} image files beside it"));
        }

        Print(console, "Runs left out:", result.Summary.LeftOut);
        Print(console, "Within the lines:", result.Summary.Notes);
        console.Line($"To go on later: --since {Time(result.Summary.NextSince)}");
    }

    /// <summary>How the runs of preference lines were paired.</summary>
    public static void PrintPairs(CliConsole console, IReadOnlyList<ExportOrigin> origins, int more)
    {
        if (origins.Count == 0)
        {
            return;
        }

        var table = console.NewTable("Better", "Worse", "Why", "Alike", "Compared", "Task");
        foreach (var origin in origins)
        {
            var pair = origin.Pair!;
            table.AddRow(
                new Text(Short(origin.TrajectoryId)),
                new Text(Short(pair.TrajectoryId)),
                new Text(pair.Reason),
                new Text(pair.Similarity.ToString("0.00", CultureInfo.InvariantCulture)),
                new Text(pair.Compared),
                new Text(TextFold.Short(origin.TaskDescription, 60)));
        }

        console.Ansi.Write(table);
        if (more > 0)
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"and {more} more; the origins file names them all"));
        }
    }

    public static void PrintCheck(CliConsole console, string path, FormatReport report, bool json)
    {
        if (json)
        {
            console.Json(Json(new ExportedFile(path, report)));
            return;
        }

        console.Line(Describe(path, report));
        PrintProblems(console, report);
    }

    private static void Print(CliConsole console, string what, ExportedFile file)
    {
        console.Line($"  {what}: {Describe(file.Path, file.Report)}");
        PrintProblems(console, file.Report);
    }

    private static void Print(CliConsole console, string title, IReadOnlyDictionary<string, int> counts)
    {
        if (counts.Count > 0)
        {
            console.Line(title);
        }

        foreach (var (what, count) in counts)
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"  {count,6}  {what}"));
        }
    }

    private static void PrintProblems(CliConsole console, FormatReport report)
    {
        foreach (var problem in report.Problems.Take(ShownProblems))
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"    {(problem.Line == 0 ? "file" : $"line {problem.Line}")}: {problem.Rule}: {problem.Reason}"));
        }

        if (report.ProblemCount > ShownProblems)
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"    and {report.ProblemCount - ShownProblems} more"));
        }
    }

    private static string Describe(string path, FormatReport report)
    {
        var limits = report.Format.Limits();
        var size = string.Create(CultureInfo.InvariantCulture, $"{report.Lines} examples, {Bytes(report.Bytes)}{Of(limits.MaxBytes is { } bytes ? Bytes(bytes) : null)}, about {report.Tokens:N0} tokens, the largest {report.LargestTokens:N0}{Of(limits.MaxTokens?.ToString("N0", CultureInfo.InvariantCulture))}");
        return $"{path}: {size}; {(report.IsValid ? "valid" : string.Create(CultureInfo.InvariantCulture, $"{report.ProblemCount} problems"))}";

        string Of(string? limit) => limit is null ? "" : $" ({limits.Source} takes {limit})";
    }

    private static string Bytes(long bytes) => bytes < 10 << 20
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0 / 1024:0.#} MiB");

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ", CultureInfo.InvariantCulture);

    private static string Short(string id) => id.Length <= 12 ? id : "…" + id[^11..];

    private static JsonObject Json(IReadOnlyDictionary<string, int> counts) => new(counts.Select(c => KeyValuePair.Create<string, JsonNode?>(c.Key, c.Value)));

    private static JsonObject Json(ExportedFile file) => new()
    {
        ["path"] = file.Path,
        ["examples"] = file.Report.Lines,
        ["bytes"] = file.Report.Bytes,
        ["tokens"] = file.Report.Tokens,
        ["largestTokens"] = file.Report.LargestTokens,
        ["images"] = file.Report.Images,
        ["valid"] = file.Report.IsValid,
        ["problemCount"] = file.Report.ProblemCount,
        ["problems"] = new JsonArray([.. file.Report.Problems.Select(p => new JsonObject { ["line"] = p.Line, ["rule"] = p.Rule, ["reason"] = p.Reason })]),
    };
}
