using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Auth;
using LlmProxy.Server.Telemetry;
using LlmProxy.Wire;
using LlmProxy.Wire.ContentEncoding;
using LlmProxy.Wire.Scanning;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// The way of a request, in YARP's pipeline, behind the routing and before the forwarding:
/// <code>
/// client ──► 1 recognise ─► 2 read ─► 3 place ─► 4 choose ─► 5 splice ─► 6 forward ──► upstream
///        ◄─────────────────────── 7 tee, 8 publish keys ◄──────────────────────────────┘
///                                     └─► spool ─► 9 recorder ─► store
/// </code>
/// Learning never harms traffic: whatever fails in the steps 2 to 5 is logged, and the call goes on as the client sent it.
/// </summary>
internal sealed partial class ExchangeMiddleware(
    RequestDelegate next,
    LlmProxyOptions options,
    ProviderResolver providers,
    TaskRulesCatalog catalog,
    TaskCorrelator correlator,
    TaskPrompts prompts,
    Spool spool,
    Recorder recorder,
    RecordingSwitch recording,
    BufferBudget budget,
    CorrelationSecret secret,
    KnownHistories known,
    TimeProvider time,
    ILogger<ExchangeMiddleware> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var started = time.GetTimestamp();
        var route = context.Features.Get<IReverseProxyFeature>()?.Route.Config;
        var routeProvider = route?.Metadata?.GetValueOrDefault(RouteProvider.Metadata);

        // 1. Everything but a completion call goes straight on, unbuffered.
        if (IsRefusedWebSocket(context))
        {
            // 426 is what makes Codex fall back to HTTP at once; other refusals cost it seven attempts (RFC 9110, 15.5.22).
            context.Response.Headers.Upgrade = "HTTP/1.1";
            await UpstreamErrors.WriteAsync(context, StatusCodes.Status426UpgradeRequired, DialectKind.OpenAiResponses, "LlmProxy: Responses over WebSocket is not recorded; use HTTP, or set LlmProxy:Recording:WebSockets to pass.");
            return;
        }

        var kind = DialectCatalog.Recognize(context.Request.Method, context.Request.Path.Value ?? "");
        if (kind is null || context.Request.ContentLength == 0)
        {
            await ForwardAsync(context, kind ?? DialectCatalog.OfProvider(routeProvider).Kind);
            return;
        }

        // 2. The body is read once; what cannot be read is forwarded as it is.
        using var body = await ReadBodyAsync(context, kind.Value);
        if (body is null)
        {
            return;
        }

        await using var call = new UpstreamCall { ReadTimestamp = time.GetTimestamp(), Body = body.IsWhole ? body.Bytes : default(ReadOnlyMemory<byte>?) };
        context.Features.Set(call);
        var original = context.Request.Body;
        await using var forwarded = body.ToStream(original);
        context.Request.Body = forwarded;
        using var keys = new TurnKeys(secret.Value, known);
        var exchange = body.IsWhole ? ReadExchange(context, kind.Value, body.Bytes, keys, routeProvider, started) : null;
        if (exchange is null)
        {
            recorder.CountNotRecorded(body.IsWhole ? "unreadable-request" : "too-large");
            await ForwardAsync(context, kind.Value);
            return;
        }

        context.Features.Set(exchange);

        // 3. Its place among the tasks.
        await PlaceAsync(context, exchange);

        var plain = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        await using var tee = new ResponseTee(context, plain, exchange, time, options.Recording.MaxBodyBytes, reply => Publish(exchange, reply), LogCopyFailed) { Measures = context.Features.Get<CallSpan>() is not null };
        var outcome = ExchangeOutcome.ClientLeft;
        try
        {
            // 4. and 5. Examples and prompt, spliced into the client's own bytes.
            var sentPrompt = await EnhanceAsync(context, exchange);
            await using var rewritten = sentPrompt is null ? null : new MemoryStream(sentPrompt.Body, writable: false);
            if (rewritten is not null)
            {
                context.Request.Body = rewritten;
                call.Body = sentPrompt!.Body;
                context.Request.ContentLength = rewritten.Length;
                context.Request.Headers.Remove("Content-Encoding");
            }
            else if (context.Request.ContentLength is null)
            {
                context.Request.ContentLength = body.Bytes.Length;
                context.Request.Headers.Remove("Transfer-Encoding");
            }

            // 6. to 8. Forwarded; the answer passes the tee on its way back.
            BeginRecord(context, exchange, body.Bytes, sentPrompt);
            context.Features.Set<IHttpResponseBodyFeature>(tee);
            await next(context);
            outcome = UpstreamErrors.OutcomeOf(context);
            if (outcome == ExchangeOutcome.Complete)
            {
                tee.Publish();
            }
        }
        finally
        {
            // 9. The recorder takes it from here, in the background. Whatever happened, the task is told that the call is over.
            context.Features.Set(plain);
            context.Request.Body = original;
            End(context, exchange, tee, outcome);
        }

        if (outcome != ExchangeOutcome.Complete && !context.Response.HasStarted)
        {
            // An answer that breaks off before its first byte is cleared by YARP, our headers with it.
            Stamp(context, exchange);
        }

        await UpstreamErrors.WriteAsync(context, outcome, kind.Value, log);
    }

    private static void Stamp(HttpContext context, ExchangeFeature exchange)
    {
        var headers = context.Response.Headers;
        if (exchange.Place is { IsSideCall: false, Task: { } task })
        {
            headers[ProxyHeaders.Task] = task.TaskId;
        }

        if (exchange.FewShotResult is { } fewShot)
        {
            headers[ProxyHeaders.FewShotResult] = fewShot;
        }

        if (exchange.ExampleIds.Count > 0)
        {
            headers[ProxyHeaders.Examples] = string.Join(',', exchange.ExampleIds);
        }
    }

    private bool IsRefusedWebSocket(HttpContext context) =>
        context.Request.Path.Value is { } path
        && path.TrimEnd('/').EndsWith("/responses", StringComparison.Ordinal)
        && (context.WebSockets.IsWebSocketRequest || context.Request.Headers.Upgrade.ToString().Contains("websocket", StringComparison.OrdinalIgnoreCase))
        && string.Equals(options.Recording.WebSockets, "refuse", StringComparison.OrdinalIgnoreCase)
        && (recording.IsOn || options.Prompts.Enabled);

    private async Task ForwardAsync(HttpContext context, DialectKind dialect)
    {
        await next(context);
        await UpstreamErrors.WriteAsync(context, UpstreamErrors.OutcomeOf(context), dialect, log);
    }

    private async Task<RequestBody?> ReadBodyAsync(HttpContext context, DialectKind dialect)
    {
        try
        {
            return await RequestBody.ReadAsync(context.Request, budget, options.Recording.MaxBodyBytes, context.RequestAborted);
        }
        catch (Exception error) when (error is BadHttpRequestException or IOException or OperationCanceledException)
        {
            LogRequestBroke(error.Message);
            if (!context.Response.HasStarted && TotalTime.IsOver(context))
            {
                throw;
            }

            if (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
            {
                var status = (error as BadHttpRequestException)?.StatusCode ?? StatusCodes.Status400BadRequest;
                await UpstreamErrors.WriteAsync(context, status, dialect, $"LlmProxy: the request body could not be read ({error.Message})");
            }

            return null;
        }
    }

    private ExchangeFeature? ReadExchange(HttpContext context, DialectKind kind, ReadOnlyMemory<byte> bytes, TurnKeys keys, string? routeProvider, long started)
    {
        try
        {
            var encoding = context.Request.Headers.ContentEncoding.ToString();
            var dialect = DialectCatalog.Get(kind);
            if (BodyDecoder.DecodeAll(bytes, encoding) is not { IsEmpty: false } decoded || dialect.ReadRequest(decoded, context.Request.Path.Value ?? "", keys) is not { } reading)
            {
                return null;
            }

            var prompt = new SystemPrompt(reading);
            return new ExchangeFeature
            {
                SystemPrompt = prompt,
                Dialect = dialect,
                Tenant = context.GetTenant(),
                Reading = reading,
                Keys = keys,
                Provider = providers.Resolve(reading.Model, routeProvider),
                Rules = catalog.Select(name => Header(context, name), prompt),
                StartedTimestamp = started,
            };
        }
        catch (Exception error)
        {
            LogLearningFailed("read", error);
            return null;
        }
    }

    private async Task PlaceAsync(HttpContext context, ExchangeFeature exchange)
    {
        try
        {
            var reading = exchange.Reading;
            var session = exchange.Rules.SessionId(name => Header(context, name))
                ?? (exchange.Rules.Name == "generic" ? null : reading.SessionHint);
            exchange.Place = await correlator.PlaceAsync(
                new IncomingCall
                {
                    Tenant = exchange.Tenant,
                    Reading = reading,
                    Rules = exchange.Rules,
                    TaskId = Header(context, ProxyHeaders.Task),
                    SessionId = session,
                    RetryCount = int.TryParse(Header(context, "x-stainless-retry-count"), CultureInfo.InvariantCulture, out var retries) ? retries : 0,
                    Description = () => Header(context, ProxyHeaders.TaskDescription)
                        ?? TaskText.Describe(exchange.Rules.IsTurnBoundary ? reading.ReadLastUserText() : reading.ReadFirstUserText(), exchange.Rules.Boilerplate),
                    SystemPrompt = exchange.SystemPrompt,
                    EndsInUserText = () => EndsInUserText(exchange),
                },
                exchange.Keys,
                context.RequestAborted);
            Stamp(context, exchange);
        }
        catch (Exception error) when (error is not OperationCanceledException || !context.RequestAborted.IsCancellationRequested)
        {
            LogLearningFailed("place", error);
        }
    }

    private async Task<EnhancedRequest?> EnhanceAsync(HttpContext context, ExchangeFeature exchange)
    {
        if (exchange.Place is not { IsSideCall: false, Task: { } task } place)
        {
            return null;
        }

        try
        {
            var result = await prompts.EnhanceAsync(
                new PromptRequest(exchange.Tenant, task.TaskId, task.TaskDescription, exchange.Provider, exchange.Reading.Model ?? "", exchange.Reading)
                {
                    IsFirstStep = place.StepIndex == 1,
                    FewShot = Header(context, ProxyHeaders.FewShot),
                },
                context.RequestAborted);
            exchange.FewShotResult = result.FewShotResult;
            exchange.ExampleIds = result.ExampleIds;
            exchange.Arm = result.Arm;
            exchange.TemplateSet = result.TemplateSet;
            Stamp(context, exchange);
            return result.Body is null ? null : new EnhancedRequest(result.Body, result.SentPrompt ?? "", result.ExampleIds);
        }
        catch (Exception error) when (error is not OperationCanceledException || !context.RequestAborted.IsCancellationRequested)
        {
            LogLearningFailed("enhance", error);
            return null;
        }
    }

    private void BeginRecord(HttpContext context, ExchangeFeature exchange, ReadOnlyMemory<byte> body, EnhancedRequest? sent)
    {
        if (exchange.Place is not { Task: { } task } place)
        {
            return;
        }

        if (recording.WhyNot(Header(context, ProxyHeaders.Record)) is { } reason)
        {
            recorder.CountNotRecorded(reason);
            return;
        }

        try
        {
            var now = time.GetUtcNow();
            var encoding = context.Request.Headers.ContentEncoding.ToString();
            var head = ExchangeHead.Of(place, task, exchange.Reading, exchange.Dialect.Kind, exchange.Provider, now) with
            {
                Client = context.Request.Headers.UserAgent.ToString(),
                Preset = exchange.Rules.Name,
                Path = context.Request.Path.Value ?? "",
                RequestEncoding = encoding.Length == 0 || sent is not null ? null : encoding,
                ExampleIds = sent?.ExampleIds ?? [],
                Arm = exchange.Arm,
                TemplateSet = exchange.TemplateSet,
                KeepContent = options.Recording.Providers.Contains(exchange.Provider, StringComparer.OrdinalIgnoreCase),
                StartedAt = now - time.GetElapsedTime(exchange.StartedTimestamp),
            };

            // The agent's own request is what is recorded: examples that were put in must never be learnt from.
            var request = sent is null ? body : exchange.Reading.Body;
            exchange.Record = spool.Begin(head, request, sent?.Prompt);
            if (exchange.Record is null)
            {
                recorder.CountNotRecorded("spool-full");
                return;
            }

            recorder.Register(exchange.Record);
        }
        catch (Exception error)
        {
            LogLearningFailed("record", error);
        }
    }

    private void Publish(ExchangeFeature exchange, AssembledReply reply)
    {
        if (exchange.Place is { Task: { } task } place)
        {
            correlator.Publish(task, exchange.Reading, reply, exchange.Keys, place.StepIndex);
        }
    }

    private void End(HttpContext context, ExchangeFeature exchange, ResponseTee tee, ExchangeOutcome outcome)
    {
        AssembledReply? reply = null;
        try
        {
            reply = tee.ToReply();
            exchange.Record?.WriteTail(new ExchangeTail(outcome, time.GetElapsedTime(exchange.StartedTimestamp).TotalMilliseconds, exchange.Record.IsTruncated, tee.Rhythm));
        }
        catch (Exception error)
        {
            LogLearningFailed("end", error);
        }
        finally
        {
            if (exchange.Place is { Task: { } task } place)
            {
                var whole = reply is { IsComplete: true } || (reply is null && outcome == ExchangeOutcome.Complete);
                var answered = whole && context.Response.StatusCode is not (408 or 409 or 429 or >= 500);
                correlator.End(task, place.StepIndex, answered, reply is not null || !tee.HasStarted);
            }

            if (exchange.Record is { } record)
            {
                recorder.Complete(record, record.IsTruncated ? null : reply, exchange.Reading);
            }
        }

        if (context.Features.Get<CallSpan>() is { } span)
        {
            Describe(span, context, exchange, tee, reply);
        }
    }

    private void Describe(CallSpan span, HttpContext context, ExchangeFeature exchange, ResponseTee tee, AssembledReply? reply)
    {
        try
        {
            span.Describe(exchange, reply, tee.FirstChunkTimestamp, tee.CopyTime, context.Features.Get<UpstreamCall>());
        }
        catch (Exception error)
        {
            LogLearningFailed("telemetry", error);
        }
    }

    private static bool EndsInUserText(ExchangeFeature exchange)
    {
        if (exchange.Reading.Messages is not [.., { IsAssistant: false, AnswersCall: false } last])
        {
            return false;
        }

        var message = exchange.Dialect.ReadMessage(exchange.Reading.Body.Slice(last.Range.Start, last.Range.Length));
        return message.ToolResults.Count == 0 && message.Text.Length > 0;
    }

    private static string? Header(HttpContext context, string name) =>
        context.Request.Headers.TryGetValue(name, out var values) && values.ToString() is { Length: > 0 } value ? value : null;

    [LoggerMessage(1010, LogLevel.Error, "The call goes on unchanged: its step '{Step}' failed")]
    private partial void LogLearningFailed(string step, Exception error);

    [LoggerMessage(1011, LogLevel.Error, "The recorded copy of an answer ends early; the client gets all of it")]
    private partial void LogCopyFailed(Exception error);

    [LoggerMessage(1012, LogLevel.Information, "A request body could not be read: {Error}")]
    private partial void LogRequestBroke(string error);

    private sealed record EnhancedRequest(byte[] Body, string Prompt, IReadOnlyList<string> ExampleIds);
}
