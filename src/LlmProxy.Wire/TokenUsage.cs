namespace LlmProxy.Wire;

/// <summary>Tokens of a call or a run.</summary>
/// <param name="Input">Input tokens, cached ones included.</param>
/// <param name="Output">Output tokens, reasoning included.</param>
/// <param name="CacheRead">Input tokens that were read from a cache.</param>
/// <param name="CacheWrite">Input tokens that were written to a cache.</param>
/// <param name="Reasoning">Output tokens that were reasoning.</param>
public sealed record TokenUsage(long Input, long Output, long CacheRead, long CacheWrite, long Reasoning)
{
    /// <summary>No tokens.</summary>
    public static TokenUsage None { get; } = new(0, 0, 0, 0, 0);

    /// <summary>Those of <see cref="CacheWrite"/> that are kept for an hour, which cost more; known of a response, not of a stored step.</summary>
    public long LongCacheWrite { get; init; }

    /// <summary>Input and output together.</summary>
    public long Total => Input + Output;

    /// <summary>The sum of two.</summary>
    public TokenUsage Add(TokenUsage other) => new(
        Input + other.Input,
        Output + other.Output,
        CacheRead + other.CacheRead,
        CacheWrite + other.CacheWrite,
        Reasoning + other.Reasoning)
    { LongCacheWrite = LongCacheWrite + other.LongCacheWrite };

    /// <summary>What is left without another.</summary>
    public TokenUsage Subtract(TokenUsage other) => new(
        Input - other.Input,
        Output - other.Output,
        CacheRead - other.CacheRead,
        CacheWrite - other.CacheWrite,
        Reasoning - other.Reasoning)
    { LongCacheWrite = LongCacheWrite - other.LongCacheWrite };
}
