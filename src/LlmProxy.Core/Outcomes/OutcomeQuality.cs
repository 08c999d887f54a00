namespace LlmProxy.Core.Outcomes;

/// <summary>A row of a reliability table.</summary>
/// <param name="Predicted">Mean probability.</param>
/// <param name="Observed">Share that succeeded.</param>
/// <param name="Count">Trajectories.</param>
public sealed record ReliabilityRow(double Predicted, double Observed, int Count);

/// <summary>How well probabilities agree with stated outcomes.</summary>
/// <param name="Count">Trajectories with a stated outcome.</param>
/// <param name="BaseRate">Share of them that succeeded.</param>
/// <param name="Auc">Probability that a success gets a higher value than a failure (area under the ROC curve); null if all ended alike.</param>
/// <param name="AucLow">Lower bound of its 90 % interval (bootstrap by group).</param>
/// <param name="AucHigh">Upper bound.</param>
/// <param name="Eligible">How many reach the threshold.</param>
/// <param name="Precision">Share of those that succeeded; null without any.</param>
/// <param name="Reliability">Thirds by probability.</param>
public sealed record OutcomeQuality(int Count, double BaseRate, double? Auc, double? AucLow, double? AucHigh, int Eligible, double? Precision, IReadOnlyList<ReliabilityRow> Reliability)
{
    private const int Resamples = 1000;

    /// <summary>Largest difference of a third's mean probability and its share of successes.</summary>
    public double CalibrationError => Reliability.Count == 0 ? 0 : Reliability.Max(r => Math.Abs(r.Predicted - r.Observed));

    /// <summary>Measures probabilities.</summary>
    /// <param name="rows">Probability, outcome, and the group (task) that is drawn as a whole.</param>
    /// <param name="threshold">The probability from which on a trajectory may become an example.</param>
    public static OutcomeQuality Of(IReadOnlyList<(double Probability, bool Succeeded, string Group)> rows, double threshold)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count == 0)
        {
            return new OutcomeQuality(0, 0, null, null, null, 0, null, []);
        }

        var eligible = rows.Where(r => r.Probability >= threshold).ToList();
        var sorted = rows.OrderBy(r => r.Probability).ToList();
        var thirds = Enumerable.Range(0, 3).Select(i => sorted[(i * sorted.Count / 3)..((i + 1) * sorted.Count / 3)]).Where(t => t.Count > 0)
            .Select(t => new ReliabilityRow(t.Average(r => r.Probability), t.Average(r => r.Succeeded ? 1.0 : 0), t.Count)).ToList();
        var (low, high) = Interval(rows);
        return new OutcomeQuality(
            rows.Count,
            rows.Average(r => r.Succeeded ? 1.0 : 0),
            AucOf(rows),
            low,
            high,
            eligible.Count,
            eligible.Count == 0 ? null : eligible.Average(r => r.Succeeded ? 1.0 : 0),
            thirds);
    }

    /// <summary>Area under the ROC curve; null if all ended alike.</summary>
    public static double? AucOf(IReadOnlyCollection<(double Probability, bool Succeeded, string Group)> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);

        // By ranks (Mann and Whitney, 1947); equal values share their mean rank.
        var sorted = rows.OrderBy(r => r.Probability).ToList();
        double ranks = 0;
        for (var i = 0; i < sorted.Count;)
        {
            var end = i;
            while (end < sorted.Count && sorted[end].Probability.Equals(sorted[i].Probability))
            {
                end++;
            }

            ranks += sorted[i..end].Count(r => r.Succeeded) * ((i + 1 + end) / 2.0);
            i = end;
        }

        long successes = sorted.Count(r => r.Succeeded), failures = sorted.Count - successes;
        return successes == 0 || failures == 0 ? null : (ranks - (successes * (successes + 1) / 2.0)) / (successes * failures);
    }

    private static (double? Low, double? High) Interval(IReadOnlyList<(double Probability, bool Succeeded, string Group)> rows)
    {
        var groups = rows.GroupBy(r => r.Group, StringComparer.Ordinal).Select(g => g.ToList()).ToList();
        // The same table for the same data.
        var random = new Random(1);
        var values = Enumerable.Range(0, Resamples)
            .Select(_ => AucOf([.. Enumerable.Range(0, groups.Count).SelectMany(_ => groups[random.Next(groups.Count)])]))
            .OfType<double>().Order().ToList();
        return values.Count == 0 ? (null, null) : (values[(int)(values.Count * 0.05)], values[(int)(values.Count * 0.95)]);
    }
}
