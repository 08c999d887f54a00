using LlmProxy.Core.Configuration;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Storage;
using LlmProxy.Server.Api.Shapes;
using LlmProxy.Server.Auth;

namespace LlmProxy.Server.Api;

/// <summary>Numbers over all runs.</summary>
internal static class StatisticsEndpoints
{
    private const int RunsForTraining = 100;

    public static void MapStatistics(this RouteGroupBuilder api) =>
        api.MapGet("/statistics", ReadAsync).Produces<StatisticsShape>().ProducesProblem(400)
            .WithTags("Statistics").WithSummary("Success, quality, effort and cost, in all, by model and by interval");

    private static async Task<IResult> ReadAsync(
        HttpContext context, ITrajectoryStore store, LlmProxyOptions options, TimeProvider time, string? since, string? until, string? model, string? interval, bool? experiments, ExampleLedger ledger, CancellationToken cancellationToken)
    {
        var from = ApiInput.Time("since", since, time);
        var to = ApiInput.Time("until", until, time);
        if (from >= to)
        {
            throw ApiProblemException.BadField("until", "must be later than since");
        }

        if (interval is not (null or "" or "day" or "week"))
        {
            throw ApiProblemException.BadField("interval", $"must be day or week, not \"{interval}\"");
        }

        var tenant = context.GetTenant();
        model = string.IsNullOrEmpty(model) ? null : model;
        var all = await store.ReadStatisticsAsync(tenant, from, to, model, cancellationToken);
        var good = await store.ListAsync(new TrajectoryQuery(tenant) { MinQuality = options.Quality.Threshold, Limit = RunsForTraining }, cancellationToken);
        var shape = Shape(all) with
        {
            TrainingReady = good.Items.Count >= RunsForTraining,
            Experiments = experiments == true ? await ExperimentsAsync(store, ledger, options.Experiments, tenant, from, to, model, cancellationToken) : null,
            Intervals = string.IsNullOrEmpty(interval) ? [] : await IntervalsAsync(store, tenant, from, to ?? time.GetUtcNow(), model, interval == "week", cancellationToken),
        };
        return TypedResults.Json(shape, ApiJson.Default.StatisticsShape);
    }

    private static async Task<ExperimentsShape> ExperimentsAsync(
        ITrajectoryStore store, ExampleLedger ledger, ExperimentOptions options, string tenant, DateTimeOffset? since, DateTimeOffset? until, string? model, CancellationToken cancellationToken)
    {
        var models = ArmComparison.Compare(await store.ReadArmsAsync(tenant, since, until, model, cancellationToken));
        var evidence = await ledger.ReadAsync(tenant, cancellationToken);
        return new ExperimentsShape(
            options.Enabled,
            [.. models.Select(m => new ExperimentShape(m.Provider, m.Model, Arm(m.WithExamples), Arm(m.Holdout), m.Difference, m.Interval.Low, m.Interval.High, m.Finding, m.Verdict))],
            [.. evidence.Values.Where(e => e.Finding == "harms").OrderBy(e => e.ProbabilityOfHelp).Select(e => new HarmfulExampleShape(e.TrajectoryId, ExampleEndpoints.Shape(e, null)))]);

        static ArmShape Arm(ArmSummary arm) => new(arm.Tasks, arm.Successes, arm.SuccessRate, arm.Iterations, arm.Interventions, arm.Tokens, arm.CostPerSuccess);
    }

    private static StatisticsShape Shape(StoreStatistics all) => new()
    {
        Total = all.Total,
        Active = all.Active,
        ByProvider = all.ByProvider,
        SuccessRate = Ratio(all.Successful, all.Judged),
        AverageQuality = all.AverageQuality,
        Summary = new StatisticsSummary(all.Total, all.Successful, Ratio(all.Successful, all.Judged)),
        ByModel =
        [
            .. all.ByModel.Select(m => new ModelStatisticsShape(
                m.Provider, m.Model, m.Total, m.Successful, Ratio(m.Successful, m.Judged), m.AverageQuality, Means([m]), m.CostUsd)),
        ],
        AverageMetrics = Means(all.ByModel),
        QualityDistribution = new QualityDistribution(all.QualityBands[0], all.QualityBands[1], all.QualityBands[2], all.QualityBands[3]),
        Storage = new StorageStatistics(all.Storage.Bytes, all.Storage.ContentBytes, all.Storage.Trajectories, all.Storage.Steps),
    };

    private static AverageMetrics Means(IReadOnlyList<ModelStatistics> models)
    {
        var runs = models.Sum(m => m.Total);
        var successful = models.Sum(m => m.Successful);
        var tokens = models.Sum(m => m.Tokens);
        var costs = models.Where(m => m.CostUsd is not null).ToList();
        var paidSuccesses = costs.Sum(m => m.Successful);
        return new AverageMetrics(
            Ratio(models.Sum(m => m.Iterations), runs),
            Ratio(models.Sum(m => m.ToolCalls), runs),
            Ratio(tokens, runs),
            Ratio(models.Sum(m => m.FailedToolResults), models.Sum(m => m.ToolCalls)),
            Mean(models.Sum(m => m.ClickAccuracies), models.Sum(m => m.RunsWithClicks)),
            Ratio(models.Sum(m => m.Interventions), runs),
            Ratio(tokens, successful),
            paidSuccesses == 0 ? null : costs.Sum(m => m.CostUsd) / paidSuccesses);
    }

    /// <summary>Days or weeks (from Monday) in UTC, those with runs alone; the latest hundred.</summary>
    private static async Task<IReadOnlyList<IntervalStatistics>> IntervalsAsync(
        ITrajectoryStore store, string tenant, DateTimeOffset? since, DateTimeOffset until, string? model, bool byWeek, CancellationToken cancellationToken)
    {
        const int Most = 100;
        var length = TimeSpan.FromDays(byWeek ? 7 : 1);
        var intervals = new List<IntervalStatistics>();
        var start = new DateTimeOffset(until.UtcDateTime.Date, TimeSpan.Zero);
        start -= byWeek ? TimeSpan.FromDays(((int)start.DayOfWeek + 6) % 7) : TimeSpan.Zero;
        for (var i = 0; i < Most && (since is null || start + length > since); i++, start -= length)
        {
            var from = since > start ? since.Value : start;
            var to = start + length < until ? start + length : until;
            var part = await store.ReadStatisticsAsync(tenant, from, to, model, cancellationToken);
            if (part.Total > 0)
            {
                var means = Means(part.ByModel);
                intervals.Add(new IntervalStatistics(start.UtcDateTime, part.Total, part.Successful, Ratio(part.Successful, part.Judged), part.AverageQuality, means.Iterations, means.Tokens));
            }
        }

        intervals.Reverse();
        return intervals;
    }

    private static double? Ratio(long part, long whole) => Mean(part, whole);

    private static double? Mean(double sum, long count) => count == 0 ? null : sum / count;
}
