using System.Text.Json;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Server.Api;

/// <summary>What replays need of a recorded run.</summary>
internal static class ReplayEndpoints
{
    public static void MapReplay(this RouteGroupBuilder api)
    {
        api.MapGet("/trajectories/{id}/recording", ReadRecordingAsync).Produces<JsonElement>().ProducesProblem(404).ProducesProblem(409)
            .WithTags("Trajectories").WithSummary("The run's calls and answers, as LlmProxy.Testing and replay serve take them");
        api.MapGet("/trajectories/{id}/prompts", ReadPromptsAsync).Produces<RecordedPromptsResponse>().ProducesProblem(404).ProducesProblem(409)
            .WithTags("Trajectories").WithSummary("The run's rewritten prompts with the values and templates that they were made from");
    }

    private static async Task<IResult> ReadRecordingAsync(HttpContext context, string id, TaskService tasks, TrajectoryReader reader, CancellationToken cancellationToken)
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

    private static async Task<IResult> ReadPromptsAsync(HttpContext context, string id, TaskService tasks, TrajectoryReader reader, IPromptPinStore store, CancellationToken cancellationToken)
    {
        var tenant = context.GetTenant();
        if (await tasks.FindAsync(tenant, id, cancellationToken) is not { } run)
        {
            return TrajectoryEndpoints.NoRun(id);
        }

        // 1. What the task's prompt was made of.
        if (await store.FindPinAsync(tenant, run.TaskId, cancellationToken) is not { } pin)
        {
            return NotKept(run.Provider == "anthropic"
                ? $"Run {run.TaskId} is Claude's: Claude's prompts are never rewritten."
                : $"No prompt was pinned for task {run.TaskId}: its calls offered no tools, or Prompts:Enabled was off.");
        }

        // 2. The prompts that were sent.
        var steps = (await reader.ReadAsync(run.Id, cancellationToken))
            .Where(step => step.SentSystemPrompt is not null)
            .Select(step => new RecordedPromptDto(step.Step.Index, step.SystemPrompt ?? "", step.SentSystemPrompt!))
            .ToList();
        if (steps.Count == 0)
        {
            return NotKept($"The prompts of run {run.TaskId} are not kept: Recording:Providers must name {run.Provider}.");
        }

        var files = await store.FindTemplateSetAsync(pin.TemplateSet, cancellationToken);
        using var values = JsonDocument.Parse(pin.ValuesJson);
        return TypedResults.Json(new RecordedPromptsResponse(run.TaskId, values.RootElement.Clone(), files, steps), ApiJson.Default.RecordedPromptsResponse);
    }

    private static IResult NotKept(string why) => ApiProblem.Result(StatusCodes.Status409Conflict, "Nothing to replay", why);
}
