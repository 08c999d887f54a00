using System.Net;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Api;
using LlmProxy.Server.Auth;
using LlmProxy.Server.Pipeline;
using LlmProxy.Server.Telemetry;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LlmProxy.Server.Hosting;

/// <summary>Builds the web application. Used by <c>serve</c>, by <c>demo</c> and by tests.</summary>
internal static class ProxyHost
{
    /// <summary>The address where none is given.</summary>
    public const string DefaultUrl = "http://127.0.0.1:8080";

    /// <summary>Builds the application, ready to start.</summary>
    /// <param name="configuration">The settings; without problems.</param>
    /// <param name="urls">Addresses to listen on.</param>
    /// <param name="configure">Further services, or null.</param>
    public static WebApplication Build(ProxyConfiguration configuration, IReadOnlyList<string> urls, Action<WebApplicationBuilder>? configure = null)
    {
        // Without the last setting the host watches its whole folder for changes, and the spool in it changes with every call.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = configuration.BaseDirectory, Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Configuration.Sources.Clear();
        // A copy: the host writes its own settings into the sources it is given.
        builder.Configuration.AddInMemoryCollection(configuration.Root.AsEnumerable());
        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss ";
            console.UseUtcTimestamp = true;
        });
        builder.Logging.SetMinimumLevel(LogLevel.Information);
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.Hosting", LogLevel.Warning);
        builder.Logging.AddFilter("Yarp", LogLevel.Error);
        builder.WebHost.UseUrls([.. urls]);
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, configuration.Options));
        builder.Services.AddLearning(configuration);
        builder.Services.AddPipeline(configuration);
        builder.Services.AddAccess(configuration.Options.Auth, urls);
        builder.Services.AddApi(configuration.Options);
        // Only session affinity's encrypted cookie needs it: keep its keys in memory instead of ~/.aspnet.
        builder.Services.AddSingleton<IDataProtectionProvider, EphemeralDataProtectionProvider>();
        configure?.Invoke(builder);

        var app = builder.Build();
        app.UseAccess();
        MapAliveAnswers(app);
        app.MapApi();
        if (configuration.Options.Telemetry.Prometheus)
        {
            app.MapPrometheusScrapingEndpoint(TelemetryExport.MetricsPath);
        }

        app.MapReverseProxy(proxy =>
        {
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
            if (TelemetryExport.IsOn(configuration.Options.Telemetry))
            {
                proxy.UseMiddleware<TelemetryMiddleware>();
            }

            proxy.UseMiddleware<CallLimits>();
            proxy.UseMiddleware<WebSocketRefusal>();
            proxy.UseMiddleware<ExchangeMiddleware>();
        });
        return app;
    }

    /// <summary>Addresses that are not loopback: there the proxy wants keys.</summary>
    public static IEnumerable<string> NotLoopback(IEnumerable<string> urls) => urls.Where(url =>
        !Uri.TryCreate(url.Replace("://*", "://0.0.0.0", StringComparison.Ordinal).Replace("://+", "://0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var uri)
        || !(uri.IsLoopback || (IPAddress.TryParse(uri.Host, out var address) && IPAddress.IsLoopback(address))));

    private static void Configure(KestrelServerOptions kestrel, LlmProxyOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.Limits.MaxRequestBodySize = options.Limits.MaxRequestBytes;

        // CallLimits answers in the client's dialect; Kestrel's own limits, which answer without a body, stand behind it.
        kestrel.Limits.MaxRequestHeadersTotalSize = (int)options.Limits.MaxHeaderBytes * 2;
        kestrel.Limits.MaxRequestHeaderCount = 1_000;
        kestrel.Limits.MaxRequestLineSize = 64 << 10;

        // A model that thinks is silent for minutes, and so may its client be slow: neither is an attack here.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
    }

    /// <summary>Some clients probe their base URL before the first call.</summary>
    private static void MapAliveAnswers(WebApplication app)
    {
        var prefixes = app.Configuration.GetSection("ReverseProxy:Routes").GetChildren()
            .Select(route => route[$"Metadata:{ExactTarget.PrefixMetadata}"])
            .OfType<string>()
            .Distinct(StringComparer.Ordinal);
        foreach (var path in prefixes.Prepend("/"))
        {
            app.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], () => Results.Text("LlmProxy\n")).WithOrder(-1);
        }
    }
}
