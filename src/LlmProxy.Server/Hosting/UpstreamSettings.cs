using LlmProxy.Core.Configuration;
using LlmProxy.Prompts.Checking;
using LlmProxy.Server.Pipeline.Routing;
using LlmProxy.Wire;

namespace LlmProxy.Server.Hosting;

/// <summary>
/// Checks what names upstreams: their addresses, and clusters that nothing uses because their name is misspelt. Such a name would leave the
/// address of the real provider in use.
/// </summary>
internal static class UpstreamSettings
{
    private const string Clusters = "ReverseProxy:Clusters";
    private const string Routes = "ReverseProxy:Routes";

    // What a settings file or the command line can hold on top.
    private static readonly string[] Sections = ["LlmProxy", "ReverseProxy", "Kestrel", "Logging", "AllowedHosts", "urls", "$schema", "shutdownTimeoutSeconds"];

    /// <summary>Adds what is wrong.</summary>
    /// <param name="root">The sources.</param>
    /// <param name="options">The options read from them.</param>
    /// <param name="topKeys">Keys on top of the file and the command line.</param>
    /// <param name="problems">Receives the problems.</param>
    public static void Validate(IConfiguration root, LlmProxyOptions options, IEnumerable<string> topKeys, List<ConfigurationProblem> problems)
    {
        foreach (var key in topKeys.Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (!Sections.Contains(key, StringComparer.OrdinalIgnoreCase) && Suggestion.Nearest(key, Sections) is { } nearest)
            {
                problems.Add(new(key, null, $"is no section: did you mean \"{nearest}\"?"));
            }
        }

        var clusters = root.GetSection(Clusters).GetChildren().ToList();
        var names = clusters.Select(cluster => cluster.Key).ToList();
        var used = root.GetSection(Routes).GetChildren().Select(route => route["ClusterId"]).OfType<string>()
            .Concat(options.Routing.Rules.Select(rule => rule.To.Cluster)).Concat(options.Routing.Fallbacks.Select(fallback => fallback.To.Cluster))
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var cluster in clusters)
        {
            if (!used.Contains(cluster.Key) && Suggestion.Nearest(cluster.Key, names.Where(name => name != cluster.Key && used.Contains(name))) is { } nearest)
            {
                problems.Add(new($"{Clusters}:{cluster.Key}", null, $"is used by no route, so its address has no effect: did you mean \"{nearest}\"?"));
            }

            foreach (var destination in cluster.GetSection("Destinations").GetChildren())
            {
                if (destination["Address"] is { } address && !(Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
                {
                    problems.Add(new($"{Clusters}:{cluster.Key}:Destinations:{destination.Key}:Address", address, "write an address with its scheme, such as https://api.anthropic.com/."));
                }
            }
        }

        foreach (var name in options.Upstreams.Keys)
        {
            CheckCluster($"LlmProxy:Upstreams:{name}", name);
        }

        foreach (var (index, rule) in options.Routing.Rules.Index())
        {
            CheckTarget(FormattableString.Invariant($"LlmProxy:Routing:Rules:{index}:To"), rule.To);
        }

        foreach (var (index, fallback) in options.Routing.Fallbacks.Index())
        {
            var path = FormattableString.Invariant($"LlmProxy:Routing:Fallbacks:{index}");
            CheckCluster(path + ":Cluster", fallback.Cluster);
            CheckTarget(path + ":To", fallback.To);
            if (fallback.To.Cluster.Equals(fallback.Cluster, StringComparison.OrdinalIgnoreCase) && fallback.To.Model is null)
            {
                problems.Add(new(path + ":To", fallback.To.Cluster, "is the cluster that failed: write another cluster, or another model."));
            }
        }

        void CheckTarget(string path, RoutingTarget target)
        {
            CheckCluster(path + ":Cluster", target.Cluster);
            var stated = root[$"{Clusters}:{target.Cluster}:Metadata:{RoutingTable.DialectsMetadata}"]?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            if (target.Dialect is { } dialect && stated is not null && !stated.Contains(dialect))
            {
                problems.Add(new(path + ":Dialect", dialect, $"is not among the dialects of the cluster ({string.Join(", ", stated)})."));
            }

            foreach (var unknown in stated?.Where(name => DialectCatalog.All.All(known => known.Name != name)) ?? [])
            {
                problems.Add(new($"{Clusters}:{target.Cluster}:Metadata:{RoutingTable.DialectsMetadata}", unknown, Suggestion.For(unknown, [.. DialectCatalog.All.Select(known => known.Name)])));
            }
        }

        void CheckCluster(string key, string name)
        {
            if (name.Length > 0 && !names.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                problems.Add(new(key, name, "is no cluster of ReverseProxy:Clusters; " + Suggestion.For(name, names)));
            }
        }
    }
}
