namespace LlmProxy.Core.Trajectories;

/// <summary>A run's score with everything that went into it.</summary>
/// <param name="Preset">Preset whose free iterations were used.</param>
/// <param name="Score">0 to 1; null for a run that did not succeed.</param>
/// <param name="Inputs">The measured values by name.</param>
/// <param name="Terms">What each term took away (0 or negative), by name.</param>
public sealed record Scoring(
    string Preset,
    double? Score,
    IReadOnlyDictionary<string, double?> Inputs,
    IReadOnlyDictionary<string, double> Terms);

/// <summary>
/// The quality score: <c>1 - 0.3·min(interventions, 3) - 0.2·max(0, errorRate - 0.1) - 0.2·max(0, 0.8 - clickAccuracy)
/// - 0.02·max(0, iterations - freeIterations)</c>, clamped to 0..1. Only a run that succeeded has one, or one that probably did (a provisional score). Without a measured
/// click accuracy that term is 0.
/// </summary>
public static class QualityScore
{
    private static readonly OutcomeOptions Defaults = new();

    /// <summary>Scores a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="freeIterations">Iterations that cost nothing, from the preset; the setting wins where it is given.</param>
    /// <param name="outcome">Which outcomes count; null for the defaults.</param>
    public static Scoring Compute(Trajectory run, QualityOptions weights, int freeIterations, OutcomeOptions? outcome = null)
    {
        var free = weights.FreeIterations ?? freeIterations;
        var click = run.ClickAccuracy;
        var terms = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["userInterventions"] = -weights.InterventionPenalty * Math.Min(run.UserInterventions, weights.MaxInterventions),
            ["errorRate"] = -weights.ErrorRatePenalty * Math.Max(0, run.ErrorRate - weights.FreeErrorRate),
            ["clickAccuracy"] = click is null ? 0 : -weights.ClickAccuracyPenalty * Math.Max(0, weights.WantedClickAccuracy - click.Value),
            ["iterationCount"] = -weights.IterationPenalty * Math.Max(0, run.IterationCount - free),
        };
        var inputs = new Dictionary<string, double?>(StringComparer.Ordinal)
        {
            ["userInterventions"] = run.UserInterventions,
            ["errorRate"] = run.ErrorRate,
            ["clickAccuracy"] = click,
            ["iterationCount"] = run.IterationCount,
            ["freeIterations"] = free,
        };
        // Rounded so that 1 - 0.3 does not come out as 0.7000000000000001 on one side of a threshold and not on the other.
        double? score = Counts(run, outcome ?? Defaults) ? Math.Round(Math.Clamp(1.0 + terms.Values.Sum(), 0, 1), 10) : null;
        return new Scoring(run.Preset, score, inputs, terms.ToDictionary(t => t.Key, t => t.Value + 0.0, StringComparer.Ordinal));
    }

    /// <summary>Whether a run's outcome counts as a success: a known one, or one that is probable enough.</summary>
    private static bool Counts(Trajectory run, OutcomeOptions outcome) =>
        run.Success == true ? !outcome.RequireStated || run.IsVerified
        : run is { Success: null, SuccessProbability: { } probability } && !outcome.RequireStated && probability >= outcome.MinProbability;
}
