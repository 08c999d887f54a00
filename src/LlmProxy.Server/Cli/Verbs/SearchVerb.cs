using System.CommandLine;
using System.Globalization;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>search</c>: similar trajectories, the prompt section they produce, and why others were left out.</summary>
internal static class SearchVerb
{
    public static Command Create(CliContext context)
    {
        var text = new Argument<string>("TEXT") { Description = "The task to search for" };
        var top = new Option<int?>("--top") { Description = "Maximum number of results (default: LlmProxy:FewShot:Count)" };
        var similarity = new Option<double?>("--min-similarity") { Description = "Minimum cosine similarity (default: the embedder's)" };
        var project = new Option<string?>("--project") { Description = "Only runs of this working directory or repository" };
        var tools = new Option<string[]>("--tools") { Description = "Tools that the request would offer", AllowMultipleArgumentsPerToken = true };
        return ApiVerb.Create(
            context,
            "search",
            "Find similar runs, show the few-shot section they produce, and why others were left out",
            [text, top, similarity, project, tools],
            (api, parse, cancellationToken) => api.PostAsync(
                "/search",
                new SearchRequest(parse.GetValue(text), parse.GetValue(top), parse.GetValue(similarity), Project: parse.GetValue(project), Tools: parse.GetValue(tools)),
                ApiJson.Default.SearchRequest,
                cancellationToken),
            ApiJson.Default.SearchResponse,
            (console, _, found) => Print(console, found));
    }

    private static void Print(CliConsole console, SearchResponse found)
    {
        console.Line(Invariant($"{found.Items.Count} runs with similarity >= {found.Threshold:0.00} ({found.Embedder})"));
        PrintFound(console, found.Items);
        foreach (var aged in found.Items.Where(item => item.Ageing.Count > 0))
        {
            console.Line($"{aged.TrajectoryId} ranks lower: {string.Join(", ", aged.Ageing)}");
        }

        if (found.LeftOut.Count > 0)
        {
            console.Line();
            console.Line("Left out:");
            console.Table(
                ["Run", "Similarity", "Reason", "Task"],
                found.LeftOut.Select(item => new[] { item.TrajectoryId, Number(item.Similarity), item.Reason, TextFold.Short(item.TaskDescription, 80) }));
        }

        if (found.FewShot.Length > 0)
        {
            console.Line();
            console.Line("The section in a prompt:");
            console.Line();
            console.Lines(found.FewShot);
        }
    }

    /// <summary>Prints the trajectories that a search found.</summary>
    public static void PrintFound(CliConsole console, IEnumerable<SimilarTrajectoryDto> found) => console.Table(
        ["Run", "Similarity", "Score", "Steps", "Task"],
        found.Select(item => new[]
        {
            item.TrajectoryId, Number(item.Similarity), TrajectoryPrinter.Score(item.QualityScore), Invariant($"{item.IterationCount}"), TextFold.Short(item.TaskDescription, 80),
        }));

    private static string Number(double? value) => value?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-";
}
