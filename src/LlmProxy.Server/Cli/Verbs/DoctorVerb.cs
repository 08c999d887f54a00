using System.CommandLine;
using System.Text.Json.Nodes;
using LlmProxy.Server.Hosting;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>doctor</c>: the troubleshooting list as a command.</summary>
internal static class DoctorVerb
{
    public static Command Create(CliContext context)
    {
        var text = new Option<string?>("--text") { Description = "A task: are there examples above the threshold for it?" };
        var json = CliContext.JsonOption();
        var command = new Command("doctor", "Checks settings, store, spool, embedder, recording, templates and examples, and names the fixes") { text, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var findings = await CheckAsync(context, parse, parse.GetValue(text), cancellationToken);
            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonObject
                {
                    ["ok"] = findings.TrueForAll(f => f.Level != FindingLevel.Fail),
                    ["checks"] = new JsonArray([.. findings.Select(f => (JsonNode)new JsonObject { ["check"] = f.Check, ["status"] = f.Level.ToString().ToLowerInvariant(), ["text"] = f.Text, ["fix"] = f.Fix })]),
                });
            }
            else
            {
                Print(context.Console, findings);
            }

            return findings.Exists(f => f.Level == FindingLevel.Fail) ? ExitCodes.Failed : ExitCodes.Done;
        });
        return command;
    }

    private static async Task<List<Finding>> CheckAsync(CliContext context, ParseResult parse, string? text, CancellationToken cancellationToken)
    {
        ProxyConfiguration configuration;
        try
        {
            configuration = context.ReadConfiguration(parse);
        }
        catch (CliException error)
        {
            return [new Finding("settings", FindingLevel.Fail, error.Message, "Correct the file, or write a fresh one with \"llmproxy init\".")];
        }

        var findings = new List<Finding>();
        if (configuration.Problems.Count > 0)
        {
            // What is wrong has its default here; the rest can still be checked.
            findings.AddRange(configuration.Problems.Select(problem => new Finding("settings", FindingLevel.Fail, problem.Value is null ? problem.Key : $"{problem.Key} = {problem.Value}", problem.Fix)));
        }
        else
        {
            findings.Add(Finding.Ok("settings", configuration.File ?? "built-in defaults"));
        }

        await using var checks = new DoctorChecks(configuration);
        await foreach (var finding in checks.RunAsync(text, cancellationToken))
        {
            findings.Add(finding);
        }

        findings.Add(await ServerAsync(context.Addresses(parse, configuration), cancellationToken));
        return findings;
    }

    private static async Task<Finding> ServerAsync(IReadOnlyList<string> addresses, CancellationToken cancellationToken)
    {
        var place = string.Join(", ", addresses);
        try
        {
            return await ApiConnection.FindServerAsync(addresses, Environment.GetEnvironmentVariable(ApiConnection.KeyVariable), cancellationToken) is { } address
                ? Finding.Ok("server", $"answers on {address.GetLeftPart(UriPartial.Authority)}")
                : new Finding("server", FindingLevel.Warn, $"no proxy answers on {place}", "Start it with \"llmproxy serve\", or name its address with --urls.");
        }
        catch (CliException error)
        {
            return new Finding("server", FindingLevel.Warn, $"answers on {place} and asks for a key", error.Message);
        }
    }

    private static void Print(CliConsole console, List<Finding> findings)
    {
        foreach (var finding in findings)
        {
            var (word, style) = finding.Level switch
            {
                FindingLevel.Ok => ("ok  ", new Style(Color.Green)),
                FindingLevel.Warn => ("warn", new Style(Color.Yellow)),
                _ => ("fail", new Style(Color.Red, decoration: Decoration.Bold)),
            };
            if (console.IsTerminal)
            {
                console.Ansi.Write(new Text(word, style));
                console.Line($"  {finding.Check,-11} {finding.Text}");
            }
            else
            {
                console.Line($"{word}  {finding.Check,-11} {finding.Text}");
            }

            if (finding.Fix is { } fix)
            {
                console.Paragraph("fix: " + fix, 18);
            }
        }
    }
}
