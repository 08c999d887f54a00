using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LlmProxy.Core.Experiments;
using LlmProxy.Server.Cli.Evaluation;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>evaluate</c>: measures what examples do for an agent, on tasks with a check.</summary>
internal static class EvaluateVerb
{
    public static Command Create(CliContext context)
    {
        var tasks = new Option<string>("--tasks") { Description = "Tasks, one JSON object in each line: id, task, check, files, directory", HelpName = "FILE", Required = true };
        var model = new Option<string>("--model") { Description = "The model; in ANTHROPIC_MODEL, OPENAI_MODEL, GEMINI_MODEL and {model}", Required = true };
        var arms = new Option<string>("--arms") { Description = "Arms to compare: none, examples, examples=N", DefaultValueFactory = _ => "none,examples" };
        var check = new Option<string?>("--check") { Description = "Shell command that exits with 0 if a task succeeded, for tasks without a check of their own", HelpName = "COMMAND" };
        var repeat = new Option<int>("--repeat") { Description = "How often each task runs in each arm", DefaultValueFactory = _ => 1 };
        var timeout = new Option<double>("--timeout") { Description = "Time limit of each run of the agent and of each check, in seconds", DefaultValueFactory = _ => 600 };
        var seed = new Option<int>("--seed") { Description = "Seed of the order of runs", DefaultValueFactory = _ => 1 };
        var json = CliContext.JsonOption();
        var agent = new Argument<string[]>("COMMAND") { Description = "The agent, after --; {task}, {model} and {url} are replaced, and the task is the last argument without {task}", Arity = ArgumentArity.OneOrMore };
        var command = new Command("evaluate", "Run an agent on tasks with and without examples, check the results, and compare success, steps, tokens and cost") { tasks, model, arms, check, repeat, timeout, seed, json, agent };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var plan = new EvaluationPlan(
                EvaluationTask.Read(parse.GetValue(tasks)!, parse.GetValue(check)),
                EvaluationArm.Parse(parse.GetValue(arms)!),
                parse.GetValue(model)!,
                parse.GetValue(agent)!,
                parse.GetValue(repeat) is >= 1 and var times ? times : throw new CliException("--repeat must be at least 1.", ExitCodes.WrongUsage),
                parse.GetValue(timeout) is > 0 and <= 86_400 and var seconds ? TimeSpan.FromSeconds(seconds) : throw new CliException("--timeout must be more than 0 and at most 86400 seconds.", ExitCodes.WrongUsage),
                parse.GetValue(seed));
            await using var api = await OpenAsync(context, parse, plan, cancellationToken);
            var runner = new EvaluationRunner(plan, api, Environment.GetEnvironmentVariable(ApiConnection.KeyVariable), context.Console.Error);
            try
            {
                await runner.RunAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                // The runs so far cost money: their figures are printed.
            }

            var report = EvaluationReport.Of(plan, runner.Runs);
            if (parse.GetValue(json))
            {
                context.Console.Json(JsonSerializer.SerializeToNode(report, EvaluationJson.Default.EvaluationReport));
            }
            else
            {
                Print(context.Console, report);
            }

            return report.Complete ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    /// <summary>Connects to the running proxy, which must record, and must show examples if an arm has them.</summary>
    private static async Task<ApiConnection> OpenAsync(CliContext context, ParseResult parse, EvaluationPlan plan, CancellationToken cancellationToken)
    {
        var api = await ApiVerb.OpenAsync(context, parse, cancellationToken);
        try
        {
            if (!api.IsRunningServer)
            {
                throw new CliException("No proxy is running for the agent's requests. Start it with \"llmproxy\", or give its address with --urls.");
            }

            var status = await api.GetAsync("/status", cancellationToken);
            if (status["recording"]!["enabled"]!.GetValue<bool>() is false)
            {
                throw new CliException("The proxy records nothing, so the runs would have no figures. Set LlmProxy:Recording:Enabled=true, or run \"curl -X POST " + api.Address + "_llmproxy/recording/resume\" if it is paused.");
            }

            if (plan.Arms.Any(arm => arm.HasExamples) && status["fewShot"]!["available"]!.GetValue<bool>() is false)
            {
                throw new CliException($"The proxy shows no examples ({status["fewShot"]!["reason"]}). \"llmproxy doctor\" names the fix; --arms none measures without them.");
            }

            var statistics = await api.GetAsync("/statistics?experiments=true", cancellationToken);
            return statistics["experiments"]!["enabled"]!.GetValue<bool>()
                ? throw new CliException("An experiment is running: it would withhold examples from a share of the runs. Set LlmProxy:Experiments:Enabled=false for the evaluation.")
                : api;
        }
        catch
        {
            await api.DisposeAsync();
            throw;
        }
    }

    private static void Print(CliConsole console, EvaluationReport report)
    {
        console.Line(Invariant($"{report.Model}: {report.Runs.Count} of {report.Planned} runs"));
        console.Table(
            ["Arm", "Runs", "Success", "90 % interval", "Steps", "Tokens", "Cost", "With examples"],
            report.Arms.Select(arm => new[]
            {
                arm.Arm, Invariant($"{arm.Runs}"), arm.SuccessRate is { } rate ? Percent(rate.Value) : "-", arm.SuccessRate is { } sure ? $"{Percent(sure.Low)} to {Percent(sure.High)}" : "-",
                Number(arm.MeanSteps, "0.#"), Number(arm.MeanTokens, "N0"), arm.MeanCostUsd is { } cost ? "$" + cost.ToString("0.####", CultureInfo.InvariantCulture) : "-", Invariant($"{arm.RunsWithExamples}"),
            }));
        foreach (var difference in report.Differences)
        {
            console.Line(Invariant($"{difference.Arm} against {difference.Against}, paired over {difference.Tasks} {(difference.Tasks == 1 ? "task" : "tasks")}, 90 % intervals:"));
            Line("success", difference.Success, value => Signed(value * 100, "0.#") + " points");
            Line("steps", difference.Steps, value => Signed(value, "0.#"));
            Line("tokens", difference.Tokens, value => Signed(value, "#,0"));
            Line("cost", difference.CostUsd, value => (value < 0 ? "-$" : "+$") + Math.Abs(value).ToString("0.####", CultureInfo.InvariantCulture));
        }

        if (report.Arms.Sum(arm => arm.RunsWithoutTokens) is var tokens && report.Arms.Sum(arm => arm.RunsWithoutCost) is var costs && (tokens > 0 || costs > 0))
        {
            console.Line(Invariant($"Left out of means: {tokens} runs without token counts, {costs} runs without a known cost"));
        }

        foreach (var note in report.Notes)
        {
            console.Line(note);
        }

        void Line(string name, Estimate? estimate, Func<double, string> format) =>
            console.Line($"  {name,-8} {(estimate is null ? "unknown" : format(estimate.Value) + (estimate is { Low: { } low, High: { } high } ? $", {format(low)} to {format(high)}" : ", one task has no interval"))}");
    }

    private static string Percent(double? share) => share is { } s ? (s * 100).ToString("0.#", CultureInfo.InvariantCulture) + " %" : "-";

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";

    private static string Signed(double value, string format) => value.ToString($"+{format};-{format};0", CultureInfo.InvariantCulture);
}
