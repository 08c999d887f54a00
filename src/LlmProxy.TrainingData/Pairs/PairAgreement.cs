using LlmProxy.Core.Assistants;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.TrainingData.Pairs;

/// <summary>
/// Whether a judge's comparison agrees with a pair. Pairs of known outcomes need no comparison, but one that disagrees
/// removes them; pairs with a judged outcome need one.
/// </summary>
internal static class PairAgreement
{
    public const string Facts = "facts";
    private const string ComparedFacts = "facts+comparison";
    private const string ComparedRubric = "rubric+comparison";

    /// <summary>What a pair rests on; null with the reason if it is not to be taken.</summary>
    public static async Task<(string? Origin, string? Reason)> FindAsync(IJudgementStore? judgements, TrajectoryPair pair, CancellationToken cancellationToken)
    {
        var latest = judgements is null
            ? null
            : (await judgements.ListJudgementsAsync(pair.Better.Tenant, [pair.Better.Id], cancellationToken))
                .Where(j => j.Kind == AssistanceKind.Comparison)
                .SelectMany(j => j.Peers)
                .LastOrDefault(p => p.TrajectoryId == pair.Worse.Id);
        var isJudged = pair.Better.OutcomeSource == OutcomeSource.Judge || pair.Worse.OutcomeSource == OutcomeSource.Judge;
        return (latest?.Preference, isJudged) switch
        {
            (null, true) => (null, "a judged outcome that no comparison confirms"),
            (null, false) => (Facts, null),
            ( <= 0, _) => (null, "the judge's comparison does not agree"),
            (_, true) => (ComparedRubric, null),
            _ => (ComparedFacts, null),
        };
    }
}
