using LlmProxy.Core.Configuration;
using Yarp.ReverseProxy.Configuration;

namespace LlmProxy.Server.Upstreams;

/// <summary>Applies <c>LlmProxy:Upstreams</c> to YARP's clusters, whose default activity timeout of 100 s is too short for reasoning models.</summary>
internal sealed class UpstreamTimeoutFilter(LlmProxyOptions options) : IProxyConfigFilter
{
    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel)
    {
        var settings = options.Upstreams.GetValueOrDefault(cluster.ClusterId) ?? new UpstreamOptions();
        var request = (cluster.HttpRequest ?? Yarp.ReverseProxy.Forwarder.ForwarderRequestConfig.Empty) with
        {
            ActivityTimeout = cluster.HttpRequest?.ActivityTimeout ?? settings.ActivityTimeout,
        };
        return ValueTask.FromResult(cluster with { HttpRequest = request });
    }

    public ValueTask<RouteConfig> ConfigureRouteAsync(RouteConfig route, ClusterConfig? cluster, CancellationToken cancel) => ValueTask.FromResult(route);
}
