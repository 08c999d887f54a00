namespace LlmProxy.Core.Experiments;

/// <summary>What is known of an example from the tasks that used it.</summary>
/// <param name="TrajectoryId">The trajectory that it condenses.</param>
/// <param name="Tasks">Ended tasks whose prompt held it and whose success is known.</param>
/// <param name="Successes">Those that succeeded.</param>
/// <param name="Compared">Those of them that took part in an experiment and have a holdout of the same model to be compared with.</param>
/// <param name="Difference">Expected success rate with it less that without it, which is the holdout's and what the other examples of its tasks add; null where nothing is compared.</param>
/// <param name="ProbabilityOfHelp">How likely its tasks succeed more often than the holdout's; null where nothing is compared.</param>
public sealed record ExampleEvidence(string TrajectoryId, long Tasks, long Successes, long Compared, double? Difference, double? ProbabilityOfHelp)
{
    /// <summary>Least number of compared tasks for a finding.</summary>
    public const int FewestTasks = 20;

    /// <summary>How sure a finding must be.</summary>
    public const double Confidence = 0.99;

    /// <summary>How likely its tasks succeed less often than the holdout's.</summary>
    public double? ProbabilityOfHarm => 1 - ProbabilityOfHelp;

    /// <summary><c>helps</c>, <c>harms</c>, <c>undecided</c>, or <c>too-few</c>.</summary>
    public string Finding =>
        Compared < FewestTasks || ProbabilityOfHelp is not { } help ? "too-few"
        : help >= Confidence ? "helps"
        : help <= 1 - Confidence ? "harms"
        : "undecided";

    /// <summary>From -1 (harms for sure) to 1 (helps for sure); 0 while too little is known.</summary>
    public double Lean => Compared < FewestTasks || ProbabilityOfHelp is not { } help ? 0 : (2 * help) - 1;
}
