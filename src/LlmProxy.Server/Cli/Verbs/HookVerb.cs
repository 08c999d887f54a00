using System.CommandLine;
using System.Text.Json;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Server.Cli.Hooks;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary>
/// <c>hook</c>: run by agents at the end of a turn. It sends evidence for the outcome of the session's task to the running server.
/// An agent waits for its hooks and obeys their exit code: whatever happens, this takes two seconds at most, exits with 0, and
/// prints nothing without <c>--verbose</c>.
/// </summary>
internal static class HookVerb
{
    /// <summary>The verb.</summary>
    public const string Name = "hook";

    private const string Client = "claude-code";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public static Command Create(CliContext context) => new(Name, "Report evidence for a session's outcome; run by agents as a hook") { ClaudeCode(context) };

    /// <summary>Whether a command line is one of a hook, also a wrong one: the verb comes first, or after options.</summary>
    public static bool Handles(IReadOnlyList<string> arguments) =>
        arguments is [Name, ..] || arguments.Zip(arguments.Skip(1)).Any(pair => pair is (Name, Client));

    private static Command ClaudeCode(CliContext context)
    {
        var verbose = new Option<bool>("--verbose") { Description = "Print what was sent, or why nothing was, to standard error" };
        var command = new Command(Client, "Read a hook event of Claude Code from standard input, and send the test and build results of the session's last turn to the server") { verbose };
        command.SetAction(async (parse, cancellationToken) =>
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(Limit);
            string notice;
            try
            {
                // Reading a pipe that the client leaves open cannot be cancelled, nor can a resolver that hangs.
                notice = await Task.Run(() => ReportAsync(context, parse, limit.Token), CancellationToken.None).WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                notice = Invariant($"Nothing was sent: it took longer than {Limit.TotalSeconds:0} s.");
            }
            catch (Exception error) when (error is CliException or IOException or UnauthorizedAccessException or HttpRequestException or JsonException or NotSupportedException or ArgumentException)
            {
                notice = $"Nothing was sent: {error.Message}";
            }

            if (parse.GetValue(verbose))
            {
                await context.Console.Error.WriteLineAsync(notice);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static async Task<string> ReportAsync(CliContext context, ParseResult parse, CancellationToken cancellationToken)
    {
        if (context.Console.Piped is not { } input)
        {
            throw new CliException("The standard input is a terminal. Claude Code runs this verb; \"llmproxy connect claude-code\" prints the setting.");
        }

        var hook = ClaudeCodeEvent.Parse(await input.ReadToEndAsync(cancellationToken));
        if (!hook.EndsTurn)
        {
            return $"Nothing was sent: the event {hook.Name} does not end a turn of the session.";
        }

        var evidence = await ClaudeCodeTranscript.ReadAsync(hook.TranscriptPath, cancellationToken);
        var configuration = context.ReadConfiguration(parse);
        var credentials = ApiCredentials.Of(configuration);
        var verifications = (evidence.Verifications ?? []).Select(v => new VerificationRequest(v.Passed, v.Quote)).ToList();

        // A turn without tests says nothing against those of an earlier turn of the task.
        var body = new EvidenceRequest(verifications.Count > 0 ? verifications : null, evidence.IsInterrupted);
        HttpRequestException? failure = null;
        foreach (var address in ApiConnection.ClientAddresses(context.ServerAddresses(parse, configuration)))
        {
            try
            {
                await using var api = ApiConnection.At(address, credentials);
                await api.PostAsync($"/tasks/{Uri.EscapeDataString("session:" + hook.SessionId)}/evidence", body, ApiJson.Default.EvidenceRequest, cancellationToken);
                return Invariant($"Sent {verifications.Count} verifications of session {hook.SessionId} to {address}.");
            }
            catch (HttpRequestException error)
            {
                failure = error;
            }
        }

        throw failure ?? new HttpRequestException("No address of a server is configured.");
    }
}
