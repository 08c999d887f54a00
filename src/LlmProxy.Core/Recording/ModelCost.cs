namespace LlmProxy.Core.Recording;

/// <summary>What a call costs by the price list.</summary>
public static class ModelCost
{
    /// <summary>Cost in USD; null where no price fits the model.</summary>
    public static decimal? Of(IReadOnlyList<ModelPrice> prices, string model, TokenUsage usage)
    {
        var uncached = Math.Max(0, usage.Input - usage.CacheRead - usage.CacheWrite);
        return prices.FirstOrDefault(price => ModelPatterns.Matches(price.Pattern, model)) is not { } price ? null
            : ((uncached * price.Input) + (usage.CacheRead * price.CacheRead) + (usage.CacheWrite * price.CacheWrite) + (usage.Output * price.Output)) / 1_000_000m;
    }
}
