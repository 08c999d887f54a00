using LlmProxy.Core.Outcomes;

namespace LlmProxy.Core.Recording;

/// <summary>
/// Decides the outcome of a trajectory after each step and when it goes idle. A stated or judged outcome is never overruled; a
/// claim of the agent (a terminal tool, its report) comes next; else the outcome is inferred: success is unknown, with a probability. Everything but what
/// was stated or judged is provisional until the grace is over.
/// </summary>
internal sealed class OutcomeJudge(LlmProxyOptions options, TaskRulesCatalog catalog, OutcomeModels models)
{
    private readonly TaskOptions _tasks = options.Tasks;
    private readonly OutcomeOptions _outcome = options.GetEffectiveOutcome();

    /// <summary>The shortest time without a call after which <see cref="WhenIdle"/> can end a run.</summary>
    public TimeSpan ShortestIdle => _tasks.EndOfTurnGrace < _tasks.IdleTimeout ? _tasks.EndOfTurnGrace : _tasks.IdleTimeout;

    /// <summary>The longest time without a call after which <see cref="WhenIdle"/> ends every run.</summary>
    public TimeSpan LongestIdle => _tasks.EndOfTurnGrace > _tasks.IdleTimeout ? _tasks.EndOfTurnGrace : _tasks.IdleTimeout;

    /// <summary>The run's row after a step, with status, success and score.</summary>
    public Trajectory AfterStep(TrajectoryState run, Trajectory row, StatedOutcome? stated, TaskRules rules)
    {
        if (row.IsVerified && row.Status is not TrajectoryStatus.NeedsHelp and not TrajectoryStatus.Active)
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
                    OutcomeSource = OutcomeSource.Agent,
                    StatedBy = null,
                    SuccessProbability = null,
                    Evidence = [],
                    IsProvisional = true,
                    CompletedAt = row.LastActivityAt,
                },
                rules);
        }

        // The agent reports in the middle of its turn: the report holds until the turn is over and another begins.
        if (run.Claim is { TurnEnded: false } claim)
        {
            run.Claim = claim with { TurnEnded = run.LastEndedTurn };
            return Score(Claimed(row, claim.Success, claim.By, row.LastActivityAt), rules);
        }

        run.Claim = null;
        if (run.LastEndedTurn && !run.LastCallFailed)
        {
            return Score(Infer(run, row) with { IsProvisional = true }, rules);
        }

        return row with { Status = TrajectoryStatus.Active, Success = null, OutcomeSource = null, StatedBy = null, SuccessProbability = null, Evidence = [], IsProvisional = false, CompletedAt = null, QualityScore = null };
    }

    /// <summary>The row with the outcome that the agent reports. A stated or judged outcome stays.</summary>
    public Trajectory Claim(TrajectoryState run, StatedResult claim, DateTimeOffset now)
    {
        if (run.Row.IsVerified)
        {
            return run.Row;
        }

        run.Claim = (claim.Success, claim.By, run.LastEndedTurn);
        var row = Claimed(run.Row, claim.Success, claim.By, now);
        return Score(row with { IsProvisional = now - row.LastActivityAt < _tasks.EndOfTurnGrace });
    }

    /// <summary>The row with a new estimate by what the run did; as it is, if its outcome is not inferred.</summary>
    public Trajectory Estimate(TrajectoryState run) =>
        run.Row.OutcomeSource == OutcomeSource.Inferred ? Score(Infer(run, run.Row) with { CompletedAt = run.Row.CompletedAt }) : run.Row;

    /// <summary>The row of a run that got no further call; null if it is not yet time.</summary>
    public Trajectory? WhenIdle(TrajectoryState run, DateTimeOffset now)
    {
        var row = run.Row;
        var idle = now - row.LastActivityAt;
        if (row.IsProvisional)
        {
            return idle >= _tasks.EndOfTurnGrace ? row with { IsProvisional = false } : null;
        }

        if (row.Status != TrajectoryStatus.Active || idle < _tasks.IdleTimeout)
        {
            return null;
        }

        return run.LastCallFailed
            ? row with { Status = TrajectoryStatus.Failed, Success = false, OutcomeSource = OutcomeSource.Error, CompletedAt = row.LastActivityAt }
            : Score(Infer(run, row));
    }

    /// <summary>The row with an estimate in place of the one that it has.</summary>
    public Trajectory Apply(Trajectory row, OutcomeEstimate estimate) => Score(row with { SuccessProbability = estimate.Probability, Evidence = estimate.Evidence });

    /// <summary>The row with its score by the formula and its preset's rules; none without success.</summary>
    public Trajectory Score(Trajectory row) => Score(row, catalog.Get(row.Preset));

    private static Trajectory Claimed(Trajectory row, bool success, string? by, DateTimeOffset at) => row with
    {
        Status = success ? TrajectoryStatus.Completed : TrajectoryStatus.Failed,
        Success = success,
        OutcomeSource = OutcomeSource.Agent,
        StatedBy = by,
        SuccessProbability = null,
        Evidence = [],
        IsProvisional = true,
        CompletedAt = at,
    };

    private Trajectory Score(Trajectory row, TaskRules rules) =>
        row with { QualityScore = QualityScore.Compute(row, options.Quality, rules.FreeIterations, _outcome).Score };

    private Trajectory Infer(TrajectoryState run, Trajectory row)
    {
        var estimate = OutcomeEstimator.Estimate(new OutcomeFacts { Outline = run.Outline.Build(), Task = row.TaskDescription }, models.Current(row.Tenant));
        return row with
        {
            Status = TrajectoryStatus.Completed,
            Success = null,
            OutcomeSource = OutcomeSource.Inferred,
            StatedBy = null,
            SuccessProbability = estimate.Probability,
            Evidence = estimate.Evidence,
            CompletedAt = row.LastActivityAt,
        };
    }
}
