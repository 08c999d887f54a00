using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary><c>/healthz</c>: the process is running. <c>/readyz</c>: the store is reachable and the spool writable.</summary>
internal static class HealthEndpoints
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    public static void MapHealth(this WebApplication app)
    {
        app.MapGet("/healthz", () => TypedResults.Json(new HealthResponse("ok"), ApiJson.Default.HealthResponse))
            .Produces<HealthResponse>().WithTags("Health").WithSummary("Checks that the process is running").WithOrder(-1000);
        app.MapGet("/readyz", ReadyAsync)
            .Produces<HealthResponse>().Produces<HealthResponse>(StatusCodes.Status503ServiceUnavailable).WithTags("Health")
            .WithSummary("Checks that the store is reachable and the spool writable").WithOrder(-1000);
    }

    private static async Task<IResult> ReadyAsync([FromServices] IStoreLifecycle store, [FromServices] Spool spool, CancellationToken cancellationToken)
    {
        var health = await CheckAsync(store, cancellationToken);
        var ok = health.Ok && spool.IsWritable;
        return TypedResults.Json(
            new HealthResponse(ok ? "ok" : "unavailable", health.Ok, spool.IsWritable),
            ApiJson.Default.HealthResponse,
            statusCode: ok ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    /// <summary>Checks the store, for at most two seconds.</summary>
    internal static async Task<StoreHealth> CheckAsync(IStoreLifecycle store, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Timeout);
        try
        {
            // A driver may block the thread while it connects.
            return await Task.Run(() => store.CheckAsync(limit.Token), limit.Token).WaitAsync(limit.Token);
        }
        catch (Exception error) when (error is StoreException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return new StoreHealth(false, 0, error is StoreException ? error.Message : "Timeout of the store after 2 seconds.", "");
        }
    }
}
