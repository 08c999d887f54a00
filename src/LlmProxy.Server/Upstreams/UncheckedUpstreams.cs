namespace LlmProxy.Server.Upstreams;

/// <summary>The clusters whose upstreams may present any certificate.</summary>
internal static class UncheckedUpstreams
{
    /// <summary>Lists them by name.</summary>
    public static IReadOnlyList<string> Of(IConfiguration configuration) =>
    [
        .. configuration.GetSection("ReverseProxy:Clusters").GetChildren()
            .Where(cluster => bool.TryParse(cluster["HttpClient:DangerousAcceptAnyServerCertificate"], out var acceptsAny) && acceptsAny)
            .Select(cluster => cluster.Key),
    ];
}
