using static System.FormattableString;

namespace LlmProxy.Server.Cli.Evaluation;

/// <summary>What limits the figures of an evaluation, in sentences.</summary>
internal static class EvaluationNotes
{
    // A POSIX shell exits with these if it cannot find or execute a command.
    private static readonly int?[] NotRun = [126, 127];

    public static IEnumerable<string> Of(EvaluationPlan plan, IReadOnlyList<EvaluationRun> runs)
    {
        if (runs.Count < plan.Count)
        {
            yield return Invariant($"Interrupted after {runs.Count} of {plan.Count} runs.");
        }

        if (runs.Count(run => !run.Counts) is > 0 and var without)
        {
            yield return Invariant($"Left out: {without} runs in which no request of the agent reached the proxy.");
        }

        foreach (var arm in plan.Arms.Where(arm => arm.HasExamples))
        {
            var own = runs.Where(run => run.Counts && run.Arm == arm.Name).ToList();
            if (own.Count > 0 && own.All(run => run.ExampleIds.Count == 0))
            {
                yield return $"No run of arm {arm.Name} was shown an example, so the arms do not differ. \"llmproxy search\" with a task's text says why; agents whose examples are limited to one project need LlmProxy:FewShot:Scope=tenant, since each run has a new directory.";
            }
            else if (own.Count(run => run.ExampleIds.Count == 0) is > 0 and var bare)
            {
                yield return Invariant($"{bare} of {own.Count} runs of arm {arm.Name} were shown no example; they count in their arm.");
            }
        }

        var ids = runs.Select(run => run.TrajectoryId).OfType<string>().ToHashSet(StringComparer.Ordinal);
        if (runs.Count(run => run.ExampleIds.Any(ids.Contains)) is > 0 and var shown)
        {
            yield return Invariant($"{shown} runs were shown a run of this evaluation as an example, so they may know the solution. Leave the model's provider out of LlmProxy:FewShot:SourceProviders.");
        }

        if (runs.Count(run => run.Counts && run.AgentExitCode is not (null or 0)) is > 0 and var failed)
        {
            yield return Invariant($"The agent exited with an error in {failed} runs; the check alone decides their outcome.");
        }

        if (runs.Count(run => NotRun.Contains(run.CheckExitCode)) is > 0 and var unchecked_)
        {
            yield return Invariant($"The check exited with 126 or 127 in {unchecked_} runs: a command of it was not found or not executable.");
        }
    }
}
