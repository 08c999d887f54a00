using System.CommandLine;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>examples</c>: the examples of a tenant, and their curation.</summary>
internal static class ExamplesVerb
{
    private const int LongestTask = 60;
    private const int MostListed = 20;

    public static Command Create(CliContext context) => new("examples", "List examples, and curate them: types of tasks, coverage, redundant and harmful ones")
    {
        CreateList(context),
        CreateCurate(context),
    };

    private static Command CreateList(CliContext context)
    {
        var limit = new Option<int?>("--limit") { Description = "Maximum number of examples (default: 50)" };
        return ApiVerb.Create(
            context,
            "list",
            "List examples, pinned ones first, then by uses",
            [limit],
            (api, parse, cancellationToken) => api.GetAsync("/examples" + ApiVerb.Query(("limit", parse.GetValue(limit))), cancellationToken),
            ApiJson.Default.PageResponseExampleDto,
            (console, _, page) =>
            {
                if (page.Items.Count == 0)
                {
                    console.Line("No example was used, pinned or edited yet.");
                    return;
                }

                console.Table(
                    ["Trajectory", "Type", "State", "Uses", "Score", "Finding", "Task"],
                    page.Items.Select(e => new[]
                    {
                        e.TrajectoryId, e.TaskType ?? "-", e.Retired ? "retired" : e.Pinned ? "pinned" : "", Invariant($"{e.UsageCount}"),
                        TrajectoryPrinter.Score(e.QualityScore), e.Evidence.Finding, TextFold.Short(e.TaskDescription, LongestTask),
                    }));
            });
    }

    private static Command CreateCurate(CliContext context)
    {
        var dryRun = new Option<bool>("--dry-run") { Description = "Report only; change nothing" };
        return ApiVerb.Create(
            context,
            "curate",
            "Find types of tasks, choose examples for each, and name missing, redundant and harmful ones",
            [dryRun],
            (api, parse, cancellationToken) => api.PostAsync("/examples/curate", new CurateRequest(parse.GetValue(dryRun)), ApiJson.Default.CurateRequest, cancellationToken),
            ApiJson.Default.CurationResponse,
            (console, _, report) => Print(console, report));
    }

    private static void Print(CliConsole console, CurationResponse report)
    {
        if (report.Tasks == 0)
        {
            console.Line("No task has finished yet.");
            return;
        }

        console.Line(Invariant($"{report.Types.Count} types of {report.Tasks} finished tasks; {report.Untyped} tasks have no type. The type of {report.Changed} {(report.DryRun ? "would change" : "changed")}."));
        console.Table(
            ["Type", "Tasks", "Succeeded", "Examples", "Best example", "Task"],
            report.Types.Select(t => new[]
            {
                t.Name + (t.Stated ? " (stated)" : ""), Invariant($"{t.Tasks}"), Invariant($"{t.Successes} of {t.Judged}"), Invariant($"{t.GoodExamples}"),
                t.Chosen.Count == 0 ? "-" : t.Chosen[0].TrajectoryId + (t.Chosen[0].Pinned ? " (pinned)" : ""), t.Chosen.Count == 0 ? "" : TextFold.Short(t.Chosen[0].TaskDescription, LongestTask),
            }));
        var coverage = report.Coverage;
        console.Line();
        console.Line(Invariant($"Coverage: {coverage.WithGoodExample} of {coverage.Types} types have a good example, which are {coverage.TasksWithGoodExample} of {coverage.Tasks} tasks."));
        List(console, "No good example", [.. report.Types.Where(t => t.GoodExamples == 0).Select(t => Invariant($"{t.Name} ({t.Tasks} tasks)"))]);
        List(console, "Redundant", [.. report.Redundant.Select(r => $"{r.TrajectoryId} ({TextFold.Short(r.TaskDescription, LongestTask)}): {r.BetterId} is better")]);
        List(
            console,
            "Harmful",
            [
                .. report.Harmful.Select(h => Invariant(
                    $"{h.TrajectoryId} ({TextFold.Short(h.TaskDescription, LongestTask)}): {h.Evidence.Successes} of {h.Evidence.Tasks} tasks succeeded, {h.Evidence.Difference * 100:0} points against tasks without examples; {Describe(h.Fate, report.DryRun)}")),
            ]);
    }

    private static string Describe(string fate, bool dryRun) => fate switch
    {
        "retired" => dryRun ? "would be retired" : "retired",
        "pinned" => "stays, since it is pinned",
        _ => "stays: set LlmProxy:Experiments:RetireHarmful, or retire it with PUT /_llmproxy/examples/ID",
    };

    private static void List(CliConsole console, string title, List<string> lines)
    {
        if (lines.Count == 0)
        {
            return;
        }

        console.Line();
        console.Line(title + ":");
        foreach (var line in lines.Take(MostListed))
        {
            console.Line("  " + line);
        }

        if (lines.Count > MostListed)
        {
            console.Line(Invariant($"  and {lines.Count - MostListed} more; --json has all."));
        }
    }
}
