using System.Text.Json.Serialization;
using LlmProxy.Core.Experiments;

namespace LlmProxy.Server.Cli.Evaluation;

/// <summary>How a run of an evaluation ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunResult>))]
internal enum RunResult
{
    /// <summary>The check exited with 0.</summary>
    [JsonStringEnumMemberName("succeeded")]
    Succeeded,

    /// <summary>The check exited with another code, or at the time limit.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,

    /// <summary>The agent was stopped at the time limit. Counts as a failure.</summary>
    [JsonStringEnumMemberName("timeout")]
    Timeout,

    /// <summary>No request of the agent reached the proxy. Left out of all figures.</summary>
    [JsonStringEnumMemberName("no_calls")]
    NoCalls,
}

/// <summary>One run of an agent.</summary>
/// <param name="Task">The evaluation's name of the task.</param>
/// <param name="Repeat">1, 2, 3…</param>
/// <param name="Arm">The arm.</param>
/// <param name="Result">How it ended.</param>
/// <param name="TaskId">The task's id in the proxy.</param>
/// <param name="AgentExitCode">Exit code of the agent; null if it was stopped.</param>
/// <param name="CheckExitCode">Exit code of the check; null if it was stopped or not run.</param>
/// <param name="DurationMs">Time from the start of the agent to its end.</param>
internal sealed record EvaluationRun(string Task, int Repeat, string Arm, RunResult Result, string TaskId, int? AgentExitCode, int? CheckExitCode, double DurationMs)
{
    /// <summary>The trajectory; null without calls.</summary>
    public string? TrajectoryId { get; init; }

    /// <summary>Steps of the trajectory.</summary>
    public int Steps { get; init; }

    /// <summary>Input and output tokens; null if a response did not state them.</summary>
    public long? Tokens { get; init; }

    /// <summary>Cost in USD; null if a price or a usage is unknown.</summary>
    public decimal? CostUsd { get; init; }

    /// <summary>Trajectories that were shown as examples.</summary>
    public IReadOnlyList<string> ExampleIds { get; init; } = [];

    /// <summary>Whether the run is part of the figures.</summary>
    [JsonIgnore]
    public bool Counts => Result != RunResult.NoCalls;
}

/// <summary>Figures of one arm.</summary>
/// <param name="Arm">The arm.</param>
/// <param name="Runs">Its runs with calls.</param>
/// <param name="Successes">Those that succeeded.</param>
/// <param name="Timeouts">Those that were stopped at the time limit.</param>
/// <param name="RunsWithExamples">Those whose prompt held at least one example.</param>
/// <param name="SuccessRate">Share of successes with its 90 % interval.</param>
/// <param name="MeanSteps">Mean steps.</param>
/// <param name="MeanTokens">Mean tokens of the runs whose tokens are known.</param>
/// <param name="MeanCostUsd">Mean cost of the runs whose cost is known.</param>
/// <param name="RunsWithoutTokens">Runs that <paramref name="MeanTokens"/> leaves out.</param>
/// <param name="RunsWithoutCost">Runs that <paramref name="MeanCostUsd"/> leaves out.</param>
internal sealed record ArmResult(
    string Arm, int Runs, int Successes, int Timeouts, int RunsWithExamples, Estimate? SuccessRate, double? MeanSteps, double? MeanTokens, decimal? MeanCostUsd, int RunsWithoutTokens, int RunsWithoutCost)
{
    public static ArmResult Of(EvaluationArm arm, IReadOnlyList<EvaluationRun> all)
    {
        var runs = all.Where(run => run.Counts && run.Arm == arm.Name).ToList();
        return new ArmResult(
            arm.Name,
            runs.Count,
            runs.Count(run => run.Result == RunResult.Succeeded),
            runs.Count(run => run.Result == RunResult.Timeout),
            runs.Count(run => run.ExampleIds.Count > 0),
            PairedTrials.SuccessRate([.. runs.GroupBy(run => run.Task, StringComparer.Ordinal).Select(task => (IReadOnlyList<bool>)[.. task.Select(run => run.Result == RunResult.Succeeded)])]),
            runs.Count == 0 ? null : runs.Average(run => run.Steps),
            runs.Average(run => run.Tokens),
            runs.Average(run => run.CostUsd),
            runs.Count(run => run.Tokens is null),
            runs.Count(run => run.CostUsd is null));
    }
}

