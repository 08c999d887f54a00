namespace LlmProxy.Core.Recording;

/// <summary>Tokens and cost of one call.</summary>
/// <param name="Tokens">Tokens; null if the response does not state them.</param>
/// <param name="Cost">Cost in USD; null if no price or no usage is known.</param>
internal readonly record struct StepUsage(TokenUsage? Tokens, decimal? Cost)
{
    /// <summary>
    /// The usage of a response, priced as the responding model. A call that failed without an answer used nothing; what else
    /// states no usage has an unknown one.
    /// </summary>
    /// <param name="prices">The price list.</param>
    /// <param name="reply">The response as far as it could be read, or null.</param>
    /// <param name="answer">The response's head; null if none came.</param>
    /// <param name="requestedModel">The model asked for.</param>
    public static StepUsage Of(IReadOnlyList<ModelPrice> prices, AssembledReply? reply, ResponseHead? answer, string requestedModel)
    {
        var failed = answer is not { Status: < 400 } || reply is { Error: not null, HasSubstance: false };
        return reply is not { HasUsage: true }
            ? new StepUsage(failed ? TokenUsage.None : null, failed ? CostOf(prices, reply, requestedModel, TokenUsage.None) : null)
            : new StepUsage(reply.Usage, CostOf(prices, reply, requestedModel, reply.Usage));
    }

    /// <summary>The usage of a stored step.</summary>
    public static StepUsage Of(IReadOnlyList<ModelPrice> prices, TrajectoryStep step) =>
        new(step.TokenUsage, step.TokenUsage is { } tokens ? ModelCost.Of(prices, step.Model, tokens) : null);

    /// <summary>Both together: unknown if one of them is.</summary>
    public StepUsage Add(StepUsage other) => new(other.Tokens is null ? null : Tokens?.Add(other.Tokens), Cost + other.Cost);

    /// <summary>The row with this usage. A run with one call of unknown usage or price has none that is known.</summary>
    public Trajectory AddTo(Trajectory row)
    {
        var isFirst = row.IterationCount == 0 && row.TokenUsage == TokenUsage.None;
        return row with
        {
            TokenUsage = Tokens is null ? null : row.TokenUsage?.Add(Tokens),
            CostUsd = Cost is null ? null : isFirst ? (row.CostUsd ?? 0) + Cost : row.CostUsd + Cost,
        };
    }

    private static decimal? CostOf(IReadOnlyList<ModelPrice> prices, AssembledReply? reply, string requested, TokenUsage usage)
    {
        var terms = reply?.Terms ?? UsageTerms.Standard;
        var answered = reply?.Model is { Length: > 0 } model ? model : requested;
        return ModelCost.Of(prices, answered, usage, terms) is { } cost ? cost
            : IsOtherSpelling(answered, requested) ? ModelCost.Of(prices, requested, usage, terms)
            : null;
    }

    /// <summary>Whether one name is the other with a date, a vendor or a suffix: a deployment's price is that of its model.</summary>
    private static bool IsOtherSpelling(string answered, string requested) =>
        requested.Length > 0 && (answered.Contains(requested, StringComparison.OrdinalIgnoreCase) || requested.Contains(answered, StringComparison.OrdinalIgnoreCase));
}
