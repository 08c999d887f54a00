using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;

namespace LlmProxy.Server.Api;

/// <summary>What callers say of tasks. Tasks open by themselves; these calls state what the traffic does not show.</summary>
internal static class TaskEndpoints
{
    private const string NoTask = "Send a task's id as LlmProxy-Task answered it, session:<the client's session id>, or last.";

    public static void MapTasks(this RouteGroupBuilder api)
    {
        api.MapPost("/tasks", StartAsync).AcceptsJson<StartTaskRequest>().Produces<TaskResponse>().ProducesProblem(400)
            .WithTags("Tasks").WithSummary("Opens a task; optional, since calls open tasks by themselves");
        api.MapPost("/tasks/{taskId}/interventions", InterveneAsync).Produces<TaskResponse>().ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Counts that a person stepped in");
        api.MapPost("/tasks/{taskId}/complete", CompleteAsync).AcceptsJson<CompleteTaskRequest>().Produces<TaskResponse>().ProducesProblem(400).ProducesProblem(404)
            .WithTags("Tasks").WithSummary("States how a task ended");
        api.MapPost("/tasks/{taskId}/cancel", CancelAsync).Produces<TaskResponse>().ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Calls a task off; nothing of its content is kept");
    }

    private static async Task<IResult> StartAsync(HttpContext context, TaskService tasks, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.StartTaskRequest);
        if (request.TaskId is { Length: > 0 } id && !TaskService.IsTaskId(id))
        {
            throw ApiProblemException.BadField("taskId", $"must be at most {TaskService.LongestId} characters without / and control characters, and neither 'last' nor 'session:…'");
        }

        if (request.Provider is { } provider && !ProviderResolver.Names.Contains(provider, StringComparer.Ordinal))
        {
            throw ApiProblemException.BadField("provider", $"must be one of {string.Join(", ", ProviderResolver.Names)}, not \"{provider}\"");
        }

        var result = await tasks.StartAsync(context.GetTenant(), new TaskStart(request.TaskId, request.Description, request.Provider, request.Model), cancellationToken);
        return Answer(result);
    }

    private static async Task<IResult> InterveneAsync(HttpContext context, string taskId, TaskService tasks, CancellationToken cancellationToken) =>
        await tasks.InterveneAsync(context.GetTenant(), taskId, cancellationToken) is { } result ? Answer(result) : ApiProblem.NotFound("task", taskId, NoTask);

    private static async Task<IResult> CompleteAsync(HttpContext context, string taskId, TaskService tasks, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.CompleteTaskRequest);
        if (request.Success is not { } success)
        {
            throw ApiProblemException.BadField("success", "is missing; send for example {\"success\": true}");
        }

        var metrics = request.Metrics is { } m
            ? new StatedMetrics(
                ApiInput.InRange("metrics.errorRate", m.ErrorRate, 0, 1),
                ApiInput.InRange("metrics.clickAccuracy", m.ClickAccuracy, 0, 1),
                ApiInput.InRange("metrics.userInterventions", m.UserInterventions, 0, 1_000_000),
                ApiInput.InRange("metrics.iterationCount", m.IterationCount, 0, 1_000_000))
            : null;
        return await tasks.CompleteAsync(context.GetTenant(), taskId, success, metrics, request.Comment, cancellationToken) is { } result
            ? Answer(result)
            : ApiProblem.NotFound("task", taskId, NoTask);
    }

    private static async Task<IResult> CancelAsync(HttpContext context, string taskId, TaskService tasks, CancellationToken cancellationToken) =>
        await tasks.CancelAsync(context.GetTenant(), taskId, cancellationToken) is { } result ? Answer(result) : ApiProblem.NotFound("task", taskId, NoTask);

    private static IResult Answer(TaskResult result) => TypedResults.Json(new TaskResponse(result), ApiJson.Default.TaskResponse);
}
