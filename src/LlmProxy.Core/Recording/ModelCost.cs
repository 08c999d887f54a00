namespace LlmProxy.Core.Recording;

/// <summary>What a call costs by the price list.</summary>
public static class ModelCost
{
    // Anthropic: a cache write that is kept for an hour costs twice the price of input
    // (https://platform.claude.com/docs/en/build-with-claude/prompt-caching, pricing).
    private const int LongCacheWriteFactor = 2;

    /// <summary>Cost in USD; null where no price fits the model.</summary>
    public static decimal? Of(IReadOnlyList<ModelPrice> prices, string model, TokenUsage usage)
    {
        var uncached = Math.Max(0, usage.Input - usage.CacheRead - usage.CacheWrite);
        return prices.FirstOrDefault(price => ModelPatterns.Matches(price.Pattern, model)) is not { } price ? null
            : ((uncached * price.Input) + (usage.CacheRead * price.CacheRead) + ((usage.CacheWrite - usage.LongCacheWrite) * price.CacheWrite) + (usage.LongCacheWrite * LongCacheWriteFactor * price.Input) + (usage.Output * price.Output)) / 1_000_000m;
    }
}
