using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary><c>/healthz</c>: the process is running. <c>/readyz</c>: requests can be forwarded and recorded in the spool; with <c>?strict</c> the store is reachable, too.</summary>
internal static class HealthEndpoints
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    public static void MapHealth(this WebApplication app)
    {
        app.MapGet("/healthz", () => TypedResults.Json(new HealthResponse("ok"), ApiJson.Default.HealthResponse))
            .Produces<HealthResponse>().WithTags("Health").WithSummary("Checks that the process is running").WithOrder(-1000);
        app.MapGet("/readyz", ReadyAsync)
            .Produces<HealthResponse>().Produces<HealthResponse>(StatusCodes.Status503ServiceUnavailable).WithTags("Health")
            .WithSummary("Checks that requests can be forwarded: the spool is writable. With ?strict the store must be reachable, too").WithOrder(-1000);
    }

    private static async Task<IResult> ReadyAsync([FromServices] IStoreLifecycle store, [FromServices] Spool spool, HttpContext http, CancellationToken cancellationToken)
    {
        // Replicas share the store: if its restart made them unready, no call would be forwarded meanwhile.
        bool? stored = IsStrict(http.Request.Query) ? (await CheckAsync(store, cancellationToken)).Ok : null;
        var ok = stored != false && spool.IsWritable;
        return TypedResults.Json(
            new HealthResponse(ok ? "ok" : "unavailable", stored, spool.IsWritable),
            ApiJson.Default.HealthResponse,
            statusCode: ok ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private static bool IsStrict(IQueryCollection query) =>
        query.TryGetValue("strict", out var value) && !string.Equals(value, "false", StringComparison.OrdinalIgnoreCase) && value != "0";

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
