using LlmProxy.Core.Redaction;
using LlmProxy.Core.Trajectories.Strategies;

namespace LlmProxy.Core.Trajectories;

/// <summary>
/// Assigns each call to a task. Ids decide if there are any (the task header, the response that a call names,
/// a conversation that the server keeps); else the history does: the chain of message keys that ends in a recorded
/// response, then tool-call ids that a recorded response gave out. Sessions only narrow the choice. The system prompt is
/// no key: it holds clocks. See docs/how-it-works.md on how tasks are found.
/// </summary>
/// <remarks>Safe for concurrent use. Never throws for a store that is down: the call then opens a task of its own.</remarks>
public sealed partial class TaskCorrelator
{
    // A response may still be on its way to the index when an eager client sends its next call.
    private static readonly TimeSpan WaitForAnswer = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan RetryWindow = TimeSpan.FromMinutes(10);
    private const int StoredKeysAsked = 24;
    private const int AsksOfSharedStore = 3;

    private readonly StoredTaskReader _stored;
    private readonly TimeProvider _time;
    private readonly Redactor? _redactor;
    private readonly bool _isShared;
    private readonly CorrelationIndex _index = new();
    private readonly TaskMatcher _matcher;
    private readonly Lock _lock = new();
    private TaskCompletionSource _published = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A correlator in front of a store.</summary>
    /// <param name="store">Holds tasks that this process does not have in memory.</param>
    /// <param name="keys">Holds their keys; an <see cref="ISharedTaskStore"/> if other processes may serve the same tasks.</param>
    /// <param name="gate">Limits how long the request path waits for the store.</param>
    /// <param name="time">The clock.</param>
    /// <param name="redactor">Takes secrets out of tasks' descriptions, or null.</param>
    public TaskCorrelator(ITrajectoryStore store, ICorrelationStore keys, StoreCircuitBreaker gate, TimeProvider time, Redactor? redactor = null)
    {
        (_time, _redactor) = (time, redactor);
        _stored = new StoredTaskReader(store, keys, gate);
        _isShared = keys is ISharedTaskStore;
        _matcher = new TaskMatcher(_index);
    }

    /// <summary>Publishes every call that begins and every response that ends to other processes; must be quick, since it is called under a lock.</summary>
    internal Action<ReplicaTask>? Announce { get; set; }

    /// <summary>Finds the call's place. The place is final: the recorder uses it too.</summary>
    public async ValueTask<TaskAssignment> AssignAsync(IncomingCall call, TurnKeys keys, CancellationToken cancellationToken)
    {
        call = Prepare(call, keys);

        // 1. The header names the task.
        if (call.TaskId is { } named)
        {
            return await PlaceNamedAsync(call, named, keys, cancellationToken);
        }

        // 2. A continuation is looked up in memory, then once more after a moment, then in the store.
        if (call.Reading.IsContinuation)
        {
            if (await ContinueAsync(call, new CorrelationKeys(call.Reading, keys), cancellationToken) is { } place)
            {
                return place;
            }
        }
        else if (FollowSummary(call, new CorrelationKeys(call.Reading, keys)) is { } compacted)
        {
            return compacted;
        }
        else if (call.RetryCount > 0 && call.Reading.Messages.Count > 0)
        {
            // The call that is sent again may have come to another process, or before a restart.
            await LoadAsync(call.Tenant, [call.Reading.Messages[^1].Chain], cancellationToken);
        }

        // 3. Nothing is known of its history: a side call, a retry of a first call, or a new task.
        lock (_lock)
        {
            return PlaceFirst(call);
        }
    }

