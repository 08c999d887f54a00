namespace LlmProxy.Core.Recording;

/// <summary>
/// Decides the outcome of a trajectory after each step and when it goes idle. What the API stated is never overruled; a terminal
/// tool comes next; else the last reply decides. Everything but the API's word is provisional until the grace is over.
/// </summary>
internal sealed class OutcomeJudge(TaskOptions tasks, QualityOptions quality, TaskRulesCatalog catalog)
{
    /// <summary>The shortest time without a call after which <see cref="WhenIdle"/> can end a run.</summary>
    public TimeSpan ShortestIdle => tasks.EndOfTurnGrace < tasks.IdleTimeout ? tasks.EndOfTurnGrace : tasks.IdleTimeout;

    /// <summary>The longest time without a call after which <see cref="WhenIdle"/> ends every run.</summary>
    public TimeSpan LongestIdle => tasks.EndOfTurnGrace > tasks.IdleTimeout ? tasks.EndOfTurnGrace : tasks.IdleTimeout;

    /// <summary>The run's row after a step, with status, success and score.</summary>
    public Trajectory AfterStep(TrajectoryState run, Trajectory row, StatedOutcome? stated, TaskRules rules)
    {
        if (row.OutcomeSource == OutcomeSource.Api && row.Status is not TrajectoryStatus.NeedsHelp and not TrajectoryStatus.Active)
        {
            return Score(row, rules);
        }

        if (stated is not null)
        {
            return Score(
                row with
                {
                    Status = stated.Status,
                    Success = stated.Status == TrajectoryStatus.Completed,
                    OutcomeSource = OutcomeSource.Tool,
                    IsProvisional = true,
                    CompletedAt = row.LastActivityAt,
                },
                rules);
        }

        if (run.LastEndedTurn && !run.LastCallFailed)
        {
            return Score(
                row with
                {
                    Status = TrajectoryStatus.Completed,
                    Success = IdleSuccess(run, row),
                    OutcomeSource = OutcomeSource.Idle,
                    IsProvisional = true,
                    CompletedAt = row.LastActivityAt,
                },
                rules);
        }

        return row with { Status = TrajectoryStatus.Active, Success = null, OutcomeSource = null, IsProvisional = false, CompletedAt = null, QualityScore = null };
    }

    /// <summary>The row of a run that got no further call; null if it is not yet time.</summary>
    public Trajectory? WhenIdle(TrajectoryState run, DateTimeOffset now)
    {
        var row = run.Row;
        var idle = now - row.LastActivityAt;
        if (row.IsProvisional)
        {
            return idle >= tasks.EndOfTurnGrace ? row with { IsProvisional = false } : null;
        }

        if (row.Status != TrajectoryStatus.Active || idle < tasks.IdleTimeout)
        {
            return null;
        }

        return run.LastCallFailed
            ? row with { Status = TrajectoryStatus.Failed, Success = false, OutcomeSource = OutcomeSource.Error, CompletedAt = row.LastActivityAt }
            : Score(row with { Status = TrajectoryStatus.Completed, Success = null, OutcomeSource = OutcomeSource.Idle, CompletedAt = row.LastActivityAt });
    }

    /// <summary>The row with its score by the formula and its preset's rules; none without success.</summary>
    public Trajectory Score(Trajectory row) => Score(row, catalog.Get(row.Preset));

    private Trajectory Score(Trajectory row, TaskRules rules) =>
        row with { QualityScore = QualityScore.Compute(row, quality, rules.FreeIterations).Score };

    private bool? IdleSuccess(TrajectoryState run, Trajectory row) =>
        tasks.IdleSuccess == Configuration.IdleSuccess.Clean && row.ToolCallsCount > 0 && !run.LastResultFailed && run.LastSaidSomething ? true : null;
}
