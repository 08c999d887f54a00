using System.Text;
using System.Text.Json;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.OpenAiResponses;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Turns the records of a Codex thread into runs, one a turn. Items keep their form, that of OpenAI's Responses. Older
/// versions write a call's token count before its items and each result right after its call; later ones write all
/// items of a response first.
/// </summary>
internal sealed class CodexThread(TaskRules rules, ImportReport report, SessionRuns threads, string fallbackId)
{
    private readonly RunBuilder _builder = new();
    private readonly CodexUsage _usage = new();
    private readonly CodexHeader _header = new(fallbackId);
    private readonly List<ReadOnlyMemory<byte>> _reply = [];
    private readonly List<(ReadOnlyMemory<byte> Json, bool IsIntervention)> _afterReply = [];
    private readonly List<(ReadOnlyMemory<byte> Json, string Text, DateTimeOffset At)> _undecided = [];
    private readonly HashSet<string> _agentCalls = new(StringComparer.Ordinal);
    private string _model = "";
    private string? _responseId;
    private string? _turnId;
    private string? _turnOfRun;
    private DateTimeOffset _now;
    private DateTimeOffset _inputAt;
    private DateTimeOffset _replyAt;
    private DateTimeOffset _replyEndAt;
    private TokenUsage? _replyUsage;
    private TokenUsage? _nextUsage;
    private int _turns;
    private bool _replyCalls;
    private bool _hasTypedEvents;
    private bool _isTurnOver = true;
    private bool _isNextCall;
    private bool _hasResults;
    private bool _countsComeFirst;

    /// <summary>Takes a record.</summary>
    public void Take(JsonElement root)
    {
        var payload = root.Get("payload"u8);
        if (payload.ValueKind != JsonValueKind.Object)
        {
            TakeBare(root);
            return;
        }

        _now = ImportedJson.Time(root.Get("timestamp"u8)) ?? _now;
        switch (root.Text("type"u8))
        {
            case "session_meta":
                _header.Take(payload);
                _now = _now == default ? _header.At : _now;
                break;
            case "turn_context":
                TakeContext(payload);
                break;
            case "response_item":
                TakeItem(payload);
                break;
            case "event_msg":
                TakeEvent(payload);
                break;
            case "compacted":
                Compact(payload);
                break;
            case "token_usage_record":
                TakeCount(payload.Get("thread_token_usage"u8), payload.Get("usage"u8), payload.Text("response_id"u8));
                break;
            case "world_state" or "ghost_commit":
                ImportReport.Count(report.Ignored, root.Text("type"u8)!);
                break;
            case var type:
                ImportReport.Count(report.Unknown, type ?? "(no type)");
                break;
        }
    }

    /// <summary>The runs, when all records were taken.</summary>
    public IReadOnlyList<ImportedTrajectory> End()
    {
        Decide();
        EndReply();
        _builder.Close();
        if (_header.IsSideThread)
        {
            _builder.Runs.SelectMany(r => r.Steps).ToList().ForEach(_ => ImportReport.Count(report.LeftOut, ImportReport.SideCall));
            return [];
        }

        if (_header.Parent is { } parent)
        {
            foreach (var run in _builder.Runs)
            {
                run.ParentId = threads.ParentOf(parent, _header.Id, _header.AgentName, run.Steps[0].StartedAt);
                run.ParentSessionId = parent;
            }
        }

        threads.Add(_header.Id, _builder.Runs);
        return _builder.Runs;
    }

    /// <summary>A line of a version before 0.40: an item as it is, or the header.</summary>
    private void TakeBare(JsonElement root)
    {
        _now = ImportedJson.Time(root.Get("timestamp"u8)) ?? _now;
        if (root.Text("record_type"u8) is { } record)
        {
            ImportReport.Count(report.Ignored, record);
        }
        else if (root.Text("type"u8) is not null)
        {
            TakeItem(root);
        }
        else if (root.Text("id"u8) is not null)
        {
            _header.Take(root);
        }
        else
        {
            ImportReport.Count(report.Unknown, "(no type)");
        }
    }

    private void TakeContext(JsonElement context)
    {
        _model = context.Text("model"u8) ?? _model;
        BeginTurn(context.Text("turn_id"u8));
        // Older versions write one for each call.
        _isNextCall = true;
        _inputAt = _now;
    }

    private void BeginTurn(string? id)
    {
        if (id is not null && id != _turnId)
        {
            _turnId = id;
            _isTurnOver = true;
        }
    }

