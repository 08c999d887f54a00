using System.Net;

namespace LlmProxy.Server.Auth;

/// <summary>
/// Keeps pages of other sites out of the API. A page can let its own name point to the loopback address (DNS
/// rebinding), so on loopback only loopback's names are taken; and a browser says in <c>Origin</c> which page asks.
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
                $"The API on loopback is not served under the name '{host}'. Use 127.0.0.1 or localhost, or start the proxy with --urls http://{host}:{context.Connection.LocalPort}.");
        }

        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length > 0 && !IsOwn(origin, context.Request))
        {
            return ApiGuard.RefuseAsync(
                context,
                StatusCodes.Status403Forbidden,
                "Foreign page",
                $"The API takes no requests from pages of {origin}.");
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

/// <summary>Names that the proxy was told to listen under.</summary>
/// <param name="Hosts">The host names.</param>
internal sealed record ListenAddresses(IReadOnlyList<string> Hosts)
{
    /// <summary>The host names of some addresses.</summary>
    public static ListenAddresses Of(IEnumerable<string> urls) => new(
    [
        .. urls.Select(url => Uri.TryCreate(url, UriKind.Absolute, out var uri) ? uri.Host.Trim('[', ']') : null)
            .OfType<string>()
            .Where(host => host.Length > 0),
    ]);
}
