using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using LlmProxy.Server.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace LlmProxy.Server.Cli;

/// <summary>
/// The API for verbs: that of the running server, or if none is running on the configured address, that of a server in
/// this process on the same store. So each operation has one implementation.
/// </summary>
internal sealed class ApiConnection : IAsyncDisposable
{
    /// <summary>Environment variable that holds an admin key for the server.</summary>
    public const string KeyVariable = "LLMPROXY_KEY";

    private static readonly TimeSpan Probe = TimeSpan.FromSeconds(2);

    private readonly HttpClient _client;
    private readonly LocalServer? _local;

    private ApiConnection(Uri address, ApiCredentials credentials, LocalServer? local)
    {
        Address = address;
        _local = local;
        _client = NewClient(address, credentials);
        _client.Timeout = TimeSpan.FromSeconds(100);
    }

    /// <summary>The server's address.</summary>
    public Uri Address { get; }

    /// <summary>Whether the server is another process.</summary>
    public bool IsRunningServer => _local is null;

    /// <summary>Connects to the running server or starts a local one.</summary>
    /// <param name="configuration">The settings.</param>
    /// <param name="addresses">Where a server may be running.</param>
    /// <param name="isNamed">Whether the user named the addresses: then no other store is used.</param>
    /// <param name="tenant">The tenant of <c>--tenant</c>, or null for that of the key.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="CliException">No server responds at the named address; a server rejects the key, or decides the tenant itself.</exception>
    public static async Task<ApiConnection> OpenAsync(ProxyConfiguration configuration, IReadOnlyList<string> addresses, bool isNamed, string? tenant, CancellationToken cancellationToken)
    {
        var credentials = ApiCredentials.Of(configuration);
        if (await FindServerAsync(addresses, credentials, cancellationToken) is not { } address)
        {
            return isNamed
                ? throw new CliException($"No llmproxy responds on {string.Join(", ", addresses)}. Check the address, or start it there with \"llmproxy serve\". Without --urls this verb opens the store of this machine. Nothing was done.")
                : await OpenLocalAsync(configuration, tenant, cancellationToken);
        }

        return tenant is null
            ? new ApiConnection(address, credentials, null)
            : throw new CliException($"--tenant applies to a store without a running server. The server at {address} takes the tenant from the key in {KeyVariable}.", ExitCodes.WrongUsage);
    }

    /// <summary>The tenants of the store of a local server.</summary>
    public Task<IReadOnlyList<string>> ListTenantsAsync(CancellationToken cancellationToken) =>
        _local?.ListTenantsAsync(cancellationToken)
        ?? throw new CliException($"--all-tenants applies to a store without a running server. The server at {Address} takes the tenant from the key in {KeyVariable}: stop it, or run this once with an admin key of each tenant.", ExitCodes.WrongUsage);

    /// <summary>Connects to a local server, even if another one is running.</summary>
    public static async Task<ApiConnection> OpenLocalAsync(ProxyConfiguration configuration, string? tenant, CancellationToken cancellationToken)
    {
        var local = await LocalServer.StartAsync(configuration, TenantOf(configuration, tenant), cancellationToken);
        return new ApiConnection(local.Address, new ApiCredentials(local.Key, null), local);
    }

    /// <summary>The tenant whose data a verb works on without a server: that of <c>--tenant</c>, else of the key in the environment, else the default.</summary>
    /// <exception cref="CliException">The key is no admin key of the settings.</exception>
    public static string TenantOf(ProxyConfiguration configuration, string? tenant)
    {
        var keys = new KeyRing(configuration.Options.Auth);
        var key = Environment.GetEnvironmentVariable(KeyVariable);
        return tenant
            ?? (!keys.HasKeys || string.IsNullOrEmpty(key) ? Caller.DefaultTenant
            : keys.Find(key) is { IsAdmin: true } caller ? caller.Tenant
            : throw new CliException($"The key in the environment variable {KeyVariable} is no admin key of LlmProxy:Auth:Keys. Set another one, or name the tenant with --tenant."));
    }

    /// <summary>Connects to a server without looking for it first.</summary>
    public static ApiConnection At(Uri address, ApiCredentials credentials) => new(address, credentials, null);

