namespace LlmProxy.Core.Experiments;

/// <summary>Numbers of one arm of a model's tasks.</summary>
/// <param name="Provider">The provider of the model.</param>
/// <param name="Model">The model.</param>
/// <param name="Arm">The arm.</param>
/// <param name="Total">Ended tasks.</param>
/// <param name="Judged">Those whose success is known.</param>
/// <param name="Successful">Those that succeeded.</param>
/// <param name="Iterations">Sum of steps.</param>
/// <param name="Interventions">Sum of interventions.</param>
/// <param name="Tokens">Sum of input and output tokens, of the tasks whose tokens are known.</param>
/// <param name="CostUsd">Sum of known costs.</param>
public sealed record ArmStatistics(string Provider, string Model, string Arm, long Total, long Judged, long Successful, long Iterations, long Interventions, long Tokens, decimal? CostUsd)
{
    /// <summary>Ended tasks whose tokens are known.</summary>
    public long Counted { get; init; } = Total;

    /// <summary>Ended tasks whose cost is known.</summary>
    public long Paid { get; init; } = CostUsd is null ? 0 : Total;

    /// <summary>Those of them that succeeded.</summary>
    public long PaidSuccesses { get; init; } = CostUsd is null ? 0 : Successful;

    /// <summary>Tasks whose success was stated or judged.</summary>
    public long Verified { get; init; }

    /// <summary>Ended tasks whose success is inferred; they are in no rate.</summary>
    public long Inferred { get; init; }

    /// <summary>Sum of their probabilities of success.</summary>
    public double Probability { get; init; }
}