    private void TakeItem(JsonElement item)
    {
        var type = item.Text("type"u8) ?? "message";
        var side = ItemKind.SideOf(Encoding.UTF8.GetBytes(type), Encoding.UTF8.GetBytes(item.Text("role"u8) ?? ""), Encoding.UTF8.GetBytes(item.Text("execution"u8) ?? ""));
        if (type == "message" && side == ItemSide.Client)
        {
            _undecided.Add((Json(item), ImportedJson.TextOf(item.Get("content"u8)), _now));
        }
        else if (side == ItemSide.System)
        {
            _header.AddInstructions(ImportedJson.TextOf(item.Get("content"u8)));
        }
        else if (type == "agent_message")
        {
            // One agent to another.
            var text = ImportedJson.TextOf(item.Get("content"u8)) is { Length: > 0 } content ? content : ImportedJson.TextOf(item.Get("message"u8));
            _undecided.Add((CodexItems.UserMessage(text), text, _now));
        }
        else if (type.EndsWith("_output", StringComparison.Ordinal))
        {
            TakeResult(item);
        }
        else if (type == "ghost_snapshot" || ItemKind.IsCompaction(Encoding.UTF8.GetBytes(type)))
        {
            ImportReport.Count(report.Ignored, type);
        }
        else if (side == ItemSide.Model)
        {
            TakeModelItem(item, type);
        }
        else
        {
            ImportReport.Count(report.Unknown, "response_item/" + type);
        }
    }

    private void TakeResult(JsonElement item)
    {
        Decide();
        var call = item.Text("call_id"u8) ?? "";
        if (_agentCalls.Contains(call) && _builder.Current is { } run)
        {
            threads.AddStart(_header.Id, run.Id, ImportedJson.TextOf(item.Get("output"u8)));
        }

        _hasResults = true;
        _inputAt = _now;
        AddToTurn(Json(item), isIntervention: false);
    }

    private void TakeModelItem(JsonElement item, string type)
    {
        Decide();
        if (_reply.Count > 0 && (_isNextCall || _nextUsage is not null || (_hasResults && !_countsComeFirst)))
        {
            EndReply();
        }

        if (_builder.Current is null)
        {
            Open("", _now);
        }

        if (_reply.Count == 0)
        {
            _replyAt = _inputAt == default ? _now : _inputAt;
            _countsComeFirst |= _nextUsage is not null;
            (_replyUsage, _nextUsage, _isNextCall, _hasResults, _replyCalls) = (_nextUsage, null, false, false, false);
        }

        _replyEndAt = _now;
        _reply.Add(Json(item));
        if (ResponsesMessageReader.IsClientCall(item))
        {
            _replyCalls = true;
            if (type == "function_call" && item.Text("name"u8) is "spawn_agent" or "spawn_agents" or "assign_task" && item.Text("call_id"u8) is { } id)
            {
                _agentCalls.Add(id);
            }
        }
    }

    private void TakeEvent(JsonElement payload)
    {
        switch (payload.Text("type"u8))
        {
            case "user_message":
                TakeTyped(ImportedJson.TextOf(payload.Get("message"u8)));
                break;
            case "token_count":
                TakeCount(payload.Get("info"u8).Get("total_token_usage"u8), payload.Get("info"u8).Get("last_token_usage"u8), null);
                break;
            case "item_completed" when payload.Get("item"u8).Get("type"u8).Is("UserMessage"u8):
                TakeTyped(ImportedJson.TextOf(payload.Get("item"u8).Get("content"u8)));
                break;
            case "task_started" or "turn_started":
                Decide();
                BeginTurn(payload.Text("turn_id"u8));
                _isTurnOver = true;
                _nextUsage = null;
                break;
            case "task_complete" or "turn_complete":
                EndTurn();
                break;
            case "turn_aborted":
                EndTurn();
                if (_builder.Current is { } run && payload.Text("reason"u8) is null or "interrupted")
                {
                    run!.IsInterrupted = true;
                }

                break;
            case "thread_rolled_back":
                EndTurn();
                var removed = _builder.RemoveTurns(payload.Number("num_turns"u8) ?? 1);
                report.LeftOut[ImportReport.Abandoned] = report.LeftOut.GetValueOrDefault(ImportReport.Abandoned) + removed;
                break;
            case "thread_settings_applied":
                _model = payload.Get("thread_settings"u8).Text("model"u8) ?? _model;
                break;
            case "collab_agent_spawn_end":
                if (_builder.Current is { } starter && payload.Text("new_thread_id"u8) is { } thread)
                {
                    threads.AddStart(_header.Id, starter.Id, thread);
                }

                break;
            case { } type when CodexItems.KnownEvents.Contains(type):
                ImportReport.Count(report.Ignored, "event_msg/" + type);
                break;
            case var type:
                ImportReport.Count(report.Unknown, "event_msg/" + (type ?? "(no type)"));
                break;
        }
    }

