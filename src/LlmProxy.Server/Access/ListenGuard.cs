using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace LlmProxy.Server.Access;

/// <summary>
/// Refuses to bind a socket that other machines can reach. Kestrel asks the listener factories in reverse order of
/// registration, so this one sees every endpoint before it is bound, however it was configured.
/// </summary>
internal sealed class ListenGuard : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>Whether only this machine can reach an address.</summary>
    public static bool IsLoopback(IPAddress address) => IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);

    /// <summary>Takes over the endpoints that must not be bound.</summary>
    public bool CanBind(EndPoint endpoint) => endpoint switch
    {
        IPEndPoint ip => !IsLoopback(ip.Address),
        UnixDomainSocketEndPoint or NamedPipeEndPoint => false,
        _ => true,
    };

    /// <summary>Refuses the endpoint.</summary>
    /// <exception cref="ListenRefusedException">Always.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        throw new ListenRefusedException(endpoint.ToString() ?? "");
}

/// <summary>An address that other machines can reach was not bound, since no keys protect it.</summary>
/// <remarks>An <see cref="IOException"/>, since Kestrel tries another address after any other exception.</remarks>
internal sealed class ListenRefusedException(string addresses) : IOException(
    $"Refused to listen on {addresses}: without keys, anyone who can connect could use the proxy and read its records.\n"
    + "Create a key with \"llmproxy keys create --name NAME --tenant TENANT --admin\" and add its entry to LlmProxy:Auth:Keys,\n"
    + $"or listen on loopback ({Hosting.ProxyHost.DefaultUrl}), or pass --insecure to allow it.");
