using LlmProxy.Core.Outcomes;

namespace LlmProxy.Core.Recording;

/// <summary>What one step added to its run, so that it can be taken back.</summary>
/// <param name="Usage">Tokens, or null.</param>
/// <param name="Cost">Cost, or null where it is unknown.</param>
/// <param name="Model">The model that responded, or null.</param>
/// <param name="ToolCalls">Tool calls of the reply.</param>
/// <param name="Iterations">Iterations; 1 but for gaps.</param>
/// <param name="Messages">What its new messages added.</param>
internal sealed record StepCounts(TokenUsage? Usage, decimal? Cost, RespondingModel? Model, int ToolCalls, int Iterations, MessageCounts Messages);

/// <summary>
/// A run as the recorder knows it: its row, its history so far and what is open in it. Built step by step; rebuilt
/// from the store after a restart.
/// </summary>
internal sealed class TrajectoryState(Trajectory row)
{
    private readonly List<string> _answeredLast = [];
    private readonly HashSet<int> _indices = [];
    private IReadOnlyList<TrajectoryEmbedding> _embeddings = [];
    private (TrajectoryStep? LastStep, TurnKey[] History, decimal? Cost, TokenUsage? Tokens) _before = (null, [], null, null);
    private (TimeSpan Uptime, DateTimeOffset At)? _firstCall;

    /// <summary>The run's row as it is now.</summary>
    public Trajectory Row { get; set; } = row;

    /// <summary>Whether content is kept. Once dropped it does not come back in parts.</summary>
    public bool KeepContent { get; set; } = row.HasContent;

    /// <summary>The last step, or null.</summary>
    public TrajectoryStep? LastStep { get; private set; }

    /// <summary>
    /// Keys of the whole history: the messages of the last call and its reply. Messages are compared by what they mean,
    /// not by their bytes, since clients change the form of what they send back (marks, nulls, string or blocks).
    /// </summary>
    public TurnKey[] History { get; private set; } = [];

    /// <summary>Whether the history is the store's: without secrets, or unknown where no content is kept.</summary>
    public bool IsRebuilt { get; set; }

    /// <summary>For each response how long the history was with it, for calls that name the response which they continue.</summary>
    public Dictionary<string, int> Responses { get; } = new(StringComparer.Ordinal);

    /// <summary>Keys of the replies that were recorded: every other assistant turn is foreign.</summary>
    public HashSet<TurnKey> Replies { get; } = [];

    /// <summary>The foreign turns, as long as their replies may still come.</summary>
    public UnmatchedAssistantTurns Foreign { get; } = new();

    /// <summary>Tools by the ids of their calls, for judging results.</summary>
    public Dictionary<string, string> Calls { get; } = new(StringComparer.Ordinal);

