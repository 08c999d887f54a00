using LlmProxy.Core.Configuration;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Dashboard;

/// <summary>Examples, experiments and costs.</summary>
internal static class LearningPages
{
    private const int MostExamples = 100;
    private const int MostCostly = 20;
    private const int LongestText = 4_000;

    public static void MapLearning(this RouteGroupBuilder pages)
    {
        pages.MapGet("/examples", ReadExamplesAsync);
        pages.MapPost("/examples/{id}", ChangeExampleAsync);
        pages.MapGet("/experiments", ReadExperimentsAsync);
        pages.MapGet("/cost", ReadCostAsync);
    }

    private static async Task<IResult> ReadExamplesAsync(
        HttpContext context, [FromServices] PageFrames frames, [FromServices] IExampleStore store, [FromServices] ExampleLedger ledger, [FromServices] TrajectorySearch search, [FromServices] LlmProxyOptions options, string? text, CancellationToken cancellationToken)
    {
        var tenant = context.GetTenant();
        FewShotSelection? found = null;
        if (!string.IsNullOrWhiteSpace(text))
        {
            var query = new ExampleQuery(tenant, Show.Cut(text, LongestText), Math.Max(1, options.FewShot.Count)) { Providers = options.FewShot.SourceProviders };
            found = await search.FindSimilarAsync(query, cancellationToken);
        }

        return await frames.PageAsync<ExamplesPage>(context, new()
        {
            ["Text"] = text ?? "",
            ["Found"] = found,
            ["Examples"] = await store.ListExamplesAsync(tenant, MostExamples, cancellationToken),
            ["Evidence"] = ledger.Peek(tenant),
        });
    }

    private static async Task<IResult> ChangeExampleAsync(HttpContext context, string id, [FromServices] PageFrames frames, [FromServices] TaskService tasks, [FromServices] IExampleStore store, CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        if (await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is not { } run)
        {
            return await frames.MessageAsync(context, 404, "Not found", "No trajectory has this id. It was deleted.");
        }

        var row = await ExampleEndpoints.FindAsync(store, run, cancellationToken);
        row = form["change"].ToString() switch
        {
            "pin" => row with { Pinned = true },
            "unpin" => row with { Pinned = false },
            "retire" => row with { Retired = true },
            "restore" => row with { Retired = false },
            _ => throw ApiProblemException.BadField("change", "must be pin, unpin, retire or restore"),
        };
        await store.UpdateExampleAsync(run.Tenant, row, cancellationToken);
        return TypedResults.Redirect(DashboardEndpoints.Prefix + "/examples");
    }

    private static async Task<IResult> ReadExperimentsAsync(HttpContext context, [FromServices] PageFrames frames, [FromServices] IExampleStore store, [FromServices] LlmProxyOptions options, CancellationToken cancellationToken) =>
        await frames.PageAsync<ExperimentsPage>(context, new()
        {
            ["IsOn"] = options.Experiments.Enabled,
            ["Holdout"] = options.Experiments.Holdout,
            ["Arms"] = ArmComparison.Compare(await store.ReadArmsAsync(context.GetTenant(), null, null, null, cancellationToken)),
        });

    private static async Task<IResult> ReadCostAsync(
        HttpContext context, [FromServices] PageFrames frames, [FromServices] StatisticsReader statistics, [FromServices] ITrajectoryStore store, [FromServices] TimeProvider time, [FromServices] LlmProxyOptions options, string? days, CancellationToken cancellationToken)
    {
        var length = ApiInput.Whole("days", days, 1, 365) ?? 30;
        var since = time.GetUtcNow().AddDays(-length);
        var runs = await store.ListAsync(new TrajectoryQuery(context.GetTenant()) { Since = since, Limit = 500 }, cancellationToken);
        return await frames.PageAsync<CostPage>(context, new()
        {
            ["Days"] = length,
            ["Statistics"] = await statistics.ReadAsync(new StatisticsQuery(context.GetTenant()) { Since = since }, cancellationToken),
            ["Costly"] = runs.Items.Where(run => run.CostUsd is not null).OrderByDescending(run => run.CostUsd).Take(MostCostly).ToList(),
            ["Looked"] = runs.Items.Count,
            ["Limits"] = options.Limits,
        });
    }
}
