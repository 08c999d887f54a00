using System.Net;

namespace LlmProxy.Server.Access;

/// <summary>
/// Rejects API requests from pages of other sites. A site can resolve its own name to the loopback address (DNS
/// rebinding), so on loopback only loopback names are accepted; and a browser sends the page's origin in <c>Origin</c>.
/// </summary>
internal sealed class HostGuard(RequestDelegate next, ListenAddresses addresses)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (!ApiGuard.Guards(context.Request) && !KeyCheck.IsMetrics(context))
        {
            return next(context);
        }

        var host = context.Request.Host.Host.Trim('[', ']');
        var onLoopback = context.Connection.LocalIpAddress is { } local && IPAddress.IsLoopback(local);
        if (onLoopback && !IsLoopbackName(host) && !addresses.Hosts.Contains(host, StringComparer.OrdinalIgnoreCase))
        {
            return ApiGuard.RefuseAsync(
                context,
                StatusCodes.Status403Forbidden,
                "Unknown host",
                $"The API on loopback rejects the host name '{host}'. Use 127.0.0.1 or localhost, or start the proxy with --urls http://{host}:{context.Connection.LocalPort}.");
        }

        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length > 0 && !IsOwn(origin, context.Request))
        {
            return ApiGuard.RefuseAsync(
                context,
                StatusCodes.Status403Forbidden,
                "Cross-origin request",
                $"The API rejects requests of pages from origin {origin}. Send the request without an Origin header, from outside a browser.");
        }

        return next(context);
    }

    private static bool IsLoopbackName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static bool IsOwn(string origin, HttpRequest request) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && string.Equals(uri.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase);
}

/// <summary>Host names of the configured addresses.</summary>
/// <param name="Hosts">The host names.</param>
internal sealed record ListenAddresses(IReadOnlyList<string> Hosts)
{
    /// <summary>Reads the host names of addresses.</summary>
    public static ListenAddresses Of(IEnumerable<string> urls) => new(
    [
        .. urls.Select(url => Uri.TryCreate(url, UriKind.Absolute, out var uri) ? uri.Host.Trim('[', ']') : null)
            .OfType<string>()
            .Where(host => host.Length > 0),
    ]);
}
