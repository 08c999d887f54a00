using LlmProxy.Core.Redaction;
using LlmProxy.Wire.ContentEncoding;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Core.Recording;

/// <summary>
/// Turns one exchange into a step of its run, and opens and rebuilds runs. Pure work on values; the recorder saves what
/// comes out.
/// </summary>
internal sealed class StepBuilder(OutcomeJudge judge, TaskRulesCatalog catalog, Redactor redactor, IReadOnlyList<ModelPrice> prices, Provenance provenance, CorrelationSecret secret, HistoryPrefixCache histories)
{
    /// <summary>A new trajectory from its first exchange.</summary>
    public TrajectoryState Start(ExchangeHead head)
    {
        var (row, clean) = (head.ToRow(), redactor.For(head.Tenant));
        return new(provenance.Mark(row) with { TaskDescription = clean.Redact(row.TaskDescription), Model = clean.Redact(row.Model), Client = clean.Redact(row.Client), Project = row.Project is { } project ? clean.Redact(project) : null });
    }

    /// <summary>Takes provider, model and client from the first call of a trajectory that was opened without one.</summary>
    public void Adopt(TrajectoryState run, ExchangeHead head)
    {
        var first = Start(head).Row;
        run.Row = run.Row with
        {
            Provider = first.Provider,
            Model = first.Model,
            Client = first.Client,
            Preset = first.Preset,
            SessionId = run.Row.SessionId ?? first.SessionId,
            TaskDescription = run.Row.TaskDescription.Length > 0 ? run.Row.TaskDescription : first.TaskDescription,
            StartedAt = first.StartedAt,
            LastActivityAt = first.StartedAt,
            HasContent = first.HasContent,
            WhyNoContent = first.WhyNoContent,
            Project = run.Row.Project ?? first.Project,
            ExampleIds = first.ExampleIds,
            Arm = first.Arm,
            TemplateSet = first.TemplateSet,
            KeyNames = WithKey(run.Row, head),
        };
        run.KeepContent = first.HasContent;
    }

    /// <summary>A run that is in the store, as it was when its last step was taken.</summary>
    public TrajectoryState Rebuild(Trajectory row, IReadOnlyList<StepView> steps)
    {
        var run = new TrajectoryState(row) { IsRebuilt = true };
        var rules = catalog.Get(row.Preset);
        using var turnKeys = new TurnKeys(secret.Value);
        var before = new StepUsage(TokenUsage.None, 0);
        foreach (var view in steps)
        {
            var dialect = DialectCatalog.Get(view.Step.Dialect);
            // A row with one unknown usage does not know what the steps before that one used: they do.
            run.Row = row with { TokenUsage = row.TokenUsage ?? before.Tokens, CostUsd = row.CostUsd ?? before.Cost };
            run.Mark();
            var usage = StepUsage.Of(prices, view.Step);
            before = before.Add(usage);
            var messages = view.Messages.Select(m => m.Message).ToList();
            var counts = MessageCounter.Count(run, messages, rules);
            var keys = messages.ConvertAll(m => dialect.KeyOf(m.Json, turnKeys));
            var history = run.History.Take(view.Step.HistoryKept).Concat(keys).ToList();
            run.Foreign.Note(view.Step, keys.ConvertAll(key => new[] { key }));
            if (view.Reply is { } reply)
            {
                var key = dialect.KeyOf(reply.Json, turnKeys);
                history.Add(key);
                run.Replies.Add(key);
                run.Remember(reply);
            }

            run.Outline.AddResults(messages, rules, redactor.For(row.Tenant));
            if (view.Reply is null && view.Step.Status == StepStatus.Ok)
            {
                run.Outline.Miss();
            }

            run.Outline.AddReply(view.Step.Index, view.Reply, view.Step.StopReason, redactor.For(row.Tenant));
            run.LastCallFailed = view.Step.Status.IsFailure();
            run.Take(
                view.Step,
                row,
                [.. history],
                new StepCounts(usage.Tokens, usage.Cost, provenance.Of(row, view), view.Reply?.ToolCalls.Count ?? 0, view.Step.Index - (run.LastStep?.Index ?? 0), counts));
        }

        run.LastEndedTurn = row is { IsProvisional: true, OutcomeSource: OutcomeSource.Inferred };
        if (row is { OutcomeSource: OutcomeSource.Agent, Success: { } claimed } && steps is [.., { } last] && rules.ReadOutcome(last.Reply?.ToolCalls ?? []) is null)
        {
            run.Claim = (claimed, row.StatedBy, TurnEnded: run.Outline.Build().End != ReplyKind.None);
        }

        return run;
    }

