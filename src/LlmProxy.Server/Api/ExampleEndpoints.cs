using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Curated examples: used, pinned, retired or edited trajectories.</summary>
internal static class ExampleEndpoints
{
    private const int DefaultLimit = 50;
    private const int LargestLimit = 500;
    private const int LongestType = 80;

    public static void MapExamples(this RouteGroupBuilder api)
    {
        api.MapGet("/examples", ListAsync).Produces<PageResponse<ExampleDto>>().ProducesProblem(400)
            .WithTags("Examples").WithSummary("Lists examples, pinned ones first, then by uses");
        api.MapGet("/examples/{id}", ReadAsync).Produces<ExampleDto>().ProducesProblem(404)
            .WithTags("Examples").WithSummary("Reads an example with its evidence");
        api.MapPost("/examples/{id}/usage", UseAsync).AcceptsJson<ExampleUsageRequest>().Produces<ExampleDto>().ProducesProblem(404)
            .WithTags("Examples").WithSummary("Counts one use of an example").OpenToLocalUsers();
        api.MapPut("/examples/{id}", UpdateAsync).AcceptsJson<UpdateExampleRequest>().Produces<ExampleDto>().ProducesProblem(400).ProducesProblem(404)
            .WithTags("Examples").WithSummary("Pins, retires or edits an example, or states the type of its task");
        api.MapPost("/examples/curate", CurateAsync).AcceptsJson<CurateRequest>().Produces<CurationResponse>().ProducesProblem(400)
            .WithTags("Examples").WithSummary("Finds types of tasks, chooses examples for each, and names missing, redundant and harmful ones");
    }

    private static async Task<IResult> ListAsync(HttpContext context, [FromServices] IExampleStore store, [FromServices] ExampleLedger ledger, string? limit, CancellationToken cancellationToken)
    {
        var rows = await store.ListExamplesAsync(context.GetTenant(), ApiInput.Whole("limit", limit, 1, LargestLimit) ?? DefaultLimit, cancellationToken);
        var evidence = await ledger.ReadAsync(context.GetTenant(), cancellationToken);
        return TypedResults.Json(new PageResponse<ExampleDto>([.. rows.Select(row => ToDto(row, evidence))], null), ApiJson.Default.PageResponseExampleDto);
    }

    private static async Task<IResult> ReadAsync(HttpContext context, string id, [FromServices] TaskService tasks, [FromServices] IExampleStore store, [FromServices] ExampleLedger ledger, CancellationToken cancellationToken)
    {
        var tenant = context.GetTenant();
        return await tasks.FindAsync(tenant, id, cancellationToken) is { } run
            ? TypedResults.Json(ToDto(await FindAsync(store, run, cancellationToken), await ledger.ReadAsync(tenant, cancellationToken)), ApiJson.Default.ExampleDto)
            : TrajectoryEndpoints.NoRun(id);
    }

    private static async Task<IResult> UseAsync(HttpContext context, string id, [FromServices] TrajectorySearch similar, [FromServices] IExampleStore store, [FromServices] ExampleLedger ledger, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.ExampleUsageRequest);
        var tenant = context.GetTenant();
        if (await similar.RecordExampleUsageAsync(id, request.Success, tenant, cancellationToken) is not { } run)
        {
            return TrajectoryEndpoints.NoRun(id);
        }

        return TypedResults.Json(ToDto(await FindAsync(store, run, cancellationToken), await ledger.ReadAsync(tenant, cancellationToken)), ApiJson.Default.ExampleDto);
    }

    private static async Task<IResult> CurateAsync(HttpContext context, [FromServices] ExampleCurator curator, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.CurateRequest);
        return TypedResults.Json(CurationResponse.Of(await curator.CurateAsync(context.GetTenant(), request.DryRun ?? false, cancellationToken)), ApiJson.Default.CurationResponse);
    }

    private static async Task<IResult> UpdateAsync(HttpContext context, string id, [FromServices] TaskService tasks, [FromServices] IExampleStore store, [FromServices] ICurationStore types, [FromServices] ExampleLedger ledger, [FromServices] Redactor redactor, CancellationToken cancellationToken)
    {
        var request = await ApiInput.ReadBodyAsync(context, ApiJson.Default.UpdateExampleRequest);
        var tenant = context.GetTenant();
        if (await tasks.FindAsync(tenant, id, cancellationToken) is not { } run)
        {
            return TrajectoryEndpoints.NoRun(id);
        }

        if (request.Edited is { } edited)
        {
            using var document = JsonDocument.Parse(edited.ToJsonString());
            if (EditedExample.FindProblem(document.RootElement) is { } problem)
            {
                throw ApiProblemException.BadField("edited", problem);
            }
        }

        var clean = redactor.For(tenant);
        var type = clean.RedactId(request.TaskType?.Trim());
        if (type?.Length > LongestType)
        {
            throw ApiProblemException.BadField("taskType", string.Create(CultureInfo.InvariantCulture, $"must be a text of at most {LongestType} characters, or empty"));
        }

        var before = await FindAsync(store, run, cancellationToken);
        var row = before with
        {
            Pinned = request.Pinned ?? before.Pinned,
            Retired = request.Retired ?? before.Retired,
            TaskDescription = clean.RedactId(request.TaskDescription) ?? before.TaskDescription,
            EditedJson = request.Edited is JsonObject { Count: 0 } ? null : request.Edited is { } changed ? clean.RedactJson(changed.ToJsonString()) : before.EditedJson,
            TaskType = type is null ? before.TaskType : type.Length > 0 ? type : null,
        };
        if (type is not null)
        {
            await types.StateTaskTypeAsync(tenant, run.Id, row.TaskType, cancellationToken);
        }

        return await store.UpdateExampleAsync(tenant, row, cancellationToken)
            ? TypedResults.Json(ToDto(row, await ledger.ReadAsync(tenant, cancellationToken)), ApiJson.Default.ExampleDto)
            : TrajectoryEndpoints.NoRun(id);
    }

    internal static async Task<FewShotExampleRow> FindAsync(IExampleStore store, Trajectory run, CancellationToken cancellationToken) =>
        await store.FindExamplesAsync(run.Tenant, [run.Id], cancellationToken) is [var row, ..]
            ? row
            : new FewShotExampleRow(run.Id, run.TaskDescription, run.QualityScore, Pinned: false, Retired: false, EditedJson: null, UsageCount: 0, LastUsedAt: null) { TaskType = run.TaskType };

    /// <summary>Combines recorded evidence with reported outcomes.</summary>
    public static ExampleEvidenceDto ToDto(ExampleEvidence? evidence, FewShotExampleRow? row)
    {
        var (stated, successes) = ((row?.StatedSuccesses + row?.StatedFailures) ?? 0, row?.StatedSuccesses ?? 0);
        return new ExampleEvidenceDto(
            (evidence?.Tasks ?? 0) + stated, (evidence?.Successes ?? 0) + successes, evidence?.Compared ?? 0, evidence?.Difference, evidence?.ProbabilityOfHelp, evidence?.Finding ?? "too-few");
    }

    private static ExampleDto ToDto(FewShotExampleRow row, IReadOnlyDictionary<string, ExampleEvidence> evidence) => new(
        row.TrajectoryId,
        row.TrajectoryId,
        row.TaskDescription,
        row.QualityScore,
        row.Pinned,
        row.Retired,
        row.EditedJson is { } json ? JsonNode.Parse(json) : null,
        row.UsageCount,
        row.LastUsedAt?.UtcDateTime,
        ToDto(evidence.GetValueOrDefault(row.TrajectoryId), row),
        row.TaskType);
}
