using System.ComponentModel;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using ModelContextProtocol;
using ModelContextProtocol.Server;
using static System.FormattableString;

namespace LlmProxy.Server.Mcp;

/// <summary>
/// Tools by which an agent reports on its own task. What it reports about the outcome is a claim: a person's statement, CI and a
/// judge overrule it.
/// </summary>
internal sealed class ReportTools(McpCaller caller, TaskService tasks, ITrajectoryStore store)
{
    private const int MaxComment = 2_000;
    private const int MostOpen = 10;

    [McpServerTool(Name = "report_outcome", Title = "Report the outcome", Destructive = false, Idempotent = true, OpenWorld = false)]
    [Description("Reports whether your own task succeeded. It counts as your claim; people, CI and judges overrule it.")]
    public async Task<string> ReportOutcomeAsync(
        [Description("Whether the task succeeded.")] bool success,
        [Description("What shows it, such as the test that passed; at most 2000 characters.")] string? comment = null,
        [Description("Id of your task, or session:ID. Omit it if yours is the only open task.")] string? task = null,
        CancellationToken cancellationToken = default)
    {
        if (comment?.Length > MaxComment)
        {
            throw new McpException(Invariant($"comment must have at most {MaxComment} characters."));
        }

        var reference = await ResolveAsync(task, cancellationToken);
        var result = await RunTools.Ask(() => tasks.CompleteAsync(caller.Tenant, reference, new StatedResult(success, OutcomeSource.Agent, caller.KeyName), null, comment, cancellationToken))
            ?? throw NoTask();
        return result.Trajectory.OutcomeSource == OutcomeSource.Agent
            ? $"Noted for run {result.Trajectory.Id}: {RunText.Ending(result.Trajectory)}."
            : $"Run {result.Trajectory.Id} keeps its outcome: {RunText.Ending(result.Trajectory)}.";
    }

    [McpServerTool(Name = "report_intervention", Title = "Report an intervention", Destructive = false, OpenWorld = false)]
    [Description("Reports that a person had to take over or correct you in your task.")]
    public async Task<string> ReportInterventionAsync(
        [Description("Id of your task, or session:ID. Omit it if yours is the only open task.")] string? task = null,
        CancellationToken cancellationToken = default)
    {
        var reference = await ResolveAsync(task, cancellationToken);
        var result = await RunTools.Ask(() => tasks.InterveneAsync(caller.Tenant, reference, cancellationToken)) ?? throw NoTask();
        return Invariant($"Run {result.Trajectory.Id} has {result.Trajectory.UserInterventions} interventions.");
    }

    private static McpException NoTask() => new("No task with this id. Send the id of the response header LlmProxy-Task, or session: and the client's session id.");

    /// <summary>The task that is meant. Without an id that is the only open one of the caller's key: a claim must not reach another agent's task.</summary>
    private async Task<string> ResolveAsync(string? task, CancellationToken cancellationToken)
    {
        if (!string.IsNullOrWhiteSpace(task))
        {
            // A run's own id, which the other tools show, leads to its task.
            return task.StartsWith(TaskId.SessionPrefix, StringComparison.Ordinal) || task == TaskId.Last ? task
                : (await RunTools.Ask(() => tasks.FindAsync(caller.Tenant, task, cancellationToken)))?.TaskId ?? task;
        }

        var open = (await RunTools.Ask(() => store.ListAsync(new TrajectoryQuery(caller.Tenant) { Status = TrajectoryStatus.Active, Key = caller.KeyName, Limit = MostOpen }, cancellationToken))).Items;
        return open.Count switch
        {
            1 => open[0].TaskId,
            0 => throw new McpException("No task is open. Send the id of your task in task."),
            _ => throw new McpException($"Several tasks are open. Call again with the id of yours in task:\n{RunText.Tasks(open)}"),
        };
    }
}
