using System.CommandLine;
using System.Text.Json;
using LlmProxy.Server.Api.Shapes;
using LlmProxy.Server.Demo;
using LlmProxy.Testing.Replay;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>demo</c>: the whole way on one machine, without a key and without a network.</summary>
internal static class DemoVerb
{
    private static readonly Style Title = new(Color.Aqua, decoration: Decoration.Bold);
    private static readonly Style Inserted = new(Color.Green);
    private static readonly Style Removed = new(Color.Red);

    public static Command Create(CliContext context)
    {
        var json = CliContext.JsonOption();
        var recording = new Option<string?>("--recording") { Description = "Also write the replayed run to this file, for a first test with LlmProxy.Testing", HelpName = "FILE" };
        var command = new Command("demo", "Shows what the proxy does: records a replayed Claude run, then enhances the prompts of a GPT and a Gemini agent; needs no key and no network") { json, recording };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var asJson = parse.GetValue(json);
            DemoResult result;
            try
            {
                result = await DemoRunner.RunAsync(line => Progress(context.Console, line, asJson), cancellationToken);
            }
            catch (DemoException error)
            {
                throw new CliException($"The demo did not work: {error.Message}");
            }

            if (parse.GetValue(recording) is { } file)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file))!);
                await File.WriteAllTextAsync(file, RecordedTrajectoryFile.Write(result.Recording, withTiming: false), cancellationToken);
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

    private static void Progress(CliConsole console, string line, bool asJson)
    {
        if (!asJson)
        {
            console.Line(line);
        }
    }

    private static void Print(CliConsole console, DemoResult result)
    {
        Heading(console, "1. The recorded run");
        new TrajectoryPrinter(console).Print(result.Recorded.Deserialize(ApiJson.Default.TrajectoryDetailShape)!);

        Heading(console, "2. Examples found for the new tasks");
        foreach (var prompt in result.Prompts)
        {
            console.Line($"{prompt.Model}: {prompt.Task}");
            console.Line($"   {prompt.Result}");
        }

        console.Line();
        var table = console.NewTable("Run", "Similarity", "Score", "Steps", "Task");
        foreach (var example in result.Examples)
        {
            var item = example!.Deserialize(ApiJson.Default.SimilarShape)!;
            table.AddRow(
                new Text(item.TrajectoryId),
                new Text(item.Similarity.ToString("0.000", System.Globalization.CultureInfo.InvariantCulture)),
                new Text(TrajectoryPrinter.Score(item.QualityScore)),
                new Text(item.IterationCount.ToString(System.Globalization.CultureInfo.InvariantCulture)),
                new Text(TextFold.Short(item.TaskDescription, 70)));
        }

        console.Ansi.Write(table);
        var number = 3;
        foreach (var prompt in result.Prompts)
        {
            Heading(console, $"{number++}. The system prompt of {prompt.Model}: as the agent sent it, and with + what the proxy put in");
            foreach (var (mark, line) in LineDifference.Compare(prompt.Before, prompt.After))
            {
                console.Line($"{mark} {line}".TrimEnd(), mark switch { '+' => Inserted, '-' => Removed, _ => default(Style?) });
            }
        }

        console.Line();
        console.Line("The same with your agents: \"llmproxy\" starts the proxy, \"llmproxy connect claude-code\" and its like tell their settings.");
    }

    private static void Heading(CliConsole console, string text)
    {
        console.Line();
        console.Line(text, Title);
        console.Line(new string('-', Math.Min(text.Length, 100)));
    }
}
