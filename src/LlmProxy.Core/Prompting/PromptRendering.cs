namespace LlmProxy.Core.Prompting;

/// <summary>What came of a rendering: the text, or why there is none. One of the two is set.</summary>
/// <param name="Text">The whole system prompt.</param>
/// <param name="Error">Why there is none, with file, line and column where known.</param>
public sealed record PromptRendering(string? Text, string? Error)
{
    /// <summary>A prompt.</summary>
    public static PromptRendering Of(string text) => new(text, null);

    /// <summary>A failure.</summary>
    public static PromptRendering Failed(string error) => new(null, error);
}
