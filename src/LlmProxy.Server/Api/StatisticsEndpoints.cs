using LlmProxy.Core.Configuration;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Statistics;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Statistics over all trajectories.</summary>
internal static class StatisticsEndpoints
{
    public static void MapStatistics(this RouteGroupBuilder api) =>
        api.MapGet("/statistics", ReadAsync).Produces<StatisticsResponse>().ProducesProblem(400)
            .WithTags("Statistics").WithSummary("Reads success, quality, effort and cost: in total, by model and by interval");

    private static async Task<IResult> ReadAsync(
        HttpContext context, [FromServices] StatisticsReader statistics, [FromServices] IExampleStore store, [FromServices] ExampleLedger ledger, [FromServices] LlmProxyOptions options, [FromServices] TimeProvider time, [AsParameters] StatisticsParameters parameters, CancellationToken cancellationToken)
    {
        var from = ApiInput.Time("since", parameters.Since, time);
        var to = ApiInput.Time("until", parameters.Until, time);
        if (from >= to)
        {
            throw ApiProblemException.BadField("until", "must be later than 'since'");
        }

        if (parameters.Interval is not (null or "" or "day" or "week"))
        {
            throw ApiProblemException.BadField("interval", $"must be day or week, not \"{parameters.Interval}\"");
        }

        var query = new StatisticsQuery(context.GetTenant())
        {
            Since = from,
            Until = to,
            Model = ApiInput.Text(parameters.Model),
            Interval = parameters.Interval switch { "day" => StatisticsInterval.Day, "week" => StatisticsInterval.Week, _ => StatisticsInterval.None },
        };
        var response = new StatisticsResponse(await statistics.ReadAsync(query, cancellationToken))
        {
            Experiments = ApiInput.Truth("experiments", parameters.Experiments) == true ? await ExperimentsAsync(store, ledger, options.Experiments, query, cancellationToken) : null,
        };
        return TypedResults.Json(response, ApiJson.Default.StatisticsResponse);
    }

    internal sealed record StatisticsParameters
    {
        public string? Since { get; init; }

        public string? Until { get; init; }

        public string? Model { get; init; }

        public string? Interval { get; init; }

        public string? Experiments { get; init; }
    }

    private static async Task<ExperimentsDto> ExperimentsAsync(
        IExampleStore store, ExampleLedger ledger, ExperimentOptions options, StatisticsQuery query, CancellationToken cancellationToken)
    {
        var models = ArmComparison.Compare(await store.ReadArmsAsync(query.Tenant, query.Since, query.Until, query.Model, cancellationToken));
        var evidence = await ledger.ReadAsync(query.Tenant, cancellationToken);
        return new ExperimentsDto(
            options.Enabled,
            [.. models.Select(m => new ExperimentDto(m.Provider, m.Model, Arm(m.WithExamples), Arm(m.Holdout), m.Difference, m.Interval.Low, m.Interval.High, m.Finding, m.Verdict))],
            [.. evidence.Values.Where(e => e.Finding == "harms").OrderBy(e => e.ProbabilityOfHelp).Select(e => new HarmfulExampleDto(e.TrajectoryId, ExampleEndpoints.ToDto(e, null)))]);

        static ArmDto Arm(ArmSummary arm) => new(arm.Tasks, arm.Successes, arm.SuccessRate, arm.Iterations, arm.Interventions, arm.Tokens, arm.CostPerSuccess, arm.TasksWithoutTokens, arm.TasksWithoutCost,
            arm.Verified, arm.VerifiedShare, arm.Inferred, arm.MeanProbability);
    }
}
