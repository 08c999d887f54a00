using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using LlmProxy.Server.Hosting;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>run -- COMMAND</c>: starts the proxy if none is running, and an agent with its settings.</summary>
internal static class RunVerb
{
    public const string Name = "run";

    private const string LogName = "llmproxy.log";

    public static Command Create(CliContext context)
    {
        var agent = new Argument<string[]>("COMMAND") { Description = "The agent and its arguments, after --", Arity = ArgumentArity.OneOrMore };
        var command = new Command(Name, "Start an agent with the settings for this proxy, and the proxy if none is running: llmproxy run -- claude") { agent };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            var address = await ProxyAsync(context, parse, configuration, cancellationToken);
            var (program, arguments) = (parse.GetValue(agent)![0], parse.GetValue(agent)![1..]);
            var key = Environment.GetEnvironmentVariable(ApiConnection.KeyVariable) is { Length: > 0 } given ? given : null;
            return await RunAsync(program, arguments, AgentEnvironment.Of(program, address, key, Environment.GetEnvironmentVariable));
        });
        return command;
    }

    /// <summary>The running proxy; else one that is started, and that runs on after the agent.</summary>
    private static async Task<Uri> ProxyAsync(CliContext context, ParseResult parse, ProxyConfiguration configuration, CancellationToken cancellationToken)
    {
        var addresses = context.ServerAddresses(parse, configuration);
        var credentials = ApiCredentials.Of(configuration);
        if (await ApiConnection.FindServerAsync(addresses, credentials, cancellationToken) is { } running)
        {
            return running;
        }

        if (context.NamesServer(parse) && string.IsNullOrWhiteSpace(parse.GetValue(context.Urls)))
        {
            throw new CliException($"No llmproxy responds on {string.Join(", ", addresses)}, the address in {CliContext.ServerVariable}. Start it there, or unset the variable.");
        }

        var log = Path.Combine(Path.GetDirectoryName(configuration.Resolve(configuration.Options.Recording.Spool.Directory))!, LogName);
        var (address, id) = await BackgroundProxy.StartAsync(context.ArgumentsOf(parse), addresses, credentials, log, cancellationToken);
        await context.Console.Error.WriteLineAsync(FormattableString.Invariant($"Started llmproxy on {address.GetLeftPart(UriPartial.Authority)} (process {id}, log {log}). It runs on; stop it with: kill {id}"));
        return address;
    }

    private static async Task<int> RunAsync(string program, IReadOnlyList<string> arguments, AgentEnvironment settings)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false };
        foreach (var argument in settings.Arguments.Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in settings.Variables)
        {
            start.Environment[name] = value;
        }

        // Ctrl-C is the agent's: the terminal sends it to both.
        using var ignored = PosixSignalRegistration.Create(PosixSignal.SIGINT, static signal => signal.Cancel = true);
        try
        {
            using var process = Process.Start(start) ?? throw new CliException($"Cannot start {program}.");
            using var ended = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
            {
                signal.Cancel = true;
                BackgroundProxy.Terminate(process);
            });
            await process.WaitForExitAsync(CancellationToken.None);
            return process.ExitCode;
        }
        catch (Win32Exception error)
        {
            throw new CliException($"Cannot start {program}: {error.Message}. Check the command after --.");
        }
    }
}
