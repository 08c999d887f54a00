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

    private const double RankWeight = 0.5;

    // Maximal marginal relevance (Carbonell and Goldstein, 1998): weight of relevance against likeness to what is chosen.
    private const double Uniqueness = 0.9;

    // The same weights where the sentence encoder's cosines are fused with the lexical ones. Chosen on one half of the pairs
    // in paraphrases.tsv and by the figures of the recorded runs (ranks 0.05 to 0.5, share 0.3 to 0.8, subject 0.1 and 0.15,
    // relevance against diversity 0.9 to 0.97); `LlmProxy.Benchmarks retrieval` prints what they give on the other half.
    private const double FusedRankWeight = 0.2;
    private const double FusedUniqueness = 0.94;
    private const double FusedSubjectWeight = 0.1;
    private const double LocalShare = 0.6;

    // If no candidate shares words with the task, ranks by words are noise and the sentence encoder decides. It does so in
    // full if the best lexical cosine is at most 0.2, and not at all from the lexical threshold on.
    private const double WordlessRankWeight = 0.05;
    private const double WordlessLocalShare = 0.8;
    private const double WordsSayNothing = 0.2;

    // The sentence encoder's cosines lie close together: those of texts with nothing in common around 0.5.
    private const double LocalZero = 0.5;

    /// <summary>Weight of relevance against likeness to what is chosen already.</summary>
    /// <param name="isFused">Whether two embedders' cosines are fused.</param>
    public static double UniquenessWeight(bool isFused) => isFused ? FusedUniqueness : Uniqueness;

    /// <summary>The candidates with their relevance as score.</summary>
    /// <param name="candidates">The candidates.</param>
    /// <param name="tools">Which tools decide.</param>
    /// <param name="isFused">Whether <see cref="Candidate.Similarity"/> is the sentence encoder's, to be fused with the lexical cosine.</param>
    public static IEnumerable<Candidate> Weigh(IReadOnlyList<Candidate> candidates, DecisiveTools tools, bool isFused)
    {
        if (candidates.Count == 0)
        {
            return candidates;
        }

        var (rankWeight, subjectWeight) = (RankWeight, SubjectWeight);
        if (isFused)
        {
            var words = Math.Clamp((candidates.Max(c => c.LexicalSimilarity) - WordsSayNothing) / (LexicalEmbedder.DefaultMinSimilarity - WordsSayNothing), 0, 1);
            var share = double.Lerp(WordlessLocalShare, LocalShare, words);
            (rankWeight, subjectWeight) = (double.Lerp(WordlessRankWeight, FusedRankWeight, words), FusedSubjectWeight);
            candidates = [.. candidates.Select(c => c with { Nearness = (share * (c.Similarity - LocalZero) / (1 - LocalZero)) + ((1 - share) * c.LexicalSimilarity) })];
        }

        var highest = candidates.Max(c => c.Score);
        var near = candidates.Select(c => c with { Score = (rankWeight * c.Score / highest) + ((1 - rankWeight) * c.Nearness) }).ToList();
        var nearest = near.Max(c => c.Nearness);
        var voters = near.OrderByDescending(c => c.Score).Take(Voters)
            .Select(c => (c.Run.Id, Tools: tools.Of(c.Run), Weight: Math.Exp((c.Nearness - nearest) / VoteDecay))).ToList();
        return near.Select(c => c with { Score = ((1 - AgreementWeight) * c.Score) + (AgreementWeight * Agreement(c)) + (subjectWeight * c.SubjectSimilarity) - (c.Run.Success is not null ? 0 : IdleLoss) + (EvidenceWeight * c.Lean) - (AgeingLoss * c.Ageing.Count) });

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
