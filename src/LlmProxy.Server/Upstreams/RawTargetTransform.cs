using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace LlmProxy.Server.Upstreams;

/// <summary>
/// Makes every route faithful: the upstream target is built from the request target as it was written (encoded
/// slashes, dot segments and queries stay), no forwarding headers are added, the proxy's own headers stay here.
/// </summary>
internal sealed class RawTargetTransform : ITransformProvider
{
    /// <summary>Metadata of a route: the first segment of its base URL, which the upstream does not see.</summary>
    public const string PrefixMetadata = "LlmProxy.Prefix";

    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        var hasPrefix = context.Route.Metadata?.ContainsKey(PrefixMetadata) == true;
        context.UseDefaultForwarders = false;
        context.AddRequestTransform(transform =>
        {
            var target = TargetOf(transform.HttpContext, hasPrefix);
            transform.ProxyRequest.RequestUri = new Uri(string.Concat(transform.DestinationPrefix.TrimEnd('/'), target), AsWritten);

            UpstreamCall.Attach(transform.HttpContext.Features, transform.ProxyRequest);

            var headers = transform.ProxyRequest.Headers;
            foreach (var name in ProxyHeaders.OfRequests)
            {
                headers.Remove(name);
            }

            // Kestrel has answered it by reading the body; passed on it would cost a second of waiting upstream.
            headers.ExpectContinue = null;
            headers.Remove("Expect");
            return ValueTask.CompletedTask;
        });
    }

    /// <summary>Path and query as the client wrote them, without the first segment where that is the proxy's own.</summary>
    internal static string TargetOf(HttpContext context, bool hasPrefix)
    {
        var raw = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        if (!raw.StartsWith('/'))
        {
            // Absolute form (RFC 9112, section 3.2.2): scheme and authority are this proxy's, not the upstream's.
            var authority = raw.IndexOf("://", StringComparison.Ordinal);
            var path = authority < 0 ? -1 : raw.IndexOf('/', authority + 3);
            raw = path < 0 ? "/" : raw[path..];
        }

        if (!hasPrefix)
        {
            return raw;
        }

        var end = raw.AsSpan(1).IndexOfAny('/', '?');
        return end < 0 ? "/" : raw[end + 1] == '?' ? string.Concat("/", raw.AsSpan(end + 1)) : raw[(end + 1)..];
    }
}
