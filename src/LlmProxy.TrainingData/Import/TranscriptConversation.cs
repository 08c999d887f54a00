using System.Text.Json;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>Turns the records of one conversation into runs.</summary>
internal sealed class TranscriptConversation(TaskRules rules, ImportReport report, TranscriptReplies replies, string session, string agent)
{
    private readonly List<ImportedTrajectory> _runs = [];
    private readonly List<ImportedMessage> _history = [];
    private readonly List<ImportedMessage> _pending = [];
    private readonly List<ImportedMessage> _condensed = [];
    private readonly List<ReadOnlyMemory<byte>> _reply = [];
    private readonly Dictionary<string, ImportedTrajectory> _ofCalls = new(StringComparer.Ordinal);
    private ImportedTrajectory? _current;
    private ImportedTrajectory? _reportedTo;
    private TranscriptRecord? _prompt;
    private string _task = "";
    private string? _replyKey;
    private string? _forkedFrom;
    private int _before;
    private int _kept;
    private bool _isRewritten;
    private bool _isLeftOut;
    private bool _isSideCall;
    private bool _repliesCall;
    private bool _isInterrupted;

    public IReadOnlyList<ImportedTrajectory> Read(IReadOnlyList<TranscriptRecord> records)
    {
        for (var i = 0; i < records.Count; i++)
        {
            if (records[i].Type == "user")
            {
                TakeUser(records[i], records.Skip(i + 1).FirstOrDefault(r => !r.IsAttached));
            }
            else
            {
                TakeAssistant(records[i]);
            }
        }

        EndReply();
        if (_prompt is null)
        {
            EndRun();
        }

        return _runs;
    }

    /// <summary>What came since the last reply belongs to its run.</summary>
    private void EndRun()
    {
        if (_current is not null)
        {
            _current.Trailing.AddRange(_pending);
            _current.IsInterrupted = _isInterrupted;
        }
    }

    private void TakeUser(TranscriptRecord record, TranscriptRecord? next)
    {
        if (record.BeginsHistory)
        {
            EndReply();
            _condensed.AddRange(_pending);
            _history.Clear();
            _pending.Clear();
            _before = 0;
            _isRewritten = true;
            _task = _task.Length == 0 ? ProgramMessages.TaskOfSummary(record.Text, rules) : _task;
        }

        NameAgents(record);
        var isIntervention = false;
        if (ProgramMessages.IsInterruption(record))
        {
            _isInterrupted = _current is not null;
        }
        else if (!record.IsMeta && ProgramMessages.IsNotification(record))
        {
            _reportedTo = _repliesCall ? null : ProgramMessages.IdsOf(record.Text).Select(_ofCalls.GetValueOrDefault).FirstOrDefault(r => r is not null) ?? _reportedTo;
        }
        else if (ProgramMessages.TaskOf(record, next, rules) is { Length: > 0 } task)
        {
            isIntervention = !Opens(record, task) && record is { IsQueued: true, IsByProgram: false };
        }

        _pending.Add(new ImportedMessage(TranscriptRecord.Message("user", record.Blocks), IsIntervention: isIntervention));
    }

    /// <summary>Whether a prompt opens a run: after a finished turn, or one that the person stopped.</summary>
    private bool Opens(TranscriptRecord record, string task)
    {
        if (_repliesCall && !_isInterrupted && !_isLeftOut)
        {
            return false;
        }

        EndReply();
        if (_prompt is null)
        {
            EndRun();
            _before = _pending.Count;
        }
        else if (_isInterrupted)
        {
            _before = _pending.Count;
        }

        (_prompt, _task, _isSideCall, _reportedTo, _isInterrupted) = (record, task, rules.IsSideCall(record.Text), null, false);
        return true;
    }

    private void TakeAssistant(TranscriptRecord record)
    {
        // One reply is written block by block.
        if (record.ReplyKey is null || record.ReplyKey != _replyKey)
        {
            EndReply();
            Begin(record);
        }

        foreach (var block in record.Blocks.Where(b => !_reply.Exists(known => known.Span.SequenceEqual(b.Span))))
        {
            _reply.Add(block);
        }

        _repliesCall |= record.CallIds.Count > 0;
        if (_isLeftOut)
        {
            ImportReport.Count(report.LeftOut, _isSideCall ? ImportReport.SideCall : ImportReport.Copied);
            return;
        }

        var step = _current!.Steps[^1];
        step.Reply = TranscriptRecord.Message("assistant", _reply);
        step.StopReason = record.StopReason ?? step.StopReason;
        step.Usage = record.Usage is { Total: > 0 } ? record.Usage : step.Usage ?? record.Usage;
        step.EndedAt = record.At > step.EndedAt ? record.At : step.EndedAt;
        NameCalls(record);
    }

