using LlmProxy.Core.Calls;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Pipeline.Routing;
using LlmProxy.Server.Upstreams;
using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// The stages of a request in YARP's pipeline, after routing and before forwarding:
/// <code>
/// client ──► 1 recognise ─► 2 read ─► 3 assign ─► 4 choose ─► 5 rewrite ─► 6 forward ──► upstream
///        ◄─────────────────────── 7 tee, 8 publish keys ◄────────────────────────────────┘
///                                     └─► spool ─► 9 recorder ─► store
/// </code>
/// Steps 2 to 5 and 9 are <see cref="CallPipeline"/>. If one of them fails, the request is forwarded unmodified.
/// </summary>
internal sealed partial class ExchangeMiddleware(RequestDelegate next, CallPipeline calls, RequestBuffers buffers, RoutedForwarder routed, RoutedTokenCount tokenCount, NotRecordedCounts notRecorded, ILogger<ExchangeMiddleware> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        // 1. Requests other than completion calls are forwarded immediately, unbuffered.
        var arrived = calls.Timestamp();
        if (DialectCatalog.Recognize(context.Request.Method, context.Request.Path.Value ?? "") is not { } dialect || context.Request.ContentLength == 0)
        {
            await ForwardOtherAsync(context, arrived);
            return;
        }

        if (!IncomingCalls.TryReadTask(context, out var taskId))
        {
            LogInvalidTask(context.Request.Headers[ProxyHeaders.Task].ToString().Length);
            await UpstreamErrors.WriteAsync(context, StatusCodes.Status400BadRequest, dialect, $"LlmProxy: invalid task id in header {ProxyHeaders.Task}: it {TaskId.Rule}.");
            return;
        }

        // 2. The body is read once. If that fails, the client has got an error already.
        using var body = await buffers.ReadAsync(context, dialect);
        if (body is null)
        {
            return;
        }

        // 2. to 5. Read, assigned to a task, examples chosen, the prompt rewritten, the record opened.
        using var call = await calls.BeginAsync(IncomingCalls.From(context, dialect, body.IsWhole ? body.Bytes : default(ReadOnlyMemory<byte>?), arrived, taskId, routed.Choose), context.RequestAborted);
        ResponseStamp.OnStart(context, call);

        // 6. to 9. Forwarded; the response passes the tee on its way back; the recorder takes over in the background.
        var outcome = await ForwardAsync(context, body, call);
        await UpstreamErrors.WriteAsync(context, outcome, dialect, log);
    }

    /// <summary>Forwards what is no completion call. A response that was asked for in the background is copied when it is fetched.</summary>
    private async Task ForwardOtherAsync(HttpContext context, long arrived)
    {
        if (tokenCount.MayAnswer(context) && await tokenCount.TryAnswerAsync(context))
        {
            return;
        }

        using var fetch = DialectCatalog.RecognizeFetch(context.Request.Method, context.Request.Path.Value ?? "") is { } id
            ? await calls.BeginFetchAsync(IncomingCalls.Fetch(context, arrived), id, context.RequestAborted)
            : null;
        if (fetch is null)
        {
            if (HttpMethods.IsPost(context.Request.Method) && context.Request.ContentLength != 0)
            {
                notRecorded.Count(context.GetTenant(), NotRecordedReason.UnknownPath);
            }

            await ForwardAsync(context);
            return;
        }

        await using var tee = ResponseTee.Attach(context, fetch);
        var outcome = ExchangeOutcome.ClientLeft;
        try
        {
            await next(context);
            outcome = UpstreamErrors.OutcomeOf(context);
        }
        finally
        {
            fetch.Complete(outcome, context.Response.StatusCode);
        }

        await UpstreamErrors.WriteAsync(context, outcome, DialectKind.OpenAiResponses, log);
    }

    private async Task ForwardAsync(HttpContext context)
    {
        await next(context);
        await UpstreamErrors.WriteAsync(context, UpstreamErrors.OutcomeOf(context), RouteProvider.DialectOf(context), log);
    }

    private async Task<ExchangeOutcome> ForwardAsync(HttpContext context, RequestBody body, CallSession call)
    {
        await using var request = ForwardedRequest.Attach(context, body, call);
        await using var tee = call.IsRead ? ResponseTee.Attach(context, call) : null;
        var outcome = ExchangeOutcome.ClientLeft;
        try
        {
            if (routed.Handles(context, call))
            {
                return outcome = await routed.ForwardAsync(context, call, body, next);
            }

            await next(context);
            return outcome = UpstreamErrors.OutcomeOf(context);
        }
        finally
        {
            call.Complete(outcome, context.Response.StatusCode);
            Describe(context, call, request.Upstream);
        }
    }

    private void Describe(HttpContext context, CallSession call, UpstreamCall upstream)
    {
        if (!call.IsRead || context.Features.Get<CallSpan>() is not { } span)
        {
            return;
        }

        try
        {
            span.Describe(call, upstream);
        }
        catch (Exception error)
        {
            LogTelemetryFailed(error);
        }
    }

    [LoggerMessage(1014, LogLevel.Information, "Rejected a call: its LlmProxy-Task header of {Length} characters is no task id")]
    private partial void LogInvalidTask(int length);

    [LoggerMessage(1013, LogLevel.Error, "Filling the telemetry span of a call failed")]
    private partial void LogTelemetryFailed(Exception error);
}
