using LlmProxy.Core.Configuration;
using Yarp.ReverseProxy.Configuration;

namespace LlmProxy.Server.Pipeline;

/// <summary>Lays <c>LlmProxy:Upstreams</c> over YARP's clusters, whose own limit of 100 s of silence is too short for a model that thinks, and refuses what cannot work here.</summary>
internal sealed class UpstreamTimeouts(LlmProxyOptions options) : IProxyConfigFilter
{
    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel)
    {
        if (string.Equals(cluster.SessionAffinity?.Policy, "HashCookie", StringComparison.OrdinalIgnoreCase) && cluster.SessionAffinity?.Enabled == true)
        {
            throw new ArgumentException($"ReverseProxy:Clusters:{cluster.ClusterId}:SessionAffinity:Policy = \"HashCookie\": this policy is not part of this program. Use Cookie, ArrCookie or CustomHeader.", nameof(cluster));
        }

        var settings = options.Upstreams.GetValueOrDefault(cluster.ClusterId) ?? new UpstreamOptions();
        var request = (cluster.HttpRequest ?? Yarp.ReverseProxy.Forwarder.ForwarderRequestConfig.Empty) with
        {
            ActivityTimeout = cluster.HttpRequest?.ActivityTimeout ?? settings.ActivityTimeout,
        };
        return ValueTask.FromResult(cluster with { HttpRequest = request });
    }

    public ValueTask<RouteConfig> ConfigureRouteAsync(RouteConfig route, ClusterConfig? cluster, CancellationToken cancel) => ValueTask.FromResult(route);
}