    private async ValueTask<TaskAssignment?> ContinueAsync(IncomingCall call, CorrelationKeys probe, CancellationToken cancellationToken)
    {
        // 1. In memory. Where other processes serve the same tasks, one of them may know more than this index.
        var asked = _time.GetTimestamp();
        while (true)
        {
            if (TryContinue(call, probe, _isShared ? Certainty.UpToDate : Certainty.Sure, out var published) is { } place)
            {
                return place;
            }

            // Any task's response ends the wait early; wait again until the time limit.
            var left = WaitForAnswer - _time.GetElapsedTime(asked);
            if (published is null || left <= TimeSpan.Zero)
            {
                break;
            }

            await Task.WhenAny(published, Task.Delay(left, _time, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }

        // 2. In the store. Another process may have given the response just now; its keys are on their way.
        for (var asks = _isShared ? AsksOfSharedStore : 1; asks > 0; asks--)
        {
            if (await LoadAsync(call.Tenant, probe.StoredKeys(StoredKeysAsked), cancellationToken) is not { } isKnown)
            {
                // It does not respond: asking again would only keep the call waiting.
                break;
            }

            if (isKnown && TryContinue(call, probe, asks > 1 ? Certainty.UpToDate : Certainty.Sure, out _) is { } stored)
            {
                return stored;
            }

            if (asks > 1)
            {
                await Task.Delay(WaitForAnswer / AsksOfSharedStore, _time, cancellationToken);
            }
        }

        // 3. Weaker evidence counts only if neither memory nor the store has better.
        return TryContinue(call, probe, Certainty.Likely, out _);
    }

    /// <summary>Puts a response's keys into the index. To be called before the response's last bytes go to the client.</summary>
    public void Publish(OpenTask task, RequestReading? reading, AssembledReply reply, TurnKeys keys, int stepIndex)
    {
        var now = _time.GetUtcNow();
        var entries = ReplyKeys.Make(reading, reply, keys, task.TaskId, stepIndex, now);
        lock (_lock)
        {
            foreach (var entry in entries)
            {
                _index.Add(task, entry);
            }

            if (stepIndex > 0 && stepIndex == task.LastStep)
            {
                task.LastEndedTurn = reply.EndedTurn;
                task.LastAnswered = reply.IsComplete;
                task.LastReadable = true;
            }

            Signal();

            // A later call of the task may be under way; of its response nothing is known yet.
            Announce?.Invoke(task.Snapshot(entries, now) with { LastStep = stepIndex, LastEndedTurn = reply.EndedTurn, LastAnswered = reply.IsComplete, LastReadable = true });
        }
    }

    /// <summary>Adds an open task that another process published.</summary>
    public void Apply(ReplicaTask task)
    {
        lock (_lock)
        {
            _index.Add(task);
            Signal();
        }
    }

    /// <summary>Ends a call.</summary>
    /// <param name="task">Its task.</param>
    /// <param name="stepIndex">Its step; 0 for a side call.</param>
    /// <param name="answered">Whether a whole response went to the client: not if the client left, or the status was 408, 409, 429 or 5xx.</param>
    /// <param name="readable">Whether the response could be read.</param>
    public void End(OpenTask task, int stepIndex, bool answered, bool readable)
    {
        lock (_lock)
        {
            task.InFlight--;
            task.LastUsed = _time.GetUtcNow();
            if (stepIndex > 0 && stepIndex == task.LastStep)
            {
                task.LastAnswered = answered;
                task.LastReadable = readable;
                if (!answered || !readable)
                {
                    // Complete responses are published with their keys. This call is found by its history when it is sent again.
                    Announce?.Invoke(task.Snapshot(
                        task.LastRequest is { } request ? [new CorrelationEntry(request, CorrelationKind.Request, task.TaskId, stepIndex, task.LastUsed)] : [],
                        task.LastUsed));
                }
            }

            Signal();
        }
    }

    /// <summary>Forgets a task that was deleted or cancelled.</summary>
    public void Forget(string tenant, string taskId)
    {
        lock (_lock)
        {
            if (_index.Find(tenant, taskId) is { } task)
            {
                _index.Remove(task);
            }
        }
    }

    /// <summary>The open task of an id, or null where it is not in memory.</summary>
    public OpenTask? Find(string tenant, string taskId)
    {
        lock (_lock)
        {
            return _index.Find(tenant, taskId);
        }
    }

    /// <summary>The task of the tenant, or of one of its sessions, whose last call is the most recent; null where none is in memory.</summary>
    public OpenTask? FindLatest(string tenant, string? sessionId)
    {
        lock (_lock)
        {
            return _index.Latest(tenant, sessionId);
        }
    }

    private async ValueTask<TaskAssignment> PlaceNamedAsync(IncomingCall call, string taskId, TurnKeys keys, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_index.Find(call.Tenant, taskId) is { } known && (!_isShared || IsUpToDate(known, call, keys)))
            {
                return TakeNamed(known, call);
            }
        }

        var stored = await _stored.FindAsync(call.Tenant, taskId, cancellationToken);
        lock (_lock)
        {
            if (_index.Find(call.Tenant, taskId) is { } known)
            {
                if (stored is not null)
                {
                    known.CatchUp(stored);
                }

                return TakeNamed(known, call);
            }

            if (stored is null && call.IsSideCallByPreset)
            {
                return SideCall(null);
            }

            var task = stored ?? NewTask(call, taskId, conversation: null);
            if (task is { LastStep: 0, TaskDescription: "" })
            {
                // A task opened through the API may have no description.
                task.TaskDescription = Describe(call);
                task.Project ??= FindProject(call);
            }

            _index.Add(task);
            return TakeNamed(task, call) with { IsNewTask = stored is null };
        }
    }

