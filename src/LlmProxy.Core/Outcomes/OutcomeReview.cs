namespace LlmProxy.Core.Outcomes;

/// <summary>An evaluation of estimates against stated outcomes.</summary>
/// <param name="Shipped">The shipped model.</param>
/// <param name="Fitted">A model fitted without the task at hand (leave one task out); null with fewer outcomes than <see cref="OutcomeFit.MinOutcomes"/>.</param>
/// <param name="Ablation">For each signal the AUC of the shipped model without it, less that with it.</param>
/// <param name="Model">The tenant's model.</param>
public sealed record OutcomeEvaluation(OutcomeQuality Shipped, OutcomeQuality? Fitted, IReadOnlyDictionary<string, double?> Ablation, OutcomeModel Model);

/// <summary>Compares estimates with stated outcomes, and fits a tenant's model to them.</summary>
internal sealed class OutcomeReview(IOutcomeStore store, NearTrajectories near, LlmProxyOptions options, TimeProvider time)
{
    /// <summary>Most stated outcomes that are read, the latest first.</summary>
    public const int MaxOutcomes = 5000;

    /// <summary>Evaluates the estimates that a tenant's trajectories with stated outcomes would get without their own outcome.</summary>
    public async Task<OutcomeEvaluation> EvaluateAsync(string tenant, CancellationToken cancellationToken)
    {
        var (facts, succeeded, groups) = await ReadAsync(tenant, cancellationToken);
        return Evaluate(facts, succeeded, groups, options.Outcome.MinProbability) with
        {
            Model = await store.ReadOutcomeModelAsync(tenant, cancellationToken) ?? OutcomeModel.Shipped,
        };
    }

    /// <summary>Fits a tenant's model and keeps it; null if there are fewer than <see cref="OutcomeFit.MinOutcomes"/> stated outcomes.</summary>
    public async Task<OutcomeModel?> FitAsync(string tenant, CancellationToken cancellationToken)
    {
        var (facts, succeeded, _) = await ReadAsync(tenant, cancellationToken);
        if (facts.Count < OutcomeFit.MinOutcomes)
        {
            return null;
        }

        var model = OutcomeFit.Fit([.. facts.Select(OutcomeEstimator.Values)], succeeded, time.GetUtcNow());
        await store.SaveOutcomeModelAsync(tenant, model, cancellationToken);
        return model;
    }

    /// <summary>Evaluates estimates.</summary>
    /// <param name="facts">What is known of each trajectory without its outcome.</param>
    /// <param name="succeeded">Its outcome.</param>
    /// <param name="groups">Its task: trajectories of one task are left out together.</param>
    /// <param name="threshold">The least probability of an example.</param>
    internal static OutcomeEvaluation Evaluate(IReadOnlyList<OutcomeFacts> facts, IReadOnlyList<bool> succeeded, IReadOnlyList<string> groups, double threshold)
    {
        var shipped = Rows(OutcomeModel.Shipped);
        var auc = OutcomeQuality.AucOf(shipped);
        var ablation = OutcomeEstimator.Signals.ToDictionary(
            signal => signal.Name,
            signal => auc - OutcomeQuality.AucOf(Rows(OutcomeModel.Shipped with { Weights = OutcomeModel.Shipped.Weights.Where(w => w.Key != signal.Name).ToDictionary(StringComparer.Ordinal) })),
            StringComparer.Ordinal);
        return new OutcomeEvaluation(OutcomeQuality.Of(shipped, threshold), facts.Count < OutcomeFit.MinOutcomes ? null : OutcomeQuality.Of(LeaveOneOut(), threshold), ablation, OutcomeModel.Shipped);

        List<(double Probability, bool Succeeded, string Group)> Rows(OutcomeModel model) =>
            [.. facts.Select((f, i) => (OutcomeEstimator.Estimate(f, model).Probability, succeeded[i], groups[i]))];

        List<(double Probability, bool Succeeded, string Group)> LeaveOneOut()
        {
            var values = facts.Select(OutcomeEstimator.Values).ToList();
            var rows = new (double, bool, string)[facts.Count];
            foreach (var group in groups.Distinct(StringComparer.Ordinal))
            {
                var others = Enumerable.Range(0, facts.Count).Where(i => groups[i] != group).ToList();
                var model = OutcomeFit.Fit([.. others.Select(i => values[i])], [.. others.Select(i => succeeded[i])], DateTimeOffset.UnixEpoch);
                foreach (var i in Enumerable.Range(0, facts.Count).Where(i => groups[i] == group))
                {
                    rows[i] = (OutcomeEstimator.Estimate(facts[i], model).Probability, succeeded[i], group);
                }
            }

            return [.. rows];
        }
    }

    private async Task<(List<OutcomeFacts> Facts, List<bool> Succeeded, List<string> Groups)> ReadAsync(string tenant, CancellationToken cancellationToken)
    {
        var stated = await store.ListStatedAsync(tenant, MaxOutcomes, cancellationToken);
        var facts = new List<OutcomeFacts>(stated.Count);
        foreach (var (trajectory, outline) in stated)
        {
            facts.Add(new OutcomeFacts
            {
                Outline = outline,
                Task = trajectory.TaskDescription,
                NextUserText = await store.FindNextTurnAsync(tenant, trajectory.ConversationId, trajectory.StartedAt, cancellationToken),
                Near = await near.FindKnownAsync(trajectory, cancellationToken),
            });
        }

        return (facts, [.. stated.Select(s => s.Trajectory.Success == true)], [.. stated.Select(s => s.Trajectory.TaskDescription)]);
    }
}
