using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>examples</c>: the examples of a tenant, and their curation.</summary>
internal static class ExamplesVerb
{
    private const int LongestTask = 60;
    private const int LongestType = 16;
    private const int MostListed = 20;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create(CliContext context) => new("examples", "List, pin, retire and edit examples, and curate them: types of tasks, coverage, redundant and harmful ones")
    {
        CreateList(context),
        CreateShow(context),
        CreateSwitch(context, "pin", "Prefer an example, whatever its evidence", "--off", "Do not prefer it any more", on => new UpdateExampleRequest(Pinned: on)),
        CreateSwitch(context, "retire", "Show an example to no model any more", "--undo", "Allow it again", on => new UpdateExampleRequest(Retired: on)),
        CreateEdit(context),
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

                var ids = RunReference.Shorten([.. page.Items.Select(e => e.TrajectoryId)]);
                console.LineTable(
                    ["Run", "Type", "State", "Uses", "Score", "Finding", "Task"],
                    page.Items.Zip(ids, (e, id) => new[]
                    {
                        id, TextFold.Short(e.TaskType ?? "-", LongestType), e.Retired ? "retired" : e.Pinned ? "pinned" : "", Invariant($"{e.UsageCount}"),
                        TrajectoryPrinter.Score(e.QualityScore), e.Evidence.Finding, TextFold.Short(e.TaskDescription, LongestTask),
                    }).ToList());
            });
    }

    private static Command CreateShow(CliContext context)
    {
        var id = IdArgument();
        return ApiVerb.Create(
            context,
            "show",
            "Show an example: its state, its evidence, and the text that was edited",
            [id],
            async (api, parse, cancellationToken) => await api.GetAsync("/examples/" + await PathOfAsync(api, parse, id, cancellationToken), cancellationToken),
            ApiJson.Default.ExampleDto,
            (console, _, example) => Print(console, example));
    }

    private static Command CreateSwitch(CliContext context, string name, string description, string offName, string offDescription, Func<bool, UpdateExampleRequest> request)
    {
        var id = IdArgument();
        var off = new Option<bool>(offName) { Description = offDescription };
        return ApiVerb.Create(
            context,
            name,
            description,
            [id, off],
            async (api, parse, cancellationToken) => await api.PutAsync(
                "/examples/" + await PathOfAsync(api, parse, id, cancellationToken), request(!parse.GetValue(off)), ApiJson.Default.UpdateExampleRequest, cancellationToken),
            ApiJson.Default.ExampleDto,
            (console, _, example) => Print(console, example));
    }

    private static Command CreateEdit(CliContext context)
    {
        var id = IdArgument();
        var task = new Option<string?>("--task") { Description = "The task as examples state it", HelpName = "TEXT" };
        var type = new Option<string?>("--type") { Description = "The type of its task; empty for none", HelpName = "NAME" };
        var file = new Option<string?>("--file") { Description = "JSON that replaces task, outcome or steps of the example; {} restores the recorded run", HelpName = "FILE" };
        return ApiVerb.Create(
            context,
            "edit",
            "Change what an example shows, or the type of its task; the recorded run stays as it is",
            [id, task, type, file],
            async (api, parse, cancellationToken) =>
            {
                var request = new UpdateExampleRequest(TaskDescription: parse.GetValue(task), TaskType: parse.GetValue(type), Edited: parse.GetValue(file) is { } path ? await ReadAsync(path, cancellationToken) : null);
                return request is { TaskDescription: null, TaskType: null, Edited: null }
                    ? throw new CliException("Name what to change: --task, --type or --file.", ExitCodes.WrongUsage)
                    : await api.PutAsync("/examples/" + await PathOfAsync(api, parse, id, cancellationToken), request, ApiJson.Default.UpdateExampleRequest, cancellationToken);
            },
            ApiJson.Default.ExampleDto,
            (console, _, example) => Print(console, example));
    }

    private static async Task<JsonNode> ReadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return JsonNode.Parse(await File.ReadAllTextAsync(path, cancellationToken)) is JsonObject edited ? edited : throw new CliException($"{path} holds no JSON object.");
        }
        catch (JsonException error)
        {
            throw new CliException(Invariant($"{path} is not valid JSON: line {error.LineNumber + 1}, column {error.BytePositionInLine + 1}."));
        }
    }

    private static Argument<string> IdArgument() => new("ID") { Description = RunReference.Description };

    private static async Task<string> PathOfAsync(ApiConnection api, ParseResult parse, Argument<string> id, CancellationToken cancellationToken) =>
        Uri.EscapeDataString(await RunReference.ResolveAsync(api, parse.GetValue(id)!, cancellationToken));

    private static void Print(CliConsole console, ExampleDto example)
    {
        console.Line(TextFold.Short(example.TaskDescription, 400));
        console.Line($"Run       {example.TrajectoryId}");
        console.Line($"State     {(example.Retired ? "retired: shown to no model" : example.Pinned ? "pinned: preferred" : "chosen by rank")}{(example.Edited is null ? "" : ", edited")}");
        console.Line($"Type      {example.TaskType ?? "-"}");
        console.Line($"Score     {TrajectoryPrinter.Score(example.QualityScore)}");
        console.Line(Invariant($"Uses      {example.UsageCount}{(example.LastUsedAt is { } at ? $", last {TrajectoryPrinter.Time(at)} UTC" : "")}"));
        var evidence = example.Evidence;
        console.Line(Invariant($"Evidence  {evidence.Finding}: {evidence.Successes} of {evidence.Tasks} tasks with a known outcome succeeded{(evidence.ProbabilityOfHelp is { } help ? Invariant($"; helps with a probability of {help:0.00}") : "")}"));
        if (example.Edited is { } edited)
        {
            console.Lines(edited.ToJsonString(Indented));
        }
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
