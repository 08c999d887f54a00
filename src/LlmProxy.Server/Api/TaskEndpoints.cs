using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;

namespace LlmProxy.Server.Api;

/// <summary>Outcomes and interventions reported by clients. Tasks start automatically; these endpoints report what the traffic does not show.</summary>
internal static class TaskEndpoints
{
    private const string NoTask = "Send a task id from the response header LlmProxy-Task, session:<the client's session id>, or last.";

    public static void MapTasks(this RouteGroupBuilder api)
    {
        api.MapPost("/tasks", StartAsync).AcceptsJson<StartTaskRequest>().Produces<TaskResponse>().ProducesProblem(400)
            .WithTags("Tasks").WithSummary("Starts a task; optional, since requests start tasks automatically").OpenToLocalUsers();
        api.MapPost("/tasks/{taskId}/interventions", InterveneAsync).Produces<TaskResponse>().ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Counts an intervention of a person").OpenToLocalUsers();
        api.MapPost("/tasks/{taskId}/complete", CompleteAsync).AcceptsJson<CompleteTaskRequest>().Produces<TaskResponse>().ProducesProblem(400).ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Reports the outcome of a task").OpenToLocalUsers();
        api.MapPost("/tasks/{taskId}/cancel", CancelAsync).Produces<TaskResponse>().ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Cancels a task and discards its content").OpenToLocalUsers();
    }

    private static async Task<IResult> StartAsync(HttpContext context, TaskService tasks, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.StartTaskRequest);
        if (request.TaskId is { Length: > 0 } id && !TaskId.TryParse(id, out _))
        {
            throw ApiProblemException.BadField("taskId", TaskId.Rule);
        }

        if (request.Provider is { } provider && !ProviderResolver.Names.Contains(provider, StringComparer.Ordinal))
        {
            throw ApiProblemException.BadField("provider", $"must be one of {string.Join(", ", ProviderResolver.Names)}, not \"{provider}\"");
        }

        var start = new TaskStart(request.TaskId, request.Description, request.Provider, request.Model, context.GetCaller().KeyName);
        return Answer(await tasks.StartAsync(context.GetTenant(), start, cancellationToken), request.TaskId ?? "");
    }

    private static async Task<IResult> InterveneAsync(HttpContext context, string taskId, TaskService tasks, CancellationToken cancellationToken) =>
        Answer(await tasks.InterveneAsync(context.GetTenant(), taskId, cancellationToken), taskId);

    private static async Task<IResult> CompleteAsync(HttpContext context, string taskId, TaskService tasks, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.CompleteTaskRequest);
        if (request.Success is not { } success)
        {
            throw ApiProblemException.BadField("success", "is missing; send, for example, {\"success\": true}");
        }

        var metrics = request.Metrics is { } m
            ? new StatedMetrics(
                ApiInput.InRange("metrics.errorRate", m.ErrorRate, 0, 1),
                ApiInput.InRange("metrics.clickAccuracy", m.ClickAccuracy, 0, 1),
                ApiInput.InRange("metrics.userInterventions", m.UserInterventions, 0, 1_000_000),
                ApiInput.InRange("metrics.iterationCount", m.IterationCount, 0, 1_000_000))
            : null;
        return Answer(await tasks.CompleteAsync(context.GetTenant(), taskId, success, metrics, request.Comment, cancellationToken), taskId);
    }

    private static async Task<IResult> CancelAsync(HttpContext context, string taskId, TaskService tasks, CancellationToken cancellationToken) =>
        Answer(await tasks.CancelAsync(context.GetTenant(), taskId, cancellationToken), taskId);

    private static IResult Answer(TaskResult? result, string taskId) => result is null
        ? ApiProblem.NotFound("task", taskId, NoTask)
        : TypedResults.Json(new TaskResponse(result), ApiJson.Default.TaskResponse);
}
