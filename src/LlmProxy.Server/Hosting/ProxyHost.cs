using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using LlmProxy.Server.Dashboard;
using LlmProxy.Server.Mcp;
using LlmProxy.Server.Pipeline;
using LlmProxy.Server.Pipeline.Sockets;
using LlmProxy.Server.Telemetry;
using LlmProxy.Server.Terminal;
using LlmProxy.Server.Upstreams;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;

namespace LlmProxy.Server.Hosting;

/// <summary>Builds the web application. Used by <c>serve</c>, by <c>demo</c> and by tests.</summary>
internal static class ProxyHost
{
    /// <summary>The default address.</summary>
    public const string DefaultUrl = "http://127.0.0.1:8080";

    /// <summary>Builds the application, ready to start.</summary>
    /// <param name="configuration">The settings; without problems.</param>
    /// <param name="urls">Addresses to listen on.</param>
    /// <param name="configure">Further services, or null.</param>
    /// <param name="insecure">Whether other machines may connect without keys.</param>
    public static WebApplication Build(ProxyConfiguration configuration, IReadOnlyList<string> urls, Action<WebApplicationBuilder>? configure = null, bool insecure = false)
    {
        // Otherwise the host watches its whole folder for changes, where the spool changes with every request.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = Directory.Exists(configuration.BaseDirectory) ? configuration.BaseDirectory : AppContext.BaseDirectory, Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Configuration.Sources.Clear();
        // A copy, since the host writes its own settings into the sources.
        builder.Configuration.AddInMemoryCollection(configuration.Root.AsEnumerable());
        builder.Logging.ClearProviders();
        builder.Logging.AddConsole(console => console.FormatterName = VisibleLogFormatter.FormatterName);
        builder.Logging.AddConsoleFormatter<VisibleLogFormatter, SimpleConsoleFormatterOptions>(console =>
        {
            console.TimestampFormat = "HH:mm:ss ";
            console.UseUtcTimestamp = true;
        });
        builder.Logging.SetMinimumLevel(LogLevel.Information);
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        // A form of an earlier process is answered with a page that says so.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Antiforgery", LogLevel.Critical);
        builder.Logging.AddFilter("Microsoft.Hosting", LogLevel.Warning);
        builder.Logging.AddFilter("Yarp", LogLevel.Error);
        builder.Logging.AddFilter("ModelContextProtocol", LogLevel.Warning);
        builder.WebHost.UseUrls([.. urls]);
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, configuration.Options));
        builder.Services.AddLearning(configuration);
        builder.Services.AddPipeline(configuration);
        builder.Services.AddAccess(configuration.Options, configuration.BaseDirectory, ListenAddresses.Of(configuration.Root, urls));
        if (configuration.Options.Auth.Keys.Count == 0 && !insecure)
        {
            builder.Services.AddSingleton<IConnectionListenerFactory, ListenGuard>();
        }

        builder.Services.AddApi(configuration.Options);
        builder.Services.AddMcp();
        builder.Services.AddDashboard(configuration.ListSettings);
        // Used for the cookies of session affinity and of the dashboard: keep the keys in memory instead of in ~/.aspnet.
        builder.Services.AddSingleton<IDataProtectionProvider, EphemeralDataProtectionProvider>();
        // At the start this service would make a key in ~/.aspnet all the same, which nothing uses.
        builder.Services.Remove(builder.Services.Single(service => service.ImplementationType?.FullName == "Microsoft.AspNetCore.DataProtection.Internal.DataProtectionHostedService"));
        configure?.Invoke(builder);

        var app = builder.Build();
        app.UseAccess();
        MapAliveAnswers(app, configuration.Options.Dashboard.Enabled);
        app.MapApi();
        app.MapMcp(ApiEndpoints.BeforeRoutes);
        if (configuration.Options.Dashboard.Enabled)
        {
            app.MapDashboard();
        }

        if (configuration.Options.Telemetry.Prometheus)
        {
            app.MapPrometheusScrapingEndpoint(TelemetryExport.MetricsPath);
        }

        try
        {
            MapReverseProxy(app, configuration.Options);
        }
        catch (FormatException error)
        {
            throw new InvalidOperationException($"A value of the proxy config is no number or no time span ({ReverseProxyValue(configuration, error)}).", error);
        }

        return app;
    }

    private static void MapReverseProxy(WebApplication app, LlmProxyOptions options) =>
        app.MapReverseProxy(proxy =>
        {
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
            proxy.UseMiddleware<AbortAfterFlush>();
            if (TelemetryExport.IsOn(options.Telemetry))
            {
                proxy.UseMiddleware<TelemetryMiddleware>();
            }

            proxy.UseMiddleware<CallLimits>();
            proxy.UseMiddleware<SocketMiddleware>();
            proxy.UseMiddleware<ExchangeMiddleware>();
        });

    /// <summary>The setting that a message quotes; YARP names the value alone.</summary>
    private static string ReverseProxyValue(ProxyConfiguration configuration, FormatException error) =>
        configuration.Root.GetSection("ReverseProxy").AsEnumerable().Where(pair => pair.Value is { Length: > 0 } value && error.Message.Contains($"'{value}'", StringComparison.Ordinal))
            .Select(pair => $"{pair.Key} is \"{pair.Value}\"").FirstOrDefault() ?? error.Message;

    private static void Configure(KestrelServerOptions kestrel, LlmProxyOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.Limits.MaxRequestBodySize = options.Limits.MaxRequestBytes;

        // CallLimits responds in the client's dialect; Kestrel's limits respond without a body, so they are higher.
        kestrel.Limits.MaxRequestHeadersTotalSize = (int)options.Limits.MaxHeaderBytes * 2;
        kestrel.Limits.MaxRequestHeaderCount = 1_000;
        kestrel.Limits.MaxRequestLineSize = 64 << 10;

        // A reasoning model sends nothing for minutes, and a client may be slow: a low data rate is no attack here.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
    }

    /// <summary>Some clients probe their base URL before the first call.</summary>
    private static void MapAliveAnswers(WebApplication app, bool hasPages)
    {
        var prefixes = app.Configuration.GetSection("ReverseProxy:Routes").GetChildren()
            .Select(route => route[$"Metadata:{RawTargetTransform.PrefixMetadata}"])
            .OfType<string>()
            // No path holds a question mark, and no pattern may.
            .Where(prefix => !prefix.Contains('?', StringComparison.Ordinal) && !prefix.Contains("//", StringComparison.Ordinal))
            .Distinct(StringComparer.Ordinal);
        foreach (var path in prefixes.Prepend("/"))
        {
            // A prefix is a text: braces in it are no parameters of a pattern.
            var pattern = path.Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal);
            app.MapMethods(pattern, [HttpMethods.Get, HttpMethods.Head], (HttpContext context) => hasPages && context.Request.Path == "/" && DashboardEndpoints.IsBrowser(context.Request)
                ? Results.Redirect(DashboardEndpoints.Prefix)
                : Results.Text("LlmProxy\n")).WithOrder(-1);
        }
    }
}
