using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Dashboard;

/// <summary>Open tasks, and the exchanges as they are recorded.</summary>
internal static class LivePages
{
    private const int MostOpen = 50;

    public static void MapLive(this RouteGroupBuilder pages)
    {
        pages.MapGet("/live", ReadAsync);
        pages.MapGet("/events", EventEndpoints.WatchAsync);
    }

    private static async Task<IResult> ReadAsync(HttpContext context, [FromServices] PageFrames frames, [FromServices] ITrajectoryStore store, CancellationToken cancellationToken) =>
        await frames.PageAsync<LivePage>(context, new()
        {
            ["Open"] = (await store.ListAsync(new TrajectoryQuery(context.GetTenant()) { Status = TrajectoryStatus.Active, Limit = MostOpen }, cancellationToken)).Items,
        });
}
