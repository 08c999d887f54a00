using System.CommandLine;
using System.Text.Json;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>redact --rescan</c>: takes secrets out of what is stored.</summary>
internal static class RedactVerb
{
    public static Command Create(CliContext context)
    {
        var rescan = new Option<bool>("--rescan") { Description = "Search all stored texts by the current table of secrets and Recording:Redaction:Patterns" };
        var allTenants = new Option<bool>("--all-tenants") { Description = "All tenants of the store, where no server is running" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would be redacted; change nothing" };
        var yes = new Option<bool>("--yes") { Description = "Do not ask" };
        var json = CliContext.JsonOption();
        var command = new Command("redact", "Redact secrets in stored runs, examples, prompts and vectors; an interrupted command can be run again") { rescan, allTenants, dryRun, yes, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            if (!parse.GetValue(rescan))
            {
                throw new CliException("Name what to redact: --rescan searches all stored texts.", ExitCodes.WrongUsage);
            }

            if (parse.GetValue(allTenants) && parse.GetValue(context.Tenant) is not null)
            {
                throw new CliException("--all-tenants and --tenant cannot be combined: give one of them.", ExitCodes.WrongUsage);
            }

            var (console, asJson) = (context.Console, parse.GetValue(json));
            Task<RescanResponse> RescanAsync(bool isDryRun) => RunAsync(context, parse, parse.GetValue(allTenants), isDryRun, cancellationToken);

            // 1. What it would change. Not asked for, it is not searched twice.
            if (parse.GetValue(dryRun) || !parse.GetValue(yes))
            {
                var found = await RescanAsync(true);
                Print(console, found, asJson && (parse.GetValue(dryRun) || found.Rows.Count == 0), asJson);
                if (parse.GetValue(dryRun) || found.Rows.Count == 0)
                {
                    return Done(console, found);
                }

                if (!console.Confirm(Invariant($"Redact these {found.Rows.Values.Sum()} rows? The secrets cannot be restored.")))
                {
                    throw new CliException("Nothing was redacted. Confirm the question, or add --yes.");
                }
            }

            // 2. The change.
            var done = await RescanAsync(false);
            Print(console, done, asJson, asJson);
            return Done(console, done);
        });
        return command;
    }

    private static async Task<RescanResponse> RunAsync(CliContext context, ParseResult parse, bool allTenants, bool isDryRun, CancellationToken cancellationToken)
    {
        await using var api = await ApiVerb.OpenAsync(context, parse, cancellationToken);
        if (!allTenants)
        {
            return await RunAsync(context.Console, api, isDryRun, cancellationToken);
        }

        RescanResponse? sum = null;
        foreach (var tenant in await api.ListTenantsAsync(cancellationToken))
        {
            await using var own = await ApiConnection.OpenLocalAsync(context.Configuration(parse), tenant, cancellationToken);
            var one = await RunAsync(context.Console, own, isDryRun, cancellationToken);
            sum = sum?.Add(one) ?? one;
        }

        return sum ?? await RunAsync(context.Console, api, isDryRun, cancellationToken);
    }

    /// <summary>Repeats the request until nothing is left: a server works on each for some seconds only.</summary>
    private static Task<RescanResponse> RunAsync(CliConsole console, ApiConnection api, bool isDryRun, CancellationToken cancellationToken) =>
        console.ProgressAsync(isDryRun ? "Searching" : "Redacting", async progress =>
        {
            RescanResponse? sum = null;
            do
            {
                var answer = await api.PostAsync("/redaction/rescan", new RescanRequest(isDryRun, sum?.NextCursor), ApiJson.Default.RescanRequest, cancellationToken);
                var part = answer.Deserialize(ApiJson.Default.RescanResponse)!;
                sum = sum?.Add(part) ?? part;
                var rows = sum.Rows.Values.Sum();
                progress(rows, rows + (sum.NextCursor is null ? 0 : 1));
            }
            while (sum.NextCursor is not null);

            return sum;
        });

    private static int Done(CliConsole console, RescanResponse result)
    {
        if (result.Unreadable > 0)
        {
            console.Error.WriteLine(Invariant($"{result.Unreadable} content rows are damaged and were not scanned. \"llmproxy tasks purge\" deletes the runs that refer to them."));
        }

        if (!result.RecordsRedacted)
        {
            console.Error.WriteLine("LlmProxy:Recording:Redaction:Enabled is false: new calls are stored with their secrets. Set it to true.");
        }

        return result.Unreadable > 0 ? ExitCodes.Failed : ExitCodes.Done;
    }

    private static void Print(CliConsole console, RescanResponse result, bool writesJson, bool asJson)
    {
        if (asJson)
        {
            if (writesJson)
            {
                console.Json(JsonSerializer.SerializeToNode(result, ApiJson.Default.RescanResponse));
            }

            return;
        }

        if (result.Rows.Count == 0)
        {
            console.Line("No secrets found; nothing to redact.");
            return;
        }

        console.Line(result.DryRun ? "Rows with secrets:" : "Redacted rows:");
        console.Table(["Table", "Rows"], result.Rows.Select(row => new[] { row.Key, Invariant($"{row.Value}") }));
        console.Line("Secrets by kind:");
        console.Table(["Kind", "Secrets"], result.Secrets.Select(secret => new[] { secret.Key, Invariant($"{secret.Value}") }));
        if (!result.DryRun && result.Rows.ContainsKey("trajectory_embedding"))
        {
            console.Line("Vectors of a remote embedder with redacted texts were removed; \"llmproxy embed\" computes them again.");
        }
    }
}