    /// <summary>Whether a call continues the latest response that is known here: then no other process has given a later one.</summary>
    private bool IsUpToDate(OpenTask task, IncomingCall call, TurnKeys keys) =>
        _matcher.Match(call, new CorrelationKeys(call.Reading, keys), Certainty.UpToDate) is { } match && ReferenceEquals(match.Task, task);

    // The header decides: only the preset's own rules make such a call a side call.
    private TaskAssignment TakeNamed(OpenTask task, IncomingCall call) => call.IsSideCallByPreset ? SideCall(task) : Take(task, call, named: true);

    /// <summary>Asks once, and outside of the lock, what costs time: patterns of the settings run over long texts.</summary>
    private static IncomingCall Prepare(IncomingCall call, TurnKeys keys)
    {
        var reading = call.Reading;
        var isContinuation = reading.IsContinuation;
        var hasTools = reading.OffersTools || call.KeepsHistory;
        var endsInUserText = call.Rules.IsTurnBoundary && call.EndsInUserText();
        var description = new Lazy<string>(call.Description, LazyThreadSafetyMode.None);
        if (!isContinuation)
        {
            _ = description.Value;
        }

        return call with
        {
            IsSideCallByPreset = (!isContinuation && !hasTools && call.Rules.SideCallWithoutTools)
                || reading.IsCompaction
                || call.Rules.IsSideCall(call.SystemPrompt ?? new SystemPrompt(reading))
                || (call.Rules.HasSideCallTexts && call.Rules.IsSideCall(call.LastUserText())),
            EndsInUserText = () => endsInUserText,
            Description = () => description.Value,
            Frame = RequestFingerprint.Of(reading, keys),
        };
    }

    private TaskAssignment? TryContinue(IncomingCall call, CorrelationKeys probe, Certainty wanted, out Task? published)
    {
        lock (_lock)
        {
            published = null;
            var match = _matcher.Match(call, probe, wanted);
            if (match is null)
            {
                // Worth a wait only where a call with the same beginning is under way.
                if (probe.RequestChains.Any(c => _index.Find(call.Tenant, c, CorrelationKind.Request).Exists(e => _index.Find(call.Tenant, e.TaskId) is { IsUnderWay: true })))
                {
                    published = _published.Task;
                }

                return null;
            }

            return Continue(call, probe, match.Value);
        }
    }

