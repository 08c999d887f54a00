using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LlmProxy.Server.Demo;

/// <summary>Plays the providers on a free loopback port: replays Claude's run, answers as GPT and as Gemini, and keeps what it received.</summary>
internal sealed class DemoUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly DemoScript _script;
    private readonly ConcurrentDictionary<string, JsonObject> _received = new(StringComparer.Ordinal);

    private DemoUpstream(WebApplication app, DemoScript script)
    {
        _app = app;
        _script = script;
    }

    /// <summary>Its address.</summary>
    public string Address { get; private set; } = "";

    /// <summary>Starts it.</summary>
    public static async Task<DemoUpstream> StartAsync(DemoScript script, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1));
        var app = builder.Build();
        var upstream = new DemoUpstream(app, script);
        app.MapPost("/v1/messages", upstream.AnswerAsClaudeAsync);
        app.MapPost("/v1/chat/completions", upstream.AnswerAsGptAsync);
        app.MapPost("/v1beta/models/{call}", upstream.AnswerAsGeminiAsync);
        await app.StartAsync(cancellationToken);
        upstream.Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/";
        return upstream;
    }

    /// <summary>The request that a provider received last.</summary>
    public JsonObject? Received(string provider) => _received.GetValueOrDefault(provider);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsClaudeAsync(HttpContext context)
    {
        var request = await ReadAsync(context, "anthropic");
        var turn = request["messages"]!.AsArray().Count(message => message!["role"]!.GetValue<string>() == "assistant");
        var step = _script.Steps[Math.Min(turn, _script.Steps.Count - 1)];
        var message = new JsonObject
        {
            ["id"] = $"msg_demo_{turn + 1:D2}",
            ["type"] = "message",
            ["role"] = "assistant",
            ["model"] = _script.Model,
            ["content"] = step["content"]!.DeepClone(),
            ["stop_reason"] = step["stop_reason"]!.DeepClone(),
            ["stop_sequence"] = null,
            ["usage"] = step["usage"]!.DeepClone(),
        };
        if (request["stream"]?.GetValue<bool>() != true)
        {
            await WriteJsonAsync(context, message);
            return;
        }

        context.Response.ContentType = "text/event-stream; charset=utf-8";
        foreach (var (name, data) in AnthropicEvents.Of(message))
        {
            await context.Response.WriteAsync($"event: {name}\ndata: {data.ToJsonString()}\n\n", Encoding.UTF8, context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private async Task AnswerAsGptAsync(HttpContext context)
    {
        await ReadAsync(context, "openai");
        var (model, _, answer) = _script.Agent("openai");
        await WriteJsonAsync(context, new JsonObject
        {
            ["id"] = "chatcmpl-demo",
            ["object"] = "chat.completion",
            ["model"] = model,
            ["choices"] = new JsonArray(new JsonObject
            {
                ["index"] = 0,
                ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = answer },
                ["finish_reason"] = "stop",
            }),
            ["usage"] = new JsonObject { ["prompt_tokens"] = 900, ["completion_tokens"] = 20, ["total_tokens"] = 920 },
        });
    }

    private async Task AnswerAsGeminiAsync(HttpContext context)
    {
        await ReadAsync(context, "gemini");
        var (model, _, answer) = _script.Agent("gemini");
        await WriteJsonAsync(context, new JsonObject
        {
            ["candidates"] = new JsonArray(new JsonObject
            {
                ["content"] = new JsonObject { ["role"] = "model", ["parts"] = new JsonArray(new JsonObject { ["text"] = answer }) },
                ["finishReason"] = "STOP",
                ["index"] = 0,
            }),
            ["usageMetadata"] = new JsonObject { ["promptTokenCount"] = 900, ["candidatesTokenCount"] = 20, ["totalTokenCount"] = 920 },
            ["modelVersion"] = model,
            ["responseId"] = "demo",
        });
    }

    private async Task<JsonObject> ReadAsync(HttpContext context, string provider)
    {
        var request = (await JsonSerializer.DeserializeAsync<JsonObject>(context.Request.Body, cancellationToken: context.RequestAborted))!;
        _received[provider] = request;
        return request;
    }

    private static Task WriteJsonAsync(HttpContext context, JsonObject body)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(body.ToJsonString(), Encoding.UTF8, context.RequestAborted);
    }
}