    private void Begin(TranscriptRecord record)
    {
        _replyKey = record.ReplyKey;
        _repliesCall = false;
        _isInterrupted = false;
        _isLeftOut = _isSideCall || replies.IsCopy(record, session, agent);
        if (_isLeftOut)
        {
            // History of what follows, and no step of its own.
            _history.AddRange(_pending);
            _current = _isSideCall ? _current : null;
            _prompt = null;
            _pending.Clear();
            _condensed.Clear();
            return;
        }

        // A copied part and what a fork adds to it are different runs.
        var isNew = _prompt is not null || _current is null || record.ForkedFrom != _forkedFrom;
        var isElsewhere = !isNew && _reportedTo is not null && _reportedTo != _current;
        _current = isElsewhere ? _reportedTo! : _current;
        if (isNew)
        {
            _current = Open(record);
        }

        // A turn's first call resends what came before it in the conversation.
        var resends = isNew || isElsewhere;
        IReadOnlyList<ImportedMessage> messages = resends ? [.. _history, .. _pending] : [.. _pending];
        _kept = resends || _isRewritten ? 0 : _kept;
        _current!.Steps.Add(new ImportedStep
        {
            Index = _current.Steps.Count + 1,
            Messages = messages,
            Resent = resends ? _history.Count + _before : 0,
            Condensed = [.. _condensed],
            HistoryKept = _kept,
            Reply = default,
            Model = record.Model,
            ResponseId = record.MessageId,
            StartedAt = _prompt is not null ? _prompt.At : record.At,
            EndedAt = record.At,
        });
        _kept += messages.Count + 1;
        _history.AddRange(_pending);
        _pending.Clear();
        _condensed.Clear();
        _prompt = null;
        _reportedTo = null;
        _before = 0;
        _isRewritten = false;
    }

    private ImportedTrajectory Open(TranscriptRecord record)
    {
        _forkedFrom = record.ForkedFrom;
        var owner = record.ForkedFrom ?? session;
        var key = ImportedTrajectory.IdOf($"claude-code\n{owner}\n{agent}\n{_prompt?.Uuid ?? record.Uuid}");
        var run = new ImportedTrajectory
        {
            Id = key,
            TaskId = key,
            ConversationId = agent.Length == 0 ? owner : owner + "/" + agent,
            SessionId = owner,
            Client = "claude-code" + (record.Version.Length > 0 ? "/" + record.Version : "") + ClaudeCodeTranscripts.ClientMark,
            Preset = rules.Name,
            TaskDescription = _task,
            Project = ProjectPath.Normalize(record.Directory),
        };
        _runs.Add(run);
        return run;
    }

    private void EndReply()
    {
        if (_reply.Count > 0)
        {
            if (!_isLeftOut && _current is { Steps.Count: > 0 } run)
            {
                // Earlier versions wrote no stop reason.
                run.Steps[^1].StopReason ??= _repliesCall ? "tool_use" : "end_turn";
            }

            _history.Add(new ImportedMessage(TranscriptRecord.Message("assistant", _reply), IsForeign: true));
            _reply.Clear();
            _replyKey = null;
        }
    }

    /// <summary>Calls are known by their ids, and those that start a sub-agent by its prompt too.</summary>
    private void NameCalls(TranscriptRecord record)
    {
        foreach (var block in record.Blocks.Select(LenientJson.Parse).OfType<JsonDocument>())
        {
            using (block)
            {
                var root = block.RootElement;
                if (root.Get("type"u8).Is("tool_use"u8) && root.Text("id"u8) is { } id)
                {
                    _ofCalls[id] = _current!;
                    if (root.Get("input"u8).Text("prompt"u8) is { Length: > 0 } prompt)
                    {
                        replies.AddAgent(TranscriptReplies.AgentKey(_current!.SessionId, prompt), _current.Id);
                    }
                }
            }
        }
    }

    /// <summary>The result of a call that started a sub-agent or a background task names it.</summary>
    private void NameAgents(TranscriptRecord record)
    {
        if (record.TaskIds.Count > 0 && record.ResultIds.Select(_ofCalls.GetValueOrDefault).FirstOrDefault(r => r is not null) is { } run)
        {
            foreach (var id in record.TaskIds)
            {
                _ofCalls[id] = run;
                replies.AddAgent(TranscriptReplies.AgentKey(run.SessionId, id), run.Id);
            }
        }
    }
}
