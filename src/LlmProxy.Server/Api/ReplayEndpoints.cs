using System.Text.Json;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Testing.Replay;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Data of recorded trajectories for replays.</summary>
internal static class ReplayEndpoints
{
    public static void MapReplay(this RouteGroupBuilder api)
    {
        api.MapGet("/trajectories/{id}/recording", ReadRecordingAsync).Produces<JsonElement>().ProducesProblem(404).ProducesProblem(409)
            .WithTags("Trajectories").WithSummary("Reads the recorded exchanges in the format of LlmProxy.Testing and replay serve");
        api.MapGet("/trajectories/{id}/prompts", ReadPromptsAsync).Produces<RecordedPromptsResponse>().ProducesProblem(404).ProducesProblem(409)
            .WithTags("Trajectories").WithSummary("Reads the rewritten prompts with the values and templates that rendered them");
    }

    private static async Task<IResult> ReadRecordingAsync(HttpContext context, string id, [FromServices] TaskService tasks, [FromServices] TrajectoryReader reader, CancellationToken cancellationToken)
    {
        if (await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is not { } run)
        {
            return TrajectoryEndpoints.NoRun(id);
        }

        try
        {
            return TypedResults.Text(RecordedTrajectoryFile.Write(RecordedTrajectory.Of(run, await reader.ReadAsync(run.Id, cancellationToken))), "application/json");
        }
        catch (ArgumentException error)
        {
            return NotKept(error.Message);
        }
    }

    private static async Task<IResult> ReadPromptsAsync(HttpContext context, string id, [FromServices] TaskService tasks, [FromServices] TrajectoryReader reader, [FromServices] IPromptPinStore store, CancellationToken cancellationToken)
    {
        var tenant = context.GetTenant();
        if (await tasks.FindAsync(tenant, id, cancellationToken) is not { } run)
        {
            return TrajectoryEndpoints.NoRun(id);
        }

        // 1. The pin of the task.
        if (await store.FindPinAsync(tenant, run.TaskId, cancellationToken) is not { } pin)
        {
            return NotKept(run.Provider == "anthropic"
                ? $"Task {run.TaskId} ran on Claude: Claude's prompts are never rewritten."
                : $"No prompt was pinned for task {run.TaskId}: its requests offered no tools, or LlmProxy:Prompts:Enabled was false.");
        }

        // 2. The prompts that were sent.
        var steps = (await reader.ReadAsync(run.Id, cancellationToken))
            .Where(step => step.SentSystemPrompt is not null)
            .Select(step => new RecordedPromptDto(step.Step.Index, step.SystemPrompt ?? "", step.SentSystemPrompt!))
            .ToList();
        if (steps.Count == 0)
        {
            return NotKept($"The prompts of task {run.TaskId} are not kept. Add {run.Provider} to LlmProxy:Recording:Providers to keep those of later tasks.");
        }

        var files = await store.FindTemplateSetAsync(pin.TemplateSet, cancellationToken);
        using var values = JsonDocument.Parse(pin.ValuesJson);
        return TypedResults.Json(new RecordedPromptsResponse(run.TaskId, values.RootElement.Clone(), files, steps), ApiJson.Default.RecordedPromptsResponse);
    }

    private static IResult NotKept(string why) => ApiProblem.Result(StatusCodes.Status409Conflict, "Nothing to replay", why);
}
