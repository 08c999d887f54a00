using LlmProxy.Core.Configuration;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Prompts.Checking;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Server.Dashboard;

/// <summary>A finding of the checker.</summary>
/// <param name="Text">The finding with file, line and column, as compilers write it.</param>
/// <param name="IsError">Whether the file cannot be used.</param>
public sealed record TemplateFinding(string Text, bool IsError);

/// <summary>A recorded prompt with other templates.</summary>
/// <param name="Run">The trajectory.</param>
/// <param name="Before">What was sent.</param>
/// <param name="After">What would be sent; null if it cannot be rendered.</param>
/// <param name="Error">Why not, or null.</param>
public sealed record TriedPrompt(Trajectory Run, string Before, string? After, string? Error);

/// <summary>Checks, tries and saves template files: by the checker's rules, and on recorded prompts.</summary>
internal sealed class TemplateWorkbench(
    TemplateDirectory templates, LlmProxyOptions options, BaseDirectory folder, ITrajectoryStore store, IPromptPinStore pins, TrajectoryReader reader)
{
    /// <summary>How many of the latest trajectories are tried.</summary>
    public const int Tried = 50;

    private string Directory => Path.GetFullPath(options.Prompts.Directory, folder.Path);

    /// <summary>The files in use.</summary>
    public IReadOnlyDictionary<string, string> Files => templates.Current.Files;

    /// <summary>Why files cannot be saved, or null.</summary>
    public string? WhyReadOnly => !(options.Dashboard.EditTemplates ?? options.Auth.Keys.Count == 0) ? "LlmProxy:Dashboard:EditTemplates is off."
        : !System.IO.Directory.Exists(Directory) ? "The built-in templates are in use. \"llmproxy init\" writes them to files, which can be edited."
        : null;

    /// <summary>What the checker finds in all files, if one of them had this text.</summary>
    public IReadOnlyList<TemplateFinding> Check(string file, string text) =>
        [.. TemplateChecker.Check(With(file, text).Select(pair => TemplateFile.Parse(pair.Key, pair.Value))).Take(100).Select(found => new TemplateFinding(found.ToString(), found.Rule.Severity == RuleSeverity.Error))];

    /// <summary>Writes a file, if the whole set stays valid; the proxy reloads it as after an edit.</summary>
    /// <returns>The findings that forbid it; empty if it was written.</returns>
    public async Task<IReadOnlyList<TemplateFinding>> SaveAsync(string file, string text, CancellationToken cancellationToken)
    {
        var problems = TemplateSet.Parse(With(file, text)).Problems;
        if (problems.Count > 0)
        {
            return [.. problems.Select(problem => new TemplateFinding(problem.ToString(), true))];
        }

        var path = Path.Combine(Directory, file.Replace('/', Path.DirectorySeparatorChar));
        var written = $"{path}.{Guid.NewGuid():N}.tmp";
        await File.WriteAllTextAsync(written, text, cancellationToken);
        File.Move(written, path, overwrite: true);
        return [];
    }

    /// <summary>Renders the first prompt of a trajectory with a changed file; null if none was rewritten or its content is not kept.</summary>
    public async Task<TriedPrompt?> TryAsync(Trajectory run, string file, string text, CancellationToken cancellationToken) =>
        await TryAsync(run, TemplateSet.Parse(With(file, text)), cancellationToken);

    /// <summary>Does the same for the latest trajectories.</summary>
    public async Task<IReadOnlyList<TriedPrompt>> TryLatestAsync(string tenant, string file, string text, CancellationToken cancellationToken)
    {
        var set = TemplateSet.Parse(With(file, text));
        var tried = new List<TriedPrompt>();
        foreach (var run in (await store.ListAsync(new TrajectoryQuery(tenant) { Limit = Tried }, cancellationToken)).Items)
        {
            if (await TryAsync(run, set, cancellationToken) is { } prompt)
            {
                tried.Add(prompt);
            }
        }

        return tried;
    }

    private async Task<TriedPrompt?> TryAsync(Trajectory run, TemplateSet set, CancellationToken cancellationToken)
    {
        if (!run.HasContent || await pins.FindPinAsync(run.Tenant, run.TaskId, cancellationToken) is not { } pin || PromptValues.FromJson(pin.ValuesJson) is not { } values
            || (await reader.ReadPageAsync(run.Id, 1, 1, cancellationToken)) is not [{ SentSystemPrompt: { } sent } step])
        {
            return null;
        }

        var before = await pins.FindTemplateSetAsync(pin.TemplateSet, cancellationToken) is { } files ? TemplateSet.Parse(files) : null;
        var compared = PromptReplay.Compare(values, before, set, options.Prompts.InsertBefore, [new RecordedPrompt(step.Step.Index, step.SystemPrompt ?? "", sent)])[0];
        return new TriedPrompt(run, compared.Before, compared.After, compared.Error);
    }

    private Dictionary<string, string> With(string file, string text) => new(Files, StringComparer.Ordinal) { [file] = text };
}
