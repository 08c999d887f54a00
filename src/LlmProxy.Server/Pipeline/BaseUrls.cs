namespace LlmProxy.Server.Pipeline;

/// <summary>A base URL that agents use.</summary>
/// <param name="Route">Name of the route.</param>
/// <param name="Provider">Its provider.</param>
/// <param name="Address">The address to give to an agent.</param>
/// <param name="Upstream">Where its calls go.</param>
internal sealed record BaseUrl(string Route, string Provider, string Address, string Upstream);

/// <summary>The base URLs that the configured routes make.</summary>
internal static class BaseUrls
{
    // Configuration knows no order; people look for these first.
    private static readonly string[] FirstOnes = ["anthropic", "openai", "codex", "gemini", "proxy"];

    /// <summary>The base URLs below an origin such as <c>http://127.0.0.1:8080</c>.</summary>
    public static IReadOnlyList<BaseUrl> Of(IConfiguration configuration, string origin)
    {
        var clusters = configuration.GetSection("ReverseProxy:Clusters");
        return
        [
            .. configuration.GetSection("ReverseProxy:Routes").GetChildren()
                .Select(route => (Route: route, Prefix: route[$"Metadata:{ExactTarget.PrefixMetadata}"], Provider: route[$"Metadata:{RouteProvider.Metadata}"] ?? "proxy"))
                .Where(entry => entry.Prefix is not null)
                .OrderBy(entry => Array.IndexOf(FirstOnes, entry.Route.Key) is >= 0 and var place ? place : FirstOnes.Length)
                .DistinctBy(entry => entry.Prefix, StringComparer.Ordinal)
                .Select(entry => new BaseUrl(
                    entry.Route.Key,
                    entry.Provider,
                    origin.TrimEnd('/') + entry.Prefix + VersionOf(entry.Route.Key),
                    UpstreamOf(clusters.GetSection(entry.Route["ClusterId"] ?? "")))),
        ];
    }

    // The clients of these two want the version in their base URL; those of the others add it themselves.
    private static string VersionOf(string route) => route is "openai" or "proxy" ? "/v1" : "";

    private static string UpstreamOf(IConfigurationSection cluster) =>
        cluster.GetSection("Destinations").GetChildren().Select(destination => destination["Address"]).FirstOrDefault(address => address is not null) ?? "(no destination)";
}
