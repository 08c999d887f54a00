namespace LlmProxy.Core.Recording;

/// <summary>Tokens and cost of one call.</summary>
/// <param name="Tokens">Tokens.</param>
/// <param name="Cost">Cost in USD; null if no price is known.</param>
internal readonly record struct StepUsage(TokenUsage Tokens, decimal? Cost)
{
    /// <summary>The usage of a response, priced as the responding model, else as the requested one. The cost of a response without usage is unknown.</summary>
    public static StepUsage Of(IReadOnlyList<ModelPrice> prices, AssembledReply? reply, string requestedModel)
    {
        if (reply is { HasSubstance: true, HasUsage: false })
        {
            return new StepUsage(TokenUsage.None, null);
        }

        var tokens = reply?.Usage ?? TokenUsage.None;
        return new StepUsage(tokens, ModelCost.Of(prices, reply?.Model ?? requestedModel, tokens) ?? ModelCost.Of(prices, requestedModel, tokens));
    }

    /// <summary>The row with this usage. A run with one call of unknown price has no known cost.</summary>
    public Trajectory AddTo(Trajectory row) => row with
    {
        TokenUsage = row.TokenUsage.Add(Tokens),
        CostUsd = Cost is null ? null : row.IterationCount == 0 ? (row.CostUsd ?? 0) + Cost : row.CostUsd + Cost,
    };
}
