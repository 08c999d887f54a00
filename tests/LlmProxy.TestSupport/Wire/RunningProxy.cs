using System.Net;
using System.Net.Sockets;
using System.Text;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server;
using LlmProxy.Server.Access;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage.Sql;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// The real proxy on loopback with a SQLite store of its own in a temporary folder, in front of a
/// <see cref="ScriptedUpstream"/>. Every provider's address is that upstream.
/// </summary>
internal sealed class RunningProxy : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _folder;
    private readonly bool _ownsUpstream;

    private RunningProxy(WebApplication app, string folder, ScriptedUpstream upstream, bool ownsUpstream, FakeLogCollector log)
    {
        _app = app;
        _folder = folder;
        _ownsUpstream = ownsUpstream;
        Upstream = upstream;
        Log = log;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First().Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal));
        // A real client is another process, whose calls the proxy's telemetry does not see.
        Client = new HttpClient(new OwnerHandler(this)) { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(60) };
    }

    public ScriptedUpstream Upstream { get; }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public FakeLogCollector Log { get; }

    /// <summary>Where its store and its spool lie.</summary>
    public string Folder => _folder;

    public IServiceProvider Services => _app.Services;

    public SqlTrajectoryStore Store => Services.GetRequiredService<SqlTrajectoryStore>();

    public Spool Spool => Services.GetRequiredService<Spool>();

    public TaskService Tasks => Services.GetRequiredService<TaskService>();

    public static Task<RunningProxy> StartAsync(ScriptedUpstream? upstream = null, params (string Key, string Value)[] settings) => StartAsync(upstream, _ => { }, settings);

    /// <summary>Starts a proxy.</summary>
    /// <param name="upstream">The upstream; null for one of its own.</param>
    /// <param name="services">Adds to its services.</param>
    /// <param name="settings">Its settings.</param>
    public static async Task<RunningProxy> StartAsync(ScriptedUpstream? upstream, Action<IServiceCollection> services, params (string Key, string Value)[] settings)
    {
        var own = upstream is null;
        upstream ??= await ScriptedUpstream.StartAsync();
        var folder = Directory.CreateTempSubdirectory("llmproxy-test-").FullName;
        var overrides = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["LlmProxy:Storage:ConnectionString"] = $"Data Source={Path.Combine(folder, "data", "llmproxy.db")}",
            ["LlmProxy:Recording:Spool:Directory"] = Path.Combine(folder, "data", "spool"),
            ["LlmProxy:Recording:MinDuration"] = "00:00:00",
            ["LlmProxy:Embeddings:Provider"] = "lexical",
            // The test machine may be busy; what is tested is what happens, not how fast.
            ["LlmProxy:FewShot:Timeout"] = "00:00:30",
        };
        foreach (var cluster in (string[])["anthropic", "openai", "codex", "gemini", "proxy"])
        {
            overrides[$"ReverseProxy:Clusters:{cluster}:Destinations:default:Address"] = upstream.Address.ToString();
        }

        foreach (var (key, value) in settings)
        {
            overrides[key] = value;
        }

        var configuration = ProxyConfiguration.Load(null, overrides);
        Assert.Empty(configuration.Problems);
        var log = new FakeLogCollector();
        var app = ProxyHost.Build(configuration, ["http://127.0.0.1:0"], builder =>
        {
            builder.Logging.ClearProviders();
            builder.Logging.AddProvider(new FakeLoggerProvider(log));
            builder.Services.AddSingleton(p => new StoreCircuitBreaker(p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILogger<StoreCircuitBreaker>>(), TimeSpan.FromSeconds(30)));
            services(builder.Services);
        }, insecure: overrides.ContainsKey("test:insecure"));
        await app.StartAsync();
        return new RunningProxy(app, folder, upstream, own, log);
    }

    /// <summary>The token of the user who runs the proxy; null if keys are configured.</summary>
    public string? LocalToken => Services.GetRequiredService<LocalAccess>().TokenFile is { } file ? File.ReadAllText(file).Trim() : null;

    /// <summary>Sends a JSON body.</summary>
    public async Task<HttpResponseMessage> PostAsync(string path, string body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Address, path))
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { { "Content-Type", "application/json" } } },
        };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Client.SendAsync(request);
    }

    /// <summary>Sends bytes as they are over a socket and gives everything that comes back until the connection ends.</summary>
    /// <param name="bytes">The bytes, as Latin-1.</param>
    /// <param name="port">The port on loopback; null for the proxy's.</param>
    public async Task<string> SendRawAsync(string bytes, int? port = null)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, port ?? Address.Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(bytes));
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await reader.ReadToEndAsync();
    }

    /// <summary>Waits until everything recorded is in the store.</summary>
    public async Task SettleAsync()
    {
        try
        {
            await Spool.WhenEmptyAsync().WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException)
        {
            Assert.Fail("The spool does not empty: " + Log.Text());
        }
    }

    /// <summary>The run of an answer's task.</summary>
    public async Task<Trajectory> FindRunAsync(HttpResponseMessage answer)
    {
        await SettleAsync();
        var run = await Store.FindTaskAsync("default", answer.Headers.GetValues("LlmProxy-Task").Single(), CancellationToken.None);
        return run ?? throw new InvalidOperationException("The task is not in the store: " + Log.Text());
    }

    public Task<IReadOnlyList<StepView>> ReadStepsAsync(Trajectory run) =>
        Services.GetRequiredService<TrajectoryReader>().ReadAsync(run.Id, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        if (_ownsUpstream)
        {
            await Upstream.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Sends what the proxy's own user sends: the API gets the local token.</summary>
    private sealed class OwnerHandler(RunningProxy proxy)
        : DelegatingHandler(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false, ActivityHeadersPropagator = null })
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.RequestUri!.AbsolutePath.StartsWith(ApiGuard.Prefix, StringComparison.Ordinal) && proxy.LocalToken is { } token)
            {
                request.Headers.TryAddWithoutValidation(ProxyHeaders.Token, token);
            }

            return base.SendAsync(request, cancellationToken);
        }
    }
}