    /// <summary>
    /// Takes an exchange into its run. A retry replaces the step that it repeats; one that is worse than that step
    /// changes nothing.
    /// </summary>
    /// <param name="run">The run; changed in place.</param>
    /// <param name="head">The exchange's head.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="known">What the request path found out about it, or null to read it here.</param>
    public TrajectoryChange Record(TrajectoryState run, ExchangeHead head, SpooledContent exchange, ParsedExchange? known)
    {
        var dialect = DialectCatalog.Get(head.Dialect);
        var reply = known?.Reply ?? Assemble(dialect, head, exchange);
        var status = ExchangeStatus.Of(exchange, reply);
        if (FindPlace(run, head, status) is not { } index)
        {
            // It counts as recorded.
            return new TrajectoryChange { Trajectory = run.Row, Exchanges = [head.ExchangeId] };
        }

        run.Mark();
        using var turnKeys = new TurnKeys(secret.Value, histories);
        var rules = catalog.Get(head.Preset);
        var clean = redactor.For(head.Tenant);
        var responding = provenance.Of(head, reply, clean);
        var keeps = provenance.Keeps(head, responding);
        var begins = provenance.Settle(run, keeps);
        var reading = Read(dialect, head, exchange, known, turnKeys);
        var delta = RequestDelta.Of(run, reading, dialect, clean, turnKeys, begins);
        run.IsRebuilt = false;
        var counts = MessageCounter.Count(run, delta.Uncounted, rules);
        var said = reply is { HasSubstance: true } ? reply : null;
        var history = said is null ? delta.History : [.. delta.History, run.AddReply(said, turnKeys)];
        run.NoteEnd(index, status, reply);
        run.Outline.AddResults(delta.Uncounted, rules, clean);
        run.Outline.AddReply(index, said?.Message, clean.RedactId(reply?.StopReason), clean);
        if (said is not null)
        {
            counts = counts with { Failed = counts.Failed + said.Message.ToolCalls.Count(call => call is { IsHosted: true, Answer: { } answer } && rules.IsFailure(answer)) };
        }

        var usage = StepUsage.Of(prices, reply, exchange.ResponseHead, head.Model);
        var row = AddCall(usage.AddTo(counts.AddTo(run.Row)), run.StartOf(head), head, exchange, reply, said, index) with { HasContent = run.KeepContent };
        row = Provenance.AddTo(row, responding);

        var content = new StepContent(clean);
        // A task that continues with a model whose content is not recorded keeps nothing of that model's.
        var kept = Provenance.Stores(run, keeps) ? content.Keep(run, delta, reading, exchange.SentPrompt, said) : new KeptContent();
        var step = new TrajectoryStep
        {
            TrajectoryId = row.Id,
            Index = index,
            ExchangeId = head.ExchangeId,
            Dialect = DialectCatalog.Get(head.Dialect).StoredAs,
            Model = clean.Redact(reply?.Model is { Length: > 0 } named ? named : head.Model),
            SystemPrompt = kept.SystemPrompt,
            SentSystemPrompt = kept.SentSystemPrompt,
            Tools = kept.Tools,
            HistoryKept = delta.Kept,
            Messages = kept.Messages,
            Reply = kept.Reply,
            StopReason = clean.RedactId(reply?.StopReason),
            ResponseId = reply?.ResponseId,
            TokenUsage = usage.Tokens,
            StartedAt = head.StartedAt,
            DurationMs = exchange.Tail.DurationMs,
            TimeToFirstByteMs = exchange.ResponseHead?.FirstByteMs,
            Rhythm = RhythmOf(exchange),
            HttpStatus = exchange.ResponseHead?.Status ?? 0,
            Status = status,
        };
        (step, var others) = ExplainForeign(run, step, delta, history, said, dialect, turnKeys);

        run.Take(step, row, history, new StepCounts(usage.Tokens, usage.Cost, responding, reply?.Message.ToolCalls.Count ?? 0, row.IterationCount - run.Row.IterationCount, counts));
        var stated = status == StepStatus.Ok && said is not null ? rules.ReadOutcome(said.Message.ToolCalls) : null;
        run.Row = judge.AfterStep(run, row, stated, rules);
        return new TrajectoryChange
        {
            Trajectory = run.Row,
            Steps = [step, .. others],
            Contents = content.Pieces,
            Keys = Keys(reading, turnKeys, head, reply, index),
            Outline = run.Row.CompletedAt is null ? null : run.Outline.Build(),
        };
    }

