namespace LlmProxy.Wire;

/// <summary>How a provider processed a call, as far as the price depends on it.</summary>
public enum ServiceTier
{
    /// <summary>Usual processing, or a tier that the response does not state.</summary>
    Standard,
    /// <summary>Batch or flex processing.</summary>
    Batch,
    /// <summary>Priority processing.</summary>
    Priority,
    /// <summary>Anthropic's fast mode.</summary>
    Fast,
}

/// <summary>Tokens that another model used within a call: a pass of an advisor, a fallback or a compaction.</summary>
/// <param name="Model">The model, as the response names it.</param>
/// <param name="Usage">Its tokens; the call's usage includes them.</param>
public sealed record ModelUsage(string Model, TokenUsage Usage);

/// <summary>What a call's price depends on besides tokens.</summary>
public sealed record UsageTerms
{
    /// <summary>Standard processing and nothing else.</summary>
    public static UsageTerms Standard { get; } = new();

    /// <summary>The tier.</summary>
    public ServiceTier Tier { get; init; }

    /// <summary>Web searches that the provider ran and counted.</summary>
    public long WebSearches { get; init; }

    /// <summary>Passes of other models.</summary>
    public IReadOnlyList<ModelUsage> OtherModels { get; init; } = [];
}
