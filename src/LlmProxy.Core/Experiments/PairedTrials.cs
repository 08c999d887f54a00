namespace LlmProxy.Core.Experiments;

/// <summary>A measured value with its 90 % interval.</summary>
/// <param name="Value">The value.</param>
/// <param name="Low">Lower end of the interval; null if one task alone was measured.</param>
/// <param name="High">Upper end of the interval; null if one task alone was measured.</param>
internal sealed record Estimate(double Value, double? Low, double? High);

/// <summary>
/// Shares and differences of an evaluation in which every arm runs the same tasks, each of them once or several times.
/// Runs of one task resemble each other, so tasks are what intervals count: their number, not that of the runs.
/// </summary>
internal static class PairedTrials
{
    // 95 % of a standard normal distribution lie below: two-sided 90 %.
    private const double Z = 1.6448536269514722;
    private const int Resamples = 2000;

    /// <summary>
    /// Success rate of one arm with Wilson's 90 % interval. With several runs of a task, the interval counts as many
    /// independent runs as would vary as much as the tasks' rates do, at least one and at most all runs of each task.
    /// </summary>
    /// <param name="tasks">Outcomes of the runs of each task.</param>
    /// <returns>Null without runs.</returns>
    public static Estimate? SuccessRate(IReadOnlyList<IReadOnlyList<bool>> tasks)
    {
        var ran = tasks.Where(t => t.Count > 0).ToList();
        if (ran.Count == 0)
        {
            return null;
        }

        var share = Share(ran);
        var interval = Interval(ran, share);
        return new Estimate(share, interval.Low, interval.High);
    }

    /// <summary>
    /// Difference of two arms' success rates over the same tasks, first less second, with its 90 % interval: the hybrid
    /// score interval for paired shares (R. G. Newcombe, "Improved confidence intervals for the difference between
    /// binomial proportions based on paired data", 1998, method 10 without continuity correction). With Wilson's intervals
    /// l to u and the correlation φ of the arms over the tasks: from
    /// <c>d - √((p₁-l₁)² - 2φ(p₁-l₁)(u₂-p₂) + (u₂-p₂)²)</c> to <c>d + √((u₁-p₁)² - 2φ(u₁-p₁)(p₂-l₂) + (p₂-l₂)²)</c>.
    /// </summary>
    /// <param name="first">Outcomes of the first arm's runs of each task.</param>
    /// <param name="second">Outcomes of the second arm's runs of the same tasks, in the same order.</param>
    /// <returns>Null without a task that both arms ran.</returns>
    public static Estimate? SuccessDifference(IReadOnlyList<IReadOnlyList<bool>> first, IReadOnlyList<IReadOnlyList<bool>> second)
    {
        var both = first.Zip(second).Where(t => t is { First.Count: > 0, Second.Count: > 0 }).ToList();
        if (both.Count == 0)
        {
            return null;
        }

        var (left, right) = (both.ConvertAll(t => t.First), both.ConvertAll(t => t.Second));
        var (one, two) = (Share(left), Share(right));
        var (first90, second90) = (Interval(left, one), Interval(right, two));
        var correlation = Correlation(left.ConvertAll(Rate), right.ConvertAll(Rate));
        return new Estimate(
            one - two,
            Math.Max(-1, one - two - Combined(one - first90.Low, second90.High - two)),
            Math.Min(1, one - two + Combined(first90.High - one, two - second90.Low)));

        double Combined(double a, double b) => Math.Sqrt(Math.Max(0, (a * a) - (2 * correlation * a * b) + (b * b)));
    }

    /// <summary>Mean of the differences of a number over the same tasks, with its 90 % interval (bootstrap by task, the same for the same data).</summary>
    /// <param name="differences">One difference for each task.</param>
    /// <returns>Null without tasks.</returns>
    public static Estimate? MeanDifference(IReadOnlyList<double> differences)
    {
        if (differences.Count < 2)
        {
            return differences.Count == 0 ? null : new Estimate(differences[0], null, null);
        }

        var random = new Random(1);
        var means = new double[Resamples];
        for (var i = 0; i < Resamples; i++)
        {
            double sum = 0;
            for (var n = 0; n < differences.Count; n++)
            {
                sum += differences[random.Next(differences.Count)];
            }

            means[i] = sum / differences.Count;
        }

        Array.Sort(means);
        return new Estimate(differences.Average(), means[(int)(Resamples * 0.05)], means[(int)(Resamples * 0.95)]);
    }

    private static Interval Interval(List<IReadOnlyList<bool>> tasks, double share)
    {
        double count = tasks.Count, runs = tasks.Sum(t => t.Count);
        var variance = tasks.Sum(t => Square(Rate(t) - share)) / Math.Max(1, count - 1);

        // If all runs ended alike, nothing is known of how alike those of one task are.
        var independent = share is 0 or 1 ? count : variance > 0 ? Math.Clamp(share * (1 - share) * count / variance, count, runs) : runs;
        return Proportion.Wilson(share, independent, Z);
    }

    private static double Share(List<IReadOnlyList<bool>> tasks) => (double)tasks.Sum(t => t.Count(s => s)) / tasks.Sum(t => t.Count);

    private static double Rate(IReadOnlyList<bool> runs) => (double)runs.Count(s => s) / runs.Count;

    private static double Correlation(List<double> first, List<double> second)
    {
        var (one, two) = (first.Average(), second.Average());
        var product = Math.Sqrt(first.Sum(v => Square(v - one)) * second.Sum(v => Square(v - two)));
        return product > 0 ? Math.Clamp(first.Zip(second).Sum(v => (v.First - one) * (v.Second - two)) / product, -1, 1) : 0;
    }

    private static double Square(double value) => value * value;
}
