using LlmProxy.Prompts;
using Scriban.Runtime;
using Scriban.Syntax;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// A task's template with its values, ready to be rendered for each call of the task. Made once for a pin (see
/// <see cref="PromptRenderer.Prepare"/>) and safe for concurrent use.
/// </summary>
public sealed class PreparedPrompt
{
    private readonly TemplateSet _set;
    private readonly ScriptObject _values;
    private volatile Latest? _latest;

    private PreparedPrompt(TemplateSet set, string? file, PromptValues values)
    {
        _set = set;
        TemplateFile = file;
        _values = file is null ? new ScriptObject() : PromptObjects.OfTask(values);
    }

    /// <summary>The template's file in its set, or null.</summary>
    public string? TemplateFile { get; }

    /// <summary>Whether the set has a template for the task. Without one nothing is rendered.</summary>
    public bool HasTemplate => TemplateFile is not null;

    /// <summary>Renders the prompt of one call. Never throws for what a template or a prompt holds.</summary>
    /// <param name="systemText">The agent's own prompt; empty where the request has none.</param>
    /// <param name="insertBefore">The heading before which the proxy's part is inserted.</param>
    public PromptRendering Render(string systemText, string insertBefore)
    {
        // Most agents send one and the same prompt in every call of a task.
        if (_latest is { } latest
            && string.Equals(latest.SystemText, systemText, StringComparison.Ordinal)
            && string.Equals(latest.InsertBefore, insertBefore, StringComparison.Ordinal))
        {
            return latest.Rendering;
        }

        var (text, problem) = TryRender(systemText, insertBefore);
        if (text is null)
        {
            return PromptRendering.Failed(problem!.ToString());
        }

        var rendering = PromptRendering.Of(text);
        _latest = new Latest(systemText, insertBefore, rendering);
        return rendering;
    }

    internal static PreparedPrompt ForFile(TemplateSet set, string? file, PromptValues values) => new(set, file, values);

    /// <summary>Renders; one of the two is set.</summary>
    internal (string? Text, TemplateProblem? Problem) TryRender(string systemText, string insertBefore)
    {
        if (TemplateFile is null)
        {
            return (null, new TemplateProblem("", 0, 0, "No template for this provider."));
        }

        var template = _set.Templates[TemplateFile];
        if (template.HasErrors)
        {
            return (null, _set.Problems[0]);
        }

        var limit = PromptLimits.OutputFor(systemText.Length);
        using var time = new CancellationTokenSource(PromptLimits.Time);
        var context = new PromptContext(_set.Templates, limit, time.Token);
        context.PushGlobal(_values);
        context.PushGlobal(PromptObjects.OfCall(systemText, insertBefore));
        try
        {
            var text = template.Render(context);
            return string.IsNullOrWhiteSpace(text) && !string.IsNullOrWhiteSpace(systemText)
                ? (null, Problem($"The result is empty."))
                : (text, null);
        }
        catch (ScriptAbortException)
        {
            return (null, Problem($"The rendering takes longer than {PromptLimits.Time.TotalSeconds} s."));
        }
        catch (ScriptRuntimeException exception)
        {
            return (null, TemplateTrial.ProblemAt(exception.Span, exception.OriginalMessage));
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A fault of the engine's must not become the request's.
            return (null, Problem($"{exception.GetType().Name}: {exception.Message}"));
        }
    }

    private TemplateProblem Problem(FormattableString message) => new(TemplateFile!, 0, 0, FormattableString.Invariant(message));

    private sealed record Latest(string SystemText, string InsertBefore, PromptRendering Rendering);
}
