using LlmProxy.Core.Experiments;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Dashboard;

/// <summary>The first page: what the latest days brought, against the days before.</summary>
internal static class OverviewPages
{
    private const int DefaultDays = 7;
    private const int MostDays = 90;
    private const int Failures = 5;

    public static void MapOverview(this RouteGroupBuilder pages) => pages.MapGet("", ReadAsync);

    private static async Task<IResult> ReadAsync(
        HttpContext context, [FromServices] PageFrames frames, [FromServices] StatisticsReader statistics, [FromServices] IExampleStore examples, [FromServices] ITrajectoryStore store, [FromServices] TimeProvider time, string? days, CancellationToken cancellationToken)
    {
        var (tenant, length) = (context.GetTenant(), ApiInput.Whole("days", days, 1, MostDays) ?? DefaultDays);
        var since = new DateTimeOffset(time.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero).AddDays(1 - length);
        var now = await statistics.ReadAsync(new StatisticsQuery(tenant) { Since = since, Interval = StatisticsInterval.Day }, cancellationToken);
        var before = await statistics.ReadAsync(new StatisticsQuery(tenant) { Since = since.AddDays(-length), Until = since }, cancellationToken);
        return await frames.PageAsync<OverviewPage>(context, new()
        {
            ["Days"] = length,
            ["Since"] = since,
            ["Now"] = now,
            ["Before"] = before,
            ["Arms"] = ArmComparison.Compare(await examples.ReadArmsAsync(tenant, null, null, null, cancellationToken)),
            ["Failures"] = (await store.ListAsync(new TrajectoryQuery(tenant) { Success = false, Since = since, Limit = Failures }, cancellationToken)).Items,
        });
    }
}
