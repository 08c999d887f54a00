namespace LlmProxy.Core.Judging;

/// <summary>How far a judge agrees with stated outcomes.</summary>
/// <param name="Count">Runs with a stated outcome on which the judge did not abstain.</param>
/// <param name="Abstained">Runs on which it did.</param>
/// <param name="Agreement">Share of <paramref name="Count"/> with the stated outcome; null without any.</param>
/// <param name="Kappa">Agreement beyond chance (Cohen, 1960); null if it is undefined: without runs, or if both see only one outcome.</param>
/// <param name="KappaLow">Lower bound of its 90 % interval (bootstrap by task); null if <paramref name="Kappa"/> is.</param>
/// <param name="KappaHigh">Upper bound.</param>
public sealed record JudgeCalibration(int Count, int Abstained, double? Agreement, double? Kappa, double? KappaLow, double? KappaHigh)
{
    /// <summary>Least kappa of a judge that may set outcomes: below is at most slight agreement (Landis and Koch, 1977).</summary>
    public const double MinKappa = 0.2;

    /// <summary>Fewest stated outcomes of a judge that may set outcomes.</summary>
    public const int MinOutcomes = 20;

    private const int Resamples = 1000;

    /// <summary>Whether the judge may set outcomes: it agrees with enough stated outcomes, and not by chance.</summary>
    public bool MaySetOutcomes => Count >= MinOutcomes && Kappa >= MinKappa && KappaLow > 0;

    /// <summary>Compares a judge with stated outcomes.</summary>
    /// <param name="runs">For each run the judge's verdict (null where it abstains), the stated outcome, and the task, whose runs are drawn together.</param>
    public static JudgeCalibration Of(IReadOnlyCollection<(bool? Judged, bool Stated, string Task)> runs)
    {
        ArgumentNullException.ThrowIfNull(runs);
        var judged = runs.Where(r => r.Judged is not null).Select(r => (Judged: r.Judged!.Value, r.Stated, r.Task)).ToList();
        if (judged.Count == 0)
        {
            return new JudgeCalibration(0, runs.Count, null, null, null, null);
        }

        var kappa = KappaOf(judged);
        var (low, high) = kappa is null ? (null, null) : Interval(judged);
        return new JudgeCalibration(judged.Count, runs.Count - judged.Count, judged.Average(r => r.Judged == r.Stated ? 1.0 : 0), kappa, low, high);
    }

    private static double? KappaOf(IReadOnlyCollection<(bool Judged, bool Stated, string Task)> runs)
    {
        double n = runs.Count;
        var (judged, stated) = (runs.Count(r => r.Judged) / n, runs.Count(r => r.Stated) / n);
        var chance = (judged * stated) + ((1 - judged) * (1 - stated));
        return chance >= 1 ? null : ((runs.Count(r => r.Judged == r.Stated) / n) - chance) / (1 - chance);
    }

    private static (double? Low, double? High) Interval(IEnumerable<(bool Judged, bool Stated, string Task)> runs)
    {
        var tasks = runs.GroupBy(r => r.Task, StringComparer.Ordinal).Select(g => g.ToList()).ToList();

        // The same interval for the same data.
        var random = new Random(1);
        var values = Enumerable.Range(0, Resamples)
            .Select(_ => KappaOf([.. Enumerable.Range(0, tasks.Count).SelectMany(_ => tasks[random.Next(tasks.Count)])]))
            .OfType<double>().Order().ToList();
        return values.Count == 0 ? (null, null) : (values[(int)(values.Count * 0.05)], values[(int)(values.Count * 0.95)]);
    }
}
