using LlmProxy.Core;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Trajectories: list, read, delete, embed.</summary>
internal static class TrajectoryEndpoints
{
    private const int DefaultLimit = 50;
    private const int LargestLimit = 500;

    public static void MapTrajectories(this RouteGroupBuilder api)
    {
        api.MapGet("/trajectories", ListAsync).Produces<PageResponse<TrajectoryDto>>().ProducesProblem(400)
            .WithTags("Trajectories").WithSummary("Lists trajectories, newest first");
        api.MapGet("/trajectories/{id}", ReadAsync).Produces<TrajectoryDetailDto>().ProducesProblem(404)
            .WithTags("Trajectories").WithSummary("Reads a trajectory with the terms of its score and its steps; the id is the trajectory's or the task's");
        api.MapGet("/trajectories/{id}/steps/{n}", ReadStepAsync).Produces<StepDto>().ProducesProblem(404)
            .WithTags("Trajectories").WithSummary("Reads one step of a trajectory");
        api.MapDelete("/trajectories/{id}", DeleteAsync).Produces(StatusCodes.Status204NoContent).ProducesProblem(404)
            .WithTags("Trajectories").WithSummary("Deletes a trajectory and all data derived from it");
        api.MapPost("/trajectories/{id}/embedding", EmbedAsync).AcceptsJson<EmbeddingRequest>().Produces<EmbeddingResponse>().ProducesProblem(400).ProducesProblem(404)
            .WithTags("Trajectories").WithSummary("Computes a trajectory's vectors from a text");
    }

    private static async Task<IResult> ListAsync(
        HttpContext context, [FromServices] ITrajectoryStore store, [FromServices] TimeProvider time, [AsParameters] ListParameters parameters, CancellationToken cancellationToken)
    {
        var query = parameters.ToQuery(context.GetTenant(), time);
        TrajectoryPage page;
        try
        {
            page = await store.ListAsync(query, cancellationToken);
        }
        catch (Exception error) when (query.Cursor is not null && error is FormatException or ArgumentException)
        {
            throw ApiProblemException.BadField("cursor", "must be the nextCursor of an earlier response");
        }

        return TypedResults.Json(
            new PageResponse<TrajectoryDto>([.. page.Items.Select(TrajectoryDto.Of)], page.NextCursor) { Incomplete = page.IsIncomplete ? true : null },
            ApiJson.Default.PageResponseTrajectoryDto);
    }

    private static async Task<IResult> ReadAsync(HttpContext context, string id, [FromServices] TaskService tasks, [FromServices] TrajectoryMapper shaper, CancellationToken cancellationToken) =>
        await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is { } run
            ? TypedResults.Json(await shaper.ReadAsync(run, cancellationToken), ApiJson.Default.TrajectoryDetailDto)
            : NoRun(id);

    private static async Task<IResult> ReadStepAsync(HttpContext context, string id, string n, [FromServices] TaskService tasks, [FromServices] TrajectoryMapper shaper, CancellationToken cancellationToken)
    {
        var index = ApiInput.Whole("n", n, 1, int.MaxValue)!.Value;
        if (await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is not { } run)
        {
            return NoRun(id);
        }

        return await shaper.ReadStepAsync(run, index, cancellationToken) is { } step
            ? TypedResults.Json(step, ApiJson.Default.StepDto)
            : ApiProblem.NotFound("step", n, run.HasContent ? $"The trajectory has {run.IterationCount} steps." : "The content of this trajectory is not kept.");
    }

    private static async Task<IResult> DeleteAsync(HttpContext context, string id, [FromServices] TaskService tasks, [FromServices] TrajectoryPurge purge, CancellationToken cancellationToken) =>
        await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is { } run && await purge.DeleteAsync(run, context.GetActor(), cancellationToken)
            ? TypedResults.NoContent()
            : NoRun(id);

    private static async Task<IResult> EmbedAsync(
        HttpContext context, string id, [FromServices] TrajectorySearch similar, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.EmbeddingRequest);
        var text = ApiInput.Required("taskDescription", request.TaskDescription, "{\"taskDescription\": \"File the October invoice\"}");
        return await similar.StoreEmbeddingAsync(id, text, context.GetTenant(), cancellationToken) is { } made
            ? TypedResults.Json(new EmbeddingResponse(made.Run.Id, made.Models), ApiJson.Default.EmbeddingResponse)
            : NoRun(id);
    }

    /// <summary>The query parameters of the list, validated by name.</summary>
    internal sealed record ListParameters
    {
        public string? Id { get; init; }

        public string? Provider { get; init; }

        public string? Model { get; init; }

        public string? Status { get; init; }

        public string? Success { get; init; }

        public string? MinQuality { get; init; }

        public string? Since { get; init; }

        public string? Search { get; init; }

        public string? Key { get; init; }

        public string? Contains { get; init; }

        public string? Limit { get; init; }

        public string? Cursor { get; init; }

        public TrajectoryQuery ToQuery(string tenant, TimeProvider time) => new(tenant)
        {
            IdPrefix = ApiInput.Text(Id),
            Provider = ApiInput.Text(Provider),
            Model = ApiInput.Text(Model),
            Status = ApiInput.Text(Status) is not { } status
                ? null
                : EnumWords.ParseSnake<TrajectoryStatus>(status.ToLowerInvariant()) ?? throw ApiProblemException.BadField("status", $"must be one of {string.Join(", ", EnumWords.SnakeWords<TrajectoryStatus>())}, not \"{status}\""),
            Success = ApiInput.Truth("success", Success),
            MinQuality = ApiInput.Number("minQuality", MinQuality, 0, 1),
            Since = ApiInput.Time("since", Since, time),
            Search = ApiInput.Text(Search),
            Key = ApiInput.Text(Key),
            Contains = ApiInput.SearchedText("contains", Contains),
            Limit = ApiInput.Whole("limit", Limit, 1, LargestLimit) ?? DefaultLimit,
            Cursor = ApiInput.Text(Cursor),
        };
    }

    internal static IResult NoRun(string id) => ApiProblem.NotFound("trajectory", id, "List the ids with GET /_llmproxy/trajectories.");
}
