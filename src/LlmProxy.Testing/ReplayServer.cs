using System.Net;
using LlmProxy.Core.Redaction;
using LlmProxy.Testing.Replay;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Testing;

/// <summary>A base URL of a replay server.</summary>
/// <param name="Dialect">For which client, such as <c>anthropic</c>.</param>
/// <param name="Address">The base URL as the client's SDK wants it.</param>
internal readonly record struct ReplayBaseUrl(string Dialect, Uri Address);

/// <summary>Answers completion calls from a recorded run over HTTP, event by event. The paths are those of the proxy's base URLs; any other prefix works as well.</summary>
/// <param name="app">The started application.</param>
internal sealed class ReplayServer(WebApplication app) : IAsyncDisposable
{
    /// <summary>The server's address.</summary>
    public Uri Address { get; } = new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

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
    /// <param name="onCall">Called for each call and what became of it, or null.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    public static Task<ReplayServer> StartAsync(ReplaySession session, Redactor redactor, IReadOnlyList<string> urls, bool withPauses, TimeProvider time, Action<string>? onCall, CancellationToken cancellationToken) =>
        StartAsync(new ReplayHandler(session, redactor, withPauses ? time : null, onCall).HandleAsync, urls, cancellationToken);

    /// <summary>Starts a server with a handler of its own.</summary>
    public static async Task<ReplayServer> StartAsync(RequestDelegate handler, IReadOnlyList<string> urls, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        // A failed start is reported by its exception.
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
        var started = builder.Build();
        started.Run(handler);
        try
        {
            await started.StartAsync(cancellationToken);
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }

        return new ReplayServer(started);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
    }
}

/// <summary>Listens to no signal.</summary>
internal sealed class GuestLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
