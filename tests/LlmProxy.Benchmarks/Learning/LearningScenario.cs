using LlmProxy.Core.Outcomes;

namespace LlmProxy.Benchmarks.Learning;

/// <summary>How well outcomes are recognised on recorded runs of others with a checked reward.</summary>
internal static class LearningScenario
{
    public static async Task<int> RunAsync(LearningOptions options, CancellationToken cancellationToken)
    {
        var tasks = RewardedTask.ReadAll();
        var facts = tasks.ConvertAll(t => t.FactsFrom(tasks));
        var succeeded = tasks.ConvertAll(t => t.Succeeded);
        var groups = tasks.ConvertAll(t => t.Task);
        var evaluation = OutcomeReview.Evaluate(facts, succeeded, groups, options.Threshold);

        var table = new Table("Outcome", "runs", "base rate", "AUC", "90 % low", "high", "calibration error", "eligible", "precision");
        Add("shipped weights", evaluation.Shipped);
        Add("fitted, task left out", evaluation.Fitted!);
        Console.WriteLine(table);

        var reliability = new Table("Thirds", "predicted", "observed", "runs");
        foreach (var (name, quality) in new[] { ("shipped", evaluation.Shipped), ("fitted", evaluation.Fitted!) })
        {
            foreach (var row in quality.Reliability)
            {
                reliability.Add(name, row.Predicted.Show(3), row.Observed.Show(3), $"{row.Count}");
            }
        }

        Console.WriteLine(reliability);
        var signals = new Table("Signal", "says something", "AUC alone", "deviation", "lost without it");
        for (var k = 0; k < OutcomeEstimator.Signals.Count; k++)
        {
            var signal = OutcomeEstimator.Signals[k];
            var values = facts.ConvertAll(f => signal.Read(f)?.Value ?? 0);
            var mean = values.Average();
            signals.Add(
                signal.Name,
                $"{facts.Count(f => signal.Read(f) is not null)}",
                (OutcomeQuality.AucOf([.. values.Select((v, i) => (v, succeeded[i], groups[i]))]) ?? double.NaN).Show(3),
                Math.Sqrt(values.Average(v => (v - mean) * (v - mean))).Show(3),
                (evaluation.Ablation[signal.Name] ?? double.NaN).Show(3));
        }

        Console.WriteLine(signals);
        Console.WriteLine($"All signals shuffled among the runs: AUC {Shuffled(facts, succeeded, groups).Show(3)} (mean of 200).");
        foreach (var count in new[] { 1_000, 10_000 })
        {
            Console.WriteLine($"An estimate in the background, {count} trajectories in SQLite: {(await EstimateCost.MeasureAsync(count, cancellationToken)).Show(2)} ms.");
        }

        return 0;

        void Add(string name, OutcomeQuality q) => table.Add(
            name, $"{q.Count}", q.BaseRate.Show(3), (q.Auc ?? double.NaN).Show(3), (q.AucLow ?? double.NaN).Show(3), (q.AucHigh ?? double.NaN).Show(3), q.CalibrationError.Show(3), $"{q.Eligible}", (q.Precision ?? double.NaN).Show(3));
    }

    private static double Shuffled(List<OutcomeFacts> facts, List<bool> succeeded, List<string> groups)
    {
        var probabilities = facts.ConvertAll(f => OutcomeEstimator.Estimate(f, OutcomeModel.Shipped).Probability);
        var random = new Random(1);
        return Enumerable.Range(0, 200).Average(_ =>
        {
            var order = Enumerable.Range(0, facts.Count).ToArray();
            random.Shuffle(order);
            return OutcomeQuality.AucOf([.. order.Select((from, i) => (probabilities[from], succeeded[i], groups[i]))])!.Value;
        });
    }
}

/// <summary>Options of <c>learning</c>.</summary>
/// <param name="Threshold">The least probability of an example.</param>
internal sealed record LearningOptions(double Threshold)
{
    public static LearningOptions Parse(string[] args) => args.Length == 0 ? new(0.6) : throw new UsageException("learning takes no options");
}
