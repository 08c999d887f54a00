using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>stats</c>: statistics over all trajectories.</summary>
internal static class StatsVerb
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create(CliContext context)
    {
        var since = new Option<string?>("--since") { Description = "Only runs that started at or after this time, such as 2026-11-22 or 30d" };
        var until = new Option<string?>("--until") { Description = "Only runs that started before this time" };
        var model = new Option<string?>("--model") { Description = "Only runs of this model" };
        var interval = new Option<string?>("--interval") { Description = "Group by day or week" };
        interval.AcceptOnlyFromAmong("day", "week");
        var experiments = new Option<bool>("--experiments") { Description = "Compare tasks with examples against tasks without, by model" };
        var output = new Option<string?>("--output") { Description = "Also write the JSON to this file", HelpName = "FILE" };
        return ApiVerb.Create(
            context,
            "stats",
            "Show success, quality, effort and cost",
            [since, until, model, interval, experiments, output],
            async (api, parse, cancellationToken) =>
            {
                var query = ApiVerb.Query(
                    ("since", parse.GetValue(since)), ("until", parse.GetValue(until)), ("model", parse.GetValue(model)),
                    ("interval", parse.GetValue(interval)), ("experiments", parse.GetValue(experiments) ? "true" : null));
                var answer = await api.GetAsync("/statistics" + query, cancellationToken);
                if (parse.GetValue(output) is { } file)
                {
                    await PrivateFiles.WriteAsync(file, answer.ToJsonString(Indented) + "\n", cancellationToken);
                }

                return answer;
            },
            ApiJson.Default.StatisticsResponse,
            (console, _, all) => Print(console, all));
    }

    private static void Print(CliConsole console, StatisticsResponse all)
    {
        console.Line($"{all.Total} runs ended, {all.Active} under way · success {Percent(all.SuccessRate)} · mean score {TrajectoryPrinter.Score(all.AverageQuality)}");
        if (all.SuccessRate is not null)
        {
            console.Line(Invariant($"{all.Verified.Total} of the known outcomes ({Percent(all.Verified.Share)}) are stated or judged, success {Percent(all.Verified.SuccessRate)}; the others are claims of agents, and errors"));
        }

        if (all.Inferred.Total > 0)
        {
            console.Line(Invariant($"{all.Inferred.Total} more finished without a stated outcome: success is probable in {Percent(all.Inferred.MeanProbability)} on average, {all.Inferred.Scored} may become examples"));
        }

        var q = all.QualityDistribution;
        console.Line($"Scores: {q.Excellent} excellent, {q.Good} good, {q.Fair} fair, {q.Poor} poor{(all.TrainingReady ? " · enough good runs to train on" : "")}");
        console.Line(Invariant($"Store: {all.Storage.Bytes / 1024.0 / 1024:0.0} MiB, {all.Storage.Trajectories} runs, {all.Storage.Steps} steps"));
        if (all.ByModel.Count > 0)
        {
            console.Line();
            console.Table(
                ["Provider", "Model", "Runs", "Success", "Score", "Steps", "Tokens", "Cost"],
                all.ByModel.Select(m => new[]
                {
                    m.Provider, m.Model, Invariant($"{m.Total}"), Percent(m.SuccessRate), TrajectoryPrinter.Score(m.AverageQuality),
                    Number(m.AverageMetrics.Iterations, "0.#"), Number(m.AverageMetrics.Tokens, "N0"), Cost(m.CostUsd),
                }));
        }

        if (all.AverageMetrics is { RunsWithoutTokens: var tokens, RunsWithoutCost: var cost } && (tokens > 0 || cost > 0))
        {
            console.Line(Invariant($"Left out of means: {tokens} runs without token counts, {cost} runs without a known cost"));
        }

        if (all.Intervals.Count > 0)
        {
            console.Line();
            console.Table(
                ["From", "Runs", "Success", "Score", "Steps", "Tokens"],
                all.Intervals.Select(part => new[]
                {
                    part.Start.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), Invariant($"{part.Total}"), Percent(part.SuccessRate),
                    TrajectoryPrinter.Score(part.AverageQuality), Number(part.Iterations, "0.#"), Number(part.Tokens, "N0"),
                }));
        }

        if (all.Experiments is { } experiments)
        {
            Print(console, experiments);
        }
    }

    private static void Print(CliConsole console, ExperimentsDto experiments)
    {
        console.Line();
        if (experiments.Models.Count == 0)
        {
            console.Line(experiments.Enabled
                ? "No task of an experiment has ended yet."
                : "No experiment is running. LlmProxy:Experiments:Enabled=true withholds examples from a share of tasks (Holdout) for comparison.");
            return;
        }

        console.Table(
            ["Provider", "Model", "Arm", "Tasks", "Success", "Steps", "Interventions", "Tokens", "Cost per success", "Stated or judged"],
            experiments.Models.SelectMany(m => new[] { Row(m, "examples", m.WithExamples), Row(m, "holdout", m.Holdout) }));
        foreach (var model in experiments.Models)
        {
            console.Line(model.Verdict);
            if (model.WithExamples.Inferred + model.Holdout.Inferred > 0)
            {
                console.Line(Invariant(
                    $"{model.Model}: not counted above, inferred only: {model.WithExamples.Inferred} tasks with examples (mean probability {Percent(model.WithExamples.MeanProbability)}), {model.Holdout.Inferred} without ({Percent(model.Holdout.MeanProbability)})"));
            }
        }

        var arms = experiments.Models.SelectMany(m => new[] { m.WithExamples, m.Holdout }).ToList();
        var (tokens, cost) = (arms.Sum(arm => arm.TasksWithoutTokens), arms.Sum(arm => arm.TasksWithoutCost));
        if (tokens > 0 || cost > 0)
        {
            console.Line(Invariant($"Left out of means: {tokens} tasks without token counts, {cost} tasks without a known cost"));
        }

        foreach (var harmful in experiments.Harmful)
        {
            var evidence = harmful.Evidence;
            console.Line(Invariant(
                $"Example {harmful.TrajectoryId} seems to harm: {evidence.Successes} of {evidence.Tasks} tasks with it succeeded, {evidence.Difference * 100:+0;-0} points against the holdout, probability of harm {1 - evidence.ProbabilityOfHelp:0.000}"));
        }

        static string[] Row(ExperimentDto model, string name, ArmDto arm) =>
        [
            model.Provider, model.Model, name, Invariant($"{arm.Tasks}"), Percent(arm.SuccessRate),
            Number(arm.Iterations, "0.#"), Number(arm.Interventions, "0.##"), Number(arm.Tokens, "N0"), Cost(arm.CostPerSuccess),
            Invariant($"{arm.Verified} ({Percent(arm.VerifiedShare)})"),
        ];
    }

    private static string Cost(decimal? usd) => usd is { } cost ? "$" + cost.ToString("0.####", CultureInfo.InvariantCulture) : "-";

    private static string Percent(double? share) => share is { } s ? (s * 100).ToString("0.#", CultureInfo.InvariantCulture) + " %" : "-";

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";
}
