namespace LlmProxy.Core.Experiments;

/// <summary>Weighs the success of tasks that used an example against the holdout, which got none.</summary>
/// <remarks>
/// <para>
/// Beta-binomial, by model (Gelman and others, "Bayesian Data Analysis", third edition, chapters 2.4 and 3.7). For a
/// model's holdout with S successes of N tasks the rate is Beta(S + 1, N - S + 1) with the mean h. For an example's tasks
/// of that model, s of n, it is Beta(s + κh, n - s + κ(1 - h)) with κ = 2: before any evidence an example is taken to do
/// nothing. The differences of the means are averaged over models, weighted by n, their variances with the squared
/// weights, and the probability that the difference is above zero is read from the normal distribution with that mean and
/// variance, which from <see cref="ExampleEvidence.FewestTasks"/> tasks on is near enough.
/// </para>
/// <para>
/// A holdout is drawn by chance from all tasks; the tasks that get a certain example are alike. So an example for hard
/// tasks looks worse than it is, so examples are retired automatically only if a setting is on.
/// </para>
/// <para>
/// A task that got several examples counts for each of them, against what it would have had with the others alone: h
/// plus their differences, which are estimated together in a few rounds (backfitting of an additive model; Hastie and
/// Tibshirani, "Generalized Additive Models", 1990). So an example neither hides in good company nor suffers from bad one.
/// All examples change at once in each round, half of the way, so that those that are always shown together share what they do.
/// The cost is linear in the groups of tasks.
/// </para>
/// </remarks>
public static class ExampleJudge
{
    private const double PriorTasks = 2;
    private const int Rounds = 12;

    /// <summary>The evidence for each example that any task used.</summary>
    public static IReadOnlyDictionary<string, ExampleEvidence> Judge(IReadOnlyList<ExampleOutcome> outcomes)
    {
        ArgumentNullException.ThrowIfNull(outcomes);
        var holdouts = outcomes.Where(o => Is(o, ExperimentArm.Holdout)).GroupBy(o => (o.Provider, o.Model))
            .ToDictionary(g => g.Key, g => (Tasks: g.Sum(o => o.Judged), Successes: g.Sum(o => o.Successful)));
        var effects = Effects(outcomes, holdouts);
        var uses = outcomes.SelectMany(o => o.ExampleIds.Distinct(StringComparer.Ordinal).Select(id => (Id: id, Outcome: o)))
            .GroupBy(u => u.Id, u => u.Outcome, StringComparer.Ordinal);
        return uses.ToDictionary(g => g.Key, g => Judge(g.Key, [.. g], holdouts, effects), StringComparer.Ordinal);
    }

    /// <summary>What each example adds to the success rate of its tasks, the other examples of each task allowed for.</summary>
    private static Dictionary<string, double> Effects(IReadOnlyList<ExampleOutcome> outcomes, Dictionary<(string, string), (long Tasks, long Successes)> holdouts)
    {
        var groups = outcomes.Where(o => Is(o, ExperimentArm.Examples) && o.Judged > 0 && holdouts.ContainsKey((o.Provider, o.Model)))
            .Select(o => (Ids: o.ExampleIds.Distinct(StringComparer.Ordinal).ToList(), o.Judged, Gain: o.Successful - (o.Judged * Rate(holdouts[(o.Provider, o.Model)]))))
            .Where(g => g.Ids.Count > 0).ToList();
        var tasks = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (ids, judged, _) in groups)
        {
            ids.ForEach(id => tasks[id] = tasks.GetValueOrDefault(id) + judged);
        }

        var effects = tasks.ToDictionary(t => t.Key, _ => 0.0, StringComparer.Ordinal);
        if (groups.TrueForAll(g => g.Ids.Count == 1))
        {
            return effects;
        }

        for (var round = 0; round < Rounds; round++)
        {
            var gains = effects.ToDictionary(e => e.Key, _ => 0.0, StringComparer.Ordinal);
            foreach (var (ids, judged, gain) in groups)
            {
                var all = ids.Sum(id => effects[id]);
                ids.ForEach(id => gains[id] += gain - (judged * (all - effects[id])));
            }

            foreach (var (id, gain) in gains)
            {
                effects[id] = (effects[id] + (gain / (tasks[id] + PriorTasks))) / 2;
            }
        }

        return effects;
    }

    private static double Rate((long Tasks, long Successes) holdout) => (holdout.Successes + 1.0) / (holdout.Tasks + 2);

    private static ExampleEvidence Judge(string id, List<ExampleOutcome> uses, Dictionary<(string, string), (long Tasks, long Successes)> holdouts, Dictionary<string, double> effects)
    {
        var compared = uses.Where(u => Is(u, ExperimentArm.Examples) && holdouts.ContainsKey((u.Provider, u.Model)))
            .GroupBy(u => (u.Provider, u.Model))
            .Select(g => (
                Tasks: g.Sum(u => u.Judged),
                Successes: g.Sum(u => u.Successful),
                Company: g.Sum(u => u.Judged * u.ExampleIds.Distinct(StringComparer.Ordinal).Where(other => !string.Equals(other, id, StringComparison.Ordinal)).Sum(other => effects.GetValueOrDefault(other))),
                Holdout: holdouts[g.Key]))
            .ToList();
        var total = compared.Sum(c => c.Tasks);
        var (tasks, successes) = (uses.Sum(u => u.Judged), uses.Sum(u => u.Successful));
        if (total == 0)
        {
            return new ExampleEvidence(id, tasks, successes, 0, null, null);
        }

        var (difference, variance) = (0.0, 0.0);
        foreach (var (n, s, company, holdout) in compared)
        {
            var without = Beta(holdout.Successes + 1, holdout.Tasks - holdout.Successes + 1);
            var with = Beta(s + (PriorTasks * without.Mean), n - s + (PriorTasks * (1 - without.Mean)));
            var weight = (double)n / total;
            difference += weight * (with.Mean - without.Mean - (company / (n + PriorTasks)));
            variance += weight * weight * (with.Variance + without.Variance);
        }

        return new ExampleEvidence(id, tasks, successes, total, difference, NormalBelow(difference / Math.Sqrt(variance)));
    }

    private static bool Is(ExampleOutcome outcome, string arm) => string.Equals(outcome.Arm, arm, StringComparison.Ordinal);

    private static (double Mean, double Variance) Beta(double a, double b) => (a / (a + b), a * b / ((a + b) * (a + b) * (a + b + 1)));

    /// <summary>
    /// The standard normal distribution function, to 1.5e-7 (Abramowitz and Stegun, "Handbook of Mathematical Functions",
    /// 1964, formula 7.1.26).
    /// </summary>
    private static double NormalBelow(double z)
    {
        var x = Math.Abs(z) / Math.Sqrt(2);
        var t = 1 / (1 + (0.3275911 * x));
        var tail = t * (0.254829592 + (t * (-0.284496736 + (t * (1.421413741 + (t * (-1.453152027 + (t * 1.061405429)))))))) * Math.Exp(-x * x) / 2;
        return z < 0 ? tail : 1 - tail;
    }
}
