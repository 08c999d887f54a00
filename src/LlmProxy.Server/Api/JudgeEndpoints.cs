using LlmProxy.Core;
using LlmProxy.Core.Assistants;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Judgements of trajectories, and how far the judge can be trusted.</summary>
internal static class JudgeEndpoints
{
    public static void MapJudge(this RouteGroupBuilder api)
    {
        api.MapGet("/trajectories/{id}/judgements", ListAsync).Produces<JudgementsResponse>().ProducesProblem(404)
            .WithTags("Judge").WithSummary("Lists what judges found in a trajectory, with the cost of asking");
        api.MapPost("/trajectories/{id}/judge", JudgeAsync).Produces<JudgeResponse>().ProducesProblem(404).ProducesProblem(409).ProducesProblem(429).ProducesProblem(503)
            .WithTags("Judge").WithSummary("Judges a trajectory, unless its outcome is known; calibrate=true judges it although it is stated, dryRun=true asks no model");
        api.MapGet("/judge/calibration", CalibrateAsync).Produces<JudgeCalibrationResponse>().ProducesProblem(409)
            .WithTags("Judge").WithSummary("Compares the judge with stated outcomes");
    }

    private static async Task<IResult> ListAsync(
        HttpContext context, string id, [FromServices] TaskService tasks, [FromServices] IJudgementStore judgements, [FromServices] IAssistanceStore assistances, CancellationToken cancellationToken) =>
        await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is { } run
            ? TypedResults.Json(
                new JudgementsResponse(
                    [.. (await judgements.ListJudgementsAsync(run.Tenant, [run.Id], cancellationToken)).Select(JudgementDto.Of)],
                    [.. (await assistances.ListAssistancesAsync(run.Tenant, run.Id, cancellationToken)).Select(AssistanceDto.Of)],
                    null),
                ApiJson.Default.JudgementsResponse)
            : TrajectoryEndpoints.NoRun(id);

    private static async Task<IResult> JudgeAsync(
        HttpContext context, string id, [FromServices] TaskService tasks, [FromServices] IServiceProvider services, string? calibrate, string? dryRun, CancellationToken cancellationToken)
    {
        var calibrates = ApiInput.Truth("calibrate", calibrate) == true;
        var isDry = ApiInput.Truth("dryRun", dryRun) == true;
        if (services.GetService<TrajectoryJudge>() is not { } judge)
        {
            return NoJudge();
        }

        if (await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is not { } run)
        {
            return TrajectoryEndpoints.NoRun(id);
        }

        try
        {
            var reason = TrajectoryJudge.ReasonAgainst(run);
            var result = isDry
                ? new JudgeResult(null, calibrates && reason == NotJudgedReason.Known ? null : reason, IsNew: false, SetsOutcome: false)
                : await judge.JudgeAsync(run, calibrates, cancellationToken);
            return TypedResults.Json(
                new JudgeResponse(run.Id, result.Judgement is { } found ? JudgementDto.Of(found) : null, result.Reason is { } why ? EnumWords.Kebab(why) : null, result.IsNew, result.SetsOutcome),
                ApiJson.Default.JudgeResponse);
        }
        catch (AssistantException error)
        {
            return error.Failure == AssistantFailure.OverBudget
                ? ApiProblem.Result(429, "The judge's budget is used up", error.Message + " Raise LlmProxy:Judge:MaxUsdPerDay, or wait for the next day (UTC).")
                : ApiProblem.Result(503, "The judge gave no answer", error.Message);
        }
    }

    private static async Task<IResult> CalibrateAsync(HttpContext context, [FromServices] IServiceProvider services, CancellationToken cancellationToken) =>
        services.GetService<TrajectoryJudge>() is { } judge
            ? TypedResults.Json(
                JudgeCalibrationResponse.Of(judge.Model, await judge.CalibrateAsync(context.GetTenant(), cancellationToken), await services.GetRequiredService<Assistant>().ReadSpentAsync(cancellationToken)),
                ApiJson.Default.JudgeCalibrationResponse)
            : NoJudge();

    private static IResult NoJudge() => ApiProblem.Result(409, "There is no judge", "Set LlmProxy:Judge:Enabled to true, with Judge:Model and Judge:ApiKeyEnv.");
}
