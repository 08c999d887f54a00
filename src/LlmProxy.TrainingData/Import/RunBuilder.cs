using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Import;

/// <summary>What is known of a call besides its messages.</summary>
internal sealed record CallFacts
{
    public string Model { get; init; } = "";

    public string? System { get; init; }

    public ReadOnlyMemory<byte>? Tools { get; init; }

    public string? StopReason { get; init; }

    public string? ResponseId { get; init; }

    public TokenUsage? Usage { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset EndedAt { get; init; }
}

/// <summary>Builds the runs of one conversation from its messages and replies, in their order. A run is one turn; its first call resends what came before.</summary>
internal sealed class RunBuilder
{
    private readonly List<ImportedTrajectory> _runs = [];
    private readonly List<ImportedMessage> _history = [];
    private readonly List<ImportedMessage> _pending = [];
    private readonly List<ImportedMessage> _condensed = [];
    private readonly List<Turn> _turns = [];
    private ImportedTrajectory? _next;
    private int _kept;
    private int _before;
    private int _rewritten;
    private bool _isRewritten;

    /// <summary>The runs that have a call.</summary>
    public IReadOnlyList<ImportedTrajectory> Runs => _runs;

    /// <summary>The run that the next reply belongs to; null before the first.</summary>
    public ImportedTrajectory? Current { get; private set; }

    /// <summary>Begins a run; its prompt is added next.</summary>
    public void Open(ImportedTrajectory run)
    {
        Close();
        _turns.Add(new Turn(run, _history.Count, [.. _pending]));
        _before = _pending.Count;
        Current = _next = run;
    }

    /// <summary>Takes a message of the client.</summary>
    public void Add(ReadOnlyMemory<byte> json, bool isIntervention = false) => _pending.Add(new ImportedMessage(json, IsIntervention: isIntervention));

    /// <summary>Takes a reply as a step of the current run.</summary>
    public ImportedStep Reply(ReadOnlyMemory<byte> json, CallFacts facts)
    {
        var isNew = _next is not null;
        var run = Current ?? throw new InvalidOperationException("A run must be opened before its first reply.");
        IReadOnlyList<ImportedMessage> messages = isNew ? [.. _history, .. _pending] : [.. _pending];
        _kept = isNew || _isRewritten ? 0 : _kept;
        var step = new ImportedStep
        {
            Index = run.Steps.Count + 1,
            Messages = messages,
            Resent = isNew ? _history.Count + _before : 0,
            Condensed = [.. _condensed],
            HistoryKept = _kept,
            Reply = json,
            Model = facts.Model,
            System = facts.System,
            Tools = facts.Tools,
            StopReason = facts.StopReason,
            ResponseId = facts.ResponseId,
            Usage = facts.Usage,
            StartedAt = facts.StartedAt,
            EndedAt = facts.EndedAt < facts.StartedAt ? facts.StartedAt : facts.EndedAt,
        };
        run.Steps.Add(step);
        if (isNew)
        {
            _runs.Add(run);
        }

        _kept += messages.Count + 1;
        _history.AddRange(_pending);
        _history.Add(new ImportedMessage(json, IsForeign: true));
        _pending.Clear();
        _condensed.Clear();
        (_next, _before, _rewritten, _isRewritten) = (null, 0, 0, false);
        return step;
    }

    /// <summary>Puts other messages in the place of all that was said so far.</summary>
    public void Rewrite(IEnumerable<ImportedMessage> messages)
    {
        _condensed.AddRange(_pending);
        _history.Clear();
        _pending.Clear();
        _pending.AddRange(messages);
        _before = _next is null ? 0 : _pending.Count;
        (_isRewritten, _rewritten) = (true, _pending.Count);
        for (var i = 0; i < _turns.Count; i++)
        {
            _turns[i] = _turns[i] with { History = 0, Pending = [] };
        }
    }

    /// <summary>Takes back the last turns: the conversation continues as if they had not been.</summary>
    /// <returns>The number of messages and replies of their runs.</returns>
    public int RemoveTurns(long count)
    {
        var removed = 0;
        for (; count > 0 && _turns.Count > 0; count--)
        {
            var turn = _turns[^1];
            _turns.RemoveAt(_turns.Count - 1);
            removed += Math.Max(1, turn.Run.Steps.Sum(s => s.Messages.Count - s.Resent + 1));
            _runs.Remove(turn.Run);
            _history.RemoveRange(Math.Min(turn.History, _history.Count), _history.Count - Math.Min(turn.History, _history.Count));
            _pending.Clear();
            _pending.AddRange(turn.Pending);
        }

        (_next, Current) = (null, _turns.Count > 0 && _turns[^1].Run.Steps.Count > 0 ? _turns[^1].Run : null);
        return removed;
    }

    /// <summary>What came since the last reply belongs to its run.</summary>
    public void Close()
    {
        if (_next is null)
        {
            Current?.Trailing.AddRange(_condensed.Concat(_pending.Skip(_rewritten)));
            _condensed.Clear();
        }
    }

    private sealed record Turn(ImportedTrajectory Run, int History, IReadOnlyList<ImportedMessage> Pending);
}
