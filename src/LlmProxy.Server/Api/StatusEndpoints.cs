using System.Reflection;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Status of the proxy, and the switch of recording.</summary>
internal static class StatusEndpoints
{
    public static void MapStatus(this RouteGroupBuilder api)
    {
        api.MapGet("/status", ReadAsync).Produces<StatusResponse>().WithTags("Status").WithSummary("Reads what is recorded, which store, embedder and templates are in use, and what is off and why");
        api.MapPost("/recording/pause", (HttpContext context, [FromServices] RecordingSwitch recording) => Switch(recording, context.GetTenant(), pause: true))
            .Produces<RecordingResponse>().WithTags("Status").WithSummary("Pauses recording of the caller's tenant until it is resumed or the proxy restarts");
        api.MapPost("/recording/resume", (HttpContext context, [FromServices] RecordingSwitch recording) => Switch(recording, context.GetTenant(), pause: false))
            .Produces<RecordingResponse>().WithTags("Status").WithSummary("Resumes recording of the caller's tenant");
    }

    private static IResult Switch(RecordingSwitch recording, string tenant, bool pause)
    {
        recording.Pause(tenant, pause);
        return TypedResults.Json(new RecordingResponse(recording.IsOn(tenant)), ApiJson.Default.RecordingResponse);
    }

    /// <summary>The components that report their status.</summary>
    internal sealed record Components(
        [FromServices] LlmProxyOptions Options,
        [FromServices] RecordingSwitch Recording,
        [FromServices] NotRecordedCounts NotRecorded,
        [FromServices] RetryingStore RecorderStore,
        [FromServices] Spool Spool,
        [FromServices] IStoreLifecycle Store,
        [FromServices] IStatisticsStore Statistics,
        [FromServices] EmbeddingService Embeddings,
        [FromServices] TemplateDirectory Templates,
        [FromServices] TaskPrompts Prompts,
        [FromServices] KeyRing Keys);

    private static async Task<IResult> ReadAsync(HttpContext context, [AsParameters] Components components, CancellationToken cancellationToken)
    {
        var (options, recording, notRecorded, recorderStore, spool, store, statistics, embeddings, templates, prompts, keys) = components;
        var tenant = context.GetTenant();
        var health = await HealthEndpoints.CheckAsync(store, cancellationToken);
        var templateFiles = templates.Status.Select(file => new TemplateFileStatusDto(file.Path, file.Ok, file.Error)).ToList();
        var reason = WhyNoExamples(options, health);
        var embeddingError = embeddings.Problem ?? embeddings.LastError;
        return TypedResults.Json(
            new StatusResponse(
                new RecordingStatusDto(
                    recording.IsOn(tenant),
                    recording.IsPaused(tenant),
                    options.Recording.Providers,
                    await CountActiveAsync(statistics, health, tenant, cancellationToken),
                    notRecorded.Snapshot(tenant),
                    SpoolOf(spool, keys.HasKeys ? tenant : null)),
                new FewShotStatusDto(options.FewShot.Enabled, reason is null, reason, prompts.Skipped(tenant), prompts.Removed(tenant)),
                // A full disk can still be read.
                new StoreStatusDto(store.Provider, health.Ok && recorderStore.Problem is null, health.Error ?? recorderStore.Problem),
                new EmbeddingsStatusDto(embeddings.Provider, embeddings.Model, embeddings.Dimensions, embeddingError is null, embeddingError),
                templateFiles,
                ProgramVersion)
            {
                Judge = options.Judge.Enabled ? new JudgeStatusDto(true, options.Judge.Model, JudgeDestination.Describe(options.Judge)) : new JudgeStatusDto(false, null, null),
            },
            ApiJson.Default.StatusResponse);
    }

    // Without keys there is one tenant, which also sees what cannot be attributed, such as damage.
    private static SpoolStatusDto SpoolOf(Spool spool, string? tenant)
    {
        var (pending, bytes, dropped) = tenant is null ? new SpoolUse(spool.Pending, spool.Bytes, spool.Dropped) : spool.Tenants.Of(tenant);
        return new SpoolStatusDto(pending, bytes, dropped);
    }

    /// <summary>The program's version.</summary>
    internal static string ProgramVersion { get; } =
        typeof(StatusEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>Why no task gets examples, or null if they are available.</summary>
    internal static string? WhyNoExamples(LlmProxyOptions options, StoreHealth health) =>
        !options.FewShot.Enabled ? "LlmProxy:FewShot:Enabled is false"
        : options.FewShot.Count == 0 ? "LlmProxy:FewShot:Count is 0"
        : !options.Prompts.Enabled ? "LlmProxy:Prompts:Enabled is false"
        : !health.Ok ? "the store is unavailable"
        : null;

    private static async Task<int?> CountActiveAsync(IStatisticsStore store, StoreHealth health, string tenant, CancellationToken cancellationToken)
    {
        try
        {
            return health.Ok ? await store.CountActiveAsync(tenant, cancellationToken) : null;
        }
        catch (StoreException)
        {
            // The status must be available when the store is not.
            return null;
        }
    }
}
