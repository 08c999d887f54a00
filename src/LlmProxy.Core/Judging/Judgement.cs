using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Judging;

/// <summary>The answer to a question of a rubric.</summary>
public enum RubricAnswer
{
    /// <summary>The judge cannot tell, did not answer, or quoted text that the run does not contain.</summary>
    CannotTell,

    /// <summary>The run does not have the fault.</summary>
    No,

    /// <summary>The run has the fault, with a quote that shows it.</summary>
    Yes,
}

/// <summary>An answered question of a rubric.</summary>
/// <param name="Item">The question.</param>
/// <param name="Answer">The answer.</param>
/// <param name="Step">Number of the step that the answer rests on, from 1; null if none was named.</param>
/// <param name="Quote">Text of the run that shows it, or null.</param>
public sealed record JudgedItem(RubricItem Item, RubricAnswer Answer, int? Step, string? Quote);

/// <summary>What a judge found in a run.</summary>
public sealed record Judgement
{
    // A share of faults above which no success is claimed, and below which no failure is.
    private const double SuccessScore = 0.7;
    private const double FailureScore = 0.5;

    /// <summary>Every question of the rubric with its answer.</summary>
    public required IReadOnlyList<JudgedItem> Items { get; init; }

    /// <summary>What could be better, in the judge's words; null if it said nothing.</summary>
    public string? Critique { get; init; }

    /// <summary>Tokens of the judge's calls; null if the model does not state them.</summary>
    public UsageDetails? Usage { get; init; }

    /// <summary>1 without faults, 0 with all of them, decisive ones twice; null if fewer than half of the questions were answered.</summary>
    public double? Score
    {
        get
        {
            var answered = Items.Where(i => i.Answer != RubricAnswer.CannotTell).ToList();
            return answered.Count * 2 < Items.Count
                ? null
                : 1 - (answered.Where(i => i.Answer == RubricAnswer.Yes).Sum(Weight) / answered.Sum(Weight));

            static double Weight(JudgedItem item) => item.Item.IsDecisive ? 2 : 1;
        }
    }

    /// <summary>Whether the run succeeded; null if the judge abstains, since it cannot tell enough or the faults are in between.</summary>
    public bool? Success => Score switch
    {
        null => null,
        _ when Items.Any(i => i.Item.IsDecisive && i.Answer == RubricAnswer.Yes) => false,
        < FailureScore => false,
        >= SuccessScore => true,
        _ => null,
    };
}
