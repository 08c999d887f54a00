using System.Net.Http.Headers;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Telemetry;
using LlmProxy.Server.Upstreams;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Access;

/// <summary>
/// Authenticates callers. Without keys every caller is the default tenant, and changes of what is stored need the
/// machine's local token. With keys every request needs one: in
/// <c>LlmProxy-Key</c>, or in place of the provider's key if the proxy adds the real one. Runs after routing.
/// </summary>
internal sealed class KeyCheck(RequestDelegate next, KeyRing keys, LocalAccess local, LlmProxyOptions options)
{
    /// <summary>Title of the problem of a key that is no admin's.</summary>
    public const string AdminKeyRequired = "Admin key required";

    public Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<ChecksItsCallers>() is not null)
        {
            return next(context);
        }

        if (!keys.HasKeys)
        {
            return local.WhyRefused(context) is { } problem
                ? ApiGuard.RefuseAsync(context, StatusCodes.Status401Unauthorized, "Local token required", problem)
                : next(context);
        }

        if (ApiGuard.Guards(context.Request))
        {
            return CheckApiAsync(context);
        }

        if (IsMetrics(context))
        {
            return CheckMetricsAsync(context);
        }

        // Everything else is a health check, a probe of a base URL or a 404, which expose no tenant's data.
        return context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>() is { } route ? CheckCallAsync(context, route) : next(context);
    }

    /// <summary>Whether Prometheus scrapes the metrics.</summary>
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
            : ApiGuard.RefuseAsync(context, StatusCodes.Status401Unauthorized, "Key required", $"Send an admin key as a bearer token, or in header {ProxyHeaders.Key}.");
    }

    private Task CheckApiAsync(HttpContext context)
    {
        var presented = context.Request.Headers[ProxyHeaders.Key].ToString();
        if (keys.Find(presented) is not { } caller)
        {
            return ApiGuard.RefuseAsync(
                context,
                StatusCodes.Status401Unauthorized,
                "Key required",
                presented.Length == 0 ? $"Send an admin key in header {ProxyHeaders.Key}." : $"Invalid API key in header {ProxyHeaders.Key}. Send an admin key of LlmProxy:Auth:Keys.");
        }

        // A key that may make calls may also report how their tasks ended, within its tenant.
        if (!caller.IsAdmin && context.GetEndpoint()?.Metadata.GetMetadata<OpenToEveryKey>() is null)
        {
            return ApiGuard.RefuseAsync(
                context,
                StatusCodes.Status403Forbidden,
                AdminKeyRequired,
                $"The key '{caller.KeyName}' may only start tasks and state outcomes and interventions under {ApiGuard.Prefix}/tasks. Send a key with \"admin\": true in LlmProxy:Auth:Keys.");
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
            : addsKey ? CredentialPlaces.FindCaller(context.Request, keys)
            : null;
        if (caller is not null)
        {
            context.Features.Set(caller);
            return next(context);
        }

        var dialect = RouteProvider.DialectOf(context);
        var message = presented.Length > 0
            ? $"LlmProxy: invalid API key in header {ProxyHeaders.Key}. Send a key of this proxy (LlmProxy:Auth:Keys)."
            : addsKey
                ? $"LlmProxy: missing API key. Send a key of this proxy in header {ProxyHeaders.Key} or in place of the provider's key."
                : $"LlmProxy: missing API key. Send a key of this proxy in header {ProxyHeaders.Key}, in addition to the provider's key.";
        return UpstreamErrors.WriteAsync(context, StatusCodes.Status401Unauthorized, dialect, message);
    }
}
