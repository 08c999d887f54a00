using LlmProxy.Core.Dialects;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Storage;

namespace LlmProxy.Core.Trajectories;

/// <summary>
/// Says which task a call continues. Ids decide where there are any (the task header, the answer that a call names,
/// a conversation that the server keeps); else the history does: the chain of message keys that ends in a recorded
/// answer, then tool-call ids that a recorded answer gave out. Sessions only narrow the choice. The system prompt is
/// no key: it holds clocks. See the README's section on how tasks are found.
/// </summary>
/// <remarks>Safe for concurrent use. Never throws for a store that is down: the call then opens a task of its own.</remarks>
public sealed class TaskCorrelator(ITrajectoryStore store, StoreGate gate, TimeProvider time, Redactor? redactor = null)
{
    // An answer may still be on its way to the index when an eager client sends its next call.
    private static readonly TimeSpan WaitForAnswer = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan RetryWindow = TimeSpan.FromMinutes(10);
    private const int StoredKeysAsked = 24;
    private const int AsksOfSharedStore = 3;

    private readonly bool _isShared = store.IsShared;
    private readonly CorrelationIndex _index = new();
    private readonly Lock _lock = new();
    private TaskCompletionSource _published = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Finds the call's place. The answer is final: whoever records the call uses it.</summary>
    public async ValueTask<CallPlace> PlaceAsync(IncomingCall call, TurnKeys keys, CancellationToken cancellationToken)
    {
        call = Prepare(call);

        // 1. The header names the task.
        if (call.TaskId is { } named)
        {
            return await PlaceNamedAsync(call, named, cancellationToken);
        }

        // 2. A continuation is looked up in memory, then once more after a moment, then in the store.
        if (call.Reading.IsContinuation)
        {
            var probe = new HistoryProbe(call.Reading, keys);
            var asked = time.GetTimestamp();
            while (true)
            {
                if (TryContinue(call, probe, surely: true, out var published) is { } place)
                {
                    return place;
                }

                // Any task's answer ends the wait: it goes on until its time is over.
                var left = WaitForAnswer - time.GetElapsedTime(asked);
                if (published is null || left <= TimeSpan.Zero)
                {
                    break;
                }

                await Task.WhenAny(published, Task.Delay(left, time, cancellationToken));
                cancellationToken.ThrowIfCancellationRequested();
            }

            // Another process may have given the answer just now; its keys are on their way to the store.
            for (var asks = _isShared ? AsksOfSharedStore : 1; asks > 0; asks--)
            {
                if (await LoadAsync(call, probe.StoredKeys(StoredKeysAsked), cancellationToken) && TryContinue(call, probe, surely: true, out _) is { } stored)
                {
                    return stored;
                }

                if (asks > 1)
                {
                    await Task.Delay(WaitForAnswer / AsksOfSharedStore, time, cancellationToken);
                }
            }

            // What tells less is asked when nobody knows better: neither memory nor the store.
            if (TryContinue(call, probe, surely: false, out _) is { } likely)
            {
                return likely;
            }
        }
        else if (call.RetryCount > 0 && call.Reading.Messages.Count > 0)
        {
            // The call that is sent again may have come to another process, or before a restart.
            await LoadAsync(call, [call.Reading.Messages[^1].Chain], cancellationToken);
        }

        // 3. Nothing is known of its history: a side call, a retry of a first call, or a new task.
        lock (_lock)
        {
            return PlaceFirst(call);
        }
    }

    /// <summary>Puts an answer's keys into the index. To be called before the answer's last bytes go to the client.</summary>
    /// <returns>The keys.</returns>
    public IReadOnlyList<CorrelationEntry> Publish(OpenTask task, RequestReading reading, AssembledReply reply, TurnKeys keys, int stepIndex)
    {
        var entries = AnswerKeys.Make(reading, reply, keys, task.TaskId, stepIndex, time.GetUtcNow());
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
        }

