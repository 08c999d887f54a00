namespace LlmProxy.Core.Experiments;

/// <summary>An interval in which a value lies with some confidence.</summary>
/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
public readonly record struct Interval(double Low, double High)
{
    /// <summary>Whether a value lies in it, its ends included.</summary>
    public bool Contains(double value) => Low <= value && value <= High;
}

/// <summary>Shares of successes, and how sure they are.</summary>
public static class Proportion
{
    // 97.5 % of a standard normal distribution lie below: two-sided 95 %.
    private const double Z = 1.959963984540054;

    /// <summary>
    /// The 95 % score interval of a share (E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
    /// Inference", 1927): <c>(p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n)</c>. 0 to 1 without trials.
    /// </summary>
    /// <param name="successes">Successes.</param>
    /// <param name="trials">Trials.</param>
    public static Interval Wilson(long successes, long trials) =>
        trials <= 0 ? new Interval(0, 1) : Wilson((double)successes / trials, trials, Z);

    /// <summary>The score interval of a share. <paramref name="trials"/> need not be a whole number.</summary>
    internal static Interval Wilson(double share, double trials, double z)
    {
        var middle = share + (z * z / (2 * trials));
        var half = z * Math.Sqrt((share * (1 - share) / trials) + (z * z / (4 * trials * trials)));
        var scale = 1 + (z * z / trials);
        return new Interval(Math.Max(0, (middle - half) / scale), Math.Min(1, (middle + half) / scale));
    }

    /// <summary>
    /// The 95 % interval of the difference of two independent shares, first less second: the hybrid score interval
    /// (R. G. Newcombe, "Interval Estimation for the Difference Between Independent Proportions", 1998, method 10). With
    /// Wilson's intervals l to u: from <c>d - √((p₁-l₁)² + (u₂-p₂)²)</c> to <c>d + √((u₁-p₁)² + (p₂-l₂)²)</c>.
    /// </summary>
    public static Interval Difference(long successes1, long trials1, long successes2, long trials2)
    {
        if (trials1 <= 0 || trials2 <= 0)
        {
            return new Interval(-1, 1);
        }

        var (p1, p2) = ((double)successes1 / trials1, (double)successes2 / trials2);
        var (first, second) = (Wilson(successes1, trials1), Wilson(successes2, trials2));
        return new Interval(
            p1 - p2 - Math.Sqrt(Square(p1 - first.Low) + Square(second.High - p2)),
            p1 - p2 + Math.Sqrt(Square(first.High - p1) + Square(p2 - second.Low)));
    }

    private static double Square(double value) => value * value;
}
