using LlmProxy.Core.Assistants;

namespace LlmProxy.Core.Judging;

/// <summary>A judgement as it is kept with its trajectory.</summary>
internal sealed record StoredJudgement
{
    /// <summary>Made of trajectory, content, rubric's version, model and kind: the same judgement is stored once.</summary>
    public required string Key { get; init; }

    /// <summary>The trajectory.</summary>
    public required string TrajectoryId { get; init; }

    /// <summary>Whether it was judged alone or compared.</summary>
    public required AssistanceKind Kind { get; init; }

    /// <summary>The model that judged.</summary>
    public required string Model { get; init; }

    /// <summary><see cref="JudgeRubric.Version"/> when it was judged.</summary>
    public required int RubricVersion { get; init; }

    /// <summary>Hash of what the judge read.</summary>
    public required string ContentHash { get; init; }

    /// <summary>Whether it succeeded; null if the judge abstains.</summary>
    public bool? Success { get; init; }

    /// <summary>0 to 1; null if the judge abstains.</summary>
    public double? Score { get; init; }

    /// <summary>The answered questions; empty for a comparison.</summary>
    public IReadOnlyList<StoredAnswer> Answers { get; init; } = [];

    /// <summary>The trajectories that it was compared with; empty for a rubric.</summary>
    public IReadOnlyList<ComparedPeer> Peers { get; init; } = [];

    /// <summary>Quotes by the id of their question; empty after the trajectory's content was erased.</summary>
    public IReadOnlyDictionary<string, string> Quotes { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The judge's words; null if it said nothing, and after the trajectory's content was erased.</summary>
    public string? Critique { get; init; }

    /// <summary>Tokens of the question; null if unknown.</summary>
    public long? InputTokens { get; init; }

    /// <summary>Tokens of the answer; null if unknown.</summary>
    public long? OutputTokens { get; init; }

    /// <summary>When it was judged.</summary>
    public required DateTimeOffset At { get; init; }
}

/// <summary>An answer to a question of the rubric.</summary>
/// <param name="Id">The question's id.</param>
/// <param name="Answer">The answer.</param>
/// <param name="Step">The step that it rests on, or null.</param>
internal sealed record StoredAnswer(string Id, RubricAnswer Answer, int? Step);

/// <summary>A trajectory that another was compared with.</summary>
/// <param name="TrajectoryId">The other one.</param>
/// <param name="Preference">1 if the judged one is better, -1 if the other one is, 0 for a tie.</param>
internal sealed record ComparedPeer(string TrajectoryId, int Preference);

/// <summary>A judge's verdict on a trajectory whose outcome was stated.</summary>
/// <param name="Judged">The verdict; null if the judge abstains.</param>
/// <param name="Stated">The stated success.</param>
/// <param name="Task">The task.</param>
internal sealed record StatedVerdict(bool? Judged, bool Stated, string Task);
