using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// What becomes of a request's system prompt. Either <see cref="NewText"/> is set, and with it one of
/// <see cref="Literal"/> and <see cref="Insertion"/>; or <see cref="Reason"/> says why the request stays as it is.
/// </summary>
public sealed class PromptComposition
{
    /// <summary>The string literal in the body that is replaced, or null.</summary>
    public ByteRange? Literal { get; private init; }

    /// <summary>Where the prompt is inserted, or null.</summary>
    public PromptInsertion? Insertion { get; private init; }

    /// <summary>The agent's own text that is rewritten; empty for an insertion.</summary>
    public string SystemText { get; private init; } = "";

    /// <summary>What takes its place, or null.</summary>
    public string? NewText { get; private init; }

    /// <summary>Why nothing changes, or null.</summary>
    public SkipReason? Reason { get; private init; }

    /// <summary>With <see cref="SkipReason.TemplateFailed"/>: the rendering's error.</summary>
    public string? Error { get; private init; }

    /// <summary>Whether the request changes.</summary>
    public bool IsChange => NewText is not null;

    internal static PromptComposition Replace(ByteRange literal, string systemText, string newText)
        => new() { Literal = literal, SystemText = systemText, NewText = newText };

    internal static PromptComposition Insert(PromptInsertion insertion, string newText) => new() { Insertion = insertion, NewText = newText };

    internal static PromptComposition None(SkipReason reason, string systemText = "", string? error = null)
        => new() { SystemText = systemText, Reason = reason, Error = error };
}

/// <summary>Decides which one text of a request is rewritten, and renders it.</summary>
public static class PromptComposer
{
    /// <summary>Composes a request's new system prompt. Never throws for the content of a request or a template.</summary>
    /// <param name="request">The request.</param>
    /// <param name="heading">The heading before which the proxy's part is inserted.</param>
    /// <param name="prompt">The task's template and values.</param>
    public static PromptComposition Compose(RequestReading request, string heading, PreparedPrompt prompt)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(heading);
        ArgumentNullException.ThrowIfNull(prompt);

        if (!prompt.HasTemplate)
        {
            return PromptComposition.None(SkipReason.NoTemplate);
        }

        if (request.SystemTexts.Count == 0)
        {
            if (request.Insertion is not { } insertion)
            {
                return PromptComposition.None(SkipReason.NoSystemPrompt);
            }

            var inserted = prompt.Render("", heading);
            return inserted switch
            {
                { Text: null } => PromptComposition.None(SkipReason.TemplateFailed, error: inserted.Error),
                { Text: "" } => PromptComposition.None(SkipReason.Unchanged),
                _ => PromptComposition.Insert(insertion, inserted.Text),
            };
        }

        if (ChooseText(request, heading) is not var (literal, systemText))
        {
            return PromptComposition.None(SkipReason.NoSystemPrompt);
        }

        var rendering = prompt.Render(systemText, heading);
        if (rendering.Text is not { } text)
        {
            return PromptComposition.None(SkipReason.TemplateFailed, systemText, rendering.Error);
        }

        return string.Equals(text, systemText, StringComparison.Ordinal)
            ? PromptComposition.None(SkipReason.Unchanged, systemText)
            : PromptComposition.Replace(literal, systemText, text);
    }

    /// <summary>The text that holds the heading, else the request's default one.</summary>
    private static (ByteRange Literal, string Text)? ChooseText(RequestReading request, string heading)
    {
        (ByteRange, string)? fallback = null;
        foreach (var (index, place) in request.SystemTexts.Index())
        {
            var text = PromptSplicer.ReadText(request.Body, place.Literal);
            if (PromptHeading.Find(text, heading) >= 0)
            {
                return (place.Literal, text);
            }

            fallback = index == request.DefaultSystemText ? (place.Literal, text) : fallback;
        }

        return fallback;
    }
}
