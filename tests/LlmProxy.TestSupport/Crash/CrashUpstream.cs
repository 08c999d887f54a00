using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Benchmarks.Crash;

/// <summary>
/// Answers in the Messages dialect; no two answers have the same id, and all that an answer says follows from its id.
/// Streams take their time between events, so that a kill finds many of them in the middle.
/// </summary>
internal sealed class CrashUpstream : IAsyncDisposable
{
    private const string IdPrefix = "msg_crash_";
    private const int IdLength = 6;

    private readonly WebApplication _app;
    private long _last;

    private CrashUpstream(WebApplication app)
    {
        _app = app;
    }

    public Uri Address { get; private set; } = null!;

    public static async Task<CrashUpstream> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var upstream = new CrashUpstream(app);
        app.Run(upstream.AnswerAsync);
        await app.StartAsync();
        upstream.Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return upstream;
    }

    /// <summary>What the answer with an id says.</summary>
    public static string Text(string id) => string.Join(' ', Enumerable.Repeat(id, 20));

    /// <summary>The id of an answer as it came over the wire, or null where it does not reach that far.</summary>
    public static string? FindId(string answer) =>
        answer.IndexOf(IdPrefix, StringComparison.Ordinal) is var at and >= 0 && at + IdPrefix.Length + IdLength <= answer.Length
            ? answer.Substring(at, IdPrefix.Length + IdLength)
            : null;

    /// <summary>The id of the tool call that the answer makes.</summary>
    public static string Call(string id) => "toolu_" + id;

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var request = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        var id = string.Create(CultureInfo.InvariantCulture, $"{IdPrefix}{Interlocked.Increment(ref _last):D6}");
        var isLast = request.RootElement.GetProperty("metadata").GetProperty("last").GetBoolean();
        if (request.RootElement.GetProperty("stream").GetBoolean())
        {
            context.Response.ContentType = "text/event-stream";
            foreach (var one in Events(id, isLast))
            {
                await context.Response.WriteAsync(one, context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                await Task.Delay(1, context.RequestAborted);
            }

            return;
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(
            JsonSerializer.Serialize(new
            {
                id,
                type = "message",
                role = "assistant",
                model = "claude-sonnet-4-5",
                content = isLast ? new object[] { TextBlock(id) } : [TextBlock(id), ToolBlock(id)],
                stop_reason = StopReason(isLast),
                usage = new { input_tokens = 10, output_tokens = 10 },
            }),
            context.RequestAborted);
    }

    private static object TextBlock(string id) => new { type = "text", text = Text(id) };

    private static object ToolBlock(string id) => new { type = "tool_use", id = Call(id), name = "look", input = new { } };

    private static string StopReason(bool isLast) => isLast ? "end_turn" : "tool_use";

    private static IEnumerable<string> Events(string id, bool isLast)
    {
        yield return Event(new { type = "message_start", message = new { id, type = "message", role = "assistant", model = "claude-sonnet-4-5", content = Array.Empty<object>(), usage = new { input_tokens = 10, output_tokens = 1 } } });
        yield return Event(new { type = "content_block_start", index = 0, content_block = new { type = "text", text = "" } });
        foreach (var piece in Text(id).Chunk(100))
        {
            yield return Event(new { type = "content_block_delta", index = 0, delta = new { type = "text_delta", text = new string(piece) } });
        }

        yield return Event(new { type = "content_block_stop", index = 0 });
        if (!isLast)
        {
            yield return Event(new { type = "content_block_start", index = 1, content_block = ToolBlock(id) });
            yield return Event(new { type = "content_block_stop", index = 1 });
        }

        yield return Event(new { type = "message_delta", delta = new { stop_reason = StopReason(isLast) }, usage = new { output_tokens = 10 } });
        yield return Event(new { type = "message_stop" });
    }

    private static string Event(object value)
    {
        var json = JsonSerializer.SerializeToElement(value);
        return $"event: {json.GetProperty("type").GetString()}\ndata: {json.GetRawText()}\n\n";
    }
}
