using LlmProxy.Server.Upstreams;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Access;

/// <summary>
/// Rejects requests before anything reads them: of web pages of other sites, and those that are never forwarded. Without
/// keys this holds for every path, since a page could spend the provider's key and record runs; with keys for the API.
/// Runs after routing.
/// </summary>
internal sealed class RequestGuard(RequestDelegate next, KeyRing keys, PageRules pages)
{
    public Task InvokeAsync(HttpContext context)
    {
        var route = context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>();
        if (route is not null && ForwardingRules.IsRefusedMethod(context.Request.Method))
        {
            return UpstreamErrors.WriteAsync(context, StatusCodes.Status405MethodNotAllowed, RouteProvider.DialectOf(context), $"LlmProxy: method {context.Request.Method} is not forwarded.");
        }

        if (route is not null && ForwardingRules.LeavesBasePath(RawTargetTransform.TargetOf(context, RawTargetTransform.HasPrefix(route.Config))))
        {
            return UpstreamErrors.WriteAsync(context, StatusCodes.Status400BadRequest, RouteProvider.DialectOf(context), "LlmProxy: the path leaves the upstream's base address. Send it without \"..\" segments.");
        }

        return IsGuarded(context) ? CheckPageAsync(context, route is not null) : next(context);
    }

    private Task CheckPageAsync(HttpContext context, bool isCall)
    {
        if (IsHostChecked(context) && !pages.IsKnownHost(context))
        {
            var host = PageRules.HostName(context.Request.Host.Value).ToString();
            return RefuseAsync(context, isCall, "Unknown host", $"Unknown host name '{host}'. Use 127.0.0.1 or localhost, or add the name to LlmProxy:Auth:AllowedHosts.");
        }

        return pages.ForeignOrigin(context) is { } origin
            ? RefuseAsync(context, isCall, "Cross-origin request", $"Requests of web pages from origin {origin} are rejected. Send the request from outside a browser, or add the origin to LlmProxy:Auth:AllowedOrigins.")
            : next(context);
    }

    // Health checks answer probes that use any name, and tell nothing.
    private bool IsGuarded(HttpContext context) => keys.HasKeys
        ? ApiGuard.Guards(context.Request) || KeyCheck.IsMetrics(context)
        : !ApiGuard.IsHealth(context.Request);

    // With keys a page would need one, too; a name is checked where only this machine's own users should arrive.
    private bool IsHostChecked(HttpContext context) =>
        !keys.HasKeys || (context.Connection.LocalIpAddress is { } local && ListenGuard.IsLoopback(local));

    private static Task RefuseAsync(HttpContext context, bool isCall, string title, string detail) => isCall
        ? UpstreamErrors.WriteAsync(context, StatusCodes.Status403Forbidden, RouteProvider.DialectOf(context), "LlmProxy: " + detail)
        : ApiGuard.RefuseAsync(context, StatusCodes.Status403Forbidden, title, detail);
}
