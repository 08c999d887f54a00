namespace LlmProxy.Server.Upstreams;

/// <summary>A base URL that agents use.</summary>
/// <param name="Route">Name of the route.</param>
/// <param name="Provider">Its provider.</param>
/// <param name="Address">The base URL to configure in an agent.</param>
/// <param name="Upstream">Address of the upstream.</param>
internal sealed record BaseUrl(string Route, string Provider, string Address, string Upstream);

/// <summary>The base URLs of the configured routes.</summary>
internal static class BaseUrls
{
    // Configuration is unordered; list the most common routes first.
    private static readonly string[] CommonRoutes = ["anthropic", "openai", "codex", "gemini", "proxy"];

    /// <summary>Lists the base URLs under an origin such as <c>http://127.0.0.1:8080</c>.</summary>
    public static IReadOnlyList<BaseUrl> Of(IConfiguration configuration, string origin)
    {
        var clusters = configuration.GetSection("ReverseProxy:Clusters");
        return
        [
            .. configuration.GetSection("ReverseProxy:Routes").GetChildren()
                .Select(route => (Route: route, Prefix: route[$"Metadata:{RawTargetTransform.PrefixMetadata}"], Provider: route[$"Metadata:{RouteProvider.Metadata}"] ?? "proxy"))
                .Where(entry => entry.Prefix is not null)
                .OrderBy(entry => Array.IndexOf(CommonRoutes, entry.Route.Key) is >= 0 and var place ? place : CommonRoutes.Length)
                .DistinctBy(entry => entry.Prefix, StringComparer.Ordinal)
                .Select(entry => new BaseUrl(
                    entry.Route.Key,
                    entry.Provider,
                    origin.TrimEnd('/') + entry.Prefix + VersionOf(entry.Route.Key),
                    UpstreamOf(clusters.GetSection(entry.Route["ClusterId"] ?? "")))),
        ];
    }

    // Clients of these two expect the version in their base URL; other clients add it.
    private static string VersionOf(string route) => route is "openai" or "proxy" ? "/v1" : "";

    private static string UpstreamOf(IConfigurationSection cluster) =>
        cluster.GetSection("Destinations").GetChildren().Select(destination => destination["Address"]).FirstOrDefault(address => address is not null) ?? "(no destination)";
}
