using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Testing.Replay;
using LlmProxy.Wire;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LlmProxy.Server.Demo;

/// <summary>Simulates the providers on a free loopback port: responds with the scripted replies and keeps the requests.</summary>
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

    /// <summary>Address of the server.</summary>
    public string Address { get; private set; } = "";

    /// <summary>Starts the server.</summary>
    public static async Task<DemoUpstream> StartAsync(DemoScript script, CancellationToken cancellationToken)
    {
        // The working directory may be large: do not watch it for changes.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
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

    /// <summary>The last request to a provider, or null.</summary>
    public JsonObject? Received(string provider) => _received.GetValueOrDefault(provider);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsClaudeAsync(HttpContext context)
    {
        var request = await ReadAsync(context, "anthropic");
        var turn = request["messages"]!.AsArray().Count(message => message!["role"]!.GetValue<string>() == "assistant");
        var steps = _script.Of(request).Steps;
        var step = steps[Math.Min(turn, steps.Count - 1)];
        var usage = step["usage"]!;
        var reply = new AssembledReply
        {
            ResponseId = $"msg_demo_{turn + 1:D2}",
            Model = _script.Model,
            Message = MessageOf(DialectKind.AnthropicMessages, new JsonObject { ["role"] = "assistant", ["content"] = step["content"]!.DeepClone() }),
            StopReason = step["stop_reason"]!.GetValue<string>(),
            Usage = new TokenUsage(usage["input_tokens"]!.GetValue<long>(), usage["output_tokens"]!.GetValue<long>(), 0, 0, 0),
            HasUsage = true,
            IsComplete = true,
        };
        await WriteAsync(context, DialectKind.AnthropicMessages, reply, request["stream"]?.GetValue<bool>() == true);
    }

    private async Task AnswerAsGptAsync(HttpContext context)
    {
        await ReadAsync(context, "openai");
        await WriteAsync(context, DialectKind.OpenAiChat, ReplyOf("openai", "stop", DialectKind.OpenAiChat, answer => new JsonObject { ["role"] = "assistant", ["content"] = answer }), asStream: false);
    }

    private async Task AnswerAsGeminiAsync(HttpContext context)
    {
        await ReadAsync(context, "gemini");
        await WriteAsync(context, DialectKind.Gemini, ReplyOf("gemini", "STOP", DialectKind.Gemini, answer => new JsonObject { ["role"] = "model", ["parts"] = new JsonArray(new JsonObject { ["text"] = answer }) }), asStream: false);
    }

    private AssembledReply ReplyOf(string provider, string stop, DialectKind dialect, Func<string, JsonObject> message)
    {
        var (model, _, answer) = _script.Agent(provider);
        return new AssembledReply
        {
            ResponseId = provider + "-demo",
            Model = model,
            Message = MessageOf(dialect, message(answer)),
            StopReason = stop,
            Usage = new TokenUsage(900, 20, 0, 0, 0),
            HasUsage = true,
            IsComplete = true,
        };
    }

    private static ConversationMessage MessageOf(DialectKind dialect, JsonObject message) =>
        DialectCatalog.Get(dialect).ReadMessage(Encoding.UTF8.GetBytes(message.ToJsonString()));

    private static async Task WriteAsync(HttpContext context, DialectKind dialect, AssembledReply reply, bool asStream)
    {
        var answer = ReplayAnswer.Of(new RecordedCall(dialect, new CallMarks(), new RecordedAnswer { Reply = reply }), asStream);
        context.Response.ContentType = answer.Headers[0].Value;
        foreach (var frame in answer.Frames)
        {
            await context.Response.Body.WriteAsync(frame.Bytes, context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private async Task<JsonObject> ReadAsync(HttpContext context, string provider)
    {
        var request = (await JsonSerializer.DeserializeAsync<JsonObject>(context.Request.Body, cancellationToken: context.RequestAborted))!;
        _received[provider] = request;
        return request;
    }
}
