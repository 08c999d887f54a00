using System.Globalization;

namespace LlmProxy.Core.Experiments;

/// <summary>One arm of the experiment: tasks of one model, with or without examples.</summary>
/// <param name="Tasks">Ended tasks whose success is known.</param>
/// <param name="Successes">Those that succeeded.</param>
/// <param name="Iterations">Mean steps of an ended task.</param>
/// <param name="Interventions">Mean interventions.</param>
/// <param name="Tokens">Mean tokens, input and output.</param>
/// <param name="CostPerSuccess">USD for each success; null where prices are unknown or nothing succeeded.</param>
public sealed record ArmSummary(long Tasks, long Successes, double? Iterations, double? Interventions, double? Tokens, decimal? CostPerSuccess)
{
    /// <summary>Ended tasks whose tokens are unknown; the mean leaves them out.</summary>
    public long TasksWithoutTokens { get; init; }

    /// <summary>Ended tasks whose cost is unknown; the cost for each success leaves them out.</summary>
    public long TasksWithoutCost { get; init; }

    /// <summary>Tasks whose success was stated or judged; the others are claims of agents, and errors.</summary>
    public long Verified { get; init; }

    /// <summary>Ended tasks whose success is inferred; they are in no rate.</summary>
    public long Inferred { get; init; }

    /// <summary>Mean probability of success of the inferred ones.</summary>
    public double? MeanProbability { get; init; }

    /// <summary>Share of <see cref="Tasks"/> that was stated or judged, or null without tasks.</summary>
    public double? VerifiedShare => Tasks == 0 ? null : (double)Verified / Tasks;

    /// <summary>Share of successes, or null without tasks.</summary>
    public double? SuccessRate => Tasks == 0 ? null : (double)Successes / Tasks;

    internal static ArmSummary Of(IReadOnlyList<ArmStatistics> parts)
    {
        var (total, successes) = (parts.Sum(p => p.Total), parts.Sum(p => p.Successful));
        var (counted, paid, paidSuccesses) = (parts.Sum(p => p.Counted), parts.Sum(p => p.Paid), parts.Sum(p => p.PaidSuccesses));
        var inferred = parts.Sum(p => p.Inferred);
        return new ArmSummary(
            parts.Sum(p => p.Judged),
            successes,
            Mean(parts.Sum(p => p.Iterations), total),
            Mean(parts.Sum(p => p.Interventions), total),
            Mean(parts.Sum(p => p.Tokens), counted),
            paidSuccesses == 0 ? null : parts.Sum(p => p.CostUsd) / paidSuccesses)
        {
            TasksWithoutTokens = total - counted,
            TasksWithoutCost = total - paid,
            Verified = parts.Sum(p => p.Verified),
            Inferred = inferred,
            MeanProbability = inferred == 0 ? null : parts.Sum(p => p.Probability) / inferred,
        };

        static double? Mean(long sum, long count) => count == 0 ? null : (double)sum / count;
    }
}

/// <summary>What the examples did for one model.</summary>
/// <remarks>
/// Tasks count by the arm that they were drawn for, also where no example was found for one: leaving those out would
/// compare tasks like recorded ones with tasks of all kinds.
/// </remarks>
/// <param name="Provider">The provider of the model.</param>
/// <param name="Model">The model; empty for all of the provider's.</param>
/// <param name="WithExamples">The arm that gets examples.</param>
/// <param name="Holdout">The arm that gets none.</param>
public sealed record ArmComparison(string Provider, string Model, ArmSummary WithExamples, ArmSummary Holdout)
{
    /// <summary>Least number of judged tasks in each arm for a finding.</summary>
    public const int FewestTasks = 10;

    /// <summary>Success rate with examples less without, or null where an arm has no judged task.</summary>
    public double? Difference => WithExamples.SuccessRate - Holdout.SuccessRate;

    /// <summary>The difference's 95 % interval, see <see cref="Proportion.Difference"/>.</summary>
    public Interval Interval => Proportion.Difference(WithExamples.Successes, WithExamples.Tasks, Holdout.Successes, Holdout.Tasks);

    /// <summary><c>helps</c>, <c>harms</c>, <c>undecided</c>, or <c>too-few</c>.</summary>
    public string Finding =>
        Math.Min(WithExamples.Tasks, Holdout.Tasks) < FewestTasks ? "too-few"
        : Interval.Low > 0 ? "helps"
        : Interval.High < 0 ? "harms"
        : "undecided";

    /// <summary>One sentence, such as <c>gpt-4o: 61 % against 48 % without, +13 points, 95 % interval +2 to +24, 340 tasks: examples help</c>.</summary>
    public string Verdict
    {
        get
        {
            var name = Model.Length > 0 ? Model : Provider;
            if (Finding == "too-few")
            {
                return string.Create(CultureInfo.InvariantCulture, $"{name}: {WithExamples.Tasks} tasks with and {Holdout.Tasks} without examples: too few to say, at least {FewestTasks} of each are needed");
            }

            var end = Finding switch { "helps" => "examples help", "harms" => "examples do harm", _ => "no difference is certain yet" };
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{name}: {WithExamples.SuccessRate * 100:0} % against {Holdout.SuccessRate * 100:0} % without, {Points(Difference!.Value)} points, 95 % interval {Points(Interval.Low)} to {Points(Interval.High)}, {WithExamples.Tasks + Holdout.Tasks} tasks: {end}");
        }
    }

    /// <summary>Compares the arms of each model.</summary>
    public static IReadOnlyList<ArmComparison> Compare(IReadOnlyList<ArmStatistics> arms)
    {
        ArgumentNullException.ThrowIfNull(arms);
        return
        [
            .. arms.GroupBy(a => (a.Provider, a.Model)).OrderBy(g => g.Key.Provider, StringComparer.Ordinal).ThenBy(g => g.Key.Model, StringComparer.Ordinal)
                .Select(g => new ArmComparison(g.Key.Provider, g.Key.Model, Arm(g, ExperimentArm.Examples), Arm(g, ExperimentArm.Holdout))),
        ];

        static ArmSummary Arm(IEnumerable<ArmStatistics> all, string arm) => ArmSummary.Of([.. all.Where(a => string.Equals(a.Arm, arm, StringComparison.Ordinal))]);
    }

    private static string Points(double share) => Math.Round(share * 100, MidpointRounding.AwayFromZero) is var points && points >= 0
        ? points.ToString("+0", CultureInfo.InvariantCulture)
        : points.ToString("0", CultureInfo.InvariantCulture);
}