    /// <summary>Where a client of this machine reaches a server that listens on some addresses.</summary>
    public static IEnumerable<Uri> ClientAddresses(IReadOnlyList<string> addresses)
    {
        foreach (var address in addresses)
        {
            // A server on all addresses is reachable on loopback.
            var host = address.Replace("://*", "://127.0.0.1", StringComparison.Ordinal).Replace("://+", "://127.0.0.1", StringComparison.Ordinal).Replace("://0.0.0.0", "://127.0.0.1", StringComparison.Ordinal).Replace("://[::]", "://[::1]", StringComparison.Ordinal);
            if (Uri.TryCreate(host, UriKind.Absolute, out var uri) && uri.Port != 0)
            {
                yield return uri;
            }
        }
    }

    /// <summary>Finds the address of the running server, or null.</summary>
    /// <exception cref="CliException">A server rejects the key.</exception>
    public static async Task<Uri?> FindServerAsync(IReadOnlyList<string> addresses, ApiCredentials credentials, CancellationToken cancellationToken)
    {
        foreach (var uri in ClientAddresses(addresses))
        {
            try
            {
                using var client = NewClient(uri, credentials);
                client.Timeout = Probe;
                using var answer = await client.GetAsync(new Uri(uri, ApiEndpoints.Prefix + "/status"), cancellationToken);
                if (answer.StatusCode == HttpStatusCode.Forbidden && IsProblem(answer) && await IsCallersKeyAsync(answer, cancellationToken))
                {
                    // A key that is no admin's may state outcomes; the server refuses what it may not do.
                    return uri;
                }

                if (answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden && IsProblem(answer))
                {
                    throw new CliException($"The server at {uri} rejected the request: set the environment variable {KeyVariable} to an admin key, or run this as the user who runs the server. ({await ProblemAsync(answer, cancellationToken)})");
                }

                if (answer.IsSuccessStatusCode && JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellationToken)) is JsonObject status && status.ContainsKey("recording") && status.ContainsKey("version"))
                {
                    return uri;
                }
            }
            catch (Exception error) when (error is HttpRequestException or JsonException || (error is TaskCanceledException && !cancellationToken.IsCancellationRequested))
            {
                // No server is listening, or it is not LlmProxy.
            }
        }

        return null;
    }

    /// <summary>Sends a GET request.</summary>
    public Task<JsonNode> GetAsync(string path, CancellationToken cancellationToken) => SendAsync(HttpMethod.Get, path, null, cancellationToken);

    /// <summary>Sends a POST request with a body.</summary>
    public Task<JsonNode> PostAsync<T>(string path, T body, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, path, JsonSerializer.Serialize(body, type), cancellationToken);

    /// <summary>Sends a POST request without a body.</summary>
    public Task<JsonNode> PostAsync(string path, CancellationToken cancellationToken) => SendAsync(HttpMethod.Post, path, null, cancellationToken);

    /// <summary>Sends a PUT request with a body.</summary>
    public Task<JsonNode> PutAsync<T>(string path, T body, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Put, path, JsonSerializer.Serialize(body, type), cancellationToken);

    /// <summary>Sends a DELETE request.</summary>
    public Task DeleteAsync(string path, CancellationToken cancellationToken) => SendAsync(HttpMethod.Delete, path, null, cancellationToken);

    /// <summary>Sends a GET request and streams the response.</summary>
    public async Task<Stream> OpenStreamAsync(string path, string mediaType, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Address, ApiEndpoints.Prefix + path));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(mediaType));
        var answer = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (answer.IsSuccessStatusCode)
        {
            return await answer.Content.ReadAsStreamAsync(cancellationToken);
        }

        using (answer)
        {
            throw new CliException(await ProblemAsync(answer, cancellationToken));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (_local is not null)
        {
            await _local.DisposeAsync();
        }
    }

    private async Task<JsonNode> SendAsync(HttpMethod method, string path, string? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(Address, ApiEndpoints.Prefix + path));
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        using var answer = await _client.SendAsync(request, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            throw new CliException(await ProblemAsync(answer, cancellationToken));
        }

        return answer.StatusCode == HttpStatusCode.NoContent ? new JsonObject() : JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellationToken))!;
    }

    private static bool IsProblem(HttpResponseMessage answer) => answer.Content.Headers.ContentType?.MediaType == "application/problem+json";

    private static async Task<bool> IsCallersKeyAsync(HttpResponseMessage answer, CancellationToken cancellationToken) =>
        (JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellationToken)) as JsonObject)?["title"]?.ToString() == KeyCheck.AdminKeyRequired;

    private static async Task<string> ProblemAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var text = await answer.Content.ReadAsStringAsync(cancellationToken);
        try
        {
            return JsonNode.Parse(text)?["detail"]?.GetValue<string>() ?? $"The server responded with status {(int)answer.StatusCode}.";
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return $"The server responded with status {(int)answer.StatusCode}: {TextFold.Short(text, 200)}";
        }
    }

    private static HttpClient NewClient(Uri address, ApiCredentials credentials)
    {
        // A proxy of the environment does not apply to a local server.
        var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address };
        client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (!string.IsNullOrEmpty(credentials.Key))
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation(ProxyHeaders.Key, credentials.Key);
        }

        // The token is for a server on this machine alone.
        if (credentials.Token is { } token && address.IsLoopback)
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation(ProxyHeaders.Token, token);
        }

        return client;
    }
}

