using System.Net;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Access;
using LlmProxy.Server.Upstreams;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Yarp.ReverseProxy.Forwarder;

namespace LlmProxy.Server.Cli.Evaluation;

/// <summary>
/// A loopback address for one run of an agent. It forwards everything to the proxy and adds the headers of the run's task and
/// arm, which most agents cannot set. Since it may add a key, it rejects requests of web pages itself. The proxy treats all
/// others as those of any client.
/// </summary>
internal sealed class ArmRelay : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpMessageInvoker _client;
    private int _calls;

    private ArmRelay(WebApplication app, HttpMessageInvoker client)
    {
        _app = app;
        _client = client;
    }

    /// <summary>Its address, without a slash at the end.</summary>
    public string Address { get; private set; } = "";

    /// <summary>Number of calls that the proxy assigned to the run's task, those under way included.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>Starts a relay.</summary>
    /// <param name="proxy">The proxy's address.</param>
    /// <param name="headers">Headers that each request gets.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    public static async Task<ArmRelay> StartAsync(Uri proxy, IReadOnlyDictionary<string, string> headers, CancellationToken cancellationToken)
    {
        // The working directory may be large: do not watch it for changes.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.ClearProviders();
        builder.Services.AddHttpForwarder();
        builder.WebHost.PreferHostingUrls(true);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
        });
        var app = builder.Build();
        var client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1,
            ResponseHeaderEncodingSelector = (_, _) => Encoding.Latin1,
        });
        var relay = new ArmRelay(app, client);
        var forwarder = app.Services.GetRequiredService<IHttpForwarder>();
        var transformer = new Transformer(relay, headers);

        // The run's own time limit is what ends a call.
        var settings = new ForwarderRequestConfig { ActivityTimeout = Timeout.InfiniteTimeSpan };
        var pages = new PageRules(new AuthOptions(), new ListenAddresses([]));
        app.Run(async context =>
        {
            if (!pages.IsKnownHost(context) || pages.ForeignOrigin(context) is not null)
            {
                context.Response.StatusCode = StatusCodes.Status403Forbidden;
                await context.Response.WriteAsync("Requests of web pages and for other host names are rejected.\n", context.RequestAborted);
                return;
            }

            await forwarder.SendAsync(context, proxy.ToString().TrimEnd('/'), client, settings, transformer, context.RequestAborted);
        });
        await app.StartAsync(cancellationToken);
        relay.Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return relay;
    }

    public async ValueTask DisposeAsync()
    {
        // An agent that was stopped leaves nothing to wait for.
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _client.Dispose();
    }

    private sealed class Transformer(ArmRelay relay, IReadOnlyDictionary<string, string> headers) : HttpTransformer
    {
        private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

        public override async ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
            proxyRequest.RequestUri = new Uri(destinationPrefix + RawTargetTransform.TargetOf(httpContext, hasPrefix: false), AsWritten);
            proxyRequest.Headers.Host = null;
            Interlocked.Increment(ref relay._calls);
            foreach (var (name, value) in headers)
            {
                proxyRequest.Headers.Remove(name);
                proxyRequest.Headers.TryAddWithoutValidation(name, value);
            }
        }

        public override ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
        {
            if (proxyResponse?.Headers.Contains(ProxyHeaders.Task) == false)
            {
                Interlocked.Decrement(ref relay._calls);
            }

            return base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        }
    }
}