    /// <summary>
    /// Completes the last step with its response, which was asked for in the background and fetched later. A response that is
    /// not over, and one whose step is complete, change nothing.
    /// </summary>
    public TrajectoryChange RecordFetched(TrajectoryState run, ExchangeHead head, SpooledContent exchange, AssembledReply? reply)
    {
        reply ??= Assemble(DialectCatalog.Get(head.Dialect), head, exchange);
        if (run.LastStep is not { } last || last.Status == StepStatus.Ok || reply is not { ResponseId: { } id } || id != last.ResponseId
            || !(reply.IsComplete || reply.Error is not null) || exchange.ResponseHead is not { Status: < 400 })
        {
            return new TrajectoryChange { Trajectory = run.Row, Exchanges = [head.ExchangeId] };
        }

        using var turnKeys = new TurnKeys(secret.Value, histories);
        var (rules, clean) = (catalog.Get(run.Row.Preset), redactor.For(head.Tenant));
        var (said, status) = (reply.HasSubstance ? reply : null, ExchangeStatus.Of(exchange, reply));
        var responding = provenance.Of(head with { Provider = run.Row.Provider, Model = last.Model }, reply, clean);
        var usage = StepUsage.Of(prices, reply, exchange.ResponseHead, last.Model);
        var row = usage.AddTo(run.WithoutLastUsage() with { IterationCount = last.Index - 1 });
        row = Provenance.AddTo(AddCall(row, run.StartOf(head), head with { ExampleIds = [] }, exchange, reply, said, last.Index), responding);
        var content = new StepContent(clean);
        var step = last with
        {
            Model = clean.Redact(reply.Model is { Length: > 0 } model ? model : last.Model),
            Reply = said is null || !run.KeepContent ? null : content.Keep(said),
            StopReason = clean.RedactId(reply.StopReason),
            TokenUsage = usage.Tokens,
            DurationMs = Math.Max(last.DurationMs, (row.LastActivityAt - last.StartedAt).TotalMilliseconds),
            HttpStatus = exchange.ResponseHead.Status,
            Status = status,
        };
        run.NoteEnd(last.Index, status, reply);
        run.Outline.AddReply(last.Index, said?.Message, clean.RedactId(reply.StopReason), clean);
        var counts = run.LastCounts?.Messages ?? default;
        run.Complete(
            step,
            said is null ? run.History : [.. run.History, run.AddReply(said, turnKeys)],
            new StepCounts(usage.Tokens, usage.Cost, responding, said?.Message.ToolCalls.Count ?? 0, run.LastCounts?.Iterations ?? 0, counts));
        var stated = status == StepStatus.Ok && said is not null ? rules.ReadOutcome(said.Message.ToolCalls) : null;
        run.Row = judge.AfterStep(run, row, stated, rules);
        return new TrajectoryChange
        {
            Trajectory = run.Row,
            Steps = [step],
            Contents = content.Pieces,
            Exchanges = [head.ExchangeId],
            Keys = ReplyKeys.Make(null, reply, turnKeys, head.TaskId!, last.Index, head.StartedAt),
            Outline = run.Row.CompletedAt is null ? null : run.Outline.Build(),
        };
    }

    /// <summary>Adds the tokens of a side call to its task.</summary>
    public TrajectoryChange RecordSideCall(TrajectoryState run, ExchangeHead head, SpooledContent exchange, AssembledReply? reply)
    {
        reply ??= Assemble(DialectCatalog.Get(head.Dialect), head, exchange);
        run.Row = StepUsage.Of(prices, reply, exchange.ResponseHead, head.Model).AddTo(run.Row);
        using var turnKeys = new TurnKeys(secret.Value);
        return new TrajectoryChange { Trajectory = run.Row, Exchanges = [head.ExchangeId], Keys = ReplyKeys.Make(null, reply, turnKeys, head.TaskId!, 0, head.StartedAt) };
    }

    /// <summary>Assembles a response from its recorded bytes; null if there is none or its encoding is unknown.</summary>
    public static AssembledReply? Assemble(IDialect dialect, ExchangeHead head, SpooledContent exchange)
    {
        if (exchange.ResponseHead is not { } answer || BodyDecoder.DecodeAll(exchange.Answer, answer.ContentEncoding) is not { } body)
        {
            return null;
        }

        var assembler = dialect.CreateAssembler(answer.ContentType, head.Stream);
        assembler.Append(body.Span);
        return assembler.ToReply();
    }

