using LlmProxy.Core;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Search for trajectories to use as examples, with the reasons why others are left out.</summary>
internal static class SearchEndpoints
{
    private const int MostResults = 100;

    public static void MapSearch(this RouteGroupBuilder api) =>
        api.MapPost("/search", SearchAsync).AcceptsJson<SearchRequest>().Produces<SearchResponse>().ProducesProblem(400)
            .WithTags("Search").WithSummary("Finds similar trajectories, the reasons why others are left out, and the prompt section they produce").OpenToLocalUsers();

    private static async Task<IResult> SearchAsync(HttpContext context, [FromServices] TrajectorySearch similar, [FromServices] Redactor redactor, [FromServices] LlmProxyOptions options, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.SearchRequest);
        var text = ApiInput.Required("taskDescription", request.TaskDescription, "{\"taskDescription\": \"File the October invoice\"}");
        var query = new ExampleQuery(context.GetTenant(), text, ApiInput.InRange("topK", request.TopK, 1, MostResults) ?? Math.Max(1, options.FewShot.Count))
        {
            MinSimilarity = ApiInput.InRange("minSimilarity", request.MinSimilarity, -1, 1),
            Providers = request.Providers ?? options.FewShot.SourceProviders,
            SuccessOnly = request.SuccessOnly ?? true,
            Project = ProjectPath.Normalize(request.Project) is { } project ? redactor.For(context.GetTenant()).Redact(project) : null,
            OfferedTools = request.Tools ?? [],
            MinQuality = ApiInput.InRange("minQuality", request.MinQuality, 0, 1),
        };
        var found = await similar.FindSimilarAsync(query, cancellationToken);
        if (found.Search is not { } search)
        {
            return ApiProblem.Result(StatusCodes.Status503ServiceUnavailable, "Search failed", $"The search failed ({found.Reason?.ToWord()}). The log contains the cause; \"llmproxy doctor\" checks store and embedder.");
        }

        return TypedResults.Json(
            new SearchResponse(
                [.. search.Chosen.Select(c => new SimilarTrajectoryDto(c.Trajectory.Id, c.Trajectory.TaskDescription, c.Similarity, c.Trajectory.QualityScore, c.Trajectory.IterationCount, c.Trajectory.ToolsUsed, c.Trajectory.Project, [.. c.Ageing.Select(a => EnumWords.Kebab(a))]))],
                [.. search.LeftOut.Select(l => new LeftOutTrajectoryDto(l.Trajectory.Id, l.Trajectory.TaskDescription, l.Similarity, l.Reason.ToWord()))],
                similar.FormatAsFewShot(found, text),
                search.Threshold,
                search.Embedder),
            ApiJson.Default.SearchResponse);
    }
}
