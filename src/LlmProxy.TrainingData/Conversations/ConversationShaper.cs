using LlmProxy.Core.Redaction;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>How a format wants conversations.</summary>
/// <param name="KeepForeign">Whether foreign assistant turns stay, to be written with weight 0.</param>
/// <param name="MaxImages">Images that stay, the last ones.</param>
/// <param name="TakesImage">Whether an image can be written at all.</param>
internal sealed record ShapeRules(bool KeepForeign, int MaxImages, Func<ImageSource, bool> TakesImage)
{
    /// <summary>Whether replies that are learned from elsewhere stay: those of other runs, and those of an earlier segment. The consumer must be able to mask them.</summary>
    public bool KeepLearned { get; init; }

    /// <summary>The dialect whose blocks stay as they are, or null.</summary>
    public DialectKind? Native { get; init; }

    /// <summary>Whether names of tools must begin with a letter or _.</summary>
    public bool NamesBeginWithLetter { get; init; }
}

/// <summary>Counts what was changed or left out, by what it was.</summary>
internal sealed class ExportNotes
{
    public SortedDictionary<string, int> Counts { get; } = new(StringComparer.Ordinal);

    public void Add(string what, int count = 1)
    {
        if (count > 0)
        {
            Counts[what] = Counts.GetValueOrDefault(what) + count;
        }
    }
}

/// <summary>
/// Makes a conversation of a segment: foreign turns out, each call answered once and in order, images in their window,
/// names that every consumer takes, from the first client turn to the last reply.
/// </summary>
internal sealed class ConversationShaper(ShapeRules rules, Redactor? redactor, ExportNotes notes)
{
    /// <summary>Why: no reply says or calls anything.</summary>
    public const string NoReply = "nothing to learn from: no reply, or thinking alone";

    /// <summary>Why: the client's first message is empty.</summary>
    public const string NoQuestion = "nothing to learn from: no client message before the first reply";

    /// <summary>Note: what the conversation held before the run.</summary>
    public const string RepliesOfOthers = "replies of other runs left out: lines begin with their run's first message";

    private readonly ConsumerNames _names = new(rules.NamesBeginWithLetter);

    /// <summary>Why <see cref="Shape"/> gave no conversation.</summary>
    public string WhyNot { get; private set; } = NoReply;

    /// <summary>The conversation; null where nothing of it can be learned from, or it does not begin with the client.</summary>
    public Conversation? Shape(Segment segment)
    {
        // 1. Every message in parts.
        var turns = segment.Entries.Select(Read).ToList();
        if (!rules.KeepForeign)
        {
            Drop(turns, t => t.IsForeign, "foreign assistant turns left out");
        }

        turns.RemoveAll(IsEmpty);
        if (!rules.KeepLearned)
        {
            DropLearned(turns);
        }

        // 2. From the client's first turn to the last reply.
        while (turns is [{ IsAssistant: true, IsTrained: false }, ..])
        {
            notes.Add("assistant turns before the first user message left out");
            turns.RemoveAt(0);
        }

        turns.RemoveRange(turns.FindLastIndex(t => t.IsTrained) + 1, turns.Count - turns.FindLastIndex(t => t.IsTrained) - 1);
        if (turns.Count == 0 || turns[0].IsAssistant)
        {
            WhyNot = turns.Count == 0 ? NoReply : NoQuestion;
            return null;
        }

        // 3. Calls and results side by side.
        turns = MergeAssistants(turns);
        new CallMatcher(_names, notes).Match(turns);
        turns.RemoveAll(IsEmpty);
        turns = MergeAssistants(turns);

        // 4. Images, the last ones first.
        new ImageWindow(rules, notes).Apply(turns);

        var first = segment.Steps[0];
        var models = segment.Steps.Where(s => s.Reply is not null).Select(s => s.Step.Model).Where(m => m.Length > 0).Distinct(StringComparer.Ordinal).ToList();
        return new Conversation
        {
            System = first.SystemPrompt is { Length: > 0 } prompt ? StrictJson.Clean(redactor is null ? prompt : redactor.Redact(prompt)) : null,
            Model = segment.Steps[^1].Step.Model,
            Models = models,
            Tools = OfferedTools.Collect(segment.Steps, turns, _names, notes),
            Turns = turns,
        };
    }

