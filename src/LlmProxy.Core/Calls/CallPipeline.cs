using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Calls;

/// <summary>
/// The one place where a completion call is read, assigned to a task, enhanced and recorded; the same for the proxy, the
/// chat client, the recorder of an application, and the tests:
/// <code>
/// request ──► 1 read ─► 2 assign to a task ─► 3 choose the upstream, choose and render the prompt ─► 4 open the record ──► send Body
/// response ──► Copy: spool, keys ──► Complete: recorder ─► store
/// </code>
/// Learning never harms traffic: a stage that fails is logged, and the call continues without it.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed partial class CallPipeline(
    CallReader reader,
    TaskCorrelator correlator,
    TaskPrompts prompts,
    CallRecording recording,
    FetchedResponse fetched,
    BufferBudget budget,
    Redactor redactor,
    LlmProxyOptions options,
    TimeProvider time,
    ILogger<CallPipeline> log)
{
    /// <summary>The monotonic clock that calls are measured by.</summary>
    public long Timestamp() => time.GetTimestamp();

    /// <summary>Time since a <see cref="Timestamp"/>.</summary>
    public TimeSpan Elapsed(long timestamp) => time.GetElapsedTime(timestamp);

    /// <summary>Takes a call through all stages before it is sent.</summary>
    /// <exception cref="OperationCanceledException">The caller left.</exception>
    public async ValueTask<CallSession> BeginAsync(CallStart start, CancellationToken cancellationToken)
    {
        var call = new CallSession(this, start);
        try
        {
            if (Read(call))
            {
                await AssignAsync(call, cancellationToken);
                await RouteAsync(call, cancellationToken);
                await EnhanceAsync(call, cancellationToken);
                Record(call);
            }

            return call;
        }
        catch
        {
            call.Dispose();
            throw;
        }
    }

    /// <summary>Opens a call that fetches the response of an earlier one; null if no step waits for it.</summary>
    /// <exception cref="OperationCanceledException">The caller left.</exception>
    public async ValueTask<CallSession?> BeginFetchAsync(CallStart start, string responseId, CancellationToken cancellationToken)
    {
        try
        {
            return await fetched.BeginAsync(this, start, responseId, cancellationToken);
        }
        catch (Exception error) when (!IsLeft(error, cancellationToken))
        {
            LogStageFailed(CallStage.Record, error);
            return null;
        }
    }

    /// <summary>The copy of a call's response.</summary>
    internal ReplyCopy CopyOf(CallSession call) => new(call, options.Recording.MaxBodyBytes, budget, time, recording, Publish, LogCopyFailed);

    /// <summary>Releases memory that was reserved for a call.</summary>
    internal void Return(long bytes) => budget.Return(bytes);

    /// <summary>Ends a call: see <see cref="CallSession"/>.</summary>
    internal AssembledReply? Complete(CallSession call, ExchangeOutcome outcome, int status, TimeSpan? duration)
    {
        AssembledReply? reply = null;
        try
        {
            if (outcome == ExchangeOutcome.Complete)
            {
                call.Copy.Publish();
            }

            reply = call.Copy.ToReply();
            if (outcome != ExchangeOutcome.Complete && reply is { ResponseId: { } id } && call is { IsFetch: false, Place: { Task: { } broken, IsSideCall: false } at })
            {
                // The server may keep a response whose stream broke: the client resumes it, or continues from it.
                correlator.PublishId(broken, id, call.Content!.Keys, at.StepIndex);
            }

            var elapsed = duration ?? time.GetElapsedTime(call.Start.ArrivedTimestamp);
            call.Record?.WriteTail(new ExchangeTail(outcome, Math.Max(0, elapsed.TotalMilliseconds), call.Record.IsTruncated, call.Copy.Rhythm));
        }
        catch (Exception error)
        {
            LogStageFailed(CallStage.Complete, error);
        }
        finally
        {
            if (call.Place is { Task: { } task } place)
            {
                var isWhole = reply is { IsComplete: true } || (reply is null && outcome == ExchangeOutcome.Complete);
                var isAnswered = isWhole && status is not (408 or 409 or 429 or >= 500);
                correlator.End(task, place.StepIndex, isAnswered, reply is not null || !call.Copy.HasStarted);
            }

            recording.Complete(call, reply, call.Copy.TakeReserved());
        }

        return reply;
    }

    /// <summary>Whether the history ends in text that a person wrote, and not in boilerplate alone: only then a turn can begin.</summary>
    internal static bool EndsInUserText(RequestReading reading, TaskRules rules)
    {
        if (reading.Messages is not [.., { IsAssistant: false, AnswersCall: false }])
        {
            return false;
        }

        var message = reading.ReadMessage(reading.Messages.Count - 1);
        return message.ToolResults.Count == 0 && message.Text.Length > 0 && TaskText.Describe(message.Text, rules.Boilerplate).Length > 0;
    }

    /// <summary>The text of the last message, if it is the user's.</summary>
    private static string LastUserText(RequestReading reading)
    {
        if (reading.Messages is not [.., { IsAssistant: false } last])
        {
            return "";
        }

        // Nearly every call ends in tool results alone. Reading those costs a copy of each: a fifth of what the path allocates.
        return last.AnswersCall && reading.Body.Span.Slice(last.Range.Start, last.Range.Length).IndexOf("\"text\""u8) < 0
            ? ""
            : reading.ReadMessage(reading.Messages.Count - 1).Text;
    }

    private bool Read(CallSession call)
    {
        if (call.Start.Body is not { } body)
        {
            recording.Refuse(call, NotRecordedReason.TooLarge);
            return false;
        }

        var reason = NotRecordedReason.UnreadableRequest;
        try
        {
            (call.Content, reason) = reader.Read(call.Start, body);
            call.Reserved(call.Content?.Reserved ?? 0);
        }
        catch (Exception error)
        {
            LogStageFailed(CallStage.Read, error);
        }

        if (!call.IsRead)
        {
            recording.Refuse(call, reason);
        }

        return call.IsRead;
    }

    private async ValueTask AssignAsync(CallSession call, CancellationToken cancellationToken)
    {
        var (start, request) = (call.Start, call.Content!);
        var (reading, rules) = (request.Reading, request.Rules);
        try
        {
            // Ids are stored, logged and asked for by the same placeholder.
            var clean = redactor.For(start.Tenant);
            call.Place = await correlator.AssignAsync(
                new IncomingCall
                {
                    Tenant = start.Tenant,
                    Reading = reading,
                    Rules = rules,
                    TaskId = clean.RedactId(start.TaskId),
                    SessionId = clean.RedactId(start.SessionId ?? rules.SessionId(start.Header) ?? (rules.Name == TaskRules.Generic ? null : reading.SessionHint)),
                    RetryCount = start.RetryCount,
                    Description = () => start.Description ?? TaskText.Describe(rules.IsTurnBoundary ? reading.ReadLastUserText() : reading.ReadFirstUserText(), rules.Boilerplate),
                    SystemPrompt = request.SystemPrompt,
                    Project = () => rules.FindProject(request.SystemPrompt, reading),
                    EndsInUserText = () => EndsInUserText(reading, rules),
                    LastUserText = () => LastUserText(reading),
                    Headers = start.Headers,
                    AgentId = rules.AgentId(start.Header),
                    ParentAgentId = rules.ParentAgentId(start.Header),
                    ParentSessionId = clean.RedactId(rules.ParentSessionId(start.Header)),
                },
                request.Keys,
                cancellationToken);
        }
        catch (Exception error) when (!IsLeft(error, cancellationToken))
        {
            LogStageFailed(CallStage.Assign, error);
        }
    }

    private static async ValueTask RouteAsync(CallSession call, CancellationToken cancellationToken)
    {
        if (call.Start.ChooseRoute is { } choose && !call.Dialect.IsRecordOnly)
        {
            var question = new RouteQuestion(call.Start.Tenant, call.Reading.Model ?? "", call.Rules.Name, call.Place?.Task?.ConversationId, call.Start.Header);
            call.Route = await choose(question, cancellationToken);
        }
    }

    private async ValueTask EnhanceAsync(CallSession call, CancellationToken cancellationToken)
    {
        var start = call.Start;
        if (!start.MayEnhance || start.Dialect.IsRecordOnly || call.Place is not { IsSideCall: false, Task: { } task } place || (!start.MayInsertPrompt && call.Reading.SystemTexts.Count == 0))
        {
            return;
        }

        try
        {
            call.Prompt = await prompts.EnhanceAsync(
                new PromptRequest(call.Start.Tenant, task.ConversationId, task.TaskDescription, call.Provider, call.Route?.Model ?? call.Reading.Model ?? "", call.Reading)
                {
                    IsFirstStep = place.StepIndex == 1 && task.TaskId == task.ConversationId,
                    FewShot = call.Start.FewShot,
                    Project = task.Project,
                    IsProjectScope = options.FewShot.Scope == ExampleScope.Project || (options.FewShot.Scope == ExampleScope.Auto && call.Rules.StatesProject),
                },
                cancellationToken);
            Admit(call);
        }
        catch (Exception error) when (!IsLeft(error, cancellationToken))
        {
            LogStageFailed(CallStage.Enhance, error);
        }
    }

    /// <summary>
    /// Reserves memory for a rewritten body; the request is sent as it came if there is none, or if a few compressed
    /// bytes would become more than a body may have.
    /// </summary>
    private void Admit(CallSession call)
    {
        if (call.Prompt.Body is not { } body)
        {
            return;
        }

        var isAmplified = call.Start.ContentEncoding.Length > 0 && body.Length > options.Recording.MaxBodyBytes;
        if (isAmplified || !budget.TryTake(body.Length))
        {
            call.Prompt = PromptResult.Unchanged;
            LogNotRewritten(body.Length, isAmplified ? "Recording:MaxBodyBytes" : "Recording:MaxBufferedBytes");
            return;
        }

        call.Reserved(body.Length);
    }

    private void Record(CallSession call)
    {
        try
        {
            recording.Begin(call);
        }
        catch (Exception error)
        {
            LogStageFailed(CallStage.Record, error);
        }
    }

    private void Publish(CallSession call, AssembledReply reply)
    {
        if (call.Place is { Task: { } task } place)
        {
            correlator.Publish(task, call.IsFetch ? null : call.Reading, reply, call.Content!.Keys, place.StepIndex);
        }
    }

    private static bool IsLeft(Exception error, CancellationToken cancellationToken) => error is OperationCanceledException && cancellationToken.IsCancellationRequested;

    [LoggerMessage(1010, LogLevel.Error, "Pipeline stage '{Stage}' failed; forwarding the request unmodified")]
    private partial void LogStageFailed(CallStage stage, Exception error);

    [LoggerMessage(1015, LogLevel.Warning, "Forwarding a request unmodified: its rewritten body of {Bytes} bytes exceeds LlmProxy:{Setting}")]
    private partial void LogNotRewritten(int bytes, string setting);

    [LoggerMessage(1011, LogLevel.Error, "Recording of a response was truncated; the client response is unaffected")]
    private partial void LogCopyFailed(Exception error);
}

/// <summary>A stage of <see cref="CallPipeline"/>, as logs name it.</summary>
internal enum CallStage
{
    /// <summary>Reading the request.</summary>
    Read,
    /// <summary>Assigning the call to a task.</summary>
    Assign,
    /// <summary>Choosing and rendering the prompt.</summary>
    Enhance,
    /// <summary>Opening the record.</summary>
    Record,
    /// <summary>Ending the call.</summary>
    Complete,
}