    // A continuation is a step whether or not it offers tools: many clients omit them in the last call.
    private TaskAssignment Continue(IncomingCall call, CorrelationKeys probe, TaskMatch match)
    {
        var (task, turnEnded) = match;
        if (call.IsSideCallByPreset)
        {
            return SideCall(task);
        }

        if (turnEnded && call.Rules.IsTurnBoundary && call.EndsInUserText())
        {
            // The same turn begun again is that turn again.
            if (_matcher.Repeated(call, probe, task.ConversationId) is { LastStep: 1 } again)
            {
                return Take(again, call, named: false);
            }

            var next = NewTask(call, taskId: null, task);
            task.IsContinued = true;
            _index.Add(next);
            return Take(next, call, named: false) with { IsNewTask = true };
        }

        return Take(task, call, named: false);
    }

    /// <summary>A history without an assistant turn can be a compacted one: a summary takes its place.</summary>
    private TaskAssignment? FollowSummary(IncomingCall call, CorrelationKeys probe)
    {
        lock (_lock)
        {
            return _matcher.Compacted(call, probe) is { } match ? Continue(call, probe, match) : null;
        }
    }

    private TaskAssignment PlaceFirst(IncomingCall call)
    {
        if (IsSideCall(call))
        {
            return SideCall(_index.OfSession(call.Tenant, call.SessionId).MaxBy(t => t.LastUsed));
        }

        if (!call.Reading.IsContinuation && call.Reading.Messages.Count > 0)
        {
            // Of several equal ones it is rather the one that failed that is sent again; and no other tools than it had.
            var earlier = _index.Find(call.Tenant, call.Reading.Messages[^1].Chain, CorrelationKind.Request)
                .Select(e => _index.Find(call.Tenant, e.TaskId))
                .OfType<OpenTask>()
                .Where(t => t.LastStep == 1 && t.SessionId == call.SessionId && t.Model == call.Reading.Model && _time.GetUtcNow() - t.LastUsed < RetryWindow)
                .Select(t => (Task: t, Failed: !t.IsUnderWay && !t.LastAnswered, Frame: RequestFingerprint.Likeness(t.Frame, call.Frame)))
                .Where(t => (t.Failed || call.RetryCount >= 1) && t.Frame.Tools > 0)
                .OrderBy(t => (t.Frame, t.Failed, t.Task.LastUsed))
                .Select(t => t.Task)
                .LastOrDefault();
            if (earlier is not null)
            {
                return Take(earlier, call, named: false);
            }
        }

        var task = NewTask(call, taskId: null, conversation: null);
        _index.Add(task);
        return Take(task, call, named: false) with { IsNewTask = true };
    }

    // It continues nothing that is known.
    private bool IsSideCall(IncomingCall call) =>
        call.IsSideCallByPreset
        || (!call.Reading.OffersTools && !call.KeepsHistory
            && (call.Rules.SideCallWithoutTools || _index.OfSession(call.Tenant, call.SessionId).Any(t => t.OffersTools)));

    private TaskAssignment SideCall(OpenTask? task)
    {
        if (task is not null)
        {
            task.InFlight++;
        }

        return new TaskAssignment(task, 0, IsNewTask: false, IsSideCall: true, IsRetry: false);
    }

