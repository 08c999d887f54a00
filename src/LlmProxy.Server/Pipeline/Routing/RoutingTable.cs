using System.Collections.Concurrent;
using System.Globalization;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Upstreams;
using LlmProxy.Wire;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Pipeline.Routing;

/// <summary>
/// Decides where completion calls go: the place where their conversation went on after a failure, else the first rule that
/// matches, else the upstream of their address.
/// </summary>
/// <remarks>Safe for concurrent use. The store is asked only if fallbacks are configured, and never for long.</remarks>
internal sealed partial class RoutingTable(LlmProxyOptions options, ProviderResolver providers, IProxyStateLookup clusters, ITaskRouteStore store, TimeProvider time, ILogger<RoutingTable> log)
{
    /// <summary>Metadata of a cluster: the dialects that it speaks, the best first.</summary>
    public const string DialectsMetadata = "LlmProxy.Dialects";

    /// <summary>The failure of a fallback that is no status.</summary>
    public const string Connect = "connect";

    private const int MostRemembered = 10_000;

    // The store decides for all replicas; without its answer the call goes where the rules send it.
    private static readonly TimeSpan StoreTimeout = TimeSpan.FromMilliseconds(50);

    private readonly RoutingOptions _routing = options.Routing;
    private readonly ConcurrentDictionary<(string Tenant, string Conversation), string> _moved = new();

    /// <summary>Whether any call can go elsewhere.</summary>
    public bool IsOn => _routing.Rules.Count > 0 || _routing.Fallbacks.Count > 0;

    /// <summary>Where a call goes; null for the upstream of its address.</summary>
    public async ValueTask<CallRoute?> ChooseAsync(RouteQuestion question, CancellationToken cancellationToken)
    {
        if (_routing.Fallbacks.Count > 0 && question.ConversationId is { } conversation
            && await FindMovedAsync(question.Tenant, conversation, cancellationToken) is { } moved
            && int.TryParse(moved, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < _routing.Fallbacks.Count)
        {
            return RouteTo(_routing.Fallbacks[index].To, question.Model);
        }

        foreach (var rule in _routing.Rules)
        {
            if (Matches(rule.Match, question))
            {
                return RouteTo(rule.To, question.Model);
            }
        }

        return null;
    }

    /// <summary>Where a call goes after a failure of a cluster; null if no fallback is for it.</summary>
    /// <param name="cluster">The cluster that failed.</param>
    /// <param name="status">The status of its response; 0 if there was none.</param>
    /// <param name="model">The requested model.</param>
    /// <param name="except">Fallbacks that were tried.</param>
    public (int Index, CallRoute Route)? FallbackOf(string cluster, int status, string model, IReadOnlySet<int> except)
    {
        var failure = status == 0 ? Connect : status.ToString(CultureInfo.InvariantCulture);
        for (var i = 0; i < _routing.Fallbacks.Count; i++)
        {
            var fallback = _routing.Fallbacks[i];
            if (!except.Contains(i) && fallback.Cluster.Equals(cluster, StringComparison.OrdinalIgnoreCase) && fallback.On.Contains(failure, StringComparer.OrdinalIgnoreCase))
            {
                return (i, RouteTo(fallback.To, model));
            }
        }

        return null;
    }

    /// <summary>Whether any fallback is for a cluster.</summary>
    public bool HasFallback(string cluster) => _routing.Fallbacks.Any(fallback => fallback.Cluster.Equals(cluster, StringComparison.OrdinalIgnoreCase));

    /// <summary>Keeps that a conversation goes on at a fallback: a switch back would bill its whole history again, uncached.</summary>
    public async Task KeepAsync(string tenant, string? conversationId, int fallback, CancellationToken cancellationToken)
    {
        if (conversationId is null)
        {
            return;
        }

        var route = fallback.ToString(CultureInfo.InvariantCulture);
        Remember((tenant, conversationId), route);
        try
        {
            await store.SaveRouteAsync(tenant, conversationId, route, cancellationToken);
        }
        catch (StoreException error)
        {
            LogNotKept(conversationId, error.Message);
        }
    }

    /// <summary>The route to a target.</summary>
    public CallRoute RouteTo(RoutingTarget target, string requested)
    {
        var model = target.Model is { Length: > 0 } own ? own : requested;
        var provider = ProviderOf(target.Cluster);
        var dialect = DialectCatalog.Find(target.Dialect) ?? DialectsOf(target.Cluster).FirstOrDefault() ?? DialectCatalog.OfProvider(provider);
        return new CallRoute(target.Cluster, dialect.Kind, model, providers.Resolve(model, provider));
    }

    /// <summary>The dialects that a cluster states.</summary>
    public IEnumerable<IDialect> DialectsOf(string cluster) =>
        clusters.TryGetCluster(cluster, out var state) && state.Model.Config.Metadata?.GetValueOrDefault(DialectsMetadata) is { } stated
            ? stated.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(DialectCatalog.Find).OfType<IDialect>()
            : [];

    /// <summary>The provider of the first route to a cluster, or null.</summary>
    public string? ProviderOf(string cluster) => clusters.GetRoutes()
        .Where(route => string.Equals(route.Config.ClusterId, cluster, StringComparison.OrdinalIgnoreCase))
        .Select(route => route.Config.Metadata?.GetValueOrDefault(RouteProvider.Metadata))
        .FirstOrDefault(provider => provider is not null);

    /// <summary>A cluster by its id.</summary>
    public ClusterState? Cluster(string id) => clusters.TryGetCluster(id, out var cluster) ? cluster : null;

    private static bool Matches(RoutingMatch match, RouteQuestion question) =>
        (match.Model is null || ModelPatterns.Matches(match.Model, question.Model))
        && (match.Client is null || match.Client.Equals(question.Client, StringComparison.OrdinalIgnoreCase))
        && (match.Tenant is null || match.Tenant == question.Tenant)
        && (match.Header is null || MatchesHeader(match.Header, question));

    private static bool MatchesHeader(string condition, RouteQuestion question)
    {
        var colon = condition.IndexOf(':', StringComparison.Ordinal);
        return question.Header(condition[..colon].Trim()) is { } value && ModelPatterns.Matches(condition.AsSpan(colon + 1).Trim(), value);
    }

    private async ValueTask<string?> FindMovedAsync(string tenant, string conversation, CancellationToken cancellationToken)
    {
        if (_moved.TryGetValue((tenant, conversation), out var known))
        {
            return known;
        }

        try
        {
            var found = await store.FindRouteAsync(tenant, conversation, cancellationToken).WaitAsync(StoreTimeout, time, cancellationToken);
            if (found is not null)
            {
                Remember((tenant, conversation), found);
            }

            return found;
        }
        catch (Exception error) when (error is StoreException or TimeoutException)
        {
            LogNotFound(conversation, error.Message);
            return null;
        }
    }

    private void Remember((string Tenant, string Conversation) key, string route)
    {
        if (_moved.Count >= MostRemembered)
        {
            // The store has all of them.
            _moved.Clear();
        }

        _moved[key] = route;
    }

    [LoggerMessage(1030, LogLevel.Warning, "Store did not keep the route of conversation {Conversation}: {Reason}. Other replicas may use its first upstream")]
    private partial void LogNotKept(string conversation, string reason);

    [LoggerMessage(1031, LogLevel.Warning, "Store did not state the route of conversation {Conversation}: {Reason}. Its call follows Routing:Rules")]
    private partial void LogNotFound(string conversation, string reason);
}
