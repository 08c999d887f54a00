using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LlmProxy.Server.Api.Shapes;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>stats</c>: numbers over all runs.</summary>
internal static class StatsVerb
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create(CliContext context)
    {
        var since = new Option<string?>("--since") { Description = "Runs that started since, such as 2026-11-22 or 30d" };
        var until = new Option<string?>("--until") { Description = "Runs that started before" };
        var model = new Option<string?>("--model") { Description = "Only this model" };
        var interval = new Option<string?>("--interval") { Description = "day or week" };
        interval.AcceptOnlyFromAmong("day", "week");
        var experiments = new Option<bool>("--experiments") { Description = "Does it help? Tasks with examples against those without, by model" };
        var output = new Option<string?>("--output") { Description = "Write the JSON to a file", HelpName = "FILE" };
        var json = CliContext.JsonOption();
        var command = new Command("stats", "Success, quality, effort and cost") { since, until, model, interval, experiments, output, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await TasksVerb.OpenAsync(context, parse, cancellationToken);
            var query = TasksVerb.Query(("since", parse.GetValue(since)), ("until", parse.GetValue(until)), ("model", parse.GetValue(model)), ("interval", parse.GetValue(interval)), ("experiments", parse.GetValue(experiments) ? "true" : null));
            var answer = await api.GetAsync("/statistics" + query, cancellationToken);
            if (parse.GetValue(output) is { } file)
            {
                await File.WriteAllTextAsync(file, answer.ToJsonString(Indented) + "\n", cancellationToken);
            }

            if (parse.GetValue(json))
            {
                context.Console.Json(answer);
            }
            else
            {
                Print(context.Console, answer.Deserialize(ApiJson.Default.StatisticsShape)!);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(CliConsole console, StatisticsShape all)
    {
        console.Line(string.Create(CultureInfo.InvariantCulture, $"{all.Total} runs ended, {all.Active} under way · success {Percent(all.SuccessRate)} · mean score {TrajectoryPrinter.Score(all.AverageQuality)}"));
        var q = all.QualityDistribution;
        console.Line(string.Create(CultureInfo.InvariantCulture, $"Scores: {q.Excellent} excellent, {q.Good} good, {q.Fair} fair, {q.Poor} poor{(all.TrainingReady ? " · enough good runs to train on" : "")}"));
        console.Line(string.Create(CultureInfo.InvariantCulture, $"Store: {all.Storage.Bytes / 1024.0 / 1024:0.0} MiB, {all.Storage.Trajectories} runs, {all.Storage.Steps} steps"));
        if (all.ByModel.Count > 0)
        {
            console.Line();
            var table = console.NewTable("Provider", "Model", "Runs", "Success", "Score", "Steps", "Tokens", "Cost");
            foreach (var model in all.ByModel)
            {
                table.AddRow(
                    new Text(model.Provider),
                    new Text(model.Model),
                    new Text(model.Total.ToString(CultureInfo.InvariantCulture)),
                    new Text(Percent(model.SuccessRate)),
                    new Text(TrajectoryPrinter.Score(model.AverageQuality)),
                    new Text(Number(model.AverageMetrics.Iterations, "0.#")),
                    new Text(Number(model.AverageMetrics.Tokens, "N0")),
                    new Text(model.CostUsd is { } cost ? "$" + cost.ToString("0.####", CultureInfo.InvariantCulture) : "-"));
            }

            console.Ansi.Write(table);
        }

        if (all.Intervals.Count > 0)
        {
            console.Line();
            var table = console.NewTable("From", "Runs", "Success", "Score", "Steps", "Tokens");
            foreach (var part in all.Intervals)
            {
                table.AddRow(
                    new Text(part.Start.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
                    new Text(part.Total.ToString(CultureInfo.InvariantCulture)),
                    new Text(Percent(part.SuccessRate)),
                    new Text(TrajectoryPrinter.Score(part.AverageQuality)),
                    new Text(Number(part.Iterations, "0.#")),
                    new Text(Number(part.Tokens, "N0")));
            }

            console.Ansi.Write(table);
        }

        if (all.Experiments is { } experiments)
        {
            Print(console, experiments);
        }
    }

    private static void Print(CliConsole console, ExperimentsShape experiments)
    {
        console.Line();
        if (experiments.Models.Count == 0)
        {
            console.Line(experiments.Enabled
                ? "No task of an experiment has ended yet."
                : "There is no experiment: LlmProxy:Experiments:Enabled gives a share of tasks (Holdout) no examples, for comparison.");
            return;
        }

        var table = console.NewTable("Provider", "Model", "Arm", "Tasks", "Success", "Steps", "Interventions", "Tokens", "Cost per success");
        foreach (var model in experiments.Models)
        {
            foreach (var (name, arm) in ((string, ArmShape)[])[("examples", model.WithExamples), ("holdout", model.Holdout)])
            {
                table.AddRow(
                    new Text(model.Provider),
                    new Text(model.Model),
                    new Text(name),
                    new Text(arm.Tasks.ToString(CultureInfo.InvariantCulture)),
                    new Text(Percent(arm.SuccessRate)),
                    new Text(Number(arm.Iterations, "0.#")),
                    new Text(Number(arm.Interventions, "0.##")),
                    new Text(Number(arm.Tokens, "N0")),
                    new Text(arm.CostPerSuccess is { } cost ? "$" + cost.ToString("0.####", CultureInfo.InvariantCulture) : "-"));
            }
        }

        console.Ansi.Write(table);
        foreach (var model in experiments.Models)
        {
            console.Line(model.Verdict);
        }

        foreach (var harmful in experiments.Harmful)
        {
            console.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"Example {harmful.TrajectoryId} seems to harm: {harmful.Evidence.Successes} of {harmful.Evidence.Tasks} tasks with it succeeded, {harmful.Evidence.Difference * 100:+0;-0} points against the holdout, probability of harm {1 - harmful.Evidence.ProbabilityOfHelp:0.000}"));
        }
    }

    private static string Percent(double? share) => share is { } s ? (s * 100).ToString("0.#", CultureInfo.InvariantCulture) + " %" : "-";

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";
}
