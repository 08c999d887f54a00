namespace LlmProxy.Core.Outcomes;

/// <summary>Fits a model to stated outcomes.</summary>
public static class OutcomeFit
{
    /// <summary>Fewest stated outcomes that a model is fitted to.</summary>
    public const int MinOutcomes = 50;

    // Strength of the pull towards the shipped weights, in outcomes for one standard deviation of a signal.
    private const double Ridge = 50;
    private const int Iterations = 2000;

    /// <summary>
    /// Logistic regression that is pulled towards the shipped weights, with no weight against its signal's direction, and
    /// an isotonic calibration (pool adjacent violators; Ayer et al., 1955).
    /// </summary>
    /// <param name="values">For each trajectory the values of <see cref="OutcomeEstimator.Values"/>.</param>
    /// <param name="succeeded">For each whether it succeeded.</param>
    /// <param name="at">When it is fitted.</param>
    public static OutcomeModel Fit(IReadOnlyList<double[]> values, IReadOnlyList<bool> succeeded, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(succeeded);
        var names = OutcomeEstimator.Signals.Select(s => s.Name).ToArray();
        var scale = Enumerable.Range(0, names.Length).Select(k => Deviation(values, k)).ToArray();
        var prior = names.Select((name, k) => OutcomeModel.Shipped.Weights.GetValueOrDefault(name) * scale[k]).ToArray();
        var weights = (double[])prior.Clone();
        var intercept = OutcomeModel.Shipped.Intercept;

        // Gradient descent: a hundred to some thousand rows of seven values take milliseconds.
        for (var i = 0; i < Iterations; i++)
        {
            var gradient = new double[names.Length];
            var bias = 0.0;
            for (var row = 0; row < values.Count; row++)
            {
                var error = Probability(values[row], weights, scale, intercept) - (succeeded[row] ? 1 : 0);
                bias += error;
                for (var k = 0; k < names.Length; k++)
                {
                    gradient[k] += scale[k] > 0 ? error * values[row][k] / scale[k] : 0;
                }
            }

            intercept -= 0.5 * bias / values.Count;
            for (var k = 0; k < names.Length; k++)
            {
                weights[k] = Math.Max(0, weights[k] - (0.5 * (gradient[k] + (Ridge * (weights[k] - prior[k]))) / (values.Count + Ridge)));
            }
        }

        var raw = values.Select(row => Probability(row, weights, scale, intercept)).ToList();
        return new OutcomeModel
        {
            Intercept = Math.Round(intercept, 4),
            Weights = names.Select((name, k) => (name, weight: scale[k] > 0 ? Math.Round(weights[k] / scale[k], 4) : OutcomeModel.Shipped.Weights.GetValueOrDefault(name))).ToDictionary(w => w.name, w => w.weight, StringComparer.Ordinal),
            Calibration = Isotonic(raw, succeeded),
            FittedOn = values.Count,
            FittedAt = at,
        };
    }

    /// <summary>
    /// The curve of observed shares that rises with the raw probability. Each block counts one success and one failure more
    /// than it has (Laplace), so that no block of a few trajectories claims certainty.
    /// </summary>
    internal static IReadOnlyList<CalibrationPoint> Isotonic(IReadOnlyList<double> raw, IReadOnlyList<bool> succeeded)
    {
        var blocks = new List<(double Sum, double Successes, int Count)>();
        foreach (var (p, success) in raw.Zip(succeeded).OrderBy(pair => pair.First))
        {
            blocks.Add((p, success ? 1 : 0, 1));
            while (blocks.Count > 1 && (blocks[^1].Count < MinBlock(raw.Count) || blocks[^2].Count < MinBlock(raw.Count) || Share(blocks[^2]) >= Share(blocks[^1])) && CanMerge(blocks, raw.Count))
            {
                var (a, b) = (blocks[^2], blocks[^1]);
                blocks.RemoveRange(blocks.Count - 2, 2);
                blocks.Add((a.Sum + b.Sum, a.Successes + b.Successes, a.Count + b.Count));
            }
        }

        return [.. blocks.Select(b => new CalibrationPoint(Math.Round(b.Sum / b.Count, 4), Math.Round((b.Successes + 1) / (b.Count + 2), 4)))];
    }

    // Blocks that are too small follow the accidents of single trajectories.
    private static int MinBlock(int count) => Math.Max(5, count / 12);

    private static bool CanMerge(List<(double Sum, double Successes, int Count)> blocks, int count) =>
        Share(blocks[^2]) >= Share(blocks[^1]) || blocks[^2].Count < MinBlock(count);

    private static double Share((double Sum, double Successes, int Count) block) => (block.Successes + 1) / (block.Count + 2);

    private static double Probability(double[] row, double[] weights, double[] scale, double intercept)
    {
        var logOdds = intercept;
        for (var k = 0; k < weights.Length; k++)
        {
            logOdds += scale[k] > 0 ? weights[k] * row[k] / scale[k] : 0;
        }

        return 1 / (1 + Math.Exp(-logOdds));
    }

    private static double Deviation(IReadOnlyList<double[]> values, int k)
    {
        if (values.Count == 0)
        {
            return 0;
        }

        var mean = values.Average(row => row[k]);
        return Math.Sqrt(values.Average(row => (row[k] - mean) * (row[k] - mean)));
    }
}