    private Turn Read(HistoryEntry entry)
    {
        var message = redactor is null ? entry.Message : entry.Dialect.ReadMessage(redactor.RedactJson(entry.Message.Json));
        var parts = TurnParts.Of(message, entry.Dialect, rules.Native);
        if (rules.Native is null)
        {
            parts.RemoveAll(p => p is OtherPart { Mark: null });
        }

        if (parts.OfType<TextPart>().All(p => string.IsNullOrWhiteSpace(p.Text)))
        {
            parts.RemoveAll(p => p is TextPart);
        }

        return new Turn
        {
            IsAssistant = entry.Message.IsAssistant,
            IsForeign = entry.IsForeign,
            IsOthers = entry.IsOthers,
            IsTrained = entry.IsTrained,
            Step = entry.Step,
            At = entry.At,
            Parts = parts,
        };
    }

    private static bool IsEmpty(Turn turn) => turn.Parts.Count == 0;

    /// <summary>
    /// The format's consumer learns from every reply, so the line begins with the run's own first message, and replies that
    /// an earlier line holds are left out.
    /// </summary>
    private void DropLearned(List<Turn> turns)
    {
        var first = turns.FindIndex(t => t.IsTrained);
        var own = first < 0 ? 0 : turns.FindLastIndex(first, t => t.IsOthers) + 1;
        if (own > 0)
        {
            var before = turns[..own];
            notes.Add(RepliesOfOthers, before.Count(t => t.IsAssistant));
            turns.RemoveRange(0, own);
            DropResults(turns, before);
        }

        Drop(turns, t => t is { IsAssistant: true, IsTrained: false, IsForeign: false }, "replies that another line trains left out");
        turns.RemoveAll(IsEmpty);
    }

    /// <summary>Takes turns out, with the results of their calls.</summary>
    private void Drop(List<Turn> turns, Predicate<Turn> isGone, string note)
    {
        var gone = turns.FindAll(isGone);
        if (gone.Count > 0)
        {
            notes.Add(note, gone.Count);
            turns.RemoveAll(isGone);
            DropResults(turns, gone);
        }
    }

    private static void DropResults(List<Turn> turns, List<Turn> gone)
    {
        var own = turns.SelectMany(t => t.Calls).Select(c => c.Id).ToHashSet(StringComparer.Ordinal);
        var calls = gone.SelectMany(t => t.Calls).Select(c => c.Id).Where(id => id.Length > 0 && !own.Contains(id)).ToHashSet(StringComparer.Ordinal);
        foreach (var turn in turns)
        {
            turn.Parts.RemoveAll(p => p is ToolResult result && calls.Contains(result.Id));
        }
    }

    /// <summary>Assistant turns without a client turn between them are one turn; a foreign note among them makes it one not to learn from, so it goes.</summary>
    private List<Turn> MergeAssistants(List<Turn> turns)
    {
        var merged = new List<Turn>();
        foreach (var turn in turns)
        {
            // Anthropic's API joins such turns; there each stays the reply of its step.
            if (!turn.IsAssistant || merged.Count == 0 || !merged[^1].IsAssistant || (rules.Native is not null && turn.IsTrained && merged[^1].IsTrained && !merged[^1].Calls.Any()))
            {
                merged.Add(turn);
            }
            else if (merged[^1].IsTrained == turn.IsTrained)
            {
                merged[^1].Parts.AddRange(turn.Parts);
                if (turn.Step > 0)
                {
                    merged[^1] = new Turn { IsAssistant = true, IsForeign = turn.IsForeign, IsOthers = turn.IsOthers, IsTrained = turn.IsTrained, Step = turn.Step, At = turn.At, Parts = merged[^1].Parts };
                }
            }
            else
            {
                notes.Add("foreign assistant turns next to a reply left out");
                if (turn.IsTrained)
                {
                    merged[^1] = turn;
                }
            }
        }

        return merged;
    }
}
