using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Reads Claude Code transcripts: JSON lines, one file a session in a folder a project. A run is one turn: what a person
/// asked for, up to the reply that ends without a tool call. Branches that were left, and what the program itself
/// said, are no part of it.
/// </summary>
internal sealed class ClaudeCodeTranscripts(TaskRules rules, ImportReport report)
{
    /// <summary>Ending of the client's name of imported runs.</summary>
    public const string ClientMark = " (transcript)";

    /// <summary>The runs of a file.</summary>
    public async Task<IReadOnlyList<ImportedTrajectory>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        var records = new List<TranscriptRecord>();
        await foreach (var line in ImportLines.ReadAsync(path, report, cancellationToken))
        {
            if (line.Bytes is { } bytes && !bytes.Span.Trim(" \t\r"u8).IsEmpty && TranscriptRecord.Read(bytes, report) is { } record)
            {
                records.Add(record);
            }
        }

        // The main conversation, then those of sub-agents.
        var name = Path.GetFileNameWithoutExtension(path);
        var runs = new List<ImportedTrajectory>();
        var main = records.Where(r => !r.IsSidechain).ToList();
        runs.AddRange(new Conversation(rules, main.Find(r => r.SessionId.Length > 0)?.SessionId ?? name, "").Read(WithoutAbandoned(main)));
        foreach (var agent in Sidechains(records))
        {
            var session = agent[0].SessionId.Length > 0 ? agent[0].SessionId : name;
            foreach (var run in new Conversation(rules, session, agent[0].AgentId ?? agent[0].Uuid ?? "agent").Read(WithoutAbandoned(agent)))
            {
                run.ParentId = runs.LastOrDefault(r => r.ParentId is null && r.Steps[0].StartedAt <= run.Steps[0].StartedAt)?.Id;
                runs.Add(run);
            }
        }

