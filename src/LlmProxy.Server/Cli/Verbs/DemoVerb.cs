using System.CommandLine;
using System.Text.Json;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Server.Dashboard;
using LlmProxy.Server.Demo;
using LlmProxy.Server.Hosting;
using LlmProxy.Testing.Replay;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>demo</c>: runs the whole workflow on one machine, without a key and without network access.</summary>
internal static class DemoVerb
{
    private static readonly Style Title = new(Color.Aqua, decoration: Decoration.Bold);
    private static readonly Style Inserted = new(Color.Green);
    private static readonly Style Removed = new(Color.Red);

    public static Command Create(CliContext context)
    {
        var json = CliContext.JsonOption();
        var recording = new Option<string?>("--recording") { Description = "Also write the recorded run to this file, for tests with LlmProxy.Testing", HelpName = "FILE" };
        var command = new Command("demo", "Show what the proxy does: record a scripted Claude run, then add it to the prompts of a GPT and a Gemini agent; needs no key and no network") { json, recording };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var asJson = parse.GetValue(json);
            DemoResult result;
            try
            {
                result = await DemoRunner.RunAsync(asJson ? _ => { } : line => context.Console.Line(line), cancellationToken);
            }
            catch (DemoException error)
            {
                throw new CliException($"The demo failed: {error.Message}");
            }

            if (parse.GetValue(recording) is { } file)
            {
                await PrivateFiles.WriteAsync(file, RecordedTrajectoryFile.Write(result.Recording, withTiming: false), cancellationToken);
            }

            if (asJson)
            {
                context.Console.Json(result.ToJson());
            }
            else
            {
                Print(context.Console, result);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(CliConsole console, DemoResult result)
    {
        Heading(console, "1. The recorded run");
        new TrajectoryPrinter(console).Print(result.Recorded.Deserialize(ApiJson.Default.TrajectoryDetailDto)!);

        PrintOutcomes(console, result);

        Heading(console, "3. Examples found for the new tasks");
        foreach (var prompt in result.Prompts)
        {
            console.Line($"{prompt.Model}: {prompt.Task}");
            console.Line($"   LlmProxy-Few-Shot-Result: {prompt.Result}");
        }

        console.Line();
        SearchVerb.PrintFound(console, result.Examples.Select(example => example!.Deserialize(ApiJson.Default.SimilarTrajectoryDto)!));
        var number = 4;
        foreach (var prompt in result.Prompts)
        {
            Heading(console, $"{number++}. System prompt of {prompt.Model}: lines with + were added by the proxy");
            foreach (var (mark, line) in LineDifference.Compare(prompt.Before, prompt.After))
            {
                console.Line($"{mark} {line}".TrimEnd(), mark switch { '+' => Inserted, '-' => Removed, _ => default(Style?) });
            }
        }

        console.Line();
        console.Line("Next, with your own agents: \"llmproxy\" starts the proxy, \"llmproxy connect claude-code\" prints the settings of Claude Code (likewise codex, gemini-cli, ...).");
        console.Line($"Then open {ProxyHost.DefaultUrl}{DashboardEndpoints.Prefix}: a trajectory's page shows its outcome, the prompt that was sent, and the examples in it.");
    }

    private static void PrintOutcomes(CliConsole console, DemoResult result)
    {
        Heading(console, "2. Did it succeed? A stated, an inferred and an unknown outcome");
        console.Line("An agent hardly ever says whether its work was right, so the proxy keeps what was said apart from what it estimates.");
        foreach (var run in result.Outcomes.Select(outcome => outcome!.Deserialize(ApiJson.Default.TrajectoryDetailDto)!))
        {
            console.Line();
            console.Line($"{run.Outcome.Kind.ToUpperInvariant()}: {TextFold.Short(run.TaskDescription, 90)}", Title);
            new TrajectoryPrinter(console).PrintOutcome(run);
        }

        console.Line();
        console.Line("A stated outcome counts in success rates and in training data. An inferred one is never counted as a success; if it is");
        console.Line("probable enough, the run may be an example, marked as not verified. An unknown one is used for nothing. The line Correct");
        console.Line("is the command for a run of your own; the demo's store is deleted when it ends.");
    }

    private static void Heading(CliConsole console, string text)
    {
        console.Line();
        console.Line(text, Title);
        console.Line(new string('-', Math.Min(text.Length, 100)));
    }
}
