using System.Text;
using System.Text.Json;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Server-sent events: one for each exchange that this process has recorded.</summary>
internal static class EventEndpoints
{
    /// <summary>Type of the event of an exchange.</summary>
    public const string Exchange = "exchange";

    // Without data a comment shows that the connection is alive, and finds out that the client left.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    public static void MapEvents(this RouteGroupBuilder api) =>
        api.MapGet("/events", WatchAsync).Produces<RecordedExchangeDto>(contentType: "text/event-stream").ProducesProblem(StatusCodes.Status503ServiceUnavailable)
            .WithTags("Status").WithSummary("Streams the caller's exchanges as they are recorded, as server-sent events");

    /// <summary>Streams the exchanges of the caller.</summary>
    internal static async Task<IResult> WatchAsync(
        HttpContext context, [FromServices] ExchangeFeed feed, [FromServices] TimeProvider time, [FromServices] IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        using var watch = feed.Watch(context.GetTenant());
        if (watch is null)
        {
            return ApiProblem.Result(StatusCodes.Status503ServiceUnavailable, "Too many watchers", $"{ExchangeFeed.MaxWatchers} clients watch the events already. Close one.");
        }

        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();

        // A stop does not wait for watchers.
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        try
        {
            await WriteAsync(context.Response, ": watching\n\n", ends.Token);
            while (true)
            {
                var exchange = await watch.NextAsync(Silence, time, ends.Token);
                await WriteAsync(context.Response, exchange is null ? ":\n\n" : $"event: {Exchange}\ndata: {JsonSerializer.Serialize(RecordedExchangeDto.Of(exchange), ApiJson.Default.RecordedExchangeDto)}\n\n", ends.Token);
            }
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            return TypedResults.Empty;
        }
    }

    private static async Task WriteAsync(HttpResponse response, string text, CancellationToken cancellationToken)
    {
        await response.WriteAsync(text, Encoding.UTF8, cancellationToken);
        await response.Body.FlushAsync(cancellationToken);
    }
}
