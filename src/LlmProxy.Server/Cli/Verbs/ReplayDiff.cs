using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Server.Hosting;
using LlmProxy.Testing.Replay;
using Microsoft.Extensions.Logging.Abstractions;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>replay diff</c>: renders the prompts of a recorded trajectory with other templates, to test a change of templates.</summary>
internal static class ReplayDiff
{
    private const int Equal = 0;
    private const int Different = 1;

    private static readonly Style Inserted = new(Color.Green);
    private static readonly Style Removed = new(Color.Red);

    public static Command Create(CliContext context)
    {
        var task = new Option<string>("--task") { Description = RunReference.Description, HelpName = "ID", Required = true };
        var templates = new Option<string?>("--templates") { Description = "Folder of the templates to try (default: LlmProxy:Prompts:Directory)", HelpName = "DIR" };
        var json = CliContext.JsonOption();
        var command = new Command("diff", "Render the prompts of a recorded run with other templates and show the difference; exit code 0: equal, 1: different, 2: wrong usage") { task, templates, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var comparisons = await CompareAsync(context, parse, parse.GetValue(task)!, parse.GetValue(templates), cancellationToken);
            if (parse.GetValue(json))
            {
                context.Console.Json(ToJson(parse.GetValue(task)!, comparisons));
            }
            else
            {
                Print(context.Console, comparisons);
            }

            return comparisons.All(c => c.IsEqual) ? Equal : Different;
        });
        return command;
    }

    private static async Task<IReadOnlyList<PromptComparison>> CompareAsync(CliContext context, ParseResult parse, string task, string? folder, CancellationToken cancellationToken)
    {
        try
        {
            // 1. The templates to try, loaded as the proxy loads them.
            var configuration = context.Configuration(parse);
            var set = ReadTemplates(configuration, folder);

            // 2. The recorded prompts, and the pin of the task.
            await using var api = await ApiConnection.OpenAsync(configuration, context.ServerAddresses(parse, configuration), context.NamesServer(parse), parse.GetValue(context.Tenant), cancellationToken);
            var recorded = (await api.GetAsync($"/trajectories/{Uri.EscapeDataString(await RunReference.ResolveAsync(api, task, cancellationToken))}/prompts", cancellationToken)).Deserialize(ApiJson.Default.RecordedPromptsResponse)!;
            if (PromptValues.FromJson(recorded.Values.GetRawText()) is not { } values)
            {
                throw new CliException($"This version cannot read the pinned values of {task}.", ExitCodes.WrongUsage);
            }

            // 3. Render them again.
            var before = recorded.Templates is { } files ? TemplateSet.Parse(files) : null;
            return PromptReplay.Compare(values, before, set, configuration.Options.Prompts.InsertBefore, recorded.Steps.Select(step => new RecordedPrompt(step.Index, step.SystemPrompt, step.SentSystemPrompt)));
        }
        catch (Exception error) when (error is StoreException or IOException or HttpRequestException || (error is CliException { ExitCode: not ExitCodes.WrongUsage }))
        {
            // Exit code 1 means that prompts differ; a failure to compare them must have another one.
            throw new CliException(error.Message, ExitCodes.WrongUsage);
        }
    }

    private static TemplateSet ReadTemplates(ProxyConfiguration configuration, string? folder)
    {
        if (folder is not null && !Directory.Exists(folder))
        {
            throw new CliException($"Folder not found: {folder}. Check --templates.", ExitCodes.WrongUsage);
        }

        using var templates = new TemplateDirectory(folder ?? configuration.Resolve(configuration.Options.Prompts.Directory), NullLogger.Instance);
        return templates.Status.FirstOrDefault(file => !file.Ok) is { } broken
            ? throw new CliException($"The templates have an error, so the proxy would reject them: {broken.Error}", ExitCodes.WrongUsage)
            : templates.Current;
    }

    private static void Print(CliConsole console, IReadOnlyList<PromptComparison> comparisons)
    {
        foreach (var comparison in comparisons)
        {
            foreach (var line in Difference(comparison).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                console.Line(line, line[0] switch { '+' => Inserted, '-' => Removed, _ => default(Style?) });
            }
        }

        var different = comparisons.Count(c => !c.IsEqual);
        console.Line(FormattableString.Invariant($"{different} of {comparisons.Count} prompts differ."));
    }

    private static string Difference(PromptComparison comparison) => comparison.After is null
        ? FormattableString.Invariant($"step {comparison.Step}: the prompt cannot be rendered: {comparison.Error}")
        : LineDifference.Unified(comparison.Before, comparison.After, FormattableString.Invariant($"step {comparison.Step} as it was sent"), FormattableString.Invariant($"step {comparison.Step} with these templates"));

    private static JsonObject ToJson(string task, IReadOnlyList<PromptComparison> comparisons) => new()
    {
        ["task"] = task,
        ["equal"] = comparisons.All(c => c.IsEqual),
        ["steps"] = new JsonArray([.. comparisons.Select(c => new JsonObject
        {
            ["index"] = c.Step,
            ["equal"] = c.IsEqual,
            ["before"] = c.Before,
            ["after"] = c.After,
            ["error"] = c.Error,
            ["diff"] = c.IsEqual ? "" : Difference(c),
        })]),
    };
}
