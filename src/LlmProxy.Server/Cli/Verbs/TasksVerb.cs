using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>tasks</c>: lists and shows trajectories, and reports outcomes.</summary>
internal static class TasksVerb
{
    public static Command Create(CliContext context) => new("tasks", "List and show recorded runs, and report how they ended")
    {
        List(context),
        Show(context),
        Complete(context),
        Outcome(context),
        Cancel(context),
        Delete(context),
        Simple(context, "intervene", "Record that a person took over", "interventions"),
        PurgeVerb.Create(context),
    };

    private static Command List(CliContext context)
    {
        var provider = new Option<string?>("--provider") { Description = "Only runs of this provider" };
        var model = new Option<string?>("--model") { Description = "Only runs of this model" };
        var status = new Option<string?>("--status") { Description = string.Join(", ", EnumWords.SnakeWords<TrajectoryStatus>()) };
        status.AcceptOnlyFromAmong([.. EnumWords.SnakeWords<TrajectoryStatus>()]);
        var since = new Option<string?>("--since") { Description = "Only runs that started at or after this time, such as 2026-11-22 or 7d" };
        var search = new Option<string?>("--search") { Description = "Only runs whose task contains these words" };
        var key = new Option<string?>("--key") { Description = "Only runs that the key of this name took part in" };
        var contains = new Option<string?>("--contains") { Description = "Only runs that hold this text in a message, a prompt, a tool's arguments or result" };
        var limit = new Option<int>("--limit") { Description = "Maximum number of runs", DefaultValueFactory = _ => 20 };
        return ApiVerb.Create(
            context,
            "list",
            "List runs, newest first",
            [provider, model, status, since, search, key, contains, limit],
            async (api, parse, cancellationToken) =>
            {
                var page = await ReadAsync(
                    api,
                    [
                        ("provider", parse.GetValue(provider)), ("model", parse.GetValue(model)), ("status", parse.GetValue(status)),
                        ("since", parse.GetValue(since)), ("search", parse.GetValue(search)), ("key", parse.GetValue(key)), ("contains", parse.GetValue(contains)),
                    ],
                    parse.GetValue(limit),
                    cancellationToken);
                if (page["items"]!.AsArray().Count == 0)
                {
                    await UnknownName.CheckAsync(api, parse.GetValue(provider), parse.GetValue(model), cancellationToken);
                }

                return page;
            },
            ApiJson.Default.PageResponseTrajectoryDto,
            (console, _, page) => RunTable.Print(console, page, TimeProvider.System.GetUtcNow().UtcDateTime));
    }

    /// <summary>One page; a search of texts that stopped at its limit is continued until the page is full.</summary>
    private static async Task<JsonNode> ReadAsync(ApiConnection api, (string Name, object? Value)[] filters, int limit, CancellationToken cancellationToken)
    {
        JsonObject? all = null;
        while (true)
        {
            var left = limit - (all?["items"]!.AsArray().Count ?? 0);
            var page = (await api.GetAsync("/trajectories" + ApiVerb.Query([.. filters, ("limit", left), ("cursor", (string?)all?["nextCursor"])]), cancellationToken)).AsObject();
            if (all is not null)
            {
                foreach (var item in page["items"]!.AsArray().ToList())
                {
                    page["items"]!.AsArray().Remove(item);
                    all["items"]!.AsArray().Add(item);
                }

                all["nextCursor"] = page["nextCursor"]?.DeepClone();
            }

            all ??= page;
            if (page["incomplete"] is null)
            {
                all.Remove("incomplete");
                return all;
            }
        }
    }

    private static Command Show(CliContext context)
    {
        var id = IdArgument();
        var full = new Option<bool>("--full") { Description = "Do not shorten texts" };
        return ApiVerb.Create(
            context,
            "show",
            "Show a run with its score and its steps",
            [id, full],
            async (api, parse, cancellationToken) => await api.GetAsync("/trajectories/" + await PathOfAsync(api, parse, id, cancellationToken), cancellationToken),
            ApiJson.Default.TrajectoryDetailDto,
            (console, parse, run) => new TrajectoryPrinter(console, parse.GetValue(full)).Print(run));
    }