/// <summary>What a verb sends to be let in.</summary>
/// <param name="Key">The key in <c>LLMPROXY_KEY</c>, or null.</param>
/// <param name="Token">The local token, or null if this user cannot read it.</param>
internal readonly record struct ApiCredentials(string? Key, string? Token)
{
    /// <summary>Nothing.</summary>
    public static ApiCredentials None => default;

    /// <summary>Reads them.</summary>
    public static ApiCredentials Of(ProxyConfiguration configuration) =>
        new(Environment.GetEnvironmentVariable(ApiConnection.KeyVariable), LocalToken.TryRead(LocalToken.FileFor(configuration.Options.Recording, configuration.BaseDirectory)));
}

/// <summary>A server in this process on the configured store, on a free loopback port, protected by a random key.</summary>
internal sealed class LocalServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _folder;

    private LocalServer(WebApplication app, string folder, string key)
    {
        _app = app;
        _folder = folder;
        Key = key;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    public Uri Address { get; }

    public string Key { get; }

    public static async Task<LocalServer> StartAsync(ProxyConfiguration configuration, string tenant, CancellationToken cancellationToken)
    {
        // A spool belongs to one process; this one forwards no requests, so a temporary one is enough.
        var folder = Directory.CreateTempSubdirectory("llmproxy-").FullName;
        var key = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

        // A list of a higher source replaces that of a lower one: the configured keys are repeated, since CanTeach of each
        // decides which trajectories a search may show.
        var keys = configuration.Root.GetSection("LlmProxy:Auth:Keys");
        var own = $"{keys.Path}:{keys.GetChildren().Count()}";
        var app = ProxyHost.Build(
            configuration.With(new Dictionary<string, string?>(keys.AsEnumerable().Where(setting => setting.Value is not null), StringComparer.OrdinalIgnoreCase)
            {
                ["LlmProxy:Recording:Spool:Directory"] = folder,
                ["LlmProxy:Recording:Spool:Encrypt"] = "false",
                ["LlmProxy:Cleanup:Every"] = "off",
                [own + ":Name"] = "command line",
                [own + ":Tenant"] = tenant,
                [own + ":Sha256"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key))),
                [own + ":Admin"] = "true",
            }),
            ["http://127.0.0.1:0"],
            builder =>
            {
                builder.Logging.ClearProviders();
                // Not on the endpoints of section Kestrel.
                builder.WebHost.PreferHostingUrls(true);
                // No call comes that should find the code compiled.
                builder.Services.RemoveAll<WarmUp>();
            });
        await app.StartAsync(cancellationToken);
        return new LocalServer(app, folder, key);
    }

    public Task<IReadOnlyList<string>> ListTenantsAsync(CancellationToken cancellationToken) => _app.Services.GetRequiredService<IStoreLifecycle>().ListTenantsAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