    /// <summary>Ids of calls whose result was counted.</summary>
    public HashSet<string> Answered { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether the last reply ended its turn without asking for a tool.</summary>
    public bool LastEndedTurn { get; set; }

    /// <summary>Whether the last call failed (an error, or no response).</summary>
    public bool LastCallFailed { get; set; }

    /// <summary>System prompt and tools of the last call, by a digest of their bytes in the request: most calls send them again unchanged.</summary>
    public (UInt128 Source, ContentHash? Stored) SystemPrompt { get; set; }

    /// <inheritdoc cref="SystemPrompt"/>
    public (UInt128 Source, ContentHash? Stored) Tools { get; set; }

    /// <summary>What it did, without its content: what its outcome is estimated from.</summary>
    public OutlineBuilder Outline { get; } = new();

    /// <summary>What the agent reported about the outcome, and whether its turn had ended by then; null if it reported nothing that still holds.</summary>
    public (bool Success, string? By, bool TurnEnded)? Claim { get; set; }

    /// <summary>Whether the store's outline lacks what a client reported.</summary>
    public bool HasNewEvidence { get; set; }

    /// <summary>What the last step added.</summary>
    public StepCounts? LastCounts { get; private set; }

    /// <summary>The text whose vectors the store has, or null.</summary>
    public string? EmbeddedText { get; set; }

    /// <summary>Whether it is to be deleted with all that was made from it.</summary>
    public bool IsDeleted { get; set; }

    /// <summary>Gives vectors that are saved with the next change.</summary>
    public void GiveEmbeddings(IReadOnlyList<TrajectoryEmbedding> embeddings) => _embeddings = embeddings;

    /// <summary>Takes the vectors that were given.</summary>
    public IReadOnlyList<TrajectoryEmbedding> TakeEmbeddings()
    {
        var embeddings = _embeddings;
        _embeddings = [];
        return embeddings;
    }

    /// <summary>When a call began: not before the time that has passed since the run's first call in this process, if the clock was set back in between.</summary>
    public DateTimeOffset StartOf(ExchangeHead head)
    {
        if (head.Uptime is not { } uptime)
        {
            return head.StartedAt;
        }

        var first = _firstCall ??= (uptime, head.StartedAt);
        var steady = first.At + (uptime - first.Uptime);
        return steady > head.StartedAt ? steady : head.StartedAt;
    }

    /// <summary>Remembers the state before a step.</summary>
    public void Mark()
    {
        _before = (LastStep, History, Row.CostUsd, Row.TokenUsage);
        _answeredLast.Clear();
    }

    /// <summary>Counts a result once; false where it was counted before.</summary>
    public bool Answer(string id)
    {
        if (!Answered.Add(id))
        {
            return false;
        }

        _answeredLast.Add(id);
        return true;
    }

    /// <summary>Adds a reply: its key, and the tools that it calls.</summary>
    public TurnKey AddReply(AssembledReply reply, TurnKeys keys)
    {
        var key = keys.AssistantTurn(reply.Message.Text, reply.CallKeys);
        Replies.Add(key);
        Remember(reply.Message);
        return key;
    }

    /// <summary>Remembers which tools a reply calls.</summary>
    public void Remember(ConversationMessage reply)
    {
        foreach (var call in reply.ToolCalls)
        {
            Calls[call.Id] = call.Name;
        }
    }

    /// <summary>Notes how the call of a step ended, unless a later step is known.</summary>
    public void NoteEnd(int index, StepStatus status, AssembledReply? reply)
    {
        if (LastStep is null || index >= LastStep.Index)
        {
            LastCallFailed = status.IsFailure();
            LastEndedTurn = status == StepStatus.Ok && reply is { EndedTurn: true };
        }
    }

    /// <summary>Whether there is a step of this number.</summary>
    public bool HasStep(int index) => _indices.Contains(index);

    /// <summary>Takes one step. One that comes late, after a later one, is not the last.</summary>
    public void Take(TrajectoryStep step, Trajectory row, TurnKey[] history, StepCounts counts)
    {
        Row = row;
        _indices.Add(step.Index);
        if (LastStep is null || step.Index > LastStep.Index)
        {
            (LastStep, LastCounts, History) = (step, counts, history);
        }

        if (step.ResponseId is { } response)
        {
            Responses[response] = history.Length;
        }
    }

    /// <summary>The row without the usage of the last step, which a response that came later states anew.</summary>
    public Trajectory WithoutLastUsage() => LastCounts is not { } counts ? Row : Row with
    {
        TokenUsage = counts.Usage is null || Row.TokenUsage is null ? _before.Tokens : Row.TokenUsage.Subtract(counts.Usage),
        CostUsd = counts.Cost is null || Row.CostUsd is null ? _before.Cost : Row.CostUsd - counts.Cost,
    };

    /// <summary>Completes the last step.</summary>
    public void Complete(TrajectoryStep step, TurnKey[] history, StepCounts counts)
    {
        (LastStep, History, LastCounts) = (step, history, counts);
        if (step.ResponseId is { } response)
        {
            Responses[response] = history.Length;
        }
    }

    /// <summary>Puts a step in the place of the one with its number, which describes it better.</summary>
    public void Replace(TrajectoryStep step) => LastStep = LastStep?.Index == step.Index ? step : LastStep;

    /// <summary>
    /// Goes back before the last step, which an equal call takes the place of. What came from elsewhere in between (an
    /// intervention through the API, tokens of a side call) stays.
    /// </summary>
    public void TakeBack()
    {
        if (LastStep is null || LastCounts is not { } counts)
        {
            return;
        }

        Row = Row with
        {
            IterationCount = Math.Max(0, Row.IterationCount - counts.Iterations),
            ToolCallsCount = Math.Max(0, Row.ToolCallsCount - counts.ToolCalls),
            FailedToolResults = Math.Max(0, Row.FailedToolResults - counts.Messages.Failed),
            ClicksTotal = Math.Max(0, Row.ClicksTotal - counts.Messages.Clicks),
            ClicksHit = Math.Max(0, Row.ClicksHit - counts.Messages.Hits),
            UserInterventions = Math.Max(0, Row.UserInterventions - counts.Messages.Interventions),
            TokenUsage = counts.Usage is null || Row.TokenUsage is null ? _before.Tokens : Row.TokenUsage.Subtract(counts.Usage),
            AnsweredBy = RespondingModels.Without(Row.AnsweredBy, counts.Model),
            Provider = RespondingModels.ProviderOf(RespondingModels.Without(Row.AnsweredBy, counts.Model)) ?? Row.Provider,
            CostUsd = counts.Cost is null || Row.CostUsd is null ? _before.Cost : Row.CostUsd - counts.Cost,
        };
        _indices.Remove(LastStep.Index);
        Outline.Forget(LastStep.Index);
        Foreign.Forget(LastStep.Index);
        (LastStep, History, _, _) = _before;
        LastCounts = null;
        Answered.ExceptWith(_answeredLast);
        _answeredLast.Clear();
    }
}
