using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace LlmProxy.Server.Upstreams;

/// <summary>
/// Preserves requests: the upstream target is the raw request target (encoded slashes, dot segments and queries are
/// kept), no forwarding headers are added, and the proxy's own headers are removed.
/// </summary>
internal sealed class RawTargetTransform : RouteTransform
{
    /// <summary>Metadata of a route: the first segment of its base URL, which the upstream does not see.</summary>
    public const string PrefixMetadata = "LlmProxy.Prefix";

    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public override void Apply(TransformBuilderContext context)
    {
        var hasPrefix = HasPrefix(context.Route);
        context.UseDefaultForwarders = false;
        var isHostConfigured = context.RequestTransforms.Any(transform => transform is RequestHeaderOriginalHostTransform);
        if (!isHostConfigured)
        {
            // Otherwise YARP removes the client's host after all other transforms.
            context.AddOriginalHost();
        }

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

            // The upstream gets its own host, unless a signature covers the one that the client asked.
            if (!isHostConfigured && !transform.HttpContext.Request.Headers.Authorization.ToString().StartsWith("AWS4-", StringComparison.Ordinal))
            {
                headers.Host = null;
            }

            // Kestrel answers Expect by reading the body; forwarding it would delay the request upstream by a second.
            headers.ExpectContinue = null;
            headers.Remove("Expect");
            return ValueTask.CompletedTask;
        });
        context.AddResponseTransform(static transform =>
        {
            // The client must be able to rely on the proxy's own headers: an upstream could claim to be one.
            if (transform.ProxyResponse is { } response)
            {
                RemoveOwn(response.Headers, transform.HttpContext.Response.Headers);
            }

            return ValueTask.CompletedTask;
        });
        context.AddResponseTrailersTransform(static transform =>
        {
            if (transform.ProxyResponse is { } response && transform.HttpContext.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { IsReadOnly: false } trailers)
            {
                RemoveOwn(response.TrailingHeaders, trailers);
            }

            return ValueTask.CompletedTask;
        });
    }

    /// <summary>Whether the first segment of a route's paths is not forwarded.</summary>
    internal static bool HasPrefix(RouteConfig route) => route.Metadata?.ContainsKey(PrefixMetadata) == true;

    private static void RemoveOwn(System.Net.Http.Headers.HttpResponseHeaders received, IHeaderDictionary forwarded)
    {
        foreach (var (name, _) in received.NonValidated)
        {
            if (name.StartsWith(ProxyHeaders.Prefix, StringComparison.OrdinalIgnoreCase))
            {
                forwarded.Remove(name);
            }
        }
    }

    /// <summary>The raw path and query, without the first segment if that is the route's prefix.</summary>
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