    private static Command Complete(CliContext context)
    {
        var id = IdArgument();
        var failed = new Option<bool>("--failed") { Description = "Report a failure instead of success" };
        var ifSucceeds = new Option<bool>("--if-succeeds") { Description = "Run the command after --, and report success if it exits with 0, else failure" };
        var clicks = new Option<double?>("--click-accuracy") { Description = "Share of clicks that hit their target, 0 to 1" };
        var errors = new Option<double?>("--error-rate") { Description = "Share of tool calls that failed, 0 to 1" };
        var comment = new Option<string?>("--comment") { Description = "A comment to keep with the run" };
        var check = new Argument<string[]>("COMMAND") { Description = "The command of --if-succeeds, after --", Arity = ArgumentArity.ZeroOrMore };
        return Answered(context, "complete", "Report that a task succeeded, or with --failed that it failed", [id, failed, ifSucceeds, clicks, errors, comment, check], async (api, parse, cancellationToken) =>
        {
            var command = parse.GetValue(check) ?? [];
            if (parse.GetValue(ifSucceeds) != command.Length > 0)
            {
                throw new CliException("--if-succeeds needs a command, for example: llmproxy tasks complete last --if-succeeds -- dotnet test", ExitCodes.WrongUsage);
            }

            var metrics = parse.GetValue(clicks) is null && parse.GetValue(errors) is null ? null : new MetricsRequest(parse.GetValue(errors), parse.GetValue(clicks));
            var success = command.Length == 0 ? !parse.GetValue(failed) : await CheckCommand.RunAsync(command, cancellationToken) == 0;
            var body = new CompleteTaskRequest(success, metrics, parse.GetValue(comment), command.Length == 0 ? "human" : "ci");
            return await api.PostAsync($"/tasks/{await PathOfAsync(api, parse, id, cancellationToken)}/complete", body, ApiJson.Default.CompleteTaskRequest, cancellationToken);
        });
    }

    private static Command Outcome(CliContext context)
    {
        var id = IdArgument();
        var success = new Option<bool>("--success") { Description = "The task succeeded" };
        var failure = new Option<bool>("--failure") { Description = "The task failed" };
        var answer = new Option<string?>("--answer") { Description = "The same as one letter: y or n", HelpName = "y|n" };
        var ended = new Option<bool>("--ended") { Description = "With last or session:ID, the latest task that has ended, not one under way" };
        var comment = new Option<string?>("--comment") { Description = "A comment to keep with the run" };
        return Answered(context, "outcome", "State how a task ended, or correct what was stated", [id, success, failure, answer, ended, comment], async (api, parse, cancellationToken) =>
        {
            bool?[] given = [parse.GetValue(success) ? true : null, parse.GetValue(failure) ? false : null, Truth(parse.GetValue(answer))];
            return given.OfType<bool>().ToList() is [var succeeded]
                ? await api.PostAsync($"/tasks/{await PathOfAsync(api, parse, id, cancellationToken)}/complete", new CompleteTaskRequest(succeeded, null, parse.GetValue(comment), "human", parse.GetValue(ended) ? true : null), ApiJson.Default.CompleteTaskRequest, cancellationToken)
                : throw new CliException("Give one of --success, --failure and --answer y or n.", ExitCodes.WrongUsage);
        });
    }

    private static bool? Truth(string? answer) => answer?.Trim().ToLowerInvariant() switch
    {
        null => null,
        "y" or "yes" => true,
        "n" or "no" => false,
        _ => throw new CliException($"--answer must be y or n, not \"{answer}\".", ExitCodes.WrongUsage),
    };

