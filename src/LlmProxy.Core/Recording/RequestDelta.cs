using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Recording;

/// <summary>What a call's history holds that its run did not have before. Known messages are compared by their keys and not read.</summary>
internal sealed class RequestDelta
{
    private readonly TurnKey[] _compared;
    private readonly TurnKey[] _before;
    private readonly int _known;
    private readonly int _countedFrom;

    private RequestDelta(TurnKey[] keys, TurnKey[] compared, TurnKey[] before, int kept, int known, int countedFrom, List<ConversationMessage> messages)
    {
        (Keys, _compared, _before, Kept, _known, _countedFrom, Messages) = (keys, compared, before, kept, known, countedFrom, messages);
    }

    /// <summary>Keys of all messages of the call.</summary>
    public TurnKey[] Keys { get; }

    /// <summary>How many entries of the run's history the call keeps.</summary>
    public int Kept { get; }

    /// <summary>The new messages.</summary>
    public IReadOnlyList<ConversationMessage> Messages { get; }

    /// <summary>The new messages that neither the run nor an earlier trajectory of its conversation had: if the beginning was rewritten, the unchanged rest counts once.</summary>
    public IEnumerable<ConversationMessage> Uncounted
    {
        get
        {
            var seen = Messages.Count > 0 ? _before.Skip(Kept).ToHashSet() : [];
            return Messages.Where((_, i) => _known + i >= _countedFrom && !seen.Contains(_compared[_known + i]));
        }
    }

    /// <summary>The run's history after the call.</summary>
    public TurnKey[] History => Kept > _known ? [.. _before[..Kept], .. Keys] : Keys;

    /// <summary>Compares a call with its run. If the run's content begins with it, all of its messages are new, and those after the last reply count.</summary>
    public static RequestDelta Of(TrajectoryState run, RequestReading? reading, IDialect dialect, Redactor redactor, TurnKeys turnKeys, bool contentBegins)
    {
        var messages = reading?.Messages ?? [];
        var keys = messages.Select(m => m.Key).ToArray();
        // The history of a rebuilt run is the stored one, without secrets.
        var compared = run.IsRebuilt ? [.. messages.Select((_, i) => dialect.KeyOf(redactor.RedactJson(reading!.ReadMessage(i).Json), turnKeys))] : keys;
        var (kept, known) = contentBegins ? (0, 0) : Compare(run, reading, messages, compared);
        var fresh = Enumerable.Range(known, messages.Count - known).Select(i => reading!.ReadMessage(i)).ToList();
        // The first step of a later turn brings the whole conversation; errors and interventions in it were counted in its
        // earlier trajectories.
        var isLaterTurn = contentBegins || (run.LastStep is null && run.Row.ConversationId != run.Row.TaskId);
        return new RequestDelta(keys, compared, run.History, kept, known, isLaterTurn ? AfterLastReply(messages) : 0, fresh);
    }

    /// <summary>The keys under which a new message is known: as it was sent and as it is stored.</summary>
    public TurnKey[] KeysOf(int message) => [Keys[_known + message], _compared[_known + message]];

    private static (int Kept, int Known) Compare(TrajectoryState run, RequestReading? reading, IReadOnlyList<MessageReading> messages, TurnKey[] keys)
    {
        var same = keys.AsSpan().CommonPrefixLength(run.History);
        if (reading is { PreviousResponseId: { } previous })
        {
            // The server keeps the history: the call brings only new messages, after the response that it names.
            return (run.Responses.TryGetValue(previous, out var length) && length <= run.History.Length ? length : run.History.Length, 0);
        }

        if (reading is { ServerConversationId: not null } && same < run.History.Length)
        {
            return (run.History.Length, 0);
        }

        if (run.IsRebuilt && run.History.Length == 0 && run.LastStep is not null)
        {
            // A run without content leaves nothing to compare with: everything up to the last reply was counted before.
            same = AfterLastReply(messages);
        }

        return (same, same);
    }

    private static int AfterLastReply(IReadOnlyList<MessageReading> messages)
    {
        var count = messages.Count;
        while (count > 0 && !messages[count - 1].IsAssistant)
        {
            count--;
        }

        return count;
    }
}
