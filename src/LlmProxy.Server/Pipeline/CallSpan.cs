using System.Diagnostics;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Telemetry;
using LlmProxy.Server.Upstreams;
using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// Telemetry of one call; one per request, on <see cref="HttpContext.Features"/>, if telemetry is on. The pipeline fills
/// it while the request's memory is available.
/// </summary>
internal sealed class CallSpan(Activity? activity, Redactor? content, long started, TimeProvider time)
{
    private CallSession? _call;
    private string? _responseModel;

    /// <summary>The span; null if no listener collects it.</summary>
    public Activity? Activity => activity;

    /// <summary>From the request to the end of the call.</summary>
    public TimeSpan Duration { get; private set; }

    /// <summary>Overhead of the proxy; null if the body was streamed.</summary>
    public TimeSpan? Overhead { get; private set; }

    /// <summary>From the request to the first bytes of the response body.</summary>
    public TimeSpan? TimeToFirstChunk { get; private set; }

    /// <summary>Tokens, if the response reports them.</summary>
    public TokenUsage? Usage { get; private set; }

    /// <summary>Describes a completion call while its bodies are available.</summary>
    public void Describe(CallSession call, UpstreamCall upstream)
    {
        _call = call;
        var (reply, copy) = (call.Reply, call.Copy);
        _responseModel = reply?.Model;
        Usage = reply is { HasUsage: true } ? reply.Usage : null;
        TimeToFirstChunk = copy.FirstChunkTimestamp == 0 ? null : time.GetElapsedTime(started, copy.FirstChunkTimestamp);
        Overhead = upstream.SentTimestamp > 0 ? time.GetElapsedTime(upstream.ReadTimestamp, upstream.SentTimestamp) + copy.CopyTime : null;
        if (activity is not { IsAllDataRequested: true })
        {
            return;
        }

        var (operation, model) = (call.Dialect.OperationConvention, call.Reading.Model);
        activity.DisplayName = model is null ? operation : $"{operation} {model}";
        activity.SetTag(TelemetryNames.OperationName, operation);
        activity.SetTag(TelemetryNames.ProviderName, DialectCatalog.ProviderConventionOf(call.Provider));
        activity.SetTag(TelemetryNames.RequestModel, model);
        activity.SetTag(TelemetryNames.RequestStream, call.Reading.Stream);
        activity.SetTag(TelemetryNames.Tenant, call.Start.Tenant);
        activity.SetTag(TelemetryNames.TimeToFirstChunk, TimeToFirstChunk?.TotalSeconds);
        if (call.Place is { Task: { } task } place)
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
            SpanContent.Add(activity, call, content.For(call.Start.Tenant));
        }
    }

    /// <summary>Ends the span and records the metrics.</summary>
    public void End(HttpContext context, ProxyMetrics metrics)
    {
        Duration = time.GetElapsedTime(started);
        var outcome = UpstreamErrors.OutcomeOf(context);
        var status = context.Response.StatusCode;
        var error = outcome != ExchangeOutcome.Complete ? outcome.ToStatus().ToWord() : status >= 400 ? status.ToString(System.Globalization.CultureInfo.InvariantCulture) : null;
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
            if (context.Features.Get<UpstreamCall>() is { Tries: > 1 } upstream)
            {
                activity.SetTag(TelemetryNames.ResendCount, upstream.Tries - 1);
            }

            if (error is not null)
            {
                activity.SetStatus(ActivityStatusCode.Error, error);
            }
        }

        if (_call is { } call)
        {
            var tags = new TagList
            {
                { TelemetryNames.OperationName, call.Dialect.OperationConvention },
                { TelemetryNames.ProviderName, DialectCatalog.ProviderConventionOf(call.Provider) },
                { TelemetryNames.RequestModel, call.Reading.Model },
                { TelemetryNames.ResponseModel, _responseModel },
                { TelemetryNames.ServerAddress, server?.Host },
            };
            if (error is not null)
            {
                tags.Add(TelemetryNames.ErrorType, error);
            }

            metrics.Record(new CallFigures(Duration, Overhead, TimeToFirstChunk, Usage), tags);
        }

        activity?.Dispose();
    }

    private static Uri? ServerOf(HttpContext context) =>
        context.Features.Get<Yarp.ReverseProxy.Model.IReverseProxyFeature>()?.ProxiedDestination?.Model.Config.Address is { } address
        && Uri.TryCreate(address, UriKind.Absolute, out var uri) ? uri : null;
}
