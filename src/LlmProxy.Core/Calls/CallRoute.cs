namespace LlmProxy.Core.Calls;

/// <summary>Where a call goes instead of the upstream of its address.</summary>
/// <param name="Cluster">The cluster of the proxy config.</param>
/// <param name="Dialect">The dialect that the cluster speaks.</param>
/// <param name="Model">The model to ask for.</param>
/// <param name="Provider">The provider of that model: its templates and examples apply.</param>
internal sealed record CallRoute(string Cluster, DialectKind Dialect, string Model, string Provider);

/// <summary>What decides where a call goes.</summary>
/// <param name="Tenant">The tenant.</param>
/// <param name="Model">The requested model, or empty.</param>
/// <param name="Client">Name of the client's preset.</param>
/// <param name="ConversationId">The conversation, or null if the call has no task.</param>
/// <param name="Header">Reads a header of the client, or null.</param>
internal sealed record RouteQuestion(string Tenant, string Model, string Client, string? ConversationId, Func<string, string?> Header);

/// <summary>Decides where a call goes; null for the upstream of its address.</summary>
internal delegate ValueTask<CallRoute?> ChooseRoute(RouteQuestion question, CancellationToken cancellationToken);

/// <summary>Keeps where tasks went on after a failure of their upstream.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface ITaskRouteStore
{
    /// <summary>Where a conversation goes, or null.</summary>
    Task<string?> FindRouteAsync(string tenant, string conversationId, CancellationToken cancellationToken);

    /// <summary>Keeps where a conversation goes; a later route replaces an earlier one. Routes that are older than 30 days are removed.</summary>
    Task SaveRouteAsync(string tenant, string conversationId, string route, CancellationToken cancellationToken);
}