    /// <summary>What a person typed: the item with that text, just before the event or, in some versions, not there at all.</summary>
    private void TakeTyped(string text)
    {
        _hasTypedEvents = true;
        var index = _undecided.FindLastIndex(m => m.Text.Trim() == text.Trim() || (text.Trim().Length > 0 && m.Text.Contains(text.Trim(), StringComparison.Ordinal)));
        if (index < 0)
        {
            ImportReport.Count(report.Ignored, "event_msg/user_message");
            return;
        }

        var typed = _undecided[index];
        _undecided.RemoveAt(index);
        Decide();
        Prompt(typed.Json, typed.Text, typed.At);
    }

    /// <summary>Messages that no event says were typed: prompts in files without such events, else context.</summary>
    private void Decide()
    {
        var isTold = _hasTypedEvents && (_builder.Current is not null || _header.Parent is null);
        foreach (var (json, text, at) in _undecided)
        {
            if (isTold || CodexItems.IsByProgram(text) || TaskText.Describe(text, rules.Boilerplate).Length == 0)
            {
                _inputAt = at;
                _header.AddContext(text);
                AddToTurn(json, isIntervention: false);
            }
            else
            {
                Prompt(json, text, at);
            }
        }

        _undecided.Clear();
    }

    private void Prompt(ReadOnlyMemory<byte> json, string text, DateTimeOffset at)
    {
        // Words typed while the agent works belong to its turn.
        var isSameTurn = _builder.Current is not null && (_turnId is not null ? !_isTurnOver && _turnId == _turnOfRun : _replyCalls && !_isTurnOver);
        if (isSameTurn)
        {
            AddToTurn(json, isIntervention: true);
        }
        else
        {
            Open(TaskText.Describe(text, rules.Boilerplate), at);
            _builder.Add(json);
        }

        _inputAt = at;
    }

    private void Open(string task, DateTimeOffset at)
    {
        EndReply();
        _turns++;
        (_isTurnOver, _replyCalls) = (false, false);
        _turnOfRun = _turnId;
        // A fork copies the turns of the thread that it comes from: a copy gets the same id.
        var id = ImportedTrajectory.IdOf(_turnId is { } turn ? $"codex\n{turn}" : FormattableString.Invariant($"codex\n{_header.Root}\n{_turns}\n{task}"));
        _builder.Open(_header.Start(id, _model, task, rules));
        _inputAt = at;
    }

    private void AddToTurn(ReadOnlyMemory<byte> json, bool isIntervention)
    {
        if (_reply.Count > 0)
        {
            _afterReply.Add((json, isIntervention));
        }
        else
        {
            _builder.Add(json, isIntervention);
        }
    }

    private void TakeCount(JsonElement total, JsonElement last, string? response)
    {
        Decide();
        _responseId = response ?? _responseId;
        if (_usage.Read(total, last) is not { } usage)
        {
            return;
        }

        if (_reply.Count > 0 && _replyUsage is null && !_isNextCall)
        {
            _replyUsage = usage;
        }
        else
        {
            _nextUsage = usage;
        }
    }

    private void EndTurn()
    {
        Decide();
        EndReply();
        _isTurnOver = true;
        _nextUsage = null;
    }

    private void EndReply()
    {
        if (_reply.Count > 0)
        {
            var step = _builder.Reply(ImportedJson.Array(_reply), new CallFacts
            {
                Model = _model,
                System = _header.System,
                Tools = _header.Tools,
                StopReason = "completed",
                ResponseId = _responseId,
                Usage = _replyUsage,
                StartedAt = _replyAt,
                EndedAt = _replyEndAt,
            });
            (_replyUsage, _responseId) = (null, null);
            _reply.Clear();
            _isTurnOver |= _turnId is null && !_replyCalls;
        }

        foreach (var (json, isIntervention) in _afterReply)
        {
            _builder.Add(json, isIntervention);
        }

        _afterReply.Clear();
        _hasResults = false;
    }

    private void Compact(JsonElement compacted)
    {
        Decide();
        EndReply();
        _nextUsage = null;
        var history = compacted.Get("replacement_history"u8);
        var messages = history.Items()
            .Select(item => (Item: item, Side: CodexItems.SideOf(item)))
            .Where(m => m.Side is ItemSide.Client or ItemSide.Model)
            .Select(m => new ImportedMessage(m.Side == ItemSide.Model ? ImportedJson.Array([Json(m.Item)]) : Json(m.Item), IsForeign: m.Side == ItemSide.Model))
            .ToList();
        if (messages.Count == 0 && compacted.Text("message"u8) is { Length: > 0 } summary)
        {
            messages.Add(new ImportedMessage(CodexItems.UserMessage(summary)));
        }

        _builder.Rewrite(messages);
    }

    private static ReadOnlyMemory<byte> Json(JsonElement item) => ImportedJson.Copy(item, CodexItems.Passthrough);
}
