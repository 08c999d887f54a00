using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;

namespace LlmProxy.Core.Calls;

/// <summary>
/// One completion call between <see cref="CallPipeline.BeginAsync"/> and its end. Holds what each stage found out; a
/// stage that failed leaves its part empty, and the call is forwarded without it.
/// </summary>
/// <remarks>Belongs to one call; not safe for concurrent use. Dispose it when the response has been sent.</remarks>
internal sealed class CallSession : IDisposable
{
    private readonly CallPipeline _pipeline;
    private ReplyCopy? _copy;
    private bool _isComplete;
    private long _reserved;

    internal CallSession(CallPipeline pipeline, CallStart start)
    {
        (_pipeline, Start) = (pipeline, start);
        ReadTimestamp = pipeline.Timestamp();
    }

    /// <summary>The call as it came.</summary>
    public CallStart Start { get; }

    /// <summary>The call's wire format.</summary>
    public IDialect Dialect => Start.Dialect;

    /// <summary>When the request was complete, by the monotonic clock.</summary>
    public long ReadTimestamp { get; }

    /// <summary>Whether the request could be read. If not, the call is forwarded as it came and not recorded.</summary>
    public bool IsRead => Content is not null;

    /// <summary>The request; valid if <see cref="IsRead"/>.</summary>
    public RequestReading Reading => Request.Reading;

    /// <summary>Where the call goes instead of the upstream of its address, or null.</summary>
    public CallRoute? Route { get; internal set; }

    /// <summary>The provider of the model that is asked; valid if <see cref="IsRead"/>.</summary>
    public string Provider => Route?.Provider ?? Request.Provider;

    /// <summary>The client's rules; valid if <see cref="IsRead"/>.</summary>
    public TaskRules Rules => Request.Rules;

    /// <summary>The body to send: the rewritten one, else the request as it came; null if it is forwarded as a stream.</summary>
    public ReadOnlyMemory<byte>? Body => Prompt.Body is { } rewritten ? rewritten : Start.Body;

    /// <summary>Where the call belongs; null if that could not be decided.</summary>
    public TaskAssignment? Place { get; internal set; }

    /// <summary>What became of the system prompt.</summary>
    public PromptResult Prompt { get; internal set; } = PromptResult.Unchanged;

    /// <summary>The call's record in the spool; null if it is not recorded.</summary>
    public SpooledExchange? Record { get; internal set; }

    /// <summary>Why the call is not recorded; null if it is.</summary>
    public NotRecordedReason? NotRecorded { get; internal set; }

    /// <summary>The copy of the response that goes to the record.</summary>
    public ReplyCopy Copy => _copy ??= _pipeline.CopyOf(this);

    /// <summary>The reply as far as it came; null before the call ended and if it could not be read.</summary>
    public AssembledReply? Reply { get; private set; }

    /// <summary>The task's id if the call is a step of a task, else null.</summary>
    public string? TaskId => Place is { IsSideCall: false, Task: { } task } ? task.TaskId : null;

    /// <summary>The id of the task that the response names: of a step's task, or of the one whose history a call compacts.</summary>
    public string? StatedTaskId => Place is { Task: { } task } place && (!place.IsSideCall || Content is { Reading.IsCompaction: true }) ? task.TaskId : null;

    internal ReadRequest? Content { get; set; }

    /// <summary>Whether the call fetches the response of an earlier one, see <see cref="FetchedResponse"/>.</summary>
    internal bool IsFetch { get; init; }

    /// <summary>Notes memory that was reserved for the call, until the call is disposed.</summary>
    internal void Reserved(long bytes) => _reserved += bytes;

    /// <summary>Time from the call's arrival to its response; null if it is measured when the copy begins.</summary>
    internal TimeSpan? FirstByte { get; private set; }

    private ReadRequest Request => Content ?? throw new InvalidOperationException("The request could not be read: check IsRead first.");

    /// <summary>Notes that the response has begun, for callers that hand its body over later.</summary>
    public void MarkFirstByte() => FirstByte ??= _pipeline.Elapsed(Start.ArrivedTimestamp);

    /// <summary>Ends a call whose response is here in one piece. Later calls do nothing. Never throws.</summary>
    /// <param name="outcome">How it ended.</param>
    /// <param name="status">HTTP status of the response; 0 if there was none.</param>
    /// <param name="body">The response's body as JSON of <see cref="Dialect"/>, or as much of it as came.</param>
    /// <param name="duration">How long it took; null for the time since its arrival.</param>
    public void Complete(ExchangeOutcome outcome, int status, ReadOnlyMemory<byte> body, TimeSpan? duration = null)
    {
        if (!_isComplete && IsRead && status > 0)
        {
            Copy.Begin(status, "application/json", "", body.Length);
            Copy.Append(body);
        }

        Complete(outcome, status, duration);
    }

    /// <summary>Ends the call: its record is handed to the recorder, and its task records whether the response was complete. Later calls do nothing. Never throws.</summary>
    /// <param name="outcome">How it ended.</param>
    /// <param name="status">HTTP status that the client got; 0 if there was no response.</param>
    /// <param name="duration">How long it took; null for the time since its arrival.</param>
    public void Complete(ExchangeOutcome outcome, int status, TimeSpan? duration = null)
    {
        if (_isComplete || !IsRead)
        {
            return;
        }

        _isComplete = true;
        Reply = _pipeline.Complete(this, outcome, status, duration);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        // A caller that fails before it knows the outcome has left the call.
        Complete(ExchangeOutcome.ClientLeft, 0);
        Content?.Keys.Dispose();
        _copy?.Dispose();
        _pipeline.Return(Interlocked.Exchange(ref _reserved, 0));
    }
}

/// <summary>What was read of a request.</summary>
/// <param name="Reading">The request.</param>
/// <param name="Keys">Makes the call's correlation keys.</param>
/// <param name="SystemPrompt">The agent's system prompt.</param>
/// <param name="Rules">The client's rules.</param>
/// <param name="Provider">The provider of the model.</param>
/// <param name="Reserved">Bytes that were reserved for the decoded body.</param>
internal sealed record ReadRequest(RequestReading Reading, TurnKeys Keys, SystemPrompt SystemPrompt, TaskRules Rules, string Provider, long Reserved);
