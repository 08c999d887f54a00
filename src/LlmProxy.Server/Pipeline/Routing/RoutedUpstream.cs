using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline.Routing;

/// <summary>The upstream that a routed request goes to, for the transforms that make the message to it. On <see cref="HttpContext.Features"/>.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Dialect">The dialect that it speaks.</param>
/// <param name="Path">Path and query below the cluster's address.</param>
/// <param name="Provider">The provider whose place the key has to be in.</param>
/// <param name="Key">The provider's key, or null for an upstream that needs none.</param>
internal sealed record RoutedUpstream(string Cluster, DialectKind Dialect, string Path, string? Provider, string? Key);
