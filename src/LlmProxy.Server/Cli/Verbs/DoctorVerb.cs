using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Server.Hosting;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>doctor</c>: diagnoses problems and suggests fixes.</summary>
internal static class DoctorVerb
{
    public static Command Create(CliContext context)
    {
        var text = new Option<string?>("--text") { Description = "Also check whether examples are found for this task" };
        var json = CliContext.JsonOption();
        var command = new Command("doctor", "Diagnose problems of settings, store, spool, embedder, recording, templates and examples, and suggest fixes") { text, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var results = await CheckAsync(context, parse, parse.GetValue(text), cancellationToken);
            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonObject
                {
                    ["ok"] = results.TrueForAll(f => f.Status != CheckStatus.Fail),
                    ["checks"] = new JsonArray([.. results.Select(f => (JsonNode)new JsonObject { ["check"] = f.Check, ["status"] = f.Status.ToString().ToLowerInvariant(), ["text"] = f.Text, ["fix"] = f.Fix })]),
                });
            }
            else
            {
                Print(context.Console, results);
            }

            return results.Exists(f => f.Status == CheckStatus.Fail) ? ExitCodes.Failed : ExitCodes.Done;
        });
        return command;
    }

    private static async Task<List<CheckResult>> CheckAsync(CliContext context, ParseResult parse, string? text, CancellationToken cancellationToken)
    {
        ProxyConfiguration configuration;
        try
        {
            configuration = context.ReadConfiguration(parse);
        }
        catch (CliException error)
        {
            return [CheckResult.Fail("settings", error.Message, "Correct the file, or write a new one with \"llmproxy init\".")];
        }

        var results = new List<CheckResult>();
        if (configuration.Problems.Count > 0)
        {
            // Invalid settings fall back to their defaults, so the other checks can still run.
            results.AddRange(configuration.Problems.Select(problem => CheckResult.Fail("settings", problem.Value is null ? problem.Key : $"{problem.Key} = {problem.Value}", problem.Fix)));
        }
        else
        {
            results.Add(CheckResult.Ok("settings", configuration.File ?? "built-in defaults"));
        }

        await using var checks = new DoctorChecks(configuration, ApiConnection.TenantOf(configuration, parse.GetValue(context.Tenant)));
        await foreach (var result in checks.RunAsync(text, cancellationToken))
        {
            results.Add(result);
        }

        results.AddRange(await ServerAsync(configuration, context.ServerAddresses(parse, configuration), cancellationToken));
        return results;
    }

    private static async Task<List<CheckResult>> ServerAsync(ProxyConfiguration configuration, IReadOnlyList<string> addresses, CancellationToken cancellationToken)
    {
        var place = string.Join(", ", addresses);
        try
        {
            if (await ApiConnection.FindServerAsync(addresses, ApiCredentials.Of(configuration), cancellationToken) is not { } address)
            {
                return [CheckResult.Warn("server", $"no proxy is running on {place}", "Start it with \"llmproxy serve\", or set its address with --urls.")];
            }

            List<CheckResult> results = [CheckResult.Ok("server", $"running on {address.GetLeftPart(UriPartial.Authority)}")];
            await using var api = await ApiConnection.OpenAsync(configuration, addresses, isNamed: true, null, cancellationToken);
            var status = (await api.GetAsync("/status", cancellationToken)).Deserialize(ApiJson.Default.StatusResponse)!;
            if (status.Recording.NotRecorded.Count > 0)
            {
                results.Add(NotRecorded(status.Recording.NotRecorded));
            }

            return results;
        }
        catch (CliException error)
        {
            return [CheckResult.Warn("server", $"the proxy on {place} requires a key", error.Message)];
        }
    }

    private static CheckResult NotRecorded(IReadOnlyDictionary<string, long> counts)
    {
        var text = "calls not recorded since the start: " + string.Join(", ", counts.OrderByDescending(count => count.Value).Select(count => FormattableString.Invariant($"{count.Key} {count.Value}")));
        return counts.ContainsKey(NotRecordedReason.UnknownEncoding.ToWord())
            ? CheckResult.Warn("unrecorded", text, "unknown-encoding: the proxy decodes gzip, deflate, br and zstd, at most two of them for a body. The log names the clients and their encodings; turn compression off there.")
            : CheckResult.Ok("unrecorded", text);
    }

    private static void Print(CliConsole console, List<CheckResult> results)
    {
        foreach (var result in results)
        {
            var (word, style) = result.Status switch
            {
                CheckStatus.Ok => ("ok  ", new Style(Color.Green)),
                CheckStatus.Warn => ("warn", new Style(Color.Yellow)),
                _ => ("fail", new Style(Color.Red, decoration: Decoration.Bold)),
            };
            console.Word(word, style);
            console.Line($"  {result.Check,-11} {result.Text}");

            if (result.Fix is { } fix)
            {
                console.Paragraph("fix: " + fix, 18);
            }
        }
    }
}
