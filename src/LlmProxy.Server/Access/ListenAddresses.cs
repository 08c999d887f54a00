using System.Net;

namespace LlmProxy.Server.Access;

/// <summary>The configured addresses, and which of them other machines can reach.</summary>
/// <param name="Urls">The addresses.</param>
internal sealed record ListenAddresses(IReadOnlyList<string> Urls)
{
    private const string Endpoints = "Kestrel:Endpoints";

    /// <summary>Host names of the addresses; wildcards stand for any address and are no names.</summary>
    public IEnumerable<string> Hosts => Urls.Select(HostOf).OfType<string>().Where(host => host is not ("+" or "*"));

    /// <summary>The addresses that a server really listens on: the endpoints of section <c>Kestrel</c> replace all other addresses.</summary>
    public static ListenAddresses Of(IConfiguration configuration, IReadOnlyList<string> urls)
    {
        var endpoints = configuration.GetSection(Endpoints).GetChildren().Select(endpoint => endpoint["Url"]).OfType<string>().ToList();
        return new ListenAddresses(endpoints.Count > 0 ? endpoints : urls);
    }

    /// <summary>Selects the addresses that other machines can reach, which require keys.</summary>
    public IEnumerable<string> NotLoopback() => Urls.Where(url => !IsLocal(url));

    // As Kestrel reads them: a name other than localhost means every address of the machine.
    private static bool IsLocal(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            return address.IsUnixPipe || address.IsNamedPipe
                || address.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
                || (IPAddress.TryParse(address.Host, out var ip) && ListenGuard.IsLoopback(ip));
        }
        catch (Exception error) when (error is FormatException or ArgumentException)
        {
            return false;
        }
    }

    private static string? HostOf(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            return address.IsUnixPipe || address.IsNamedPipe ? null : address.Host.Trim('[', ']');
        }
        catch (Exception error) when (error is FormatException or ArgumentException)
        {
            return null;
        }
    }
}
