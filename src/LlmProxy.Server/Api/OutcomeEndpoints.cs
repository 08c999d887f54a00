using LlmProxy.Core.Configuration;
using LlmProxy.Core.Outcomes;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>How well outcomes are estimated, and fitting the model to stated ones.</summary>
internal static class OutcomeEndpoints
{
    public static void MapOutcomes(this RouteGroupBuilder api)
    {
        api.MapGet("/outcomes/evaluation", EvaluateAsync).Produces<OutcomeEvaluationResponse>()
            .WithTags("Outcomes").WithSummary("Compares estimated outcomes with stated ones");
        api.MapPost("/outcomes/fit", FitAsync).Produces<OutcomeModelDto>().ProducesProblem(409)
            .WithTags("Outcomes").WithSummary("Fits the model of outcomes to the tenant's stated outcomes");
    }

    private static async Task<IResult> EvaluateAsync(HttpContext context, [FromServices] OutcomeReview review, [FromServices] LlmProxyOptions options, CancellationToken cancellationToken) =>
        TypedResults.Json(OutcomeEvaluationResponse.Of(await review.EvaluateAsync(context.GetTenant(), cancellationToken), options.Outcome.MinProbability), ApiJson.Default.OutcomeEvaluationResponse);

    private static async Task<IResult> FitAsync(HttpContext context, [FromServices] OutcomeReview review, CancellationToken cancellationToken) =>
        await review.FitAsync(context.GetTenant(), cancellationToken) is { } model
            ? TypedResults.Json(OutcomeModelDto.Of(model), ApiJson.Default.OutcomeModelDto)
            : ApiProblem.Result(409, "Too few stated outcomes", FormattableString.Invariant($"A model needs at least {OutcomeFit.MinOutcomes} trajectories with a stated outcome. State more with \"llmproxy tasks outcome ID --success\" or --failure."));
}
