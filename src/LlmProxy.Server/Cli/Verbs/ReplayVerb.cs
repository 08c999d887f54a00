using System.CommandLine;
using System.Text.Json.Nodes;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Testing;
using LlmProxy.Testing.Replay;
using LlmProxy.Testing.Stubs;
using Microsoft.AspNetCore.Connections;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>replay</c>: replays a recorded trajectory as stub mappings or as a server, and tests prompt templates with it.</summary>
internal static class ReplayVerb
{
    /// <summary>Default address of a replay; not the proxy's, so that both can run.</summary>
    private const string DefaultUrl = "http://127.0.0.1:8090";

    private const string WireMock = "wiremock";
    private const string WireMockNet = "wiremock.net";
    private const string Recorded = "recorded";

    public static Command Create(CliContext context) => new("replay", "Replay a recorded run: as stub mappings, as a server, or with other templates")
    {
        Export(context),
        Serve(context),
        ReplayDiff.Create(context),
    };

    private static Command Export(CliContext context)
    {
        var task = TaskOption();
        var flavor = new Option<string>("--flavor") { Description = "Format: wiremock, wiremock.net, or recorded (one file for LlmProxy.Testing and replay serve)", Required = true };
        flavor.AcceptOnlyFromAmong(WireMock, WireMockNet, Recorded);
        var output = new Option<string>("--output") { Description = "Folder to write; for recorded, the file", HelpName = "DIR", Required = true };
        var fast = new Option<bool>("--fast") { Description = "Omit the recorded pauses" };
        var json = CliContext.JsonOption();
        var command = new Command("export", "Write a run as stub mappings") { task, flavor, output, fast, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var run = await ReadAsync(context, parse, parse.GetValue(task)!, listens: false, cancellationToken);
            var (kind, target) = (parse.GetValue(flavor)!, parse.GetValue(output)!);
            StubFolder? stubs = null;
            if (kind == Recorded)
            {
                await PrivateFiles.WriteAsync(target, RecordedTrajectoryFile.Write(run, withTiming: !parse.GetValue(fast)), cancellationToken);
            }
            else
            {
                stubs = StubFolder.Of(run, kind == WireMock ? StubFlavor.WireMock : StubFlavor.WireMockNet, withPauses: !parse.GetValue(fast));
                stubs.WriteTo(target);
            }

            // An absolute path, to be copied into a test that runs in another folder.
            var loadFrom = stubs is null ? null : Path.GetFullPath(Path.Combine(target, stubs.LoadedFrom));
            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonObject { ["run"] = run.Name, ["calls"] = run.Calls.Count, ["flavor"] = kind, ["mappings"] = stubs?.Mappings, ["output"] = target, ["loadFrom"] = loadFrom });
            }
            else
            {
                var what = stubs is null ? $" in {target}" : FormattableString.Invariant($" as {stubs.Mappings} mappings in {loadFrom}; {Path.Combine(target, "README.md")} explains how to load them");
                context.Console.Line(FormattableString.Invariant($"{run.Calls.Count} calls of {run.Name}{what}."));
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Serve(CliContext context)
    {
        var task = TaskOption();
        var fast = new Option<bool>("--fast") { Description = "Respond immediately instead of at the recorded pace" };
        var loose = new Option<bool>("--loose") { Description = "Accept a similar request instead of only the recorded one" };
        var command = new Command("serve", $"Serve the recorded responses of a run, event by event, on --urls (default: {DefaultUrl}) until Ctrl-C") { task, fast, loose };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var run = await ReadAsync(context, parse, parse.GetValue(task)!, listens: true, cancellationToken);
            var session = new ReplaySession(run, parse.GetValue(loose) ? ReplayMode.Loose : ReplayMode.Strict);
            var redactor = new Redactor(context.ReadConfiguration(parse).Options.Recording.Redaction);
            var urls = (parse.GetValue(context.Urls) ?? DefaultUrl).Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            try
            {
                await using var server = await ReplayServer.StartAsync(session, redactor, urls, !parse.GetValue(fast), TimeProvider.System, line => context.Console.Line(line), cancellationToken);
                Print(context.Console, run, server);
                await WaitAsync(cancellationToken);
            }
            catch (IOException error) when (error.InnerException is AddressInUseException)
            {
                throw new CliException($"{string.Join(", ", urls)} is in use: choose another port with --urls.");
            }

            Summarize(context.Console, session);
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Reads a trajectory from a file, or from the server or the store.</summary>
    /// <exception cref="CliException">The trajectory does not exist, or its content is not kept.</exception>
    private static async Task<RecordedTrajectory> ReadAsync(CliContext context, ParseResult parse, string task, bool listens, CancellationToken cancellationToken)
    {
        try
        {
            if (File.Exists(task))
            {
                return RecordedTrajectoryFile.ReadFile(task);
            }

            var configuration = context.Configuration(parse);
            await using var api = await ApiConnection.OpenAsync(configuration, context.ServerAddresses(parse, configuration, withOption: !listens), context.NamesServer(parse, withOption: !listens), parse.GetValue(context.Tenant), cancellationToken);
            return RecordedTrajectoryFile.Read((await api.GetAsync($"/trajectories/{Uri.EscapeDataString(await RunReference.ResolveAsync(api, task, cancellationToken))}/recording", cancellationToken)).ToJsonString());
        }
        catch (InvalidDataException error)
        {
            throw new CliException(error.Message);
        }
    }

    private static void Print(CliConsole console, RecordedTrajectory run, ReplayServer server)
    {
        console.Line(FormattableString.Invariant($"Replaying {run.Calls.Count} calls of {run.Name}{(run.Task.Length == 0 ? "" : ": " + TextFold.Short(run.Task, 80))}"));
        foreach (var (dialect, address) in server.BaseUrls)
        {
            console.Line($"  {dialect,-10} {address}");
        }

        console.Line("Press Ctrl-C to stop.");
    }

    private static void Summarize(CliConsole console, ReplaySession session)
    {
        var notMade = session.NotMade;
        console.Line(FormattableString.Invariant($"{session.Run.Calls.Count - notMade.Count} of {session.Run.Calls.Count} recorded calls were made; calls without a recording: {session.Unrecorded.Count}."));
        foreach (var number in notMade)
        {
            console.Line("  not made: " + session.Describe(number));
        }
    }

    private static async Task WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // Stopped by Ctrl-C.
        }
    }

    private static Option<string> TaskOption() => new("--task") { Description = RunReference.Description + ", or a file of a recorded run", HelpName = "ID|FILE", Required = true };
}
