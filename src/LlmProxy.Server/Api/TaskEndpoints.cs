using LlmProxy.Core;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Outcomes and interventions reported by clients. Tasks start automatically; these endpoints report what the traffic does not show.</summary>
internal static class TaskEndpoints
{
    private const string NoTask = "Send a task id from the response header LlmProxy-Task, session:<the client's session id>, or last.";

    private const int MaxQuote = 2000;

    private static readonly OutcomeSource[] Sources = [OutcomeSource.Human, OutcomeSource.Ci, OutcomeSource.Api, OutcomeSource.Agent];

    public static void MapTasks(this RouteGroupBuilder api)
    {
        api.MapPost("/tasks", StartAsync).AcceptsJson<StartTaskRequest>().Produces<TaskResponse>().ProducesProblem(400)
            .WithTags("Tasks").WithSummary("Starts a task; optional, since requests start tasks automatically").OpenToCallers();
        api.MapPost("/tasks/{taskId}/interventions", InterveneAsync).Produces<TaskResponse>().ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Counts an intervention of a person").OpenToCallers();
        api.MapPost("/tasks/{taskId}/complete", CompleteAsync).AcceptsJson<CompleteTaskRequest>().Produces<TaskResponse>().ProducesProblem(400).ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Reports the outcome of a task").OpenToCallers();
        api.MapPost("/tasks/{taskId}/feedback", FeedbackAsync).AcceptsJson<FeedbackRequest>().Produces<TaskResponse>().ProducesProblem(400).ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Reports a person's feedback on a task: thumbs, a score or a comment").OpenToCallers();
        api.MapPost("/tasks/{taskId}/evidence", EvidenceAsync).AcceptsJson<EvidenceRequest>().Produces<TaskResponse>().ProducesProblem(400).ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Reports what a client saw of a task's last turn; the estimate of its outcome is made again").OpenToCallers();
        api.MapPost("/tasks/{taskId}/cancel", CancelAsync).Produces<TaskResponse>().ProducesProblem(404)
            .WithTags("Tasks").WithSummary("Cancels a task and discards its content").OpenToLocalUsers();
    }

    private static async Task<IResult> StartAsync(HttpContext context, [FromServices] TaskService tasks, CancellationToken cancellationToken)
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

    private static async Task<IResult> InterveneAsync(HttpContext context, string taskId, [FromServices] TaskService tasks, CancellationToken cancellationToken) =>
        Answer(await tasks.InterveneAsync(context.GetTenant(), taskId, cancellationToken), taskId);

    private static async Task<IResult> CompleteAsync(HttpContext context, string taskId, [FromServices] TaskService tasks, CancellationToken cancellationToken)
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
        var source = request.Source is null ? OutcomeSource.Api
            : Array.Find(Sources, s => EnumWords.Snake(s) == request.Source) is var known && EnumWords.Snake(known) == request.Source ? known
            : throw ApiProblemException.BadField("source", $"must be one of {string.Join(", ", Sources.Select(EnumWords.Snake))}, not \"{request.Source}\"");
        if (request.Ended == true)
        {
            if (await tasks.FindEndedAsync(context.GetTenant(), taskId, cancellationToken) is not { } ended)
            {
                return Answer(null, taskId);
            }

            taskId = ended.TaskId;
        }

        var result = new StatedResult(success, source, context.GetCaller().KeyName);
        return Answer(await tasks.CompleteAsync(context.GetTenant(), taskId, result, metrics, request.Comment, cancellationToken), taskId);
    }

    private static async Task<IResult> FeedbackAsync(HttpContext context, string taskId, [FromServices] TaskService tasks, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.FeedbackRequest);
        var score = ApiInput.InRange("score", request.Score, 0, 1);
        bool? success = request.Thumbs switch
        {
            null => score is { } value ? value >= 0.5 : null,
            "up" => true,
            "down" => false,
            _ => throw ApiProblemException.BadField("thumbs", $"must be up or down, not \"{request.Thumbs}\""),
        };
        if (success is null && string.IsNullOrWhiteSpace(request.Comment))
        {
            throw ApiProblemException.BadField("thumbs", "is missing; send thumbs (up or down), score (0 to 1) or comment");
        }

        return Answer(
            success is { } stated
                ? await tasks.CompleteAsync(context.GetTenant(), taskId, new StatedResult(stated, OutcomeSource.Human, context.GetCaller().KeyName), null, request.Comment, cancellationToken)
                : await tasks.CommentAsync(context.GetTenant(), taskId, request.Comment!, cancellationToken),
            taskId);
    }

    private static async Task<IResult> EvidenceAsync(HttpContext context, string taskId, [FromServices] TaskService tasks, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.EvidenceRequest);
        if (request.Verifications is null && request.Interrupted is null)
        {
            throw ApiProblemException.BadField("verifications", "is missing; send, for example, {\"verifications\": [{\"passed\": true, \"quote\": \"12 tests passed\"}]}");
        }

        if (request.Verifications is { } verifications && verifications.Count > ReportedEvidence.MaxVerifications)
        {
            throw ApiProblemException.BadField("verifications", FormattableString.Invariant($"must have at most {ReportedEvidence.MaxVerifications} elements, not {verifications.Count}"));
        }

        var evidence = new ReportedEvidence(request.Verifications?.Select(Read).ToList(), request.Interrupted);
        return Answer(await tasks.AddEvidenceAsync(context.GetTenant(), taskId, evidence, cancellationToken), taskId);

        static ReportedVerification Read(VerificationRequest? verification, int index) =>
            verification?.Passed is not { } passed ? throw ApiProblemException.BadField(FormattableString.Invariant($"verifications[{index}].passed"), "is missing; send true or false")
            : string.IsNullOrWhiteSpace(verification.Quote) ? throw ApiProblemException.BadField(FormattableString.Invariant($"verifications[{index}].quote"), "is missing; send the line that reports the result")
            : verification.Quote.Length > MaxQuote ? throw ApiProblemException.BadField(FormattableString.Invariant($"verifications[{index}].quote"), FormattableString.Invariant($"must have at most {MaxQuote} characters"))
            : new ReportedVerification(passed, verification.Quote);
    }

    private static async Task<IResult> CancelAsync(HttpContext context, string taskId, [FromServices] TaskService tasks, CancellationToken cancellationToken) =>
        Answer(await tasks.CancelAsync(context.GetTenant(), taskId, cancellationToken), taskId);

    private static IResult Answer(TaskResult? result, string taskId) => result is null
        ? ApiProblem.NotFound("task", taskId, NoTask)
        : TypedResults.Json(new TaskResponse(result), ApiJson.Default.TaskResponse);
}