    private TaskAssignment Take(OpenTask task, IncomingCall call, bool named)
    {
        var reading = call.Reading;
        var chain = reading.Messages.Count == 0 ? TurnKey.Empty : reading.Messages[^1].Chain;
        // The same history again is the same step again: a first call only as a retry, which was decided before. Where
        // the server keeps the history, a call is its new message alone, and a person can say "yes" twice.
        var same = task.LastStep > 0
            && (task.LastRequest is { } last
                ? last == chain && task.LastMessageCount == reading.Messages.Count && task.LastPrevious == reading.PreviousResponseId
                : !call.KeepsHistory && chain != TurnKey.Empty && _index.Find(call.Tenant, chain, CorrelationKind.Request).Exists(e => e.TaskId == task.TaskId && e.StepIndex == task.LastStep))
            && (call.RetryCount >= 1 || !task.LastAnswered || (reading.ServerConversationId is null && (!named || reading.IsContinuation)));
        if (!same)
        {
            task.LastStep++;
        }

        task.LastRequest = chain;
        task.LastMessageCount = reading.Messages.Count;
        task.LastPrevious = reading.PreviousResponseId;
        task.Model = reading.Model;
        task.Stream = reading.Stream;
        task.Frame = call.Frame;
        task.Headers = call.Headers;
        task.LastAnswered = false;
        task.LastEndedTurn = false;
        task.OffersTools |= reading.OffersTools;
        task.InFlight++;
        task.LastUsed = _time.GetUtcNow();
        task.IsUnderWayElsewhere = false;
        var request = new CorrelationEntry(chain, CorrelationKind.Request, task.TaskId, task.LastStep, task.LastUsed);
        _index.Add(task, request);
        Announce?.Invoke(task.Snapshot([request], task.LastUsed) with { IsUnderWay = true });
        return new TaskAssignment(task, task.LastStep, IsNewTask: false, IsSideCall: false, IsRetry: same);
    }

    private OpenTask NewTask(IncomingCall call, string? taskId, OpenTask? conversation)
    {
        var id = taskId ?? Guid.CreateVersion7(_time.GetUtcNow()).ToString("N");
        var parent = conversation is not null ? null : FindParent(call);
        return new OpenTask
        {
            Identity = new TaskIdentity
            {
                TaskId = id,
                TrajectoryId = Guid.CreateVersion7(_time.GetUtcNow()).ToString("N"),
                Tenant = call.Tenant,
                ConversationId = conversation?.ConversationId ?? id,
                ParentId = conversation?.ParentId ?? parent?.TrajectoryId,
                SessionId = call.SessionId,
            },
            TaskDescription = Describe(call),
            Project = conversation?.Project ?? FindProject(call) ?? parent?.Project,
            OffersTools = call.Reading.OffersTools,
            AgentId = call.AgentId,
            StartedAt = _time.GetUtcNow(),
            LastUsed = _time.GetUtcNow(),
        };
    }

    /// <summary>The task that started a sub-agent: the client names its agent; else a sub-agent starts while a task of its session waits for the result of a tool.</summary>
    private OpenTask? FindParent(IncomingCall call)
    {
        var session = _index.OfSession(call.Tenant, call.ParentSessionId ?? call.SessionId);
        return call.AgentId is null
            ? session.Where(t => t is { OffersTools: true, LastEndedTurn: false, LastAnswered: true, AgentId: null }).MaxBy(t => (t.ParentId is null, t.LastUsed))
            : session.Where(t => t.OffersTools && t.AgentId == call.ParentAgentId).MaxBy(t => t.LastUsed);
    }

    /// <summary>Brings what the store knows of some keys into memory: whether it knows anything, or null if it does not respond.</summary>
    private async ValueTask<bool?> LoadAsync(string tenant, IReadOnlyCollection<TurnKey> keys, CancellationToken cancellationToken)
    {
        if (await _stored.FindAsync(tenant, keys, cancellationToken) is not { } stored)
        {
            return null;
        }

        lock (_lock)
        {
            _index.Add(stored);
        }

        return !stored.IsEmpty;
    }

    private string? FindProject(IncomingCall call) => call.Project() is { } project ? _redactor?.For(call.Tenant).Redact(project) ?? project : null;

    private string Describe(IncomingCall call) => _redactor?.For(call.Tenant).Redact(call.Description()) ?? call.Description();

    private void Signal()
    {
        var waiting = _published;
        _published = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        waiting.TrySetResult();
    }
}
