using System.CommandLine;
using System.Text.Json;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>tasks purge</c>: removes what a key or a text brought in, with all that was made from it.</summary>
internal static class PurgeVerb
{
    public static Command Create(CliContext context)
    {
        var key = new Option<string?>("--key") { Description = "Runs that the key of this name took part in", HelpName = "NAME" };
        var since = new Option<string?>("--since") { Description = "Runs that started at or after this time, such as 2026-11-22 or 7d", HelpName = "TIME" };
        var contains = new Option<string?>("--contains") { Description = "Runs that hold this text anywhere", HelpName = "TEXT" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would be deleted; delete nothing" };
        var yes = new Option<bool>("--yes") { Description = "Do not ask" };
        var json = CliContext.JsonOption();
        var command = new Command("purge", "Delete runs by key, time or text, with their examples and all data derived from them") { key, since, contains, dryRun, yes, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var request = new PurgeRequest(parse.GetValue(key), parse.GetValue(since), parse.GetValue(contains), DryRun: true);
            if (request is { Key: null or "", Since: null or "", Contains: null or "" })
            {
                throw new CliException("Name what to delete: --key, --since or --contains (together: runs to which all of them apply).", ExitCodes.WrongUsage);
            }

            await using var api = await ApiVerb.OpenAsync(context, parse, cancellationToken);
            var (console, asJson) = (context.Console, parse.GetValue(json));
            var found = await RunAsync(console, api, request, cancellationToken);
            if (!asJson)
            {
                Print(console, found);
            }

            if (parse.GetValue(dryRun) || found.Trajectories == 0)
            {
                return Done(console, found, asJson);
            }

            if (!parse.GetValue(yes) && !console.Confirm(Invariant($"Delete these {found.Trajectories} runs?")))
            {
                throw new CliException("Nothing was deleted. Confirm the question, or add --yes.");
            }

            var deleted = await RunAsync(console, api, request with { DryRun = false }, cancellationToken);
            if (!asJson)
            {
                console.Line(Invariant($"{deleted.Trajectories} runs deleted, {deleted.Examples} of them examples."));
            }

            return Done(console, deleted, asJson);
        });
        return command;
    }

    private static int Done(CliConsole console, PurgeResponse result, bool asJson)
    {
        if (asJson)
        {
            console.Json(JsonSerializer.SerializeToNode(result, ApiJson.Default.PurgeResponse));
        }

        return ExitCodes.Done;
    }

    /// <summary>Repeats the request until nothing is left: a server works on each for some seconds only.</summary>
    private static Task<PurgeResponse> RunAsync(CliConsole console, ApiConnection api, PurgeRequest request, CancellationToken cancellationToken) =>
        console.ProgressAsync(request.DryRun == true ? "Searching" : "Deleting", async progress =>
        {
            var sum = new PurgeResponse(request.DryRun == true, 0, 0, [], null);
            do
            {
                var part = (await api.PostAsync("/tasks/purge", request with { Cursor = sum.NextCursor }, ApiJson.Default.PurgeRequest, cancellationToken)).Deserialize(ApiJson.Default.PurgeResponse)!;
                sum = part with { Trajectories = sum.Trajectories + part.Trajectories, Examples = sum.Examples + part.Examples, Items = sum.Items.Count > 0 ? sum.Items : part.Items };
                progress(sum.Trajectories, sum.Trajectories + (sum.NextCursor is null ? 0 : 1));
            }
            while (sum.NextCursor is not null);

            return sum;
        });

    private static void Print(CliConsole console, PurgeResponse found)
    {
        if (found.Trajectories == 0)
        {
            console.Line("No runs found; nothing to delete.");
            return;
        }

        console.Line(Invariant($"{found.Trajectories} runs, {found.Examples} of them examples, with their steps, vectors, prompts and content that no other run uses:"));
        console.Table(
            ["Task", "Started", "Key", "Model", "What"],
            found.Items.Select(run => new[]
            {
                run.TaskId, TrajectoryPrinter.Time(run.StartedAt), string.Join(", ", run.Keys), run.Model.Length > 0 ? run.Model : run.Provider, TextFold.Short(run.TaskDescription, 60),
            }));
        if (found.Trajectories > found.Items.Count)
        {
            console.Line(Invariant($"and {found.Trajectories - found.Items.Count} more"));
        }
    }
}
