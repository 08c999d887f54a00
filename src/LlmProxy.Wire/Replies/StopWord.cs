namespace LlmProxy.Wire.Replies;

/// <summary>What a server's stop word says. Compatible servers use the words of other dialects and of their engines.</summary>
internal static class StopWord
{
    private static readonly HashSet<string> EndWords = new(
        ["stop", "end_turn", "end", "stop_sequence", "stop_token", "eos", "eos_token", "complete", "completed", "done", "finished", "success"],
        StringComparer.OrdinalIgnoreCase);

    private static readonly HashSet<string> CallWords = new(["tool_use", "tool_calls", "tool_call", "function_call", "function_calls"], StringComparer.OrdinalIgnoreCase);

    private static readonly HashSet<string> CutWords = new(
        ["length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded", "content_filter", "safety", "refusal", "abort", "aborted", "cancelled", "pause_turn"],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether the model stopped of its own accord. A response that ended cleanly without a word is taken as such.</summary>
    public static bool EndsTurn(string? word) => string.IsNullOrEmpty(word) || EndWords.Contains(word);

    /// <summary>Whether the model stopped for the answer to a tool call.</summary>
    public static bool CallsTool(string? word) => word is not null && CallWords.Contains(word);

    /// <summary>Whether the response was cut off, filtered or broken, as the provider behind a gateway says.</summary>
    public static bool IsCut(string? word) =>
        word is not null && (CutWords.Contains(word) || word.Contains("error", StringComparison.OrdinalIgnoreCase) || word.Contains("malformed", StringComparison.OrdinalIgnoreCase));
}