        return entries;
    }

    /// <summary>Says that a call is over.</summary>
    /// <param name="task">Its task.</param>
    /// <param name="stepIndex">Its step; 0 for a side call.</param>
    /// <param name="answered">Whether a whole answer went to the client: not where the client left, or the status was 408, 409, 429 or 5xx.</param>
    /// <param name="readable">Whether the answer could be read.</param>
    public void End(OpenTask task, int stepIndex, bool answered, bool readable)
    {
        lock (_lock)
        {
            task.InFlight--;
            task.LastUsed = time.GetUtcNow();
            if (stepIndex > 0 && stepIndex == task.LastStep)
            {
                task.LastAnswered = answered;
                task.LastReadable = readable;
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

    private async ValueTask<CallPlace> PlaceNamedAsync(IncomingCall call, string taskId, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_index.Find(call.Tenant, taskId) is { } known)
            {
                return TakeNamed(known, call);
            }
        }

        var (stored, _) = await gate.AskAsync("task by id", ct => store.FindTaskAsync(call.Tenant, taskId, ct), null, cancellationToken);
        lock (_lock)
        {
            if (_index.Find(call.Tenant, taskId) is { } known)
            {
                return TakeNamed(known, call);
            }

            if (stored is null && call.IsSideCallByPreset)
            {
                return SideCall(null);
            }

            var task = stored is null ? NewTask(call, taskId, conversation: null) : FromStore(stored);
            _index.Add(task);
            return TakeNamed(task, call) with { IsNewTask = stored is null };
        }
    }

    // Who names the task means it: only the preset's own rules make such a call a side call.
    private CallPlace TakeNamed(OpenTask task, IncomingCall call) => call.IsSideCallByPreset ? SideCall(task) : Take(task, call, named: true);

    /// <summary>Asks once, and outside of the lock, what costs time: patterns of the settings run over long texts.</summary>
    private static IncomingCall Prepare(IncomingCall call)
    {
        var reading = call.Reading;
        var isContinuation = reading.IsContinuation;
        var hasTools = reading.OffersTools || KeepsHistory(reading);
        var endsInUserText = isContinuation && call.Rules.IsTurnBoundary && call.EndsInUserText();
        var description = new Lazy<string>(call.Description, LazyThreadSafetyMode.None);
        if (!isContinuation)
        {
            _ = description.Value;
        }

        return call with
        {
            IsSideCallByPreset = (!hasTools && call.Rules.SideCallWithoutTools) || call.Rules.IsSideCall(call.SystemPrompt ?? new SystemPrompt(reading)),
            EndsInUserText = () => endsInUserText,
            Description = () => description.Value,
        };
    }

    /// <summary>Whether the server keeps the history: the call brings only what is new, and its tools may be there too.</summary>
    private static bool KeepsHistory(RequestReading reading) => reading.PreviousResponseId is not null || reading.ServerConversationId is not null;

    private CallPlace? TryContinue(IncomingCall call, HistoryProbe probe, bool surely, out Task? published)
    {
        lock (_lock)
        {
            published = null;
            var match = Match(call, probe, surely);
            if (match is null)
            {
                // Worth a wait only where a call with the same beginning is under way.
                if (probe.RequestChains.Any(c => Entries(call, c, CorrelationKind.Request).Any(e => _index.Find(call.Tenant, e.TaskId) is { InFlight: > 0 })))
                {
                    published = _published.Task;
                }

                return null;
            }

            var (task, turnEnded) = match.Value;
            if (IsSideCall(call, task))
            {
                return SideCall(task);
            }

            if (turnEnded && call.Rules.IsTurnBoundary && call.EndsInUserText())
            {
                // The same turn begun again is that turn again.
                if (Repeated(call, probe.Whole, task.ConversationId) is { LastStep: 1 } again)
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
    }

    /// <summary>The task whose latest call had this whole history, or null.</summary>
    private OpenTask? Repeated(IncomingCall call, TurnKey whole, string? conversationId)
    {
        if (KeepsHistory(call.Reading) || whole == TurnKey.Empty)
        {
            return null;
        }

        var entries = SameSession(call, Entries(call, whole, CorrelationKind.Request)).Where(e =>
            _index.Find(call.Tenant, e.TaskId) is { } task && task.LastStep == e.StepIndex && (conversationId is null || task.ConversationId == conversationId));
        return Choose(call, [.. entries])?.Task;
    }

    private (OpenTask Task, bool TurnEnded)? Match(IncomingCall call, HistoryProbe probe, bool surely)
    {
        // a. The server keeps the history: the call names the answer that it continues.
        foreach (var (key, kind) in probe.ServerKeys)
        {
            if (Choose(call, Entries(call, key, kind)) is { } byId)
            {
                return Continue(byId);
            }
        }

        // b. The whole history up to its last assistant turn is one that was recorded.
        if (probe.AssistantChains.Count > 0 && Choose(call, SameIds(call, probe, Entries(call, probe.AssistantChains[^1], CorrelationKind.Chain))) is { } whole)
        {
            return Continue(whole);
        }

        // c. A tool-call id in the history was given out by a recorded answer: the latest known one decides, the
        //    longest common chain among those who share it. Some servers give the same ids out again and again
        //    (call_0): of several tasks without a common chain an id alone does not tell which.
        (OpenTask Task, CorrelationEntry Entry)? shared = null;
        for (var i = probe.ToolCalls.Count - 1; i >= 0; i--)
        {
            var entries = Entries(call, probe.ToolCalls[i], CorrelationKind.ToolCall);
            if (entries.Count > 0)
            {
                var sharers = entries.Select(e => e.TaskId).ToHashSet(StringComparer.Ordinal);
                for (var depth = probe.AssistantChains.Count - 2; depth >= 0; depth--)
                {
                    if (Choose(call, [.. Entries(call, probe.AssistantChains[depth], CorrelationKind.Chain).Where(e => sharers.Contains(e.TaskId))]) is { } deepest)
                    {
                        return Continue(deepest);
                    }
                }

                if (sharers.Count == 1 && Choose(call, entries) is { } byCall)
                {
                    return Continue(byCall);
                }

                shared ??= Choose(call, entries);
            }
        }

        // d. The last assistant turn is a recorded answer, though what stands before it was rewritten.
        if (Choose(call, SameSession(call, Entries(call, probe.LastTurn, CorrelationKind.Turn))) is { } byTurn)
        {
            return Continue(byTurn);
        }

        if (surely)
        {
            return null;
        }

        if (shared is { } latest)
        {
            return Continue(latest);
        }

        // e. An earlier part of the history was recorded; turns behind it were not, or came back changed.
        for (var depth = probe.AssistantChains.Count - 2; depth >= 0; depth--)
        {
            if (Choose(call, SameSession(call, Entries(call, probe.AssistantChains[depth], CorrelationKind.Chain))) is { } partly)
            {
                return Continue(partly);
            }
        }

        // f. The history goes on from a recorded call, behind an answer that came back changed (some clients give tool
        //    calls ids of their own), that was cut off or could not be read: nobody else continued that call.
        for (var i = probe.RequestChains.Count - 1; i >= 0; i--)
        {
            var unextended = Entries(call, probe.RequestChains[i], CorrelationKind.Request)
                // Another process may have continued it, which is not known here; there the session has to say it too.
                .Where(e => _index.Find(call.Tenant, e.TaskId) is { InFlight: 0 } task && task.LastStep == e.StepIndex && (!_isShared || (task.SessionId is not null && task.SessionId == call.SessionId)))
                .ToList();
            if (Choose(call, SameSession(call, unextended)) is { } changed)
            {
                return (changed.Task, changed.Task.LastEndedTurn || !changed.Task.LastReadable || !changed.Task.LastAnswered);
            }
        }

        // g. A compacted history: its first message is the summary that a recorded answer gave.
        foreach (var summary in probe.Summaries)
        {
            if (Choose(call, Entries(call, summary, CorrelationKind.Turn)) is { } compacted)
            {
                return (compacted.Task, false);
            }
        }

        // h. None of its answers was recorded, but the call itself was: it is sent again.
        return Repeated(call, probe.Whole, conversationId: null) is { } again ? (again, false) : null;

        // Only the task's latest answer can have ended a turn that this call goes on from.
        static (OpenTask Task, bool TurnEnded) Continue((OpenTask Task, CorrelationEntry Entry) found) =>
            (found.Task, found.Task.LastEndedTurn && found.Entry.StepIndex == found.Task.LastStep);
    }

    private CallPlace PlaceFirst(IncomingCall call)
    {
        if (IsSideCall(call, null))
        {
            return SideCall(_index.OfSession(call.Tenant, call.SessionId).MaxBy(t => t.LastUsed));
        }

        if (!call.Reading.IsContinuation && call.Reading.Messages.Count > 0)
        {
            // Of several equal ones it is rather the one that failed that is sent again.
            var earlier = Entries(call, call.Reading.Messages[^1].Chain, CorrelationKind.Request)
                .Select(e => _index.Find(call.Tenant, e.TaskId))
                .OfType<OpenTask>()
                .Where(t => t.LastStep == 1 && t.SessionId == call.SessionId && t.Model == call.Reading.Model && time.GetUtcNow() - t.LastUsed < RetryWindow)
                .Select(t => (Task: t, Failed: t.InFlight == 0 && !t.LastAnswered))
                .Where(t => t.Failed || call.RetryCount >= 1)
                .OrderBy(t => (t.Failed, t.Task.LastUsed))
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

    private bool IsSideCall(IncomingCall call, OpenTask? task) =>
        call.IsSideCallByPreset
        || (!call.Reading.OffersTools && !KeepsHistory(call.Reading)
            && (task is { OffersTools: true } || _index.OfSession(call.Tenant, call.SessionId).Any(t => t.OffersTools)));

    private CallPlace SideCall(OpenTask? task)
    {
        if (task is not null)
        {
            task.InFlight++;
        }

        return new CallPlace(task, 0, IsNewTask: false, IsSideCall: true, IsRetry: false);
    }

    private CallPlace Take(OpenTask task, IncomingCall call, bool named)
    {
        var reading = call.Reading;
        var chain = reading.Messages.Count == 0 ? TurnKey.Empty : reading.Messages[^1].Chain;
        // The same history again is the same step again: a first call only as a retry, which was decided before. Where
        // the server keeps the history, a call is its new message alone, and a person can say "yes" twice.
        var same = task.LastStep > 0
            && (task.LastRequest is { } last
                ? last == chain && task.LastMessageCount == reading.Messages.Count && task.LastPrevious == reading.PreviousResponseId
                : !KeepsHistory(reading) && chain != TurnKey.Empty && Entries(call, chain, CorrelationKind.Request).Exists(e => e.TaskId == task.TaskId && e.StepIndex == task.LastStep))
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
        task.LastAnswered = false;
        task.LastEndedTurn = false;
        task.OffersTools |= reading.OffersTools;
        task.InFlight++;
        task.LastUsed = time.GetUtcNow();
        _index.Add(task, new CorrelationEntry(chain, CorrelationKind.Request, task.TaskId, task.LastStep, task.LastUsed));
        return new CallPlace(task, task.LastStep, IsNewTask: false, IsSideCall: false, IsRetry: same);
    }

    private OpenTask NewTask(IncomingCall call, string? taskId, OpenTask? conversation)
    {
        var id = taskId ?? Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
        // A sub-agent starts while a run of its session waits for the result of a tool.
        var parent = conversation is not null ? null : _index.OfSession(call.Tenant, call.SessionId)
            .Where(t => t is { OffersTools: true, LastEndedTurn: false, LastAnswered: true })
            .MaxBy(t => (t.ParentId is null, t.LastUsed));
        return new OpenTask
        {
            TaskId = id,
            TrajectoryId = Guid.CreateVersion7(time.GetUtcNow()).ToString("N"),
            Tenant = call.Tenant,
            ConversationId = conversation?.ConversationId ?? id,
            ParentId = conversation?.ParentId ?? parent?.TrajectoryId,
            SessionId = call.SessionId,
            TaskDescription = redactor?.Redact(call.Description()) ?? call.Description(),
            OffersTools = call.Reading.OffersTools,
            StartedAt = time.GetUtcNow(),
            LastUsed = time.GetUtcNow(),
        };
    }

    private static OpenTask FromStore(Trajectory stored) => new()
    {
        TaskId = stored.TaskId,
        TrajectoryId = stored.Id,
        Tenant = stored.Tenant,
        ConversationId = stored.ConversationId,
        ParentId = stored.ParentId,
        SessionId = stored.SessionId,
        TaskDescription = stored.TaskDescription,
        Model = stored.Model,
        StartedAt = stored.StartedAt,
        LastStep = stored.IterationCount,
        LastAnswered = true,
        LastEndedTurn = stored.IsProvisional || stored.Status == TrajectoryStatus.Completed,
        OffersTools = stored.ToolCallsCount > 0,
        LastUsed = stored.LastActivityAt,
    };

    private async ValueTask<bool> LoadAsync(IncomingCall call, IReadOnlyCollection<TurnKey> keys, CancellationToken cancellationToken)
    {
        if (keys.Count == 0)
        {
            return false;
        }

        var (loaded, _) = await gate.AskAsync(
            "correlation",
            async ct =>
            {
                var entries = await store.FindCorrelationAsync(call.Tenant, keys, ct);
                var tasks = new List<(Trajectory Task, List<CorrelationEntry> Entries)>();
                foreach (var group in entries.GroupBy(e => e.TaskId, StringComparer.Ordinal).Take(8))
                {
                    if (await store.FindTaskAsync(call.Tenant, group.Key, ct) is { } task)
                    {
                        tasks.Add((task, [.. group]));
                    }
                }

                return tasks;
            },
            [],
            cancellationToken);
        lock (_lock)
        {
            foreach (var (stored, entries) in loaded)
            {
                var task = _index.Find(call.Tenant, stored.TaskId);
                if (task is null)
                {
                    task = FromStore(stored);
                    _index.Add(task);
                }

                foreach (var entry in entries)
                {
                    _index.Add(task, entry);
                }
            }
        }

        return loaded.Count > 0;
    }

    private List<CorrelationEntry> Entries(IncomingCall call, TurnKey key, CorrelationKind kind) =>
        [.. _index.Find(call.Tenant, key).Where(e => e.Kind == kind)];

    private List<CorrelationEntry> SameSession(IncomingCall call, List<CorrelationEntry> entries) =>
        [.. entries.Where(e => _index.Find(call.Tenant, e.TaskId) is { } task && (task.SessionId is null || call.SessionId is null || task.SessionId == call.SessionId))];

    /// <summary>Of several tasks with the same words those alone that gave out an id which the history holds, if there are any.</summary>
    private List<CorrelationEntry> SameIds(IncomingCall call, HistoryProbe probe, List<CorrelationEntry> entries)
    {
        if (entries.Count < 2 || entries.TrueForAll(e => e.TaskId == entries[0].TaskId))
        {
            return entries;
        }

        for (var i = probe.ToolCalls.Count - 1; i >= 0; i--)
        {
            var givers = Entries(call, probe.ToolCalls[i], CorrelationKind.ToolCall).Select(e => e.TaskId).ToHashSet(StringComparer.Ordinal);
            if (entries.FindAll(e => givers.Contains(e.TaskId)) is { Count: > 0 } same)
            {
                return same;
            }
        }

        return entries;
    }

    /// <summary>Of several tasks that a key leads to: those of the call's session first, then of its model and kind of answer, then those that nobody continued yet, then the most recent.</summary>
    private (OpenTask Task, CorrelationEntry Entry)? Choose(IncomingCall call, IReadOnlyList<CorrelationEntry> entries)
    {
        (OpenTask Task, CorrelationEntry Entry)? best = null;
        (bool Session, bool Model, bool Stream, bool Unextended, DateTimeOffset At) rank = default;
        foreach (var entry in entries)
        {
            if (_index.Find(call.Tenant, entry.TaskId) is not { } task)
            {
                continue;
            }

            var own = (task.SessionId == call.SessionId, task.Model is null || task.Model == call.Reading.Model, task.Stream == call.Reading.Stream, entry.StepIndex == task.LastStep && !task.IsContinued, entry.At);
            if (best is null || own.CompareTo(rank) > 0)
            {
                (best, rank) = ((task, entry), own);
            }
        }

        return best;
    }

    private void Signal()
    {
        var waiting = _published;
        _published = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        waiting.TrySetResult();
    }
}