/// <summary>Difference of two arms over the tasks that both ran, first less second, each with its 90 % interval.</summary>
/// <param name="Arm">The first arm.</param>
/// <param name="Against">The second arm.</param>
/// <param name="Tasks">Tasks that both ran.</param>
/// <param name="Success">Difference of the success rates.</param>
/// <param name="Steps">Mean difference of a task's steps.</param>
/// <param name="Tokens">Mean difference of a task's tokens, of the tasks whose tokens are known in both arms.</param>
/// <param name="CostUsd">Mean difference of a task's cost, of the tasks whose cost is known in both arms.</param>
internal sealed record ArmDifference(string Arm, string Against, int Tasks, Estimate? Success, Estimate? Steps, Estimate? Tokens, Estimate? CostUsd)
{
    public static ArmDifference Of(EvaluationArm arm, EvaluationArm against, IReadOnlyList<EvaluationRun> all)
    {
        var pairs = all.Where(run => run.Counts).GroupBy(run => run.Task, StringComparer.Ordinal)
            .Select(task => (First: task.Where(run => run.Arm == arm.Name).ToList(), Second: task.Where(run => run.Arm == against.Name).ToList()))
            .Where(pair => pair is { First.Count: > 0, Second.Count: > 0 }).ToList();
        return new ArmDifference(
            arm.Name,
            against.Name,
            pairs.Count,
            PairedTrials.SuccessDifference(pairs.ConvertAll(pair => Outcomes(pair.First)), pairs.ConvertAll(pair => Outcomes(pair.Second))),
            Difference(run => run.Steps),
            Difference(run => run.Tokens),
            Difference(run => (double?)run.CostUsd));

        static IReadOnlyList<bool> Outcomes(List<EvaluationRun> runs) => [.. runs.Select(run => run.Result == RunResult.Succeeded)];

        Estimate? Difference(Func<EvaluationRun, double?> value) =>
            PairedTrials.MeanDifference([.. pairs.Select(pair => pair.First.Average(value) - pair.Second.Average(value)).OfType<double>()]);
    }
}

/// <summary>Result of an evaluation.</summary>
/// <param name="Complete">Whether all planned runs ended; false after an interruption.</param>
/// <param name="Model">The model.</param>
/// <param name="Seed">Seed of the order.</param>
/// <param name="Planned">Number of planned runs.</param>
/// <param name="Arms">Figures of the arms.</param>
/// <param name="Differences">Each further arm against the first.</param>
/// <param name="Notes">What limits the figures.</param>
/// <param name="Runs">The runs in the order in which they were made.</param>
internal sealed record EvaluationReport(
    bool Complete, string Model, int Seed, int Planned, IReadOnlyList<ArmResult> Arms, IReadOnlyList<ArmDifference> Differences, IReadOnlyList<string> Notes, IReadOnlyList<EvaluationRun> Runs)
{
    /// <summary>Computes the figures.</summary>
    public static EvaluationReport Of(EvaluationPlan plan, IReadOnlyList<EvaluationRun> runs)
    {
        var arms = plan.Arms;
        return new EvaluationReport(
            runs.Count == plan.Count,
            plan.Model,
            plan.Seed,
            plan.Count,
            [.. arms.Select(arm => ArmResult.Of(arm, runs))],
            [.. arms.Skip(1).Select(arm => ArmDifference.Of(arm, arms[0], runs))],
            [.. EvaluationNotes.Of(plan, runs)],
            runs);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(EvaluationTask))]
[JsonSerializable(typeof(EvaluationReport))]
internal sealed partial class EvaluationJson : JsonSerializerContext;
