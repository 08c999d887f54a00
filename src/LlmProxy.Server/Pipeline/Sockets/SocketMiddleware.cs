using LlmProxy.Core.Calls;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Upstreams;
using LlmProxy.Wire;
using LlmProxy.Wire.OpenAiResponses;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Server.Pipeline.Sockets;

/// <summary>Records Responses over WebSocket, refuses or passes it, as <c>Recording:WebSockets</c> says. WebSockets of other APIs pass.</summary>
internal sealed partial class SocketMiddleware(
    RequestDelegate next,
    LlmProxyOptions options,
    RecordingSwitch recording,
    CallPipeline calls,
    BufferBudget budget,
    NotRecordedCounts notRecorded,
    ILogger<SocketMiddleware> log)
{
    private const DialectKind Dialect = DialectKind.OpenAiResponses;

    public Task InvokeAsync(HttpContext context)
    {
        if (!IsWebSocket(context))
        {
            return next(context);
        }

        var isOn = recording.IsOn(context.GetTenant()) || options.Prompts.Enabled;
        return (isOn && SocketMessage.IsPath(context.Request.Path.Value ?? "") ? options.Recording.WebSockets : WebSocketMode.Pass) switch
        {
            WebSocketMode.Record => RecordAsync(context),
            WebSocketMode.Refuse => RefuseAsync(context),
            _ => PassAsync(context),
        };
    }

    private static bool IsWebSocket(HttpContext context) =>
        context.Request.Headers.Upgrade.ToString().Contains("websocket", StringComparison.OrdinalIgnoreCase)
        || (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: var protocol } && string.Equals(protocol, "websocket", StringComparison.OrdinalIgnoreCase));

    private static Task RefuseAsync(HttpContext context)
    {
        // 426 makes Codex fall back to HTTP at once; other refusals cost it seven attempts (RFC 9110, 15.5.22).
        context.Response.Headers.Upgrade = "HTTP/1.1";
        return UpstreamErrors.WriteAsync(context, StatusCodes.Status426UpgradeRequired, Dialect, "LlmProxy: Responses over WebSocket is refused; use HTTP, or set LlmProxy:Recording:WebSockets to record or pass.");
    }

    private Task PassAsync(HttpContext context)
    {
        notRecorded.Count(context.GetTenant(), NotRecordedReason.WebSocket);
        return next(context);
    }

    private async Task RecordAsync(HttpContext context)
    {
        if (!IncomingCalls.TryReadTask(context, out var taskId))
        {
            await UpstreamErrors.WriteAsync(context, StatusCodes.Status400BadRequest, Dialect, $"LlmProxy: invalid task id in header {ProxyHeaders.Task}: it {Core.Trajectories.TaskId.Rule}.");
            return;
        }

        // Messages that are compressed one after the other cannot be replaced: no compression is agreed on.
        context.Request.Headers.Remove("Sec-WebSocket-Extensions");
        var open = new SocketCalls(
            calls,
            body => IncomingCalls.From(context, Dialect, body, calls.Timestamp(), taskId),
            budget,
            () => notRecorded.Count(context.GetTenant(), NotRecordedReason.TooLarge),
            LogFailed);
        using var upgrade = RecordedUpgrade.Attach(context.Features, client => new RecordedSocket(client, open, budget, options.Recording.MaxBodyBytes));
        var outcome = ExchangeOutcome.ClientLeft;
        try
        {
            await next(context);
            outcome = UpstreamErrors.OutcomeOf(context);
        }
        finally
        {
            open.End(outcome);
        }
    }

    [LoggerMessage(1016, LogLevel.Error, "Recording of a WebSocket message failed; the connection is unaffected")]
    private partial void LogFailed(Exception error);
}
