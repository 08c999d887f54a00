using System.Diagnostics;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Pipeline;
using LlmProxy.Wire;

namespace LlmProxy.Server.Telemetry;

/// <summary>
/// One call as telemetry sees it; one for a request, on <see cref="HttpContext.Features"/>, where telemetry is on. The
/// request path fills in what it knows while the request's memory is still there.
/// </summary>
internal sealed class CallSpan(Activity? activity, Redactor? content, long started, TimeProvider time)
{
    private ExchangeFeature? _exchange;
    private string? _responseModel;

    /// <summary>The span; null where nobody collects it.</summary>
    public Activity? Activity => activity;

    /// <summary>From the call's arrival to its end.</summary>
    public TimeSpan Duration { get; private set; }

    /// <summary>What the proxy added; null where the body streamed through.</summary>
    public TimeSpan? Overhead { get; private set; }

    /// <summary>From the call's arrival to the first bytes of the answer's body.</summary>
    public TimeSpan? TimeToFirstChunk { get; private set; }

    /// <summary>Tokens, where the answer names them.</summary>
    public TokenUsage? Usage { get; private set; }

    /// <summary>Describes a completion call, while its bodies can still be read.</summary>
    public void Describe(ExchangeFeature exchange, AssembledReply? reply, long firstChunkTimestamp, TimeSpan copyTime, UpstreamCall? call)
    {
        _exchange = exchange;
        _responseModel = reply?.Model;
        Usage = reply is { HasUsage: true } ? reply.Usage : null;
        TimeToFirstChunk = firstChunkTimestamp == 0 ? null : time.GetElapsedTime(started, firstChunkTimestamp);
        Overhead = call is { SentTimestamp: > 0 } ? time.GetElapsedTime(call.ReadTimestamp, call.SentTimestamp) + copyTime : null;
        if (activity is not { IsAllDataRequested: true })
        {
            return;
        }

        var (operation, model) = (exchange.Dialect.OperationConvention, exchange.Reading.Model);
        activity.DisplayName = model is null ? operation : $"{operation} {model}";
        activity.SetTag(TelemetryNames.OperationName, operation);
        activity.SetTag(TelemetryNames.ProviderName, DialectCatalog.ProviderConventionOf(exchange.Provider));
        activity.SetTag(TelemetryNames.RequestModel, model);
        activity.SetTag(TelemetryNames.RequestStream, exchange.Reading.Stream);
        activity.SetTag(TelemetryNames.Tenant, exchange.Tenant);
        activity.SetTag(TelemetryNames.TimeToFirstChunk, TimeToFirstChunk?.TotalSeconds);
        if (exchange.Place is { Task: { } task } place)
        {
            activity.SetTag(TelemetryNames.Task, task.TaskId);
            activity.SetTag(TelemetryNames.ConversationId, task.ConversationId);
            activity.SetTag(TelemetryNames.Step, place.StepIndex);
        }

        if (reply is not null)
        {
            activity.SetTag(TelemetryNames.ResponseId, reply.ResponseId);
            activity.SetTag(TelemetryNames.ResponseModel, reply.Model);
            activity.SetTag(TelemetryNames.FinishReasons, reply.StopReason is { } reason ? new[] { reason } : null);
        }

        if (Usage is { } usage)
        {
            activity.SetTag(TelemetryNames.InputTokens, usage.Input);
            activity.SetTag(TelemetryNames.OutputTokens, usage.Output);
            activity.SetTag(TelemetryNames.CacheReadTokens, usage.CacheRead);
            activity.SetTag(TelemetryNames.CacheWriteTokens, usage.CacheWrite);
            activity.SetTag(TelemetryNames.ReasoningTokens, usage.Reasoning);
        }

        if (content is not null)
        {
            SpanContent.Add(activity, exchange, reply, content);
        }
    }

    /// <summary>Ends the call and notes its figures.</summary>
    public void End(HttpContext context, ProxyMetrics metrics)
    {
        Duration = time.GetElapsedTime(started);
        var outcome = UpstreamErrors.OutcomeOf(context);
        var status = context.Response.StatusCode;
        var error = outcome != ExchangeOutcome.Complete ? WordOf(outcome) : status >= 400 ? status.ToString(System.Globalization.CultureInfo.InvariantCulture) : null;
        var server = ServerOf(context);
        if (activity is { IsAllDataRequested: true })
        {
            activity.SetTag(TelemetryNames.Method, context.Request.Method);
            activity.SetTag(TelemetryNames.Path, context.Request.Path.Value);
            activity.SetTag(TelemetryNames.Status, status);
            activity.SetTag(TelemetryNames.ServerAddress, server?.Host);
            activity.SetTag(TelemetryNames.ServerPort, server?.Port);
            activity.SetTag(TelemetryNames.ErrorType, error);
            activity.SetTag(TelemetryNames.FewShot, context.Response.Headers.TryGetValue(ProxyHeaders.FewShotResult, out var fewShot) ? fewShot.ToString() : null);
            if (context.Features.Get<UpstreamCall>() is { Tries: > 1 } call)
            {
                activity.SetTag(TelemetryNames.ResendCount, call.Tries - 1);
            }

            if (error is not null)
            {
                activity.SetStatus(ActivityStatusCode.Error, error);
            }
        }

        if (_exchange is { } exchange)
        {
            var tags = new TagList
            {
                { TelemetryNames.OperationName, exchange.Dialect.OperationConvention },
                { TelemetryNames.ProviderName, DialectCatalog.ProviderConventionOf(exchange.Provider) },
                { TelemetryNames.RequestModel, exchange.Reading.Model },
                { TelemetryNames.ResponseModel, _responseModel },
                { TelemetryNames.ServerAddress, server?.Host },
            };
            if (error is not null)
            {
                tags.Add(TelemetryNames.ErrorType, error);
            }

            metrics.Record(this, tags);
        }

        activity?.Dispose();
    }

    private static Uri? ServerOf(HttpContext context) =>
        context.Features.Get<Yarp.ReverseProxy.Model.IReverseProxyFeature>()?.ProxiedDestination?.Model.Config.Address is { } address
        && Uri.TryCreate(address, UriKind.Absolute, out var uri) ? uri : null;

    private static string WordOf(ExchangeOutcome outcome) => outcome switch
    {
        ExchangeOutcome.ClientLeft => "client_left",
        ExchangeOutcome.UpstreamRefused => "upstream_refused",
        ExchangeOutcome.UpstreamTimeout => "upstream_timeout",
        ExchangeOutcome.UpstreamBroke => "upstream_broke",
        _ => "proxy_stopped",
    };
}
