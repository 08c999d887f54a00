using LlmProxy.Core.Calls;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Upstreams;
using LlmProxy.Wire;
using LlmProxy.Wire.Translation;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Pipeline.Routing;

/// <summary>
/// Forwards a call whose upstream a rule chooses, or may change before the first byte:
/// <code>
/// 1 translate the request ─► 2 point the request at the cluster ─► 3 forward ─► 4 a failure with a fallback: once more from 1
/// client ◄─ record ◄─ 5 translate the response as it comes ◄─────────────────┘
/// </code>
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed partial class RoutedForwarder(RoutingTable routing, TaskRulesCatalog clients, LlmProxyOptions options, TimeProvider time, ILogger<RoutedForwarder> log)
{
    /// <summary>Chooses the upstream of a call; null while nothing is configured, so that other calls pay nothing.</summary>
    public ChooseRoute? Choose => routing.IsOn ? routing.ChooseAsync : null;

    /// <summary>The client of a request that is no completion call, by its headers.</summary>
    public string ClientOf(HttpContext context) => clients.SelectByHeaders(name => context.Request.Headers.TryGetValue(name, out var values) ? values.ToString() : null).Name;

    /// <summary>Whether a call is forwarded here.</summary>
    public bool Handles(HttpContext context, CallSession call) =>
        call.IsRead && !call.Dialect.IsRecordOnly && routing.IsOn && (call.Route is not null || routing.HasFallback(ClusterOf(context)));

    /// <summary>Forwards a call.</summary>
    /// <param name="context">The request.</param>
    /// <param name="call">The call.</param>
    /// <param name="body">The body as it came.</param>
    /// <param name="next">Forwards to the cluster that the request points at.</param>
    /// <returns>How it ended, and the state of sending it.</returns>
    public async Task<ExchangeOutcome> ForwardAsync(HttpContext context, CallSession call, RequestBody body, RequestDelegate next)
    {
        var tried = new HashSet<int>();
        var (route, fallback) = (call.Route, -1);
        while (true)
        {
            // 1. The request in the dialect of its upstream.
            var cluster = route?.Cluster ?? ClusterOf(context);
            var prepared = Prepare(call, route);
            if (prepared.Problem is { } problem)
            {
                LogRefused(cluster, problem);
                await UpstreamErrors.WriteAsync(context, StatusCodes.Status400BadRequest, call.Dialect.Kind, "LlmProxy: " + problem);
                return ExchangeOutcome.Complete;
            }

            // 2. to 4.
            (int Index, CallRoute Route)? nextRoute = null;
            var requested = call.Reading.Model ?? "";
            bool FindFallback(int status) => (nextRoute = routing.FallbackOf(cluster, status, requested, tried)) is not null;
            var outcome = await AttemptAsync(context, call, body, next, route, prepared, FindFallback);
            if (nextRoute is null && outcome is ExchangeOutcome.UpstreamRefused or ExchangeOutcome.UpstreamTimeout && !context.Response.HasStarted)
            {
                FindFallback(0);
            }

            if (nextRoute is not { } other || context.Response.HasStarted)
            {
                if (fallback >= 0 && outcome == ExchangeOutcome.Complete && context.Response.StatusCode < 400)
                {
                    await routing.KeepAsync(call.Start.Tenant, call.Place?.Task?.ConversationId, fallback, context.RequestAborted);
                }

                return outcome;
            }

            LogFallback(cluster, context.Response.StatusCode, other.Route.Cluster, other.Route.Model);
            tried.Add(other.Index);
            (route, fallback) = (other.Route, other.Index);
            Reset(context);
        }
    }

    /// <summary>Forwards once.</summary>
    private async Task<ExchangeOutcome> AttemptAsync(HttpContext context, CallSession call, RequestBody body, RequestDelegate next, CallRoute? route, Prepared prepared, Func<int, bool> hasFallback)
    {
        if (route is not null)
        {
            context.ReassignProxyRequest(prepared.Cluster!);
            context.Features.Set(prepared.Upstream);
        }

        await using var request = ForwardedRequest.Attach(context, body, call, prepared.Body);
        await using var response = TranslatedResponse.Attach(context, prepared.Translation, hasFallback, reply => Stamp(context, route!, prepared.Translation!, reply), time);
        await next(context);
        var outcome = UpstreamErrors.OutcomeOf(context);
        var cluster = ClusterOf(context);
        await response.EndAsync(outcome, $"LlmProxy: upstream '{cluster}' closed the connection before the response was complete. Retry the request.", context.RequestAborted);
        if (prepared.Translation is not null && context.Response.HasStarted && outcome is not (ExchangeOutcome.Complete or ExchangeOutcome.ClientLeft))
        {
            // The error is in the stream, which ends as its grammar wants.
            (context.Features.Get<IHttpRequestLifetimeFeature>() as DelayedAbort)?.Forget();
        }

        return outcome;
    }

    /// <summary>Makes the request for an upstream.</summary>
    private Prepared Prepare(CallSession call, CallRoute? route)
    {
        if (route is null)
        {
            return new Prepared();
        }

        if (routing.Cluster(route.Cluster) is not { } cluster)
        {
            return new Prepared { Problem = $"Routing sends model '{call.Reading.Model}' to cluster '{route.Cluster}', which is not in ReverseProxy:Clusters." };
        }

        var provider = routing.ProviderOf(route.Cluster);
        var variable = options.Upstreams.GetValueOrDefault(route.Cluster)?.ApiKeyEnv;
        var key = variable is null ? null : Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrEmpty(key) && NeedsKey(provider, cluster))
        {
            return new Prepared
            {
                Problem = variable is null
                    ? $"Routing sends model '{call.Reading.Model}' to cluster '{route.Cluster}', which needs a key of its provider. Set LlmProxy:Upstreams:{route.Cluster}:ApiKeyEnv to the environment variable that holds it."
                    : $"Routing sends model '{call.Reading.Model}' to cluster '{route.Cluster}', and the environment variable {variable} with its key is not set.",
            };
        }

        // The agent's prompt with examples and lessons, if there are any, else the request as the agent wrote it.
        var body = call.Prompt.Body ?? call.Reading.Body;
        if (route.Dialect == call.Dialect.Kind && ModelSplice.Replace(body, call.Start.Path, route) is { } same)
        {
            return new Prepared { Cluster = cluster, Body = same.Body, Upstream = new RoutedUpstream(route.Cluster, route.Dialect, same.Path, provider, key) };
        }

        var translation = ConversationTranslator.Translate(call.Dialect.Kind, body, call.Start.Path + call.Start.Query, new TranslationTarget { Dialect = route.Dialect, Model = route.Model, Time = time });
        return translation.IsRefused
            ? new Prepared { Problem = translation.Refusal }
            : new Prepared { Cluster = cluster, Body = translation.Body, Translation = translation, Upstream = new RoutedUpstream(route.Cluster, route.Dialect, translation.Path, provider, key) };
    }

    /// <summary>Upstreams of one's own (LiteLLM, Ollama, vLLM) may need no key; those of a provider do, unless they are on this machine.</summary>
    private static bool NeedsKey(string? provider, ClusterState cluster) =>
        provider is not (null or "proxy")
        && !cluster.Destinations.Values.All(destination => Uri.TryCreate(destination.Model.Config.Address, UriKind.Absolute, out var address) && address.IsLoopback);

    private static void Stamp(HttpContext context, CallRoute route, RequestTranslation request, ReplyTranslation reply)
    {
        var losses = request.Losses.Concat(reply.Losses).Select(loss => HeaderText.Encode(loss.What).Replace(',', ' ')).Distinct(StringComparer.Ordinal).ToList();
        context.Response.Headers[ProxyHeaders.Translated] = DialectCatalog.Get(route.Dialect).Name + (losses.Count == 0 ? "" : "; lost=" + string.Join(',', losses));
    }

    private static string ClusterOf(HttpContext context) => context.Features.Get<IReverseProxyFeature>()?.Cluster.Config.ClusterId ?? "?";

    /// <summary>Takes back what the failed attempt left on the response.</summary>
    private static void Reset(HttpContext context)
    {
        context.Response.Clear();
        context.Features.Set<IForwarderErrorFeature>(null);
        context.Features.Set<RoutedUpstream>(null);
        (context.Features.Get<IHttpRequestLifetimeFeature>() as DelayedAbort)?.Forget();
    }

    [LoggerMessage(1032, LogLevel.Warning, "Refused a call to cluster {Cluster}: {Problem}")]
    private partial void LogRefused(string cluster, string problem);

    [LoggerMessage(1033, LogLevel.Warning, "Call to {Cluster} failed (status {Status}); the task goes on at {Other} with {Model}")]
    private partial void LogFallback(string cluster, int status, string other, string model);

    /// <summary>What an attempt sends, or why it cannot be sent. Without a cluster the request goes as it came.</summary>
    private sealed record Prepared
    {
        public string? Problem { get; init; }

        public ClusterState? Cluster { get; init; }

        public ReadOnlyMemory<byte>? Body { get; init; }

        public RequestTranslation? Translation { get; init; }

        public RoutedUpstream? Upstream { get; init; }
    }
}
