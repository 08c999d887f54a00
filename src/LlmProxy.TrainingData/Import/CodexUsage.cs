using System.Text.Json;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>Reads the tokens of single calls from a thread's running totals, so that a total that is written again counts nothing.</summary>
internal sealed class CodexUsage
{
    private TokenUsage _total = TokenUsage.None;

    /// <summary>The tokens since the last total; null if nothing was added.</summary>
    /// <param name="running">The thread's total.</param>
    /// <param name="call">What the last call used, as the file states it.</param>
    public TokenUsage? Read(JsonElement running, JsonElement call)
    {
        var last = UsageOf(call);
        if (UsageOf(running) is not { } total)
        {
            return last is { Total: > 0 } ? last : null;
        }

        var added = total.Subtract(_total);
        _total = total;
        // A copied thread begins in the middle of a total, and a total may begin anew.
        return added == TokenUsage.None ? null
            : added is { Input: >= 0, Output: >= 0, CacheRead: >= 0, Reasoning: >= 0 } && (last is null || added == last) ? added
            : last ?? (added is { Input: >= 0, Output: >= 0 } ? added : total);
    }

    private static TokenUsage? UsageOf(JsonElement usage) => usage.ValueKind != JsonValueKind.Object ? null : new TokenUsage(
        usage.Number("input_tokens"u8) ?? 0,
        usage.Number("output_tokens"u8) ?? 0,
        usage.Number("cached_input_tokens"u8) ?? 0,
        usage.Number("cache_write_input_tokens"u8) ?? 0,
        usage.Number("reasoning_output_tokens"u8) ?? 0);
}
