using LlmProxy.Core.Prompting;

namespace LlmProxy.Testing.Replay;

/// <summary>A prompt of a recorded run.</summary>
/// <param name="Step">Number of the step.</param>
/// <param name="System">All texts of the agent's own system prompt, joined by a blank line; empty where it sent none.</param>
/// <param name="Sent">What was sent in place of one of these texts.</param>
public sealed record RecordedPrompt(int Step, string System, string Sent);

/// <summary>A recorded prompt and the same prompt by other templates.</summary>
/// <param name="Step">Number of the step.</param>
/// <param name="Before">What was sent.</param>
/// <param name="After">What would be sent; null where the rendering fails.</param>
/// <param name="Error">Why it fails, or null.</param>
public sealed record PromptComparison(int Step, string Before, string? After, string? Error)
{
    /// <summary>Whether both are the same.</summary>
    public bool IsEqual => string.Equals(Before, After, StringComparison.Ordinal);
}

/// <summary>Renders the prompts of a recorded run again, from the values that were pinned for its task.</summary>
public static class PromptReplay
{
    /// <summary>Renders each recorded prompt with other templates.</summary>
    /// <param name="values">The task's pinned values.</param>
    /// <param name="recorded">The templates that the run was sent with; null where they are not kept.</param>
    /// <param name="templates">The templates to try.</param>
    /// <param name="heading">The heading that the proxy's part precedes (<c>Prompts:InsertBefore</c>).</param>
    /// <param name="prompts">The run's prompts.</param>
    public static IReadOnlyList<PromptComparison> Compare(PromptValues values, TemplateSet? recorded, TemplateSet templates, string heading, IEnumerable<RecordedPrompt> prompts)
    {
        var before = recorded is null ? null : PromptRenderer.Prepare(recorded, values);
        var now = PromptRenderer.Prepare(templates, values);
        return [.. prompts.Select(prompt => Compare(prompt, before, now, heading))];
    }

    private static PromptComparison Compare(RecordedPrompt prompt, PreparedPrompt? before, PreparedPrompt now, string heading)
    {
        var system = OwnText(prompt, before, heading);
        if (!now.HasTemplate)
        {
            // Without a template the agent's own prompt continues as it is.
            return new PromptComparison(prompt.Step, prompt.Sent, system, null);
        }

        var rendering = now.Render(system, heading);
        return new PromptComparison(prompt.Step, prompt.Sent, rendering.Text, rendering.Error);
    }

    /// <summary>
    /// The one text of the agent's own prompt that was rewritten. The record joins all of them: it is the one from which
    /// the recorded templates make what was sent, else the one with the heading, else all.
    /// </summary>
    private static string OwnText(RecordedPrompt prompt, PreparedPrompt? before, string heading)
    {
        var candidates = Candidates(prompt.System).ToList();
        return candidates.Find(text => before is { HasTemplate: true } && string.Equals(before.Render(text, heading).Text, prompt.Sent, StringComparison.Ordinal))
            ?? candidates.Skip(1).FirstOrDefault(text => PromptHeading.Find(text, heading) >= 0 && prompt.Sent.Contains(text[PromptHeading.Find(text, heading)..], StringComparison.Ordinal))
            ?? prompt.System;
    }

    /// <summary>The whole, and every run of its paragraphs that may have been a text of its own.</summary>
    private static IEnumerable<string> Candidates(string system)
    {
        const int MostParagraphs = 12;
        yield return system;
        var paragraphs = system.Split("\n\n");
        if (paragraphs.Length > MostParagraphs)
        {
            // A prompt's first and last parts are those that clients put before and after it.
            for (var cut = 1; cut < paragraphs.Length; cut++)
            {
                yield return string.Join("\n\n", paragraphs[cut..]);
                yield return string.Join("\n\n", paragraphs[..^cut]);
            }

            yield break;
        }

        for (var length = paragraphs.Length - 1; length > 0; length--)
        {
            for (var start = 0; start + length <= paragraphs.Length; start++)
            {
                yield return string.Join("\n\n", paragraphs[start..(start + length)]);
            }
        }
    }
}
