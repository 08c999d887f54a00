
namespace LlmProxy.Prompts.Checking.Flow;

/// <summary>What a stretch of output holds, on the way of the renderings that were followed so far.</summary>
internal sealed class FlowOutput(int fence = 0)
{
    /// <summary>How many fences are open; less than one means that recorded text is taken for instructions.</summary>
    public int Fence { get; private set; } = fence;

    /// <summary>How many were open where this stretch began.</summary>
    public int FenceAtStart { get; } = fence;

    /// <summary>How often the part before the heading is rendered.</summary>
    public Count Head { get; private set; }

    /// <summary>How often the part from the heading on is rendered.</summary>
    public Count Tail { get; private set; }

    /// <summary>Where recorded text stands outside of a fence.</summary>
    public List<SourceSpan> Unfenced { get; } = [];

    /// <summary>Whether recorded text is rendered at all.</summary>
    public bool HasRecorded { get; private set; }

    /// <summary>Where the agent's prompt is rendered a second time.</summary>
    public SourceSpan? Twice { get; private set; }

    /// <summary>The branch that may leave out a part of the agent's prompt which another branch renders.</summary>
    public SourceSpan? LostAt { get; private set; }

    /// <summary>Where a part of the agent's prompt was rendered first.</summary>
    public SourceSpan? AgentAt { get; private set; }

    /// <summary>Characters of the template's own, on the longest way.</summary>
    public double Characters { get; private set; }

    public AgentParts Agent =>
        (Head.Most > 0 ? AgentParts.Head : AgentParts.None) | (Tail.Most > 0 ? AgentParts.Tail : AgentParts.None);

    public FlowOutput Clone() => Copy(new FlowOutput(FenceAtStart));

    /// <summary>Writes text that stands in the template.</summary>
    public void WriteOwn(string text)
    {
        Characters += text.Length;
        for (var at = text.IndexOf('<'); at >= 0; at = text.IndexOf('<', at + 1))
        {
            if (StandsAt(text, at, PromptFence.Opening))
            {
                Fence++;
            }
            else if (StandsAt(text, at, PromptFence.Closing))
            {
                Fence--;
            }
        }
    }

    /// <summary>Writes a value.</summary>
    public void Write(FlowValue value, SourceSpan span)
    {
        if (value.Output is { } made)
        {
            Append(made, span);
            return;
        }

        if (value.Constant is { } text)
        {
            WriteOwn(text);
            return;
        }

        if (value.WritesRecorded)
        {
            HasRecorded = true;
            if (Fence < 1)
            {
                Unfenced.Add(span);
            }
        }

        AddAgent(value.Agent.HasFlag(AgentParts.Head) ? Count.One : default, value.Agent.HasFlag(AgentParts.Tail) ? Count.One : default, span);
    }

    /// <summary>Writes a stretch that was made elsewhere; a fence that is open here holds for it, too.</summary>
    public void Append(FlowOutput made, SourceSpan span)
    {
        Characters += made.Characters;
        HasRecorded |= made.HasRecorded;
        if (Fence < 1 || made.FenceAtStart > 0)
        {
            Unfenced.AddRange(made.Unfenced);
        }

        Fence += made.Fence - made.FenceAtStart;
        Twice ??= made.Twice;
        LostAt ??= made.LostAt;
        AddAgent(made.Head, made.Tail, span);
    }

    /// <summary>Counts the text of a loop as often as it is written.</summary>
    /// <param name="before">Characters before the loop.</param>
    /// <param name="seen">The rounds that were followed.</param>
    /// <param name="rounds">The rounds that it goes.</param>
    public void SetRounds(double before, int seen, int rounds) => Characters = before + ((Characters - before) / seen * rounds);

    /// <summary>Goes on behind a branch, whichever way was taken.</summary>
    /// <param name="other">The output of the other way.</param>
    /// <param name="asked">The parts of the agent's prompt that the branch asked about: the way that leaves one out is the one where it is empty.</param>
    /// <param name="branch">Where the branch stands.</param>
    public void Join(FlowOutput other, AgentParts asked, SourceSpan branch)
    {
        Fence = Math.Min(Fence, other.Fence);
        var (head, tail) = (Head, Tail);
        Head = Count.Either(head, other.Head, asked.HasFlag(AgentParts.Head));
        Tail = Count.Either(tail, other.Tail, asked.HasFlag(AgentParts.Tail));
        if (Head.Least < Math.Max(head.Least, other.Head.Least) || Tail.Least < Math.Max(tail.Least, other.Tail.Least))
        {
            LostAt ??= branch;
        }

        Unfenced.AddRange(other.Unfenced.Where(span => !Unfenced.Contains(span)));
        HasRecorded |= other.HasRecorded;
        Twice ??= other.Twice;
        LostAt ??= other.LostAt;
        AgentAt ??= other.AgentAt;
        Characters = Math.Max(Characters, other.Characters);
    }

    private static bool StandsAt(string text, int at, string mark) => string.CompareOrdinal(text, at, mark, 0, mark.Length) == 0;

    private void AddAgent(Count head, Count tail, SourceSpan span)
    {
        if (head.Most == 0 && tail.Most == 0)
        {
            return;
        }

        AgentAt ??= span;
        Head = Head.Plus(head);
        Tail = Tail.Plus(tail);
        if ((head.Most > 0 && Head.Most > 1) || (tail.Most > 0 && Tail.Most > 1))
        {
            Twice ??= span;
        }
    }

    private FlowOutput Copy(FlowOutput to)
    {
        to.Fence = Fence;
        to.Head = Head;
        to.Tail = Tail;
        to.Unfenced.AddRange(Unfenced);
        to.HasRecorded = HasRecorded;
        to.Twice = Twice;
        to.LostAt = LostAt;
        to.AgentAt = AgentAt;
        to.Characters = Characters;
        return to;
    }
}

/// <summary>How often something happens at least and at most. More than a few is a few.</summary>
internal readonly record struct Count(int Least, int Most)
{
    public static Count One { get; } = new(1, 1);

    public Count Plus(Count other) => new(Math.Min(Least + other.Least, 9), Math.Min(Most + other.Most, 9));

    /// <param name="a">The count on one way.</param>
    /// <param name="b">The count on the other way.</param>
    /// <param name="isAsked">Whether leaving it out on one way is no loss.</param>
    public static Count Either(Count a, Count b, bool isAsked) =>
        new(isAsked ? Math.Max(a.Least, b.Least) : Math.Min(a.Least, b.Least), Math.Max(a.Most, b.Most));
}
