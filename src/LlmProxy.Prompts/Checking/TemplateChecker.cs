using System.Globalization;

using LlmProxy.Prompts.Checking.Flow;

namespace LlmProxy.Prompts.Checking;

/// <summary>
/// Checks a set of prompt templates by <see cref="Rules"/>, without rendering one: the same rules in the compiler, on
/// the command line and where templates are taken up by a running proxy. Never throws for what a file holds.
/// </summary>
public static class TemplateChecker
{
    /// <summary>The template of the examples alone: it is rendered by itself, too, to show what a search found.</summary>
    public const string ExamplesTemplate = "few-shot" + TemplatePaths.Extension;

    /// <summary>Checks a set.</summary>
    /// <param name="files">All files of the set.</param>
    /// <param name="settings">The proxy's settings file, whose providers need templates; null for none.</param>
    /// <returns>What is wrong, by file and place.</returns>
    public static IReadOnlyList<TemplateDiagnostic> Check(IEnumerable<TemplateFile> files, SettingsFile? settings = null)
    {
        var index = new TemplateIndex(files);
        var found = new List<TemplateDiagnostic>();

        // 1. Each file by itself: the language.
        found.AddRange(index.Files.SelectMany(file => file.Diagnostics));

        // 2. The files together: includes, names that nobody reads, files that nobody uses, providers without a file.
        SetRules.Check(index, settings, found);

        // 3. Each template that is rendered, as it is rendered: names, and what the prompt holds.
        var followed = new HashSet<TemplateFile>();
        string[] providers = [.. PromptBudget.Providers, .. settings?.Providers.Select(provider => provider.Name) ?? []];
        foreach (var root in index.Files.Where(file => TemplatePaths.IsProviderTemplate(file.Path, providers)))
        {
            followed.UnionWith(index.ReachedFrom(root));
            var before = found.Count;
            if (PromptFlow.Follow(index, root, found.Add) is { } output)
            {
                CheckFence(output, found);

                // With a name that does not exist, what the prompt lacks is only the consequence.
                if (!found.Skip(before).Any(diagnostic => IsNameError(diagnostic.Rule)))
                {
                    CheckPrompt(root, output, found);
                }
            }
        }

        // 4. What no provider's template includes: at least its names.
        foreach (var file in index.Files.Where(file => !followed.Contains(file)))
        {
            if (PromptFlow.Follow(index, file, found.Add) is { } output)
            {
                CheckFence(output, found);
            }
        }

        return
        [
            .. found
                .GroupBy(diagnostic => (diagnostic.Rule.Id, diagnostic.Span.FileName, diagnostic.Span.Start.Offset), static (_, same) => same.First())
                .OrderBy(diagnostic => diagnostic.Span.FileName, StringComparer.Ordinal)
                .ThenBy(diagnostic => diagnostic.Span.Start.Offset)
                .ThenBy(diagnostic => diagnostic.Rule.Id, StringComparer.Ordinal),
        ];
    }

    private static bool IsNameError(Rule rule) =>
        rule == Rules.UnknownVariable || rule == Rules.UnknownMember || rule == Rules.UnknownFunction;

    /// <summary>What a provider's template makes of the agent's prompt and the examples.</summary>
    private static void CheckPrompt(TemplateFile root, FlowOutput output, List<TemplateDiagnostic> found)
    {
        if (output.Agent == AgentParts.None)
        {
            found.Add(new TemplateDiagnostic(
                Rules.AgentPromptLost,
                root.Beginning,
                "This template never renders the agent's own prompt, so the agent would lose its instructions: write {{ system.text }}, or {{ system.head }} and {{ system.tail }} with your part between them."));
        }
        else if (output.Agent != (AgentParts.Head | AgentParts.Tail))
        {
            var (has, lacks) = output.Agent == AgentParts.Head ? ("head", "tail") : ("tail", "head");
            found.Add(new TemplateDiagnostic(
                Rules.AgentPromptLost,
                output.AgentAt ?? root.Beginning,
                $"This template renders system.{has} and never system.{lacks}, so the agent would lose a part of its instructions: write {{{{ system.{lacks} }}}}, too, or {{{{ system.text }}}} for both."));
        }
        else if (output.Head.Least == 0 || output.Tail.Least == 0)
        {
            found.Add(new TemplateDiagnostic(
                Rules.AgentPromptLost,
                output.LostAt ?? root.Beginning,
                $"One way through this block leaves out {(output.Head.Least == 0 ? "system.head" : "system.tail")}, so the agent would lose instructions: render it on every way, or outside of the block."));
        }

        if (output.Twice is { } twice)
        {
            found.Add(new TemplateDiagnostic(
                Rules.AgentPromptTwice, twice, "This renders a part of the agent's own prompt that was rendered before: remove one of the two. (system.text is system.head and system.tail.)"));
        }

        if (!output.HasRecorded)
        {
            found.Add(new TemplateDiagnostic(
                Rules.NoExamples, root.Beginning, "This template never renders the examples, so the model learns nothing from them: write {{ include 'few-shot' }} where they are to stand."));
        }

        var tokens = (int)(output.Characters / 4);
        if (tokens > PromptBudget.OwnTokens)
        {
            found.Add(new TemplateDiagnostic(
                Rules.OverBudget,
                root.Beginning,
                string.Format(
                    CultureInfo.InvariantCulture,
                    "This template writes about {0} tokens of its own with {1} examples of {2} steps, {3} are the budget: they are paid for in every call. Shorten it.",
                    tokens,
                    PromptBudget.Examples,
                    PromptBudget.Steps,
                    PromptBudget.OwnTokens)));
        }
    }

    private static void CheckFence(FlowOutput output, List<TemplateDiagnostic> found)
    {
        foreach (var span in output.Unfenced)
        {
            found.Add(new TemplateDiagnostic(
                Rules.RecordedTextOutsideFence,
                span,
                $"This writes text of a recorded run where the model takes it for instructions: write it between <{PromptFence.Name} id=\"…\"> and </{PromptFence.Name}>, as few-shot.sbn does."));
        }
    }
}
