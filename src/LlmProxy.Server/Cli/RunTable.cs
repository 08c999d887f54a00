using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli;

/// <summary>Prints runs as a table with one line for each, 80 columns wide or as wide as the terminal.</summary>
internal static class RunTable
{
    private const int LongestModel = 18;

    /// <summary>Prints a page.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="page">The runs.</param>
    /// <param name="now">The time (UTC) that ages count to.</param>
    public static void Print(CliConsole console, PageResponse<TrajectoryDto> page, DateTime now)
    {
        if (page.Items.Count == 0)
        {
            console.Line("No runs found. \"llmproxy doctor\" shows what is recorded and diagnoses why nothing was.");
            return;
        }

        var ids = RunReference.Shorten([.. page.Items.Select(run => run.TaskId)]);
        var rows = page.Items.Zip(ids, (run, id) => new[]
        {
            id, Age(now - run.StartedAt), TextFold.Short(run.Model.Length > 0 ? run.Model : run.Provider, LongestModel), Outcome(run), Invariant($"{run.IterationCount}"), run.TaskDescription,
        }).ToList();
        console.LineTable(["Task", "Age", "Model", "Outcome", "Steps", "What"], rows);
        if (page.NextCursor is not null)
        {
            console.Line("There are more runs: raise --limit, or narrow the list with --since, --status or --search.");
        }
    }

    /// <summary>How long ago a run started: <c>now</c>, <c>12 min</c>, <c>3 h</c>, <c>5 d</c>.</summary>
    public static string Age(TimeSpan age) => age.TotalMinutes < 1 ? "now"
        : age.TotalHours < 1 ? Invariant($"{(int)age.TotalMinutes} min")
        : age.TotalDays < 2 ? Invariant($"{(int)age.TotalHours} h")
        : Invariant($"{(int)age.TotalDays} d");

    private static string Outcome(TrajectoryDto run)
    {
        var word = (run.Status, run.Success) switch
        {
            ("completed", true) => "success",
            ("completed", false) => "no success",
            ("completed", null) => run.SuccessProbability is { } probability ? Invariant($"{probability * 100:0} % likely") : "unknown",
            ("needs_help", _) => "needs help",
            var (status, _) => status,
        };
        return run.QualityScore is { } score && run.Success == true ? Invariant($"{word} {score:0.00}") : word;
    }
}
