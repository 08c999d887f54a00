using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>One message of a run's history, with what is known of it.</summary>
internal sealed record HistoryEntry(ConversationMessage Message, IDialect Dialect)
{
    /// <summary>An assistant turn that no recorded response produced.</summary>
    public bool IsForeign { get; init; }

    /// <summary>The reply of another run of the conversation.</summary>
    public bool IsOthers { get; init; }

    /// <summary>Number of the step whose reply it is, or 0.</summary>
    public int Step { get; init; }

    /// <summary>Whether it may be learned from in this segment.</summary>
    public bool IsTrained { get; init; }

    /// <summary>When the step's request came.</summary>
    public DateTimeOffset At { get; init; }
}

/// <summary>A part of a run in which the history only grew.</summary>
/// <param name="Steps">Its steps.</param>
/// <param name="Entries">Its messages in order, the replies included.</param>
internal sealed record Segment(IReadOnlyList<StepView> Steps, IReadOnlyList<HistoryEntry> Entries);

/// <summary>
/// Lays the steps of a run end to end. A step names how much of the history before it keeps; where it drops or changes
/// what the model had seen (compaction, edited results) a new segment begins with the history as it was then.
/// </summary>
/// <remarks>
/// Two things are no rewriting: a reply that never came whole and was asked for again, and a message of the agent
/// that is sent once and left out of the next call. The latter stays, since the reply after it responds to it.
/// </remarks>
internal sealed class SegmentBuilder(Func<UInt128, bool> isOfConversation)
{
    private readonly List<Segment> _segments = [];
    private readonly HashSet<UInt128> _replies = [];
    private List<HistoryEntry> _history = [];
    private List<HistoryEntry> _line = [];
    private List<StepView> _steps = [];

    /// <summary>The segments of a run.</summary>
    /// <param name="steps">Its steps in order.</param>
    /// <param name="isOfConversation">Whether a foreign turn is the reply of another run of the same conversation: known, and learned from there.</param>
    public static IReadOnlyList<Segment> Build(IReadOnlyList<StepView> steps, Func<UInt128, bool> isOfConversation)
    {
        var builder = new SegmentBuilder(isOfConversation);
        foreach (var step in steps)
        {
            builder.Take(step);
        }

        builder.EndSegment();
        return builder._segments;
    }

    private void Take(StepView view)
    {
        var step = view.Step;
        var dialect = DialectCatalog.Get(step.Dialect);
        var added = view.Messages.Select(m => EntryOf(m.Message, m.IsForeign, dialect)).ToList();
        var kept = Math.Clamp(step.HistoryKept, 0, _history.Count);
        var dropped = _history[kept..];
        if (dropped.Count > 0 && !IsUnansweredCall(dropped))
        {
            var known = FindAgain(dropped, added);
            if (known is null)
            {
                // The same messages stay what they were; the replies among them were learned from already.
                EndSegment();
                _history = [.. _history[..kept].Select(e => e with { IsTrained = false })];
                _line = [.. _history];
            }
            else
            {
                _history = [.. _history[..kept], .. known];
                added.RemoveRange(0, known.Count);
            }
        }
        else if (dropped.Count > 0)
        {
            _line.RemoveAll(dropped.Contains);
            _history = _history[..kept];
        }

        _steps.Add(view);
        Add(added);
        if (view.Reply is { } reply)
        {
            var isWhole = step.Status.HasWholeReply();
            Add([new HistoryEntry(reply, dialect) { Step = step.Index, IsTrained = isWhole, IsForeign = !isWhole, At = step.StartedAt }]);
            _replies.Add(MessagePrint.Of(reply));
        }
    }

    private HistoryEntry EntryOf(ConversationMessage message, bool isForeign, IDialect dialect)
    {
        var isOthers = isForeign && MessagePrint.Of(message) is var print && !_replies.Contains(print);
        var isKnown = isOthers && isOfConversation(MessagePrint.Of(message));
        return new HistoryEntry(message, dialect) { IsForeign = isOthers && !isKnown, IsOthers = isKnown };
    }

    /// <summary>A reply that broke off: the client asked again without it.</summary>
    private static bool IsUnansweredCall(List<HistoryEntry> dropped) => dropped is [{ Step: > 0, IsTrained: false }];

    /// <summary>The dropped messages that came again in order, where those that did not are client texts alone; else null.</summary>
    private static List<HistoryEntry>? FindAgain(List<HistoryEntry> dropped, List<HistoryEntry> added)
    {
        var found = new List<HistoryEntry>();
        foreach (var entry in dropped)
        {
            if (found.Count < added.Count && MessagePrint.Of(added[found.Count].Message) == MessagePrint.Of(entry.Message))
            {
                found.Add(entry);
            }
            else if (entry.Message.IsAssistant || entry.Message.ToolResults.Count > 0)
            {
                return null;
            }
        }

        return found.Exists(e => e.Message.IsAssistant) ? found : null;
    }

    private void Add(IReadOnlyList<HistoryEntry> entries)
    {
        _history.AddRange(entries);
        _line.AddRange(entries);
    }

    private void EndSegment()
    {
        if (_line.Exists(e => e.IsTrained))
        {
            _segments.Add(new Segment(_steps, _line));
        }

        _steps = [];
        _line = [];
    }
}
