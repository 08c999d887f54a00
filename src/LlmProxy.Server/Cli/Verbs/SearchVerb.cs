using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LlmProxy.Server.Api.Shapes;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>search</c>: similar runs, the section they would give, and why others were left out.</summary>
internal static class SearchVerb
{
    public static Command Create(CliContext context)
    {
        var text = new Argument<string>("TEXT") { Description = "The task" };
        var top = new Option<int?>("--top") { Description = "At most so many (LlmProxy:FewShot:Count)" };
        var similarity = new Option<double?>("--min-similarity") { Description = "Least cosine similarity (the embedder's own)" };
        var json = CliContext.JsonOption();
        var command = new Command("search", "Similar runs, the few-shot section they would give, and why others were left out") { text, top, similarity, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await TasksVerb.OpenAsync(context, parse, cancellationToken);
            var request = new SearchRequest(parse.GetValue(text), parse.GetValue(top), parse.GetValue(similarity));
            var answer = await api.PostAsync("/search", request, ApiJson.Default.SearchRequest, cancellationToken);
            if (parse.GetValue(json))
            {
                context.Console.Json(answer);
            }
            else
            {
                Print(context.Console, answer.Deserialize(ApiJson.Default.SearchShape)!);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(CliConsole console, SearchShape found)
    {
        console.Line(string.Create(CultureInfo.InvariantCulture, $"{found.Items.Count} runs with similarity >= {found.Threshold:0.00} ({found.Embedder})"));
        if (found.Items.Count > 0)
        {
            var table = console.NewTable("Run", "Similarity", "Score", "Steps", "Task");
            foreach (var item in found.Items)
            {
                table.AddRow(
                    new Text(item.TrajectoryId),
                    new Text(Number(item.Similarity)),
                    new Text(TrajectoryPrinter.Score(item.QualityScore)),
                    new Text(item.IterationCount.ToString(CultureInfo.InvariantCulture)),
                    new Text(TextFold.Short(item.TaskDescription, 80)));
            }

            console.Ansi.Write(table);
        }

        if (found.LeftOut.Count > 0)
        {
            console.Line();
            console.Line("Left out:");
            var table = console.NewTable("Run", "Similarity", "Reason", "Task");
            foreach (var item in found.LeftOut)
            {
                table.AddRow(new Text(item.TrajectoryId), new Text(item.Similarity is { } s ? Number(s) : "-"), new Text(item.Reason), new Text(TextFold.Short(item.TaskDescription, 80)));
            }

            console.Ansi.Write(table);
        }

        if (found.FewShot.Length > 0)
        {
            console.Line();
            console.Line("The section in a prompt:");
            console.Line();
            console.Line(found.FewShot);
        }
    }

    private static string Number(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
