using System.Collections.Frozen;
using System.IO.Enumeration;
using System.Net;
using System.Net.NetworkInformation;
using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Access;

/// <summary>
/// Tells requests of web pages of other sites from all others. A site can resolve its own name to this machine's address
/// (DNS rebinding), so only known host names are accepted; and a browser names the page's origin in <c>Origin</c>, or at
/// least whether it is another site's in <c>Sec-Fetch-Site</c>.
/// </summary>
internal sealed class PageRules
{
    // What containers and virtual machines call the machine that they run on.
    private static readonly string[] NamesForContainers = ["host.docker.internal", "gateway.docker.internal", "host.containers.internal", "host.lima.internal"];

    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> _hosts;
    private readonly string[] _hostPatterns;
    private readonly IReadOnlyList<string> _origins;

    public PageRules(AuthOptions options, ListenAddresses addresses)
    {
        var hosts = options.AllowedHosts.Select(host => host.TrimEnd('.').Trim('[', ']')).ToList();
        _hostPatterns = [.. hosts.Where(host => host.Contains('*', StringComparison.Ordinal))];
        string[] known = ["localhost", "127.0.0.1", "::1", .. NamesForContainers, .. MachineNames(), .. addresses.Hosts, .. hosts];
        _hosts = known.ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
        _origins = options.AllowedOrigins;
    }

    /// <summary>Whether a request's <c>Host</c> is a name of this proxy.</summary>
    public bool IsKnownHost(HttpContext context)
    {
        var host = HostName(context.Request.Host.Value);
        return _hosts.Contains(host)
            || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host, out var address) ? IsOwn(address, context.Connection.LocalIpAddress) : MatchesPattern(host));
    }

    /// <summary>The origin of the page of another site that sent a request; null if none did.</summary>
    public string? ForeignOrigin(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers.Origin.Count > 0)
        {
            var origin = headers.Origin.ToString();
            return IsOwn(origin, context.Request) || IsAllowed(origin) ? null : origin;
        }

        // No origin is sent with images, scripts and links of another site's page. A followed link may open the API's pages.
        var site = headers["Sec-Fetch-Site"];
        if (site.Count == 0 || site is ["same-origin"] or ["none"])
        {
            return null;
        }

        var isLink = headers["Sec-Fetch-Mode"] is ["navigate"] && headers["Sec-Fetch-Dest"] is ["document"] && ApiGuard.Guards(context.Request);
        return isLink ? null : $"({site})";
    }

    /// <summary>The name or address in a <c>Host</c> header, without port, brackets and the dot of an absolute name.</summary>
    internal static ReadOnlySpan<char> HostName(ReadOnlySpan<char> header)
    {
        if (header.StartsWith('['))
        {
            var end = header.IndexOf(']');
            return end < 0 ? header : header[1..end];
        }

        var colon = header.LastIndexOf(':');
        var name = colon < 0 || header[..colon].Contains(':') ? header : header[..colon];
        return name.EndsWith('.') ? name[..^1] : name;
    }

    // Rebinding needs a name, so the address that the connection was made to is safe.
    private static bool IsOwn(IPAddress address, IPAddress? local) =>
        ListenGuard.IsLoopback(address) || (local is not null && Plain(address).Equals(Plain(local)));

    private static IPAddress Plain(IPAddress address) =>
        address.IsIPv4MappedToIPv6 ? address.MapToIPv4()
        : address is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6, ScopeId: not 0 } ? new IPAddress(address.GetAddressBytes())
        : address;

    private static bool IsOwn(string origin, HttpRequest request) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && string.Equals(uri.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase);

    private bool IsAllowed(string origin)
    {
        foreach (var allowed in _origins)
        {
            if (FileSystemName.MatchesSimpleExpression(allowed.AsSpan().TrimEnd('/'), origin))
            {
                return true;
            }
        }

        return false;
    }

    private bool MatchesPattern(ReadOnlySpan<char> host)
    {
        foreach (var pattern in _hostPatterns)
        {
            if (FileSystemName.MatchesSimpleExpression(pattern, host))
            {
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<string> MachineNames()
    {
        var properties = IPGlobalProperties.GetIPGlobalProperties();
        string[] names = [properties.HostName, Environment.MachineName];
        return names.Where(name => name.Length > 0).SelectMany(name => properties.DomainName is { Length: > 0 } domain && !name.Contains('.', StringComparison.Ordinal)
            ? new[] { name, $"{name}.local", $"{name}.{domain}" }
            : [name, $"{name}.local"]);
    }
}
