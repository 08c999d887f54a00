using LlmProxy.Core.Trajectories;
using static System.FormattableString;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>Why a trajectory has its outcome, and how to correct it.</summary>
/// <param name="Kind"><c>stated</c>, <c>judged</c>, <c>claimed</c>, <c>inferred</c>, <c>error</c> or <c>unknown</c>.</param>
/// <param name="Text">One sentence: the outcome, who decided it, and what it counts for.</param>
/// <param name="At">Time of the outcome, of its first statement if it was corrected; null while it is unknown.</param>
/// <param name="Command">Command that corrects it; states success if the outcome is open. Null for a cancelled task.</param>
/// <param name="Request">Request that does the same; the body is <c>{"success": true}</c> or <c>{"success": false}</c>.</param>
public sealed record OutcomeExplanationDto(string Kind, string Text, DateTime? At, string? Command, string? Request)
{
    internal static OutcomeExplanationDto Of(Trajectory run)
    {
        var by = run.StatedBy is { Length: > 0 } key ? $" (key {key})" : "";
        var ended = run.Success switch { true => "Succeeded", false => "Failed", null => "Ended" };
        var (kind, text) = (run.Status, run.OutcomeSource) switch
        {
            (TrajectoryStatus.Cancelled, _) => ("unknown", "Cancelled: the task counts for nothing."),
            (_, OutcomeSource.Human) => ("stated", $"{ended}: a person stated it{by}."),
            (_, OutcomeSource.Ci) => ("stated", $"{ended}: CI or the exit code of a check stated it{by}."),
            (_, OutcomeSource.Api) => ("stated", $"{ended}: a caller of the API stated it{by}."),
            (_, OutcomeSource.Judge) => ("judged", $"{ended}: a model judged it{by}. A statement overrules it."),
            (TrajectoryStatus.NeedsHelp, OutcomeSource.Agent) => ("claimed", $"The agent asked for help{by}. A later call reopens the task; a statement or judgement overrules it."),
            (_, OutcomeSource.Agent) => ("claimed", $"{ended}: the agent itself claims it{by}, which is no proof. A statement or judgement overrules it."),
            (_, OutcomeSource.Inferred) => ("inferred", Invariant($"Not verified: success has an estimated probability of {run.SuccessProbability * 100:0} %. It is in no success rate.")),
            (_, OutcomeSource.Error) => ("error", "Failed: the last call ended with an error and no other followed."),
            _ => ("unknown", "Unknown: no reply has ended the task, nothing was stated, and there is no evidence to estimate from yet."),
        };
        // What a shell would split or expand is named by the trajectory's own id.
        var id = run.TaskId.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':') ? run.TaskId : run.Id;
        var canCorrect = run.Status != TrajectoryStatus.Cancelled;
        return new OutcomeExplanationDto(
            kind,
            text,
            run.OutcomeSource is null ? null : run.CompletedAt?.UtcDateTime,
            canCorrect ? $"llmproxy tasks outcome {id} {(run.Success == true ? "--failure" : "--success")}" : null,
            canCorrect ? $"POST {ApiEndpoints.Prefix}/tasks/{Uri.EscapeDataString(run.TaskId)}/complete" : null);
    }
}
