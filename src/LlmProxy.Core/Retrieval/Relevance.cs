namespace LlmProxy.Core.Retrieval;

/// <summary>
/// How relevant each candidate is: its ranks in both lists, how near its task is, and whether the nearest runs
/// went about it in the same way.
/// </summary>
/// <remarks>
/// <para>
/// Ranks alone (reciprocal rank fusion) forget distances: the tenth run has 87 % of the first one's score, however far
/// off it is. So half of the relevance is the fused score, as a share of the best one's, and half the cosine.
/// </para>
/// <para>
/// Which tools the task will take is not known on its first call, but the nearest runs are a guess: a candidate is worth
/// more the more its decisive tools overlap with theirs, weighted by how near each is. That is a minimum Bayes risk
/// choice (Kumar and Byrne, 2004) with the overlap as its gain; runs of another kind whose words happen to match fall back.
/// </para>
/// <para>
/// Chosen on recorded airline-service runs by round steps (agreement 0, 0.1, 0.2; relevance against diversity 0.8, 0.9;
/// near-duplicates from 0.8, 0.85, 0.9, 0.97), not by search; a test prints what they give there.
/// </para>
/// </remarks>
internal static class Relevance
{
    private const double AgreementWeight = 0.1;

    // What similarity of the task to the subject of a trajectory adds. The weight was chosen from 0
    // to 0.4 on one half of the recorded tasks; the other half, which a test prints, did better for it in each measure.
    private const double SubjectWeight = 0.15;

    // This many of the nearest trajectories suggest what the task is likely to take; e-fold less for each 0.1 of cosine.
    private const int Voters = 10;
    private const double VoteDecay = 0.1;

    // What a trajectory loses if only the idle rule judged it a success.
    private const double IdleLoss = 0.1;

    // What a trajectory loses for each reason why it is out of date: more than a good place in the lists is worth.
    private const double AgeingLoss = 0.2;

    // What experiments can add or take: as much as a good place in the lists.
    private const double EvidenceWeight = 0.2;

    /// <summary>The candidates with their relevance as score.</summary>
    public static IEnumerable<Candidate> Weigh(IReadOnlyList<Candidate> candidates, DecisiveTools tools)
    {
        if (candidates.Count == 0)
        {
            return candidates;
        }

        var highest = candidates.Max(c => c.Score);
        var near = candidates.Select(c => c with { Score = (0.5 * c.Score / highest) + (0.5 * c.Similarity) }).ToList();
        var nearest = near.Max(c => c.Similarity);
        var voters = near.OrderByDescending(c => c.Score).Take(Voters)
            .Select(c => (c.Run.Id, Tools: tools.Of(c.Run), Weight: Math.Exp((c.Similarity - nearest) / VoteDecay))).ToList();
        return near.Select(c => c with { Score = ((1 - AgreementWeight) * c.Score) + (AgreementWeight * Agreement(c)) + (SubjectWeight * c.SubjectSimilarity) - (c.Run.IsStated || c.Run.OutcomeSource == OutcomeSource.Agent ? 0 : IdleLoss) + (EvidenceWeight * c.Lean) - (AgeingLoss * c.Ageing.Count) });

        double Agreement(Candidate candidate)
        {
            var own = tools.Of(candidate.Run);
            var (sum, weights) = (0.0, 0.0);
            foreach (var (id, others, weight) in voters)
            {
                // Its own vote does not count.
                if (!string.Equals(id, candidate.Run.Id, StringComparison.Ordinal))
                {
                    sum += weight * DecisiveTools.Overlap(own, others);
                    weights += weight;
                }
            }

            return weights > 0 ? sum / weights : 0;
        }
    }
}
