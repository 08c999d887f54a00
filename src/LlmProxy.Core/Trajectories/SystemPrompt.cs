using BitFaster.Caching.Lru;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Core.Trajectories;

/// <summary>A call's system prompt. Read only where a rule asks for it, and recognised by its bytes: a run sends the same one with every call.</summary>
/// <remarks>Not safe for concurrent use. The request's body must stay unchanged while it is used.</remarks>
public sealed class SystemPrompt(RequestReading reading)
{
    private string? _text;
    private UInt128? _digest;

    /// <summary>All its texts, joined by a blank line; empty if there is none.</summary>
    public string Text => _text ??= string.Join("\n\n", reading.SystemTexts.Select(t => PromptSplicer.ReadText(reading.Body, t.Literal)));

    internal UInt128 Digest => _digest ??= reading.SystemTexts.Aggregate(UInt128.Zero, (before, t) => ByteDigest.Of(before, reading.Body.Span.Slice(t.Literal.Start, t.Literal.Length)));
}

/// <summary>Answers to one question about system prompts, by the prompts' digests.</summary>
internal sealed class SystemPromptAnswers<T>(Func<string, T> ask)
{
    // Prompts that hold a clock are new every time, and push the others out only slowly.
    private const int MaxAnswers = 1_000;

    private readonly ConcurrentLru<UInt128, T> _answers = new(MaxAnswers);

    public T Ask(SystemPrompt prompt) => _answers.GetOrAdd(prompt.Digest, static (_, asked) => asked.ask(asked.prompt.Text), (ask, prompt));
}
