using System.Net;
using LlmProxy.Core.Dialects;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Replay;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Testing;

/// <summary>A base URL of a replay server.</summary>
/// <param name="Dialect">For which client, such as <c>anthropic</c>.</param>
/// <param name="Address">The base URL as the client's SDK wants it.</param>
internal readonly record struct ReplayBaseUrl(string Dialect, Uri Address);

/// <summary>Answers completion calls from a recorded run over HTTP, event by event. The paths are those of the proxy's base URLs; any other prefix works as well.</summary>
internal sealed class ReplayServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ReplayServer(WebApplication app)
    {
        _app = app;
    }

    /// <summary>The server's address.</summary>
    public Uri Address { get; private set; } = new("http://127.0.0.1");

    /// <summary>Base URLs by dialect.</summary>
    public IReadOnlyList<ReplayBaseUrl> BaseUrls =>
    [
        new("anthropic", new Uri(Address, "anthropic")),
        new("openai", new Uri(Address, "openai/v1")),
        new("gemini", new Uri(Address, "gemini")),
    ];

    /// <summary>Starts a server that replays.</summary>
    /// <param name="session">The replay.</param>
    /// <param name="redactor">Removes from requests what recordings do not hold.</param>
    /// <param name="urls">Addresses to listen on; none for a free loopback port.</param>
    /// <param name="withPauses">Whether the recorded rhythm is kept; else it goes as fast as possible.</param>
    /// <param name="time">The clock of the pauses.</param>
    /// <param name="onCall">Told of each call and what became of it, or null.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    public static Task<ReplayServer> StartAsync(ReplaySession session, Redactor redactor, IReadOnlyList<string> urls, bool withPauses, TimeProvider time, Action<string>? onCall, CancellationToken cancellationToken) =>
        StartAsync(new ReplayHandler(session, redactor, withPauses ? time : null, onCall).HandleAsync, urls, cancellationToken);

    /// <summary>Starts a server with a handler of its own.</summary>
    public static async Task<ReplayServer> StartAsync(RequestDelegate handler, IReadOnlyList<string> urls, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        // A start that fails is told by its exception.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        // The host's own lifetime takes Ctrl-C away from the process that it is a guest in.
        builder.Services.AddSingleton<IHostLifetime, GuestLifetime>();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.RequestHeaderEncodingSelector = _ => System.Text.Encoding.Latin1;
            if (urls.Count == 0)
            {
                kestrel.Listen(IPAddress.Loopback, 0);
            }
        });
        // Settings of the tested application's environment are not this server's.
        builder.WebHost.UseUrls([.. urls]);
        var app = builder.Build();
        app.Run(handler);
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        return new ReplayServer(app) { Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()) };
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
    }
}

/// <summary>Listens to no signal.</summary>
internal sealed class GuestLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>One request of a replay.</summary>
/// <param name="session">The replay.</param>
/// <param name="redactor">Removes from requests what recordings do not hold.</param>
/// <param name="pauses">The clock of recorded pauses; null for none.</param>
/// <param name="onCall">Told of each call, or null.</param>
internal sealed class ReplayHandler(ReplaySession session, Redactor redactor, TimeProvider? pauses, Action<string>? onCall)
{
    public async Task HandleAsync(HttpContext context)
    {
        // 1. What is asked.
        var request = context.Request;
        var target = request.Path.Value + request.QueryString.Value;
        if (DialectCatalog.Recognize(request.Method, request.Path.Value ?? "") is not { } dialect)
        {
            await AnswerOtherAsync(context);
            return;
        }

        var body = await ReadBodyAsync(request, context.RequestAborted);
        if (body is null || IncomingReplayCall.Read(request.Method, target, body, redactor) is not { } call)
        {
            await WriteAsync(context, ReplayAnswer.Unrecorded(dialect, $"LlmProxy replay: the body of {request.Method} {request.Path} is no request of {RecordedRunFile.NameOf(dialect)}."));
            return;
        }

        // 2. Which recorded call it is.
        var match = session.Take(call);
        onCall?.Invoke(match.Call is null ? $"no recording: {Explain(match.Unrecorded!)}" : session.Describe(match.Number));

        // 3. Its answer, in the form that is asked for.
        var asArray = dialect == DialectKind.Gemini && !request.Query["alt"].Contains("sse");
        await WriteAsync(context, match.Call is { } recorded
            ? ReplayAnswer.Of(recorded, call.WantsStream, asArray)
            : ReplayAnswer.Unrecorded(dialect, $"LlmProxy replay: there is no recording of the call {Explain(match.Unrecorded!)}"));
    }

    /// <summary>The decoded body; null where its encoding is unknown.</summary>
    internal static async Task<byte[]?> ReadBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, cancellationToken);
        var encoding = request.Headers.ContentEncoding.ToString();
        return encoding.Length == 0 ? buffer.ToArray() : BodyDecoder.DecodeAll(buffer.ToArray(), encoding);
    }

    private string Explain(UnrecordedCall missed) => missed.Nearest is { } nearest
        ? $"{missed.Call}. Nearest is {session.Describe(nearest)}, but {missed.Reason}."
        : $"{missed.Call}: {missed.Reason}.";

    /// <summary>Clients probe their base URL before the first call; everything else is not recorded.</summary>
    private static async Task AnswerOtherAsync(HttpContext context)
    {
        var isProbe = HttpMethods.IsHead(context.Request.Method) || (HttpMethods.IsGet(context.Request.Method) && (context.Request.Path.Value ?? "").Count(c => c == '/') <= 1);
        if (!isProbe)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            await context.Response.WriteAsync($"LlmProxy replay: only completion calls are recorded, not {context.Request.Method} {context.Request.Path}.", context.RequestAborted);
        }
    }

    private async Task WriteAsync(HttpContext context, ReplayAnswer answer)
    {
        await PauseAsync(answer.FirstByte, context.RequestAborted);
        if (answer.Status == 0)
        {
            context.Abort();
            return;
        }

        var response = context.Response;
        response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers)
        {
            response.Headers[name] = value;
        }

        if (answer.IsStream)
        {
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        }

        await response.StartAsync(context.RequestAborted);
        await response.Body.FlushAsync(context.RequestAborted);
        var begun = pauses?.GetTimestamp() ?? 0;
        foreach (var frame in answer.Frames)
        {
            await PauseAsync(frame.At - (pauses?.GetElapsedTime(begun) ?? frame.At), context.RequestAborted);
            await response.Body.WriteAsync(frame.Bytes, context.RequestAborted);
            await response.Body.FlushAsync(context.RequestAborted);
        }

        if (answer.BreaksOff)
        {
            context.Abort();
        }
    }

    private Task PauseAsync(TimeSpan pause, CancellationToken cancellationToken) =>
        pauses is null || pause < TimeSpan.FromMilliseconds(1) ? Task.CompletedTask : Task.Delay(pause, pauses, cancellationToken);
}