    private static Command Cancel(CliContext context)
    {
        var id = IdArgument();
        var yes = CliConsole.YesOption();
        return Answered(context, "cancel", "Cancel a task and discard its content", [id, yes], async (api, parse, cancellationToken) =>
        {
            var run = (await api.GetAsync("/trajectories/" + await PathOfAsync(api, parse, id, cancellationToken), cancellationToken)).Deserialize(ApiJson.Default.TrajectoryDetailDto)!;
            if (run.Status != EnumWords.Snake(TrajectoryStatus.Active) && run.Status != EnumWords.Snake(TrajectoryStatus.Cancelled))
            {
                context.Console.RequireYes(
                    Invariant($"Discard the steps of {run.TaskId}, which ended ({TrajectoryPrinter.StatusOf(run)}, {run.IterationCount} steps: {TextFold.Short(run.TaskDescription, 60)})?"), parse.GetValue(yes));
            }

            // The run by its own id: "last" may be another one by now.
            return await api.PostAsync($"/tasks/{Uri.EscapeDataString(run.TaskId)}/cancel", cancellationToken);
        });
    }

    private static Command Delete(CliContext context)
    {
        var ids = new Argument<string[]>("ID") { Description = RunReference.Description, Arity = ArgumentArity.OneOrMore };
        var yes = CliConsole.YesOption();
        var json = CliContext.JsonOption();
        var command = new Command("delete", "Delete runs and all data derived from them") { ids, yes, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await ApiVerb.OpenAsync(context, parse, cancellationToken);
            var runs = new List<TrajectoryDetailDto>();
            foreach (var id in parse.GetValue(ids)!)
            {
                var path = Uri.EscapeDataString(await RunReference.ResolveAsync(api, id, cancellationToken));
                runs.Add((await api.GetAsync("/trajectories/" + path, cancellationToken)).Deserialize(ApiJson.Default.TrajectoryDetailDto)!);
            }

            runs = [.. runs.DistinctBy(run => run.Id)];
            foreach (var run in runs)
            {
                await context.Console.Error.WriteLineAsync(Invariant($"{run.TaskId}  {TrajectoryPrinter.Time(run.StartedAt)}  {run.IterationCount} steps  {TextFold.Short(run.TaskDescription, 60)}"));
            }

            context.Console.RequireYes(runs.Count == 1 ? "Delete this run and all data derived from it?" : Invariant($"Delete these {runs.Count} runs and all data derived from them?"), parse.GetValue(yes));
            foreach (var run in runs)
            {
                // By its own id: "last" may be another run by now.
                await api.DeleteAsync("/trajectories/" + run.Id, cancellationToken);
            }

            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonObject { ["deleted"] = new JsonArray([.. runs.Select(run => (JsonNode)run.Id)]) });
            }
            else
            {
                context.Console.Line(runs.Count == 1 ? "1 run deleted." : Invariant($"{runs.Count} runs deleted."));
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Simple(CliContext context, string name, string description, string path)
    {
        var id = IdArgument();
        return Answered(context, name, description, [id], async (api, parse, cancellationToken) => await api.PostAsync($"/tasks/{await PathOfAsync(api, parse, id, cancellationToken)}/{path}", cancellationToken));
    }

    private static Command Answered(
        CliContext context, string name, string description, IEnumerable<Symbol> symbols, Func<ApiConnection, ParseResult, CancellationToken, Task<JsonNode>> send) =>
        ApiVerb.Create(context, name, description, symbols, send, ApiJson.Default.TaskResponse, static (console, _, run) =>
        {
            console.Line($"{run.TaskId}: {TrajectoryPrinter.StatusOf(run)}, score {TrajectoryPrinter.Score(run.QualityScore)}, {run.UserInterventions} interventions");
            console.Line(run.Recorded ? "Its steps are kept." : $"Its steps are not kept: {run.Reason}.");
        });

    private static Argument<string> IdArgument() => new("ID") { Description = RunReference.Description };

    private static async Task<string> PathOfAsync(ApiConnection api, ParseResult parse, Argument<string> id, CancellationToken cancellationToken) =>
        Uri.EscapeDataString(await RunReference.ResolveAsync(api, parse.GetValue(id)!, cancellationToken));
}
