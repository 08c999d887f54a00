using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Server.Api.Shapes;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>tasks</c>: recorded runs, and what can be said about them.</summary>
internal static class TasksVerb
{
    public static Command Create(CliContext context) => new("tasks", "Recorded runs: list and show them, say how they ended")
    {
        List(context),
        Show(context),
        Complete(context),
        Simple(context, "cancel", "Calls a task off; nothing of its content is kept", "cancel"),
        Simple(context, "intervene", "Counts that a person stepped in", "interventions"),
    };

    private static Command List(CliContext context)
    {
        var provider = new Option<string?>("--provider") { Description = "Only this provider" };
        var model = new Option<string?>("--model") { Description = "Only this model" };
        var status = new Option<string?>("--status") { Description = string.Join(", ", WireNames.Statuses) };
        status.AcceptOnlyFromAmong([.. WireNames.Statuses]);
        var since = new Option<string?>("--since") { Description = "Only runs that started since, such as 2026-11-22 or 7d" };
        var search = new Option<string?>("--search") { Description = "Only runs whose task holds these words" };
        var limit = new Option<int>("--limit") { Description = "At most so many", DefaultValueFactory = _ => 20 };
        var json = CliContext.JsonOption();
        var command = new Command("list", "The runs, the newest first") { provider, model, status, since, search, limit, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await OpenAsync(context, parse, cancellationToken);
            var query = Query(
                ("provider", parse.GetValue(provider)),
                ("model", parse.GetValue(model)),
                ("status", parse.GetValue(status)),
                ("since", parse.GetValue(since)),
                ("search", parse.GetValue(search)),
                ("limit", parse.GetValue(limit).ToString(CultureInfo.InvariantCulture)));
            var answer = await api.GetAsync("/trajectories" + query, cancellationToken);
            if (parse.GetValue(json))
            {
                context.Console.Json(answer);
                return ExitCodes.Done;
            }

            Print(context.Console, answer.Deserialize(ApiJson.Default.PageShapeTrajectoryShape)!);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Show(CliContext context)
    {
        var id = IdArgument();
        var json = CliContext.JsonOption();
        var full = new Option<bool>("--full") { Description = "Nothing shortened" };
        var command = new Command("show", "One run with its score and its steps") { id, full, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await OpenAsync(context, parse, cancellationToken);
            var answer = await api.GetAsync("/trajectories/" + Uri.EscapeDataString(parse.GetValue(id)!), cancellationToken);
            if (parse.GetValue(json))
            {
                context.Console.Json(answer);
            }
            else
            {
                new TrajectoryPrinter(context.Console, parse.GetValue(full)).Print(answer.Deserialize(ApiJson.Default.TrajectoryDetailShape)!);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Complete(CliContext context)
    {
        var id = IdArgument();
        var failed = new Option<bool>("--failed") { Description = "It did not succeed" };
        var clicks = new Option<double?>("--click-accuracy") { Description = "0 to 1" };
        var errors = new Option<double?>("--error-rate") { Description = "0 to 1" };
        var comment = new Option<string?>("--comment") { Description = "A comment to keep with the run" };
        var json = CliContext.JsonOption();
        var command = new Command("complete", "Says that a task succeeded, or with --failed that it did not") { id, failed, clicks, errors, comment, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await OpenAsync(context, parse, cancellationToken);
            var metrics = parse.GetValue(clicks) is null && parse.GetValue(errors) is null ? null : new MetricsRequest(parse.GetValue(errors), parse.GetValue(clicks));
            var body = new CompleteTaskRequest(!parse.GetValue(failed), metrics, parse.GetValue(comment));
            var answer = await api.PostAsync($"/tasks/{Uri.EscapeDataString(parse.GetValue(id)!)}/complete", body, ApiJson.Default.CompleteTaskRequest, cancellationToken);
            PrintAnswer(context.Console, answer, parse.GetValue(json));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Simple(CliContext context, string name, string description, string path)
    {
        var id = IdArgument();
        var json = CliContext.JsonOption();
        var command = new Command(name, description) { id, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await OpenAsync(context, parse, cancellationToken);
            PrintAnswer(context.Console, await api.PostAsync($"/tasks/{Uri.EscapeDataString(parse.GetValue(id)!)}/{path}", cancellationToken), parse.GetValue(json));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Argument<string> IdArgument() => new("ID") { Description = "The task's id, the run's id, session:ID, or last" };

    internal static Task<ApiConnection> OpenAsync(CliContext context, ParseResult parse, CancellationToken cancellationToken)
    {
        var configuration = context.Configuration(parse);
        return ApiConnection.OpenAsync(configuration, context.Addresses(parse, configuration), cancellationToken);
    }

    internal static string Query(params (string Name, string? Value)[] parameters)
    {
        var given = parameters.Where(p => !string.IsNullOrEmpty(p.Value)).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}").ToList();
        return given.Count == 0 ? "" : "?" + string.Join('&', given);
    }

    private static void Print(CliConsole console, PageShape<TrajectoryShape> page)
    {
        if (page.Items.Count == 0)
        {
            console.Line("No runs. \"llmproxy doctor\" says what is recorded and why nothing may have been.");
            return;
        }

        var table = console.NewTable("Task", "Started", "Model", "Status", "Score", "Steps", "What");
        foreach (var run in page.Items)
        {
            table.AddRow(
                new Text(run.TaskId),
                new Text(TrajectoryPrinter.Time(run.StartedAt)),
                new Text(run.Model.Length > 0 ? run.Model : run.Provider),
                new Text(TrajectoryPrinter.StatusOf(run)),
                new Text(TrajectoryPrinter.Score(run.QualityScore)),
                new Text(run.IterationCount.ToString(CultureInfo.InvariantCulture)),
                new Text(TextFold.Short(run.TaskDescription, 60)));
        }

        console.Ansi.Write(table);
        if (page.NextCursor is not null)
        {
            console.Line("There are more: --limit gives more of them, --since, --status and --search fewer.");
        }
    }

    private static void PrintAnswer(CliConsole console, JsonNode answer, bool json)
    {
        if (json)
        {
            console.Json(answer);
            return;
        }

        var run = answer.Deserialize(ApiJson.Default.TaskAnswerShape)!;
        console.Line($"{run.TaskId}: {TrajectoryPrinter.StatusOf(run)}, score {TrajectoryPrinter.Score(run.QualityScore)}, {run.UserInterventions} interventions");
        console.Line(run.Recorded ? "Its steps are kept." : $"Its steps are not kept: {run.Reason}.");
    }
}
