namespace LlmProxy.Core.Prompting;

/// <summary>Renders system prompts from templates.</summary>
public static class PromptRenderer
{
    /// <summary>
    /// Takes the template for a task and converts its values, once for all calls of the task.
    /// </summary>
    public static PreparedPrompt Prepare(TemplateSet set, PromptValues values)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(values);
        return PreparedPrompt.ForFile(set, set.Select(values.Provider, values.Model), values);
    }

    /// <summary>Renders once. For the calls of a task, <see cref="Prepare"/> and keep the result.</summary>
    /// <param name="set">The templates.</param>
    /// <param name="values">The task's values.</param>
    /// <param name="systemText">The agent's own prompt.</param>
    /// <param name="insertBefore">The heading before which the proxy's part is inserted.</param>
    public static PromptRendering Render(TemplateSet set, PromptValues values, string systemText, string insertBefore)
        => Prepare(set, values).Render(systemText, insertBefore);

    /// <summary>Renders the section with the examples alone (<c>few-shot.sbn</c>), as a search shows it. Empty without examples.</summary>
    public static PromptRendering RenderExamples(TemplateSet set, PromptValues values)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(values);
        return values.Examples.Count == 0
            ? PromptRendering.Of("")
            : PreparedPrompt.ForFile(set, set.Resolve(Prompts.Names.FewShot), values).Render("", "");
    }
}
