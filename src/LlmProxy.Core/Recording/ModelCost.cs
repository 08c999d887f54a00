namespace LlmProxy.Core.Recording;

/// <summary>What a call costs by the price list.</summary>
public static class ModelCost
{
    // Anthropic: a cache write that is kept for an hour costs twice the price of input
    // (https://platform.claude.com/docs/en/build-with-claude/prompt-caching, pricing).
    private const int LongCacheWriteFactor = 2;

    // Anthropic, OpenAI (batch and flex) and Gemini: half the price
    // (https://platform.claude.com/docs/en/build-with-claude/batch-processing, pricing).
    private const decimal BatchFactor = 0.5m;

    /// <summary>Cost in USD at standard processing; null where no price fits the model.</summary>
    public static decimal? Of(IReadOnlyList<ModelPrice> prices, string model, TokenUsage usage) => Of(prices, model, usage, UsageTerms.Standard);

    /// <summary>Cost in USD; null where no price fits a model or the tier.</summary>
    /// <param name="prices">The price list.</param>
    /// <param name="model">The responding model.</param>
    /// <param name="usage">All tokens of the call.</param>
    /// <param name="terms">The tier, web searches, and the tokens that other models used.</param>
    public static decimal? Of(IReadOnlyList<ModelPrice> prices, string model, TokenUsage usage, UsageTerms terms)
    {
        ArgumentNullException.ThrowIfNull(usage);
        ArgumentNullException.ThrowIfNull(terms);
        if (prices.FirstOrDefault(price => ModelPatterns.Matches(price.Pattern, model)) is not { } price || FactorOf(price, terms.Tier) is not { } factor)
        {
            return null;
        }

        var own = usage;
        decimal? others = 0;
        foreach (var pass in terms.OtherModels)
        {
            own = own.Subtract(pass.Usage);
            others += Of(prices, pass.Model, pass.Usage, new UsageTerms { Tier = terms.Tier });
        }

        return (Tokens(price, own) * factor) + (terms.WebSearches * price.WebSearch / 1_000m) + others;
    }

    private static decimal Tokens(ModelPrice price, TokenUsage usage)
    {
        var uncached = Math.Max(0, usage.Input - usage.CacheRead - usage.CacheWrite);
        return ((uncached * price.Input) + (usage.CacheRead * price.CacheRead) + ((usage.CacheWrite - usage.LongCacheWrite) * price.CacheWrite)
            + (usage.LongCacheWrite * LongCacheWriteFactor * price.Input) + (usage.Output * price.Output)) / 1_000_000m;
    }

    private static decimal? FactorOf(ModelPrice price, ServiceTier tier) => tier switch
    {
        ServiceTier.Batch => BatchFactor,
        ServiceTier.Fast => price.Fast,
        ServiceTier.Priority => price.Priority,
        _ => 1,
    };
}
