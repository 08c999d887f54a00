using System.Globalization;
using System.Text.Json.Nodes;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using LlmProxy.TrainingData.Validation;
using static System.FormattableString;

namespace LlmProxy.Server.Cli;

/// <summary>Prints the result of an export or a check.</summary>
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

        console.Line(Invariant($"{result.Added} lines of {result.Summary.Runs} {(format.IsPreference() ? "pairs" : "runs")} written in the format {format.Name()}."));
        Print(console, "training", result.Training);
        if (result.Validation is not null)
        {
            Print(console, "validation", result.Validation);
        }

        console.Line($"  origin of each line: {result.OriginsPath}");
        if (result.Images > 0)
        {
            console.Line(Invariant($"  {result.Images} image files in the folder next to it"));
        }

        Print(console, "Runs left out:", result.Summary.LeftOut);
        Print(console, "Notes on the lines:", result.Summary.Notes);
        console.Line($"To continue later: --since {Time(result.Summary.NextSince)}");
    }

    /// <summary>Prints how the trajectories of preference lines were paired.</summary>
    public static void PrintPairs(CliConsole console, IReadOnlyList<ExportOrigin> origins, int more)
    {
        console.Table(["Better", "Worse", "Why", "Alike", "Compared", "Task"], origins.Select(origin => new[]
        {
            Short(origin.TrajectoryId), Short(origin.Pair!.TrajectoryId), origin.Pair.Reason, Invariant($"{origin.Pair.Similarity:0.00}"), origin.Pair.Compared,
            TextFold.Short(origin.TaskDescription, 60),
        }));
        if (more > 0)
        {
            console.Line(Invariant($"and {more} more; the origins file lists all of them"));
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
            console.Line(Invariant($"  {count,6}  {what}"));
        }
    }

    private static void PrintProblems(CliConsole console, FormatReport report)
    {
        foreach (var problem in report.Problems.Take(ShownProblems))
        {
            console.Line(Invariant($"    {(problem.Line == 0 ? "file" : $"line {problem.Line}")}: {problem.Rule}: {problem.Reason}"));
        }

        if (report.ProblemCount > ShownProblems)
        {
            console.Line(Invariant($"    and {report.ProblemCount - ShownProblems} more"));
        }
    }

    private static string Describe(string path, FormatReport report)
    {
        var limits = report.Format.Limits();
        var size = Invariant($"{report.Lines} examples, {Bytes(report.Bytes)}{Of(limits.MaxBytes is { } bytes ? Bytes(bytes) : null)}, about {report.Tokens:N0} tokens, the largest {report.LargestTokens:N0}{Of(limits.MaxTokens?.ToString("N0", CultureInfo.InvariantCulture))}");
        return $"{path}: {size}; {(report.IsValid ? "valid" : Invariant($"{report.ProblemCount} problems"))}";

        string Of(string? limit) => limit is null ? "" : $" ({limits.Source} takes {limit})";
    }

    private static string Bytes(long bytes) => bytes < 10 << 20
        ? Invariant($"{bytes / 1024.0:0.#} KiB")
        : Invariant($"{bytes / 1024.0 / 1024:0.#} MiB");

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
