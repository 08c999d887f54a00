using LlmProxy.Core.Configuration;
using LlmProxy.Core.Storage;
using LlmProxy.Server.Api.Shapes;
using LlmProxy.Server.Auth;

namespace LlmProxy.Server.Api;

/// <summary>Cleanup.</summary>
internal static class MaintenanceEndpoints
{
    private const int LongestDays = 36_500;

    public static void MapMaintenance(this RouteGroupBuilder api) =>
        api.MapPost("/cleanup", CleanupAsync).AcceptsJson<CleanupRequest>().Produces<CleanupShape>().ProducesProblem(400)
            .WithTags("Maintenance").WithSummary("Deletes old poor runs and the content that nobody refers to any more");

    private static async Task<IResult> CleanupAsync(HttpContext context, ITrajectoryStore store, CleanupOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.CleanupRequest);
        var days = ApiInput.InRange("olderThanDays", request.OlderThanDays, 0, LongestDays) ?? options.OlderThanDays;
        var quality = ApiInput.InRange("maxQuality", request.MaxQuality, 0, 1) ?? options.MaxQuality;
        var dryRun = request.DryRun ?? false;
        var deleted = await store.CleanupAsync(
            context.GetTenant(), time.GetUtcNow() - TimeSpan.FromDays(days), quality, request.IncludeUnscored ?? false, dryRun, cancellationToken);
        return TypedResults.Json(new CleanupShape(deleted, dryRun), ApiJson.Default.CleanupShape);
    }
}
