using System.Net.Http.Headers;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Telemetry;
using LlmProxy.Server.Upstreams;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Access;

/// <summary>
/// Says who calls. Without keys everybody is the one tenant; with keys every call needs one: in <c>LlmProxy-Key</c>, or
/// in place of the provider's key where this proxy adds the real one. Stands behind the routing.
/// </summary>
internal sealed class KeyCheck(RequestDelegate next, KeyRing keys, LlmProxyOptions options)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (!keys.HasKeys)
        {
            return next(context);
        }

        if (ApiGuard.Guards(context.Request))
        {
            return CheckApiAsync(context);
        }

        if (IsMetrics(context))
        {
            return CheckMetricsAsync(context);
        }

        // What is no route is a health check, an alive answer or a 404: nothing in it is anybody's.
        return context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>() is { } route ? CheckCallAsync(context, route) : next(context);
    }

    /// <summary>Whether a request is a scrape of Prometheus.</summary>
    public static bool IsMetrics(HttpContext context) => context.Request.Path.Equals(TelemetryExport.MetricsPath, StringComparison.OrdinalIgnoreCase);

    // Metrics hold models and figures of all tenants. Prometheus sends its credentials as a bearer token.
    private Task CheckMetricsAsync(HttpContext context)
    {
        var presented = context.Request.Headers[ProxyHeaders.Key].ToString();
        if (presented.Length == 0 && AuthenticationHeaderValue.TryParse(context.Request.Headers.Authorization, out var bearer) && bearer.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
        {
            presented = bearer.Parameter ?? "";
        }

        return keys.Find(presented) is { IsAdmin: true }
            ? next(context)
            : ApiGuard.RefuseAsync(context, StatusCodes.Status401Unauthorized, "Key needed", $"Send an admin key as a bearer token, or in the header {ProxyHeaders.Key}.");
    }

    private Task CheckApiAsync(HttpContext context)
    {
        var presented = context.Request.Headers[ProxyHeaders.Key].ToString();
        if (keys.Find(presented) is not { } caller)
        {
            return ApiGuard.RefuseAsync(
                context,
                StatusCodes.Status401Unauthorized,
                "Key needed",
                presented.Length == 0 ? $"Send an admin key in the header {ProxyHeaders.Key}." : $"The key in {ProxyHeaders.Key} is none of LlmProxy:Auth:Keys.");
        }

        if (!caller.IsAdmin)
        {
            return ApiGuard.RefuseAsync(
                context,
                StatusCodes.Status403Forbidden,
                "Admin key needed",
                $"The key '{caller.KeyName}' may make calls, but does not open {ApiGuard.Prefix}. Use one with \"admin\": true in LlmProxy:Auth:Keys.");
        }

        context.Features.Set(caller);
        return next(context);
    }

    private Task CheckCallAsync(HttpContext context, RouteModel route)
    {
        var cluster = route.Config.ClusterId ?? "";
        var addsKey = options.Upstreams.GetValueOrDefault(cluster)?.ApiKeyEnv is not null;
        var presented = context.Request.Headers[ProxyHeaders.Key].ToString();
        var caller = presented.Length > 0 ? keys.Find(presented)
            : addsKey ? ProviderCredential.Read(context.Request).Select(keys.Find).FirstOrDefault(found => found is not null)
            : null;
        if (caller is not null)
        {
            context.Features.Set(caller);
            return next(context);
        }

        var dialect = RouteProvider.DialectOf(context);
        var message = presented.Length > 0
            ? $"LlmProxy: the key in {ProxyHeaders.Key} is none of this proxy's keys."
            : addsKey
                ? $"LlmProxy: this proxy needs one of its keys, in the header {ProxyHeaders.Key} or in place of the provider's key."
                : $"LlmProxy: this proxy needs one of its keys in the header {ProxyHeaders.Key}; the provider's own key stays where it is.";
        return UpstreamErrors.WriteAsync(context, StatusCodes.Status401Unauthorized, dialect, message);
    }
}