    /// <summary>The number of the step that a call becomes; null if it changes nothing. A retry takes the last step back.</summary>
    private static int? FindPlace(TrajectoryState run, ExchangeHead head, StepStatus status)
    {
        var index = head.StepIndex;
        var lastIndex = run.LastStep?.Index ?? run.Row.IterationCount;
        if (lastIndex < index)
        {
            return index;
        }

        if (!head.IsRetry)
        {
            // It was recorded late, after a later call that came to another process; or its number was given out without
            // knowing the earlier calls: it is a step of its own all the same.
            return run.HasStep(index) ? lastIndex + 1 : index;
        }

        if (run.LastStep is not { } last || last.Index > index || (last.Status == StepStatus.Ok && status != StepStatus.Ok))
        {
            return null;
        }

        run.TakeBack();
        return index;
    }

    private static RequestReading? Read(IDialect dialect, ExchangeHead head, SpooledContent exchange, ParsedExchange? known, TurnKeys turnKeys) =>
        BodyDecoder.DecodeAll(exchange.Request, head.RequestEncoding) is not { } body ? null : known?.Places?.In(body) ?? dialect.ReadRequest(body, head.Path, turnKeys);

    private Trajectory AddCall(Trajectory row, DateTimeOffset started, ExchangeHead head, SpooledContent exchange, AssembledReply? reply, AssembledReply? said, int index)
    {
        var answered = started.AddMilliseconds(exchange.Tail.DurationMs);
        IReadOnlyList<ToolCall> calls = said?.Message.ToolCalls ?? [];
        return row with
        {
            Model = row.Model.Length > 0 ? row.Model : redactor.For(row.Tenant).Redact(head.Model.Length > 0 ? head.Model : reply?.Model ?? ""),
            IterationCount = Math.Max(row.IterationCount, index),
            ToolCallsCount = row.ToolCallsCount + calls.Count,
            ToolsUsed = calls.Count == 0 ? row.ToolsUsed : [.. row.ToolsUsed.Union(calls.Select(c => redactor.For(row.Tenant).Redact(c.Name)), StringComparer.Ordinal)],
            LastActivityAt = answered > row.LastActivityAt ? answered : row.LastActivityAt,
            // Another process may have recorded a later call first, and does not know the project.
            Project = row.Project ?? (head.Project is { } project ? redactor.For(row.Tenant).Redact(project) : null),
            ExampleIds = row.ExampleIds.Count > 0 ? row.ExampleIds : head.ExampleIds,
            KeyNames = WithKey(row, head),
        };
    }

    /// <summary>The keys of a run with that of a call: a task may be continued with another key of its tenant.</summary>
    private static IReadOnlyList<string> WithKey(Trajectory row, ExchangeHead head) =>
        head.KeyName is not { } key || row.KeyNames.Contains(key, StringComparer.Ordinal) ? row.KeyNames : [.. row.KeyNames, key];

    /// <summary>Notes the step's foreign turns, and finds its reply among those of later steps that were recorded before it.</summary>
    private (TrajectoryStep Step, IReadOnlyList<TrajectoryStep> Others) ExplainForeign(
        TrajectoryState run, TrajectoryStep step, RequestDelta delta, TurnKey[] history, AssembledReply? said, IDialect dialect, TurnKeys turnKeys)
    {
        run.Foreign.Note(step, [.. step.Messages.Select((_, i) => delta.KeysOf(i))]);
        if (step.Reply is null || !(step.Index < run.LastStep?.Index) || run.Foreign.IsEmpty)
        {
            return (step, []);
        }

        var (explained, others) = run.Foreign.Explain(step, delta.Keys.Length, [history[^1], dialect.KeyOf(redactor.For(run.Row.Tenant).RedactJson(said!.Message.Json), turnKeys)]);
        others.ForEach(run.Replace);
        return (explained, others);
    }

    private static StreamRhythm? RhythmOf(SpooledContent exchange) =>
        exchange.ResponseHead is not { } answer ? null
        : exchange.Tail.Rhythm is { } rhythm ? StreamRhythm.Parse(rhythm)
        : ResponseHead.IsEventStream(answer.ContentType) ? StreamRhythm.Unknown
        : StreamRhythm.Whole;

    private static List<CorrelationEntry> Keys(RequestReading? reading, TurnKeys keys, ExchangeHead head, AssembledReply? reply, int index) =>
        reading is not null && head.TaskId is not null ? ReplyKeys.Make(reading, reply, keys, head.TaskId, index, head.StartedAt) : [];
}
