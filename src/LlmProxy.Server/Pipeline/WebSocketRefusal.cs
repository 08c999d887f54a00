using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Access;
using LlmProxy.Server.Upstreams;
using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline;

/// <summary>Refuses Responses over WebSocket, if <c>Recording:WebSockets</c> is <c>refuse</c> and calls are recorded or rewritten.</summary>
internal sealed class WebSocketRefusal(RequestDelegate next, LlmProxyOptions options, RecordingSwitch recording)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (!IsRefused(context))
        {
            await next(context);
            return;
        }

        // 426 makes Codex fall back to HTTP at once; other refusals cost it seven attempts (RFC 9110, 15.5.22).
        context.Response.Headers.Upgrade = "HTTP/1.1";
        await UpstreamErrors.WriteAsync(context, StatusCodes.Status426UpgradeRequired, DialectKind.OpenAiResponses, "LlmProxy: Responses over WebSocket is not recorded; use HTTP, or set LlmProxy:Recording:WebSockets to pass.");
    }

    private bool IsRefused(HttpContext context) =>
        context.Request.Path.Value is { } path
        && path.TrimEnd('/').EndsWith("/responses", StringComparison.Ordinal)
        && (context.WebSockets.IsWebSocketRequest || context.Request.Headers.Upgrade.ToString().Contains("websocket", StringComparison.OrdinalIgnoreCase))
        && options.Recording.WebSockets == WebSocketMode.Refuse
        && (recording.IsOn(context.GetTenant()) || options.Prompts.Enabled);
}