        return runs;
    }

    private static IEnumerable<List<TranscriptRecord>> Sidechains(List<TranscriptRecord> records)
    {
        var roots = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var record in records.Where(r => r.IsSidechain && r.Uuid is not null))
        {
            roots[record.Uuid!] = record.Parent is { } parent && roots.TryGetValue(parent, out var root) ? root : record.Uuid!;
        }

        return records.Where(r => r.IsSidechain).GroupBy(r => r.AgentId ?? (r.Uuid is { } id ? roots[id] : ""), StringComparer.Ordinal).Select(g => g.ToList());
    }

    /// <summary>
    /// What the last message is based on, and what cannot be distinguished from it: a person who goes back and asks anew
    /// leaves an abandoned branch. Results of parallel calls hang off the path and belong to it.
    /// </summary>
    private static List<TranscriptRecord> WithoutAbandoned(List<TranscriptRecord> records)
    {
        var byId = new Dictionary<string, TranscriptRecord>(StringComparer.Ordinal);
        records.Where(r => r.Uuid is not null).ToList().ForEach(r => byId[r.Uuid!] = r);
        var path = new HashSet<string>(StringComparer.Ordinal);
        for (var at = records.FindLast(r => r.IsMessage); at?.Uuid is { } id && path.Add(id); at = at.Parent is { } parent ? byId.GetValueOrDefault(parent) : null)
        {
        }

        var calls = records.Where(r => r.Uuid is { } id && path.Contains(id)).SelectMany(r => r.CallIds).ToHashSet(StringComparer.Ordinal);
        var replies = records.Where(r => r.Uuid is { } id && path.Contains(id) && r.MessageId is not null).Select(r => r.MessageId!).ToHashSet(StringComparer.Ordinal);
        calls.UnionWith(records.Where(r => r.MessageId is { } id && replies.Contains(id)).SelectMany(r => r.CallIds));
        var left = new HashSet<string>(StringComparer.Ordinal);
        var kept = new List<TranscriptRecord>();
        foreach (var record in records)
        {
            var isOn = record.Uuid is not { } id || path.Contains(id)
                || (record.MessageId is { } reply && replies.Contains(reply))
                || record.ResultIds.Any(calls.Contains)
                || record.Parent is not { } parent || !byId.ContainsKey(parent);
            if (!isOn || (record.Parent is { } from && left.Contains(from)))
            {
                left.Add(record.Uuid ?? "");
            }
            else if (record.IsMessage)
            {
                kept.Add(record);
            }
        }

        return kept;
    }

    /// <summary>Turns the records of one conversation into runs.</summary>
    private sealed class Conversation(TaskRules rules, string session, string agent)
    {
        private readonly List<ImportedTrajectory> _runs = [];
        private readonly List<ImportedMessage> _history = [];
        private readonly List<ImportedMessage> _pending = [];
        private readonly List<ReadOnlyMemory<byte>> _reply = [];
        private readonly List<ImportedMessage> _condensed = [];
        private TranscriptRecord? _prompt;
        private string? _replyId;
        private bool _isRewritten;
        private bool _repliesCall;
        private int _kept;

        public IReadOnlyList<ImportedTrajectory> Read(IReadOnlyList<TranscriptRecord> records)
        {
            foreach (var record in records)
            {
                if (record.Type == "user")
                {
                    TakeUser(record);
                }
                else
                {
                    TakeAssistant(record);
                }
            }

            EndReply();
            return _runs;
        }

        private void TakeUser(TranscriptRecord record)
        {
            if (record.BeginsHistory)
            {
                EndReply();
                _condensed.AddRange(_pending);
                _history.Clear();
                _pending.Clear();
                _isRewritten = true;
            }

            if (IsPrompt(record) && (_runs.Count == 0 || !_repliesCall))
            {
                EndReply();
                _prompt = record;
            }

            _pending.Add(new ImportedMessage(TranscriptRecord.Message("user", record.Blocks)));
        }

        private void TakeAssistant(TranscriptRecord record)
        {
            // One reply is written block by block, with the results of its first calls in between.
            if (record.MessageId is null || record.MessageId != _replyId)
            {
                EndReply();
                Begin(record);
            }

            var step = _runs[^1].Steps[^1];
            _reply.AddRange(record.Blocks);
            _repliesCall |= record.CallIds.Count > 0;
            step.Reply = TranscriptRecord.Message("assistant", _reply);
            step.StopReason = record.StopReason ?? step.StopReason;
            step.Usage = record.Usage.Total > 0 ? record.Usage : step.Usage;
            step.EndedAt = record.At > step.EndedAt ? record.At : step.EndedAt;
        }

        private void Begin(TranscriptRecord record)
        {
            var isNew = _prompt is not null || _runs.Count == 0;
            if (isNew)
            {
                var key = ImportedTrajectory.IdOf($"claude-code\n{session}\n{agent}\n{_prompt?.Uuid ?? record.Uuid}");
                _runs.Add(new ImportedTrajectory
                {
                    Id = key,
                    TaskId = key,
                    ConversationId = agent.Length == 0 ? session : session + "/" + agent,
                    SessionId = session,
                    Client = "claude-code" + (record.Version.Length > 0 ? "/" + record.Version : "") + ClientMark,
                    Preset = rules.Name,
                    TaskDescription = _prompt is null ? "" : TaskText.Describe(_prompt.Text, rules.Boilerplate),
                });
            }

            // A turn's first call resends what came before it in the conversation.
            IReadOnlyList<ImportedMessage> messages = isNew ? [.. _history, .. _pending] : [.. _pending];
            _kept = isNew || _isRewritten ? 0 : _kept;
            _runs[^1].Steps.Add(new ImportedStep
            {
                Index = _runs[^1].Steps.Count + 1,
                Messages = messages,
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
            _isRewritten = false;
            _repliesCall = false;
            _replyId = record.MessageId;
        }

        private void EndReply()
        {
            if (_reply.Count > 0)
            {
                _history.Add(new ImportedMessage(TranscriptRecord.Message("assistant", _reply), IsForeign: true));
                _reply.Clear();
                _replyId = null;
            }
        }

        private bool IsPrompt(TranscriptRecord record) =>
            !record.IsMeta && record.ResultIds.Count == 0
            && !record.Text.StartsWith("[Request interrupted", StringComparison.Ordinal)
            && !record.Text.StartsWith("<command-", StringComparison.Ordinal)
            && !record.Text.StartsWith("<local-command", StringComparison.Ordinal)
            && !record.Text.StartsWith("<bash-", StringComparison.Ordinal)
            && TaskText.Describe(record.Text, rules.Boilerplate).Length > 0;
    }
}
