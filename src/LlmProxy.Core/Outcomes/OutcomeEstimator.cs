namespace LlmProxy.Core.Outcomes;

/// <summary>A probability of success and what it rests on.</summary>
/// <param name="Probability">0 to 1.</param>
/// <param name="Evidence">Each signal that says something, the strongest first.</param>
public sealed record OutcomeEstimate(double Probability, IReadOnlyList<OutcomeEvidence> Evidence);

/// <summary>Estimates the success of trajectories without a stated outcome.</summary>
public static class OutcomeEstimator
{
    /// <summary>All signals.</summary>
    public static IReadOnlyList<IOutcomeSignal> Signals { get; } =
    [
        new EndOfTurnSignal(), new VerificationSignal(), new NextTurnSignal(), new TroubleSignal(), new NearSuccessSignal(), new SimilarTasksSignal(), new EffortSignal(),
    ];

    /// <summary>The estimate of a model for some facts.</summary>
    public static OutcomeEstimate Estimate(OutcomeFacts facts, OutcomeModel model)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(model);
        var logOdds = model.Intercept;
        var evidence = new List<OutcomeEvidence>();
        foreach (var signal in Signals)
        {
            if (signal.Read(facts) is not { } read)
            {
                continue;
            }

            var weight = read.Value * model.Weights.GetValueOrDefault(signal.Name);
            logOdds += weight;
            evidence.Add(new OutcomeEvidence(signal.Name, Math.Round(weight, 3), read.Text));
        }

        return new OutcomeEstimate(model.Probability(logOdds), [.. evidence.OrderByDescending(e => Math.Abs(e.Weight)).ThenBy(e => e.Signal, StringComparer.Ordinal)]);
    }

    /// <summary>The values of all signals in the order of <see cref="Signals"/>; 0 for one that says nothing.</summary>
    public static double[] Values(OutcomeFacts facts) => [.. Signals.Select(signal => signal.Read(facts)?.Value ?? 0)];
}
