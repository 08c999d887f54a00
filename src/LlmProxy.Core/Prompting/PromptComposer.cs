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

    /// <summary>
    /// Why nothing changes, or null: <c>no-template</c>, <c>no-system-prompt</c> (and none may be added),
    /// <c>unreadable</c>, <c>unchanged</c> (the template gives the same text), or <c>failed</c>.
    /// </summary>
    public string? Reason { get; private init; }

    /// <summary>With the reason <c>failed</c>: the rendering's error.</summary>
    public string? Error { get; private init; }

    /// <summary>Whether the request changes.</summary>
    public bool IsChange => NewText is not null;

    internal static PromptComposition Replace(ByteRange literal, string systemText, string newText)
        => new() { Literal = literal, SystemText = systemText, NewText = newText };

    internal static PromptComposition Insert(PromptInsertion insertion, string newText) => new() { Insertion = insertion, NewText = newText };

    internal static PromptComposition None(string reason, string systemText = "", string? error = null)
        => new() { SystemText = systemText, Reason = reason, Error = error };
}

/// <summary>Decides which one text of a request is rewritten, and renders it.</summary>
public static class PromptComposer
{
    /// <summary>Composes a request's new system prompt. Never throws for what stands in a request or a template.</summary>
    /// <param name="request">The request.</param>
    /// <param name="heading">The heading before which the proxy's part stands.</param>
    /// <param name="prompt">The task's template and values.</param>
    /// <param name="readText">Decodes a string literal of the body; null where it cannot be read.</param>
    public static PromptComposition Compose(RequestReading request, string heading, PreparedPrompt prompt, Func<ReadOnlyMemory<byte>, ByteRange, string?> readText)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(heading);
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(readText);

        if (!prompt.HasTemplate)
        {
            return PromptComposition.None("no-template");
        }

        if (request.SystemTexts.Count == 0)
        {
            if (request.Insertion is not { } insertion)
            {
                return PromptComposition.None("no-system-prompt");
            }

            var inserted = prompt.Render("", heading);
            return inserted switch
            {
                { Text: null } => PromptComposition.None("failed", error: inserted.Error),
                { Text: "" } => PromptComposition.None("unchanged"),
                _ => PromptComposition.Insert(insertion, inserted.Text),
            };
        }

        if (ChooseText(request, heading, readText) is not var (literal, systemText))
        {
            return PromptComposition.None(request.DefaultSystemText < 0 ? "no-system-prompt" : "unreadable");
        }

        var rendering = prompt.Render(systemText, heading);
        if (rendering.Text is not { } text)
        {
            return PromptComposition.None("failed", systemText, rendering.Error);
        }

        return string.Equals(text, systemText, StringComparison.Ordinal)
            ? PromptComposition.None("unchanged", systemText)
            : PromptComposition.Replace(literal, systemText, text);
    }

    /// <summary>The text that holds the heading, else the reading's default one.</summary>
    private static (ByteRange Literal, string Text)? ChooseText(RequestReading request, string heading, Func<ReadOnlyMemory<byte>, ByteRange, string?> readText)
    {
        (ByteRange, string)? fallback = null;
        for (var index = 0; index < request.SystemTexts.Count; index++)
        {
            var literal = request.SystemTexts[index].Literal;
            if (readText(request.Body, literal) is not { } text)
            {
                continue;
            }

            if (PromptHeading.Find(text, heading) >= 0)
            {
                return (literal, text);
            }

            if (index == request.DefaultSystemText)
            {
                fallback = (literal, text);
            }
        }

        return fallback;
    }
}
