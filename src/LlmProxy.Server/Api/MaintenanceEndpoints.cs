using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Cleanup, and vectors of stored trajectories.</summary>
internal static class MaintenanceEndpoints
{
    private const int LongestDays = 36_500;

    private const int MostRuns = 10_000;
    private const int RunsInPortion = 512;

    public static void MapMaintenance(this RouteGroupBuilder api)
    {
        api.MapPost("/cleanup", CleanupAsync).AcceptsJson<CleanupRequest>().Produces<CleanupResponse>().ProducesProblem(400)
            .WithTags("Maintenance").WithSummary("Deletes old trajectories with a low score, and content that is no longer referenced");
        api.MapPost("/embeddings", EmbedAsync).AcceptsJson<EmbedRequest>().Produces<EmbedResponse>().ProducesProblem(400)
            .WithTags("Maintenance").WithSummary("Computes the vectors of a batch of trajectories: of those without a vector of the current embedder, or of all");
    }

    private static async Task<IResult> CleanupAsync(HttpContext context, [FromServices] TrajectoryPurge purge, [FromServices] CleanupOptions options, [FromServices] TimeProvider time, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.CleanupRequest);
        var days = ApiInput.InRange("olderThanDays", request.OlderThanDays, 0, LongestDays) ?? options.OlderThanDays;
        var quality = ApiInput.InRange("maxQuality", request.MaxQuality, 0, 1) ?? options.MaxQuality;
        var dryRun = request.DryRun ?? false;
        var deleted = await purge.CleanupAsync(
            context.GetTenant(), context.GetActor(), time.GetUtcNow() - TimeSpan.FromDays(days), quality, request.IncludeUnscored ?? false, dryRun, cancellationToken);
        return TypedResults.Json(new CleanupResponse(deleted, dryRun), ApiJson.Default.CleanupResponse);
    }

    private static async Task<IResult> EmbedAsync(HttpContext context, [FromServices] StoreEmbedder embedder, [FromServices] EmbeddingService embeddings, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.EmbedRequest);
        long? after = string.IsNullOrEmpty(request.Cursor) ? null
            : long.TryParse(request.Cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var row) ? row
            : throw ApiProblemException.BadField("cursor", "must be the nextCursor of an earlier response");
        var portion = await embedder.MakeAsync(
            context.GetTenant(), request.Rebuild ?? false, after, ApiInput.InRange("limit", request.Limit, 1, MostRuns) ?? RunsInPortion, request.RemoveOthers ?? false, cancellationToken);
        return TypedResults.Json(
            new EmbedResponse(
                embeddings.Model,
                embeddings.Dimensions,
                portion.Total,
                portion.Embedded,
                [.. portion.Failed.Select(f => new EmbedFailureDto(f.TrajectoryId, f.Reason))],
                portion.Resumed,
                portion.Removed,
                portion.Stopped,
                portion.NextRow?.ToString(CultureInfo.InvariantCulture)),
            ApiJson.Default.EmbedResponse);
    }
}
