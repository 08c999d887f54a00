using System.CommandLine;
using LlmProxy.Core.Stores;
using LlmProxy.Prompts.Checking;
using LlmProxy.Server.Cli.Verbs;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Server.Cli;

/// <summary>The command line with all verbs.</summary>
internal static class CommandLine
{
    /// <summary>Runs the program for the user whose agents' histories are on this machine.</summary>
    /// <returns>0 done, 1 failed, 2 wrong usage.</returns>
    public static Task<int> RunAsync(string[] arguments, CliConsole console, CancellationToken cancellationToken = default) =>
        RunAsync(arguments, console, AgentFolders.OfUser(), cancellationToken);

    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="console">Its output and input.</param>
    /// <param name="agents">Where agents keep their histories.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>0 done, 1 failed, 2 wrong usage.</returns>
    public static async Task<int> RunAsync(string[] arguments, CliConsole console, AgentFolders agents, CancellationToken cancellationToken)
    {
        try
        {
            var (rest, settings) = SettingArguments.Take(arguments);
            var parse = Create(new CliContext(console, settings) { Agents = agents }).Parse(rest);
            if (parse.Errors.Count > 0)
            {
                foreach (var error in parse.Errors)
                {
                    await console.Error.WriteLineAsync(error.Message);
                }

                if (Nearest(parse) is { } nearest)
                {
                    await console.Error.WriteLineAsync($"Did you mean \"{nearest}\"?");
                }

                await console.Error.WriteLineAsync($"\"{Path(parse)} --help\" shows the usage.");
                // An agent takes this code as the hook's order to go on working.
                return HookVerb.Handles(arguments) ? ExitCodes.Done : ExitCodes.WrongUsage;
            }

            // serve and run handle signals themselves: the first one lets running calls end, or is the agent's.
            using var signals = RunsProxy(parse.CommandResult) || parse.CommandResult.Command.Name == RunVerb.Name ? null : new EndingSignals(cancellationToken);
            return await parse.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = console.Out,
                    Error = console.Error,
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = null,
                },
                signals?.Token ?? cancellationToken);
        }
        catch (CliException error)
        {
            await console.Error.WriteLineAsync(error.Message);
            return HookVerb.Handles(arguments) ? ExitCodes.Done : error.ExitCode;
        }
        catch (Exception error) when (error is StoreException or IOException or UnauthorizedAccessException or HttpRequestException)
        {
            await console.Error.WriteLineAsync(error.Message);
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Failed;
        }
    }

    private static RootCommand Create(CliContext context)
    {
        var root = new RootCommand("A reverse proxy that records Claude's agent runs and shows them to other models as examples. Without a verb it runs the proxy.");
        context.AddTo(root);
        ServeVerb.AddTo(root, context);
        root.Add(InitVerb.Create(context));
        root.Add(ConnectVerb.Create(context));
        root.Add(RunVerb.Create(context));
        root.Add(DemoVerb.Create(context));
        root.Add(DoctorVerb.Create(context));
        root.Add(StatusVerb.Create(context));
        root.Add(UiVerb.Create(context));
        root.Add(RecordingVerb.Create(context));
        root.Add(TailVerb.Create(context));
        root.Add(ConfigVerb.Create(context));
        root.Add(TasksVerb.Create(context));
        root.Add(OutcomesVerb.Create(context));
        root.Add(JudgeVerb.Create(context));
        root.Add(ExamplesVerb.Create(context));
        root.Add(HookVerb.Create(context));
        root.Add(SearchVerb.Create(context));
        root.Add(StatsVerb.Create(context));
        root.Add(EvaluateVerb.Create(context));
        root.Add(ExportVerb.Create(context));
        root.Add(ImportVerb.Create(context));
        root.Add(ReplayVerb.Create(context));
        root.Add(EmbedVerb.Create(context));
        root.Add(CleanupVerb.Create(context));
        root.Add(RedactVerb.Create(context));
        root.Add(TemplatesVerb.Create(context));
        root.Add(DbVerb.Create(context));
        root.Add(KeysVerb.Create(context));
        root.Add(CompletionVerb.Create(context));
        return root;
    }

    /// <summary>The verb or option that is nearest to the first unknown word.</summary>
    private static string? Nearest(ParseResult parse) => parse.UnmatchedTokens is [var word, ..]
        ? Suggestion.Nearest(
            word,
            parse.CommandResult.Command.Subcommands.Select(command => command.Name)
                .Concat(parse.CommandResult.Command.Options.Select(option => option.Name))
                .Concat(parse.RootCommandResult.Command.Options.Where(option => option.Recursive).Select(option => option.Name)))
        : null;

    private static bool RunsProxy(System.CommandLine.Parsing.CommandResult result) =>
        result.Command is RootCommand || (result.Command.Name == ServeVerb.Name && result.Parent is System.CommandLine.Parsing.CommandResult { Command: RootCommand });

    private static string Path(ParseResult parse)
    {
        var names = new List<string>();
        for (var result = parse.CommandResult; result is not null; result = result.Parent as System.CommandLine.Parsing.CommandResult)
        {
            names.Insert(0, result.Command is RootCommand ? "llmproxy" : result.Command.Name);
        }

        return string.Join(' ', names);
    }
}
