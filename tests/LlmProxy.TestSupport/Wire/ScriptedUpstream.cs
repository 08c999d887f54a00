using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Tests.Wire;

/// <summary>What an upstream received.</summary>
internal sealed record ReceivedRequest(string Method, string Target, IReadOnlyDictionary<string, string[]> Headers, byte[] Body)
{
    public string Text => System.Text.Encoding.UTF8.GetString(Body);
}

/// <summary>An upstream on loopback that does what each test says, byte by byte.</summary>
internal sealed class ScriptedUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ScriptedUpstream(WebApplication app)
    {
        _app = app;
    }

    /// <summary>What answers; set it before the calls.</summary>
    public Func<HttpContext, ReceivedRequest, Task> Answer { get; set; } = (context, _) =>
    {
        context.Response.StatusCode = 404;
        return Task.CompletedTask;
    };

    /// <summary>Requests in the order of their arrival.</summary>
    public ConcurrentQueue<ReceivedRequest> Received { get; } = new();

    public Uri Address { get; private set; } = null!;

    public ReceivedRequest Last => Received.Last();

    public static async Task<ScriptedUpstream> StartAsync(HttpProtocols protocols = HttpProtocols.Http1)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = protocols);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.RequestHeaderEncodingSelector = _ => System.Text.Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = _ => System.Text.Encoding.Latin1;
        });
        var app = builder.Build();
        var upstream = new ScriptedUpstream(app);
        app.UseWebSockets();
        app.Run(upstream.HandleAsync);
        await app.StartAsync();
        upstream.Address = new Uri(app.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return upstream;
    }

    /// <summary>Answers with one body.</summary>
    public void AnswerWith(string body, int status = 200, string contentType = "application/json") =>
        Answer = (context, _) => WriteAsync(context, body, status, contentType);

    /// <summary>Answers the calls in turn.</summary>
    public void AnswerInTurn(params (string Body, string ContentType)[] answers)
    {
        var next = -1;
        Answer = (context, _) =>
        {
            var (body, contentType) = answers[Math.Min(Interlocked.Increment(ref next), answers.Length - 1)];
            return WriteAsync(context, body, 200, contentType);
        };
    }

    public static async Task WriteAsync(HttpContext context, string body, int status, string contentType)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(body);
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        if (!contentType.StartsWith("text/event-stream", StringComparison.Ordinal))
        {
            context.Response.ContentLength = bytes.Length;
        }

        await context.Response.Body.WriteAsync(bytes);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var received = new ReceivedRequest(
            context.Request.Method,
            context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToArray().OfType<string>().ToArray(), StringComparer.OrdinalIgnoreCase),
            body.ToArray());
        Received.Enqueue(received);
        await Answer(context, received);
    }
}
