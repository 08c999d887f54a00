using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Removing what a key or a text brought in, and the record of removals.</summary>
internal static class PurgeEndpoints
{
    private const int DefaultEntries = 50;
    private const int MostEntries = 500;
    private const int ShownTrajectories = 20;

    public static void MapPurge(this RouteGroupBuilder api)
    {
        api.MapPost("/tasks/purge", PurgeAsync).AcceptsJson<PurgeRequest>().Produces<PurgeResponse>().ProducesProblem(400)
            .WithTags("Maintenance").WithSummary("Deletes the trajectories of a key, of a time or with a text, and all data derived from them; repeat with nextCursor until that is null");
        api.MapGet("/audit", ListAsync).Produces<PageResponse<AuditEntryDto>>().ProducesProblem(400)
            .WithTags("Maintenance").WithSummary("Lists removals, newest first: who asked for them, and how much went");
    }

    private static async Task<IResult> PurgeAsync(HttpContext context, [FromServices] TrajectoryPurge purge, [FromServices] TimeProvider time, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.PurgeRequest);
        var selection = new PurgeSelection(context.GetTenant())
        {
            Key = ApiInput.Text(request.Key),
            Since = ApiInput.Time("since", request.Since, time),
            Contains = ApiInput.SearchedText("contains", request.Contains),
        };
        if (selection is { Key: null, Since: null, Contains: null })
        {
            throw ApiProblemException.BadField("key", "or since or contains is missing: name at least one of them");
        }

        var dryRun = request.DryRun ?? false;
        PurgeResult result;
        try
        {
            result = await purge.RunAsync(selection, context.GetActor(), ApiInput.Text(request.Cursor), dryRun, cancellationToken);
        }
        catch (ArgumentException) when (!string.IsNullOrEmpty(request.Cursor))
        {
            throw ApiProblemException.BadField("cursor", "must be the nextCursor of an earlier response");
        }

        return TypedResults.Json(
            new PurgeResponse(dryRun, result.Trajectories.Count, result.Examples, [.. result.Trajectories.Take(ShownTrajectories).Select(TrajectoryDto.Of)], result.NextCursor),
            ApiJson.Default.PurgeResponse);
    }

    private static async Task<IResult> ListAsync(HttpContext context, [FromServices] IAuditStore audit, string? limit, string? cursor, CancellationToken cancellationToken)
    {
        var count = ApiInput.Whole("limit", limit, 1, MostEntries) ?? DefaultEntries;
        var entries = await audit.ListAuditAsync(context.GetTenant(), count + 1, ApiInput.Text(cursor), cancellationToken);
        return TypedResults.Json(
            new PageResponse<AuditEntryDto>([.. entries.Take(count).Select(AuditEntryDto.Of)], entries.Count > count ? entries[count - 1].Id : null),
            ApiJson.Default.PageResponseAuditEntryDto);
    }
}
