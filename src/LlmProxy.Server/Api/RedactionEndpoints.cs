using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Redacting what is stored.</summary>
internal static class RedactionEndpoints
{
    public static void MapRedaction(this RouteGroupBuilder api) =>
        api.MapPost("/redaction/rescan", RescanAsync).AcceptsJson<RescanRequest>().Produces<RescanResponse>().ProducesProblem(400)
            .WithTags("Maintenance").WithSummary("Redacts the stored texts of the tenant by the current table of secrets and the patterns of the settings; repeat with nextCursor until that is null");

    private static async Task<IResult> RescanAsync(HttpContext context, [FromServices] StoreRescan rescan, [FromServices] TaskPrompts prompts, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.RescanRequest);
        var dryRun = request.DryRun ?? false;
        try
        {
            var result = await rescan.RunAsync(context.GetTenant(), context.GetActor(), ApiInput.Text(request.Cursor), dryRun, cancellationToken);
            if (!dryRun)
            {
                // Tasks under way read their prompts again, without what was redacted in them.
                prompts.ForgetPins();
            }

            return TypedResults.Json(RescanResponse.Of(result, dryRun, rescan.RecordsRedacted), ApiJson.Default.RescanResponse);
        }
        catch (ArgumentException) when (!string.IsNullOrEmpty(request.Cursor))
        {
            throw ApiProblemException.BadField("cursor", "must be the nextCursor of an earlier response");
        }
    }
}
