using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Storage;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using LlmProxy.Wire.ContentEncoding;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Core.Recording;

/// <summary>
/// Turns one exchange into a step of its run: what is new in the history, the reply, the counts, the outcome, and the
/// content and keys to be stored. Pure work on values; the recorder saves what comes out.
/// </summary>
internal sealed class RunRecorder(OutcomeJudge judge, TaskRulesCatalog catalog, Redactor redactor, IReadOnlyList<ModelPrice> prices, byte[] secret, KnownHistories histories)
{
    /// <summary>A new run, as its first exchange tells it.</summary>
    public RunState Start(ExchangeHead head) => new(head.ToRow() with { TaskDescription = redactor.Redact(head.TaskDescription ?? "") });

    /// <summary>Takes from its first call whose run it is: one that was opened without a call knows only what its opener said.</summary>
    public void Adopt(RunState run, ExchangeHead head)
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
            ExampleIds = first.ExampleIds,
            Arm = first.Arm,
            TemplateSet = first.TemplateSet,
        };
        run.KeepContent = first.HasContent;
    }

    /// <summary>A run that is in the store, as it was when its last step was taken.</summary>
    public RunState Rebuild(Trajectory row, IReadOnlyList<StepView> steps)
    {
        var run = new RunState(row) { IsRebuilt = true };
        var rules = catalog.Get(row.Preset);
        using var turnKeys = new TurnKeys(secret);
        foreach (var view in steps)
        {
            var dialect = DialectCatalog.Get(view.Step.Dialect);
            run.Mark();
            var messages = view.Messages.Select(m => m.Message).ToList();
            var counts = CountNewMessages(run, messages, rules);
            var keys = messages.ConvertAll(m => dialect.KeyOf(m.Json, turnKeys));
            var history = run.History.Take(view.Step.HistoryKept).Concat(keys).ToList();
            run.Foreign.Note(view.Step, keys.ConvertAll(key => new[] { key }));
            if (view.Reply is { } reply)
            {
                var key = dialect.KeyOf(reply.Json, turnKeys);
                history.Add(key);
                run.Replies.Add(key);
                Remember(run, reply);
            }

            run.LastCallFailed = IsFailure(view.Step.Status);
            run.Take(
                view.Step,
                row,
                [.. history],
                new StepCounts(view.Step.TokenUsage, ModelCost.Of(prices, view.Step.Model, view.Step.TokenUsage), view.Reply?.ToolCalls.Count ?? 0, view.Step.Index - (run.LastStep?.Index ?? 0), counts));
        }

        run.LastEndedTurn = row is { IsProvisional: true, OutcomeSource: OutcomeSource.Idle };
        return run;
    }

    /// <summary>
    /// Takes an exchange into its run. A retry takes the place of the step that it repeats; one that is worse than what
    /// is there changes nothing.
    /// </summary>
    /// <param name="run">The run; changed in place.</param>
    /// <param name="head">The exchange's head.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="known">What the request path found out about it, or null to read it here.</param>
    public TrajectoryChange Record(RunState run, ExchangeHead head, SpooledContent exchange, ParsedExchange? known)
    {
        var dialect = DialectCatalog.Get(head.Dialect);
        var rules = catalog.Get(head.Preset);
        var reply = known?.Reply ?? Assemble(dialect, head, exchange);
        var status = StatusOf(exchange, reply);
        var index = head.StepIndex;
        var lastIndex = run.LastStep?.Index ?? run.Row.IterationCount;
        if (lastIndex >= index)
        {
            if (!head.IsRetry)
            {
                // It was recorded late, behind a later call that came to another process; or its number was given out
                // where the earlier calls were not known: it is a step of its own all the same.
                index = run.HasStep(index) ? lastIndex + 1 : index;
            }
            else if (run.LastStep is not { } last || last.Index > index || (last.Status == "ok" && status != "ok"))
            {
                // It counts as recorded, and changes nothing.
                return new TrajectoryChange { Trajectory = run.Row, Exchanges = [head.ExchangeId] };
            }
            else
            {
                run.TakeBack();
            }
        }

        // 1. What the request holds that was not there before. All but that is known by its keys and not read.
        run.Mark();
        var request = BodyDecoder.DecodeAll(exchange.Request, head.RequestEncoding);
        using var turnKeys = new TurnKeys(secret, histories);
        var reading = request is not { } body ? null : known?.Places?.In(body) ?? dialect.ReadRequest(body, head.Path, turnKeys);
        var messages = reading?.Messages ?? [];
        var keys = messages.Select(m => m.Key).ToArray();
        // What the store gave back is without secrets.
        var compared = run.IsRebuilt ? [.. messages.Select((_, i) => dialect.KeyOf(redactor.RedactJson(reading!.ReadMessage(i).Json), turnKeys))] : keys;
        var (kept, same) = Compare(run, reading, messages, compared);
        run.IsRebuilt = false;
        var fresh = Enumerable.Range(same, messages.Count - same).Select(i => reading!.ReadMessage(i)).ToList();
        // Where the beginning was rewritten, what follows it unchanged is not counted again.
        var seen = same < messages.Count ? run.History.Skip(kept).ToHashSet() : [];
        var counts = CountNewMessages(run, fresh.Where((_, i) => !seen.Contains(compared[same + i])), rules);
        var row = run.Row with
        {
            FailedToolResults = run.Row.FailedToolResults + counts.Failed,
            ClicksTotal = run.Row.ClicksTotal + counts.Clicks,
            ClicksHit = run.Row.ClicksHit + counts.Hits,
            UserInterventions = run.Row.UserInterventions + counts.Interventions,
        };

        // 2. The reply.
        var contents = new List<Content>();
        TurnKey[] history = kept > same ? [.. run.History[..kept], .. keys] : keys;
        ContentHash? replyHash = null;
        StatedOutcome? stated = null;
        if (reply is not null && HasSubstance(reply))
        {
            var key = turnKeys.AssistantTurn(reply.Message.Text, reply.CallKeys);
            history = [.. history, key];
            run.Replies.Add(key);
            Remember(run, reply.Message);

            row = row with
            {
                ToolCallsCount = row.ToolCallsCount + reply.Message.ToolCalls.Count,
                ToolsUsed = [.. row.ToolsUsed.Union(reply.Message.ToolCalls.Select(c => c.Name), StringComparer.Ordinal)],
            };
            stated = status == "ok" ? rules.ReadOutcome(reply.Message.ToolCalls) : null;
        }

        if (run.LastStep is null || index > run.LastStep.Index)
        {
            run.LastCallFailed = IsFailure(status);
            run.LastEndedTurn = status == "ok" && reply is { EndedTurn: true };
        }

        var usage = reply?.Usage ?? TokenUsage.None;
        var cost = ModelCost.Of(prices, reply?.Model ?? head.Model, usage) ?? ModelCost.Of(prices, head.Model, usage);
        var iterations = Math.Max(row.IterationCount, index);
        var answered = head.StartedAt.AddMilliseconds(exchange.Tail.DurationMs);
        row = row with
        {
            Model = row.Model.Length > 0 ? row.Model : head.Model,
            IterationCount = iterations,
            TokenUsage = row.TokenUsage.Add(usage),
            CostUsd = AddCost(row, cost),
            LastActivityAt = answered > row.LastActivityAt ? answered : row.LastActivityAt,
            ExampleIds = row.ExampleIds.Count > 0 ? row.ExampleIds : head.ExampleIds,
            HasContent = run.KeepContent,
        };

        // 3. The step, by references into the content store.
        var stepMessages = new List<StepMessage>();
        // A task that goes on with a model whose content is not recorded keeps nothing of that model's.
        var keepContent = run.KeepContent && head.KeepContent;
        if (keepContent)
        {
            for (var i = same; i < messages.Count; i++)
            {
                var message = fresh[i - same];
                stepMessages.Add(new StepMessage(Keep(message.Json), message.Role, message.IsAssistant && !run.Replies.Contains(keys[i]) && !run.Replies.Contains(compared[i])));
            }

            KeepPrompt();

            if (reply is not null && HasSubstance(reply))
            {
                replyHash = Keep(reply.Message.Json);
            }
        }

        var step = new TrajectoryStep
        {
            TrajectoryId = row.Id,
            Index = index,
            ExchangeId = head.ExchangeId,
            Dialect = head.Dialect,
            Model = reply?.Model ?? head.Model,
            SystemPrompt = keepContent ? run.SystemPrompt.Stored : null,
            SentSystemPrompt = !keepContent ? null : exchange.SentPrompt is { } sent ? KeepText(sent) : run.SystemPrompt.Stored,
            Tools = keepContent ? run.Tools.Stored : null,
            HistoryKept = kept,
            Messages = stepMessages,
            Reply = replyHash,
            StopReason = reply?.StopReason,
            ResponseId = reply?.ResponseId,
            TokenUsage = usage,
            StartedAt = head.StartedAt,
            DurationMs = exchange.Tail.DurationMs,
            TimeToFirstByteMs = exchange.AnswerHead?.FirstByteMs,
            Rhythm = exchange.AnswerHead is not { } answer ? null : exchange.Tail.Rhythm ?? (AnswerHead.IsEventStream(answer.ContentType) ? "" : StreamRhythm.Whole),
            HttpStatus = exchange.AnswerHead?.Status ?? 0,
            Status = status,
        };

        // 4. What steps that were recorded before it said of its messages and its reply.
        run.Foreign.Note(step, [.. stepMessages.Select((_, i) => new[] { keys[same + i], compared[same + i] })]);
        List<TrajectoryStep> others = [];
        if (replyHash is not null && index < run.LastStep?.Index && !run.Foreign.IsEmpty)
        {
            others = run.Foreign.Explain(ref step, messages.Count, [history[^1], dialect.KeyOf(redactor.RedactJson(reply!.Message.Json), turnKeys)]);
            others.ForEach(run.Replace);
        }

        // 5. How the run stands now.
        run.Take(step, row, history, new StepCounts(usage, cost, reply?.Message.ToolCalls.Count ?? 0, iterations - run.Row.IterationCount, counts));
        run.Row = judge.AfterStep(run, row, stated, rules);
        return new TrajectoryChange { Trajectory = run.Row, Steps = [step, .. others], Contents = contents, Keys = Keys(reading, turnKeys, head, reply, index) };

        void KeepPrompt()
        {
            var prompt = reading is null ? default : DigestOf(reading.Body.Span, reading.SystemPromptPlaces());
            if (run.SystemPrompt.Source != prompt)
            {
                run.SystemPrompt = (prompt, reading?.ReadSystemPrompt() is { } text ? KeepText(text) : null);
            }

            var tools = reading is null ? default : DigestOf(reading.Body.Span, reading.ToolPlaces);
            if (run.Tools.Source != tools)
            {
                run.Tools = (tools, reading?.ReadToolsJson() is { } json ? Keep(json) : null);
            }
        }

        ContentHash Keep(ReadOnlyMemory<byte> json) => KeepPiece(redactor.RedactJson(json));

        ContentHash KeepText(string text) => KeepPiece(Encoding.UTF8.GetBytes(redactor.Redact(text)));

        ContentHash KeepPiece(ReadOnlyMemory<byte> bytes)
        {
            var piece = Content.Of(bytes);
            contents.Add(piece);
            return piece.Hash;
        }
    }

    /// <summary>Adds the tokens of a call beside the task.</summary>
    public TrajectoryChange RecordSideCall(RunState run, ExchangeHead head, SpooledContent exchange, AssembledReply? reply)
    {
        var dialect = DialectCatalog.Get(head.Dialect);
        reply ??= Assemble(dialect, head, exchange);
        var usage = reply?.Usage ?? TokenUsage.None;
        run.Row = run.Row with
        {
            TokenUsage = run.Row.TokenUsage.Add(usage),
            CostUsd = AddCost(run.Row, ModelCost.Of(prices, head.Model, usage)),
        };
        using var turnKeys = new TurnKeys(secret);
        return new TrajectoryChange { Trajectory = run.Row, Exchanges = [head.ExchangeId], Keys = AnswerKeys.Make(null, reply, turnKeys, head.TaskId!, 0, head.StartedAt) };
    }

    /// <summary>Puts an answer together from its recorded bytes; null where none came or its encoding is unknown.</summary>
    public static AssembledReply? Assemble(IDialect dialect, ExchangeHead head, SpooledContent exchange)
    {
        if (exchange.AnswerHead is not { } answer || BodyDecoder.DecodeAll(exchange.Answer, answer.ContentEncoding) is not { } body)
        {
            return null;
        }

        var assembler = dialect.CreateAssembler(answer.ContentType, head.Stream);
        assembler.Append(body.Span);
        return assembler.ToReply();
    }

    /// <summary>Digest of some places of a request; 0 for none.</summary>
    private static UInt128 DigestOf(ReadOnlySpan<byte> request, IEnumerable<ByteRange> places)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var any = false;
        foreach (var place in places)
        {
            any = true;
            hash.AppendData(BitConverter.GetBytes(place.Length));
            hash.AppendData(request.Slice(place.Start, place.Length));
        }

        return any ? BinaryPrimitives.ReadUInt128BigEndian(hash.GetHashAndReset()) : 0;
    }

    private static bool HasSubstance(AssembledReply reply) =>
        reply.Message.Text.Length > 0 || reply.Message.ToolCalls.Count > 0 || reply.Message.Reasoning is not null || reply.Refusal is not null;

    private static decimal? AddCost(Trajectory row, decimal? cost) =>
        // A run of which one call's price is unknown has no known cost; its first call has nothing to add to.
        cost is null ? null : row.IterationCount == 0 ? (row.CostUsd ?? 0) + cost : row.CostUsd + cost;

    private static string StatusOf(SpooledContent exchange, AssembledReply? reply) => exchange.Tail.Outcome switch
    {
        // Some clients hang up at the answer's last event without waiting for the end of its body: they have all of it.
        ExchangeOutcome.ClientLeft when reply is not { IsComplete: true } => "client_left",
        ExchangeOutcome.UpstreamRefused => "upstream_refused",
        ExchangeOutcome.UpstreamTimeout => "upstream_timeout",
        ExchangeOutcome.UpstreamBroke when reply is not { IsComplete: true } => "upstream_broke",
        // A process may be killed between the answer's last byte and its own note of it: what is whole counts as whole.
        ExchangeOutcome.ProxyStopped when reply is not { IsComplete: true } => "proxy_stopped",
        _ when exchange.AnswerHead is { Status: >= 400 } || reply?.Error is not null => "upstream_error",
        _ when exchange.Tail.Truncated => "truncated",
        _ when reply is null => "unreadable",
        _ when !reply.IsComplete => "incomplete",
        _ => "ok",
    };

    // What the recorder could not read in full is not the run's failure, and neither is that a person called it off or
    // the proxy was stopped: nobody knows how it would have ended.
    private static bool IsFailure(string status) => status is not ("ok" or "unreadable" or "truncated" or "client_left" or "proxy_stopped");

    /// <summary>How many entries of the run's history the call keeps, and how many of its messages are known from before.</summary>
    private static (int Kept, int Known) Compare(RunState run, RequestReading? reading, IReadOnlyList<MessageReading> messages, TurnKey[] keys)
    {
        var same = 0;
        while (same < keys.Length && same < run.History.Length && keys[same] == run.History[same])
        {
            same++;
        }

        if (reading is { PreviousResponseId: { } previous })
        {
            // The server keeps the history: the call brings what is new alone, behind the answer that it names.
            return (run.Responses.TryGetValue(previous, out var length) && length <= run.History.Length ? length : run.History.Length, 0);
        }

        if (reading is { ServerConversationId: not null } && same < run.History.Length)
        {
            return (run.History.Length, 0);
        }

        if (run.IsRebuilt && run.History.Length == 0 && run.LastStep is not null)
        {
            // A run without content leaves nothing to compare with: what stands before its last reply was counted then.
            same = messages.Count;
            while (same > 0 && !messages[same - 1].IsAssistant)
            {
                same--;
            }
        }

        return (same, same);
    }

    private static void Remember(RunState run, ConversationMessage reply)
    {
        foreach (var call in reply.ToolCalls)
        {
            run.Calls[call.Id] = call.Name;
        }
    }

    private static MessageCounts CountNewMessages(RunState run, IEnumerable<ConversationMessage> messages, TaskRules rules)
    {
        var counts = default(MessageCounts);
        var inEpisode = false;
        foreach (var message in messages)
        {
            if (message.IsAssistant)
            {
                inEpisode = false;
                continue;
            }

            foreach (var result in message.ToolResults)
            {
                // A result that comes again, in a history that was rewritten, counts once. Gemini has no call ids: its
                // results carry the function's name, which comes again and again.
                if (!run.Answer(result.Id) && run.Calls.ContainsKey(result.Id))
                {
                    continue;
                }

                var failed = rules.IsFailure(result);
                var click = rules.IsClick(run.Calls.GetValueOrDefault(result.Id, result.Id)) && !rules.IsGuard(result);
                run.LastResultFailed = failed;
                counts = counts with
                {
                    Failed = counts.Failed + (failed ? 1 : 0),
                    Clicks = counts.Clicks + (click ? 1 : 0),
                    Hits = counts.Hits + (click && rules.IsHit(result) ? 1 : 0),
                };
            }

            // Some clients join it with the results before it in one message.
            if (rules.IsIntervention(message.Text))
            {
                counts = inEpisode ? counts : counts with { Interventions = counts.Interventions + 1 };
                inEpisode = true;
            }
        }

        return counts;
    }

    private static List<CorrelationEntry> Keys(RequestReading? reading, TurnKeys keys, ExchangeHead head, AssembledReply? reply, int index) =>
        reading is not null && head.TaskId is not null ? AnswerKeys.Make(reading, reply, keys, head.TaskId, index, head.StartedAt) : [];
}
