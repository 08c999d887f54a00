using System.Numerics.Tensors;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Curation;

/// <summary>A trajectory that may be an example of its type.</summary>
/// <param name="Run">The trajectory.</param>
/// <param name="IsPinned">Whether a person pinned it.</param>
/// <param name="Evidence">What is known of it as an example, or null.</param>
internal sealed record ChoiceCandidate(Trajectory Run, bool IsPinned, ExampleEvidence? Evidence)
{
    private float[]? _vector;
    private IReadOnlyList<string>? _tools;

    public bool Helps => Evidence is { Finding: "helps" };

    public bool Harms => Evidence is { Finding: "harms" };

    public double Likeness(ChoiceCandidate other) => TensorPrimitives.Dot<float>(Vector, other.Vector);

    public bool IsLike(ChoiceCandidate other, DecisiveTools decisive) =>
        (string.Equals(Run.TaskDescription, other.Run.TaskDescription, StringComparison.OrdinalIgnoreCase) || Likeness(other) >= ExampleChoice.NearDuplicate)
        && DecisiveTools.Overlap(Tools(decisive), other.Tools(decisive)) >= ExampleChoice.SameTools;

    private float[] Vector => _vector ??= LexicalEmbedder.Embed(Run.TaskDescription);

    private IReadOnlyList<string> Tools(DecisiveTools decisive) => _tools ??= TypedTask.ToolsOf(Run, decisive);
}

/// <summary>Chooses the examples of a type: pinned ones, then those that help by measurement, then by worth and difference.</summary>
/// <remarks>
/// Worth is the score (times the probability of success if that is inferred), how far the outcome can be trusted, how few steps
/// it took, and what experiments suggest. Of those equally far up, each choice weighs worth against likeness to what is chosen
/// already (maximal marginal relevance, Carbonell and Goldstein, 1998). Each candidate is compared with the better ones that are
/// not redundant, of which the best <see cref="MostCompared"/> count: quadratic in that constant, linear in the candidates.
/// </remarks>
internal static class ExampleChoice
{
    /// <summary>Two tasks this alike are one task that was done twice.</summary>
    public const float NearDuplicate = 0.85f;

    /// <summary>Least overlap of tools at which one example can replace the other.</summary>
    public const double SameTools = 0.5;

    private const int MostCompared = 200;
    private const int MostChosen = 5;

    private const double ScoreWeight = 0.5;
    private const double TrustWeight = 0.25;
    private const double BrevityWeight = 0.15;
    private const double LeanWeight = 0.1;
    private const double WorthWeight = 0.7;

    /// <summary>The chosen candidates, best first, and the redundant ones, each with the better one.</summary>
    public static (IReadOnlyList<ChoiceCandidate> Chosen, IReadOnlyList<(ChoiceCandidate Candidate, ChoiceCandidate Better)> Redundant) Choose(IReadOnlyList<ChoiceCandidate> candidates)
    {
        var fewest = candidates.Count == 0 ? 0 : candidates.Min(c => c.Run.IterationCount);
        var ranked = candidates.Where(c => !c.Harms || c.IsPinned).Select(c => (Candidate: c, Worth: Worth(c)))
            .OrderByDescending(c => c.Candidate.IsPinned).ThenByDescending(c => c.Candidate.Helps).ThenByDescending(c => c.Worth)
            .ThenByDescending(c => c.Candidate.Run.StartedAt).ThenBy(c => c.Candidate.Run.Id, StringComparer.Ordinal).ToList();

        var decisive = new DecisiveTools();
        var kept = new List<(ChoiceCandidate Candidate, double Worth)>();
        var redundant = new List<(ChoiceCandidate, ChoiceCandidate)>();
        foreach (var next in ranked)
        {
            // A pinned example of no use to others, one that harms, makes none superfluous.
            var better = next.Candidate.IsPinned ? null : kept.Find(k => !k.Candidate.Harms && next.Candidate.IsLike(k.Candidate, decisive)).Candidate;
            if (better is not null)
            {
                redundant.Add((next.Candidate, better));
            }
            else if (kept.Count < MostCompared)
            {
                kept.Add(next);
            }
        }

        return (Diverse(kept), redundant);

        double Worth(ChoiceCandidate c) =>
            (ScoreWeight * (c.Run.QualityScore ?? 0) * (c.Run.Success is null ? c.Run.SuccessProbability ?? 0 : 1))
            + (TrustWeight * c.Run.OutcomeRank / 3)
            + (BrevityWeight * (1.0 + fewest) / (1.0 + c.Run.IterationCount))
            + (LeanWeight * (c.Evidence?.Lean ?? 0));
    }

    private static List<ChoiceCandidate> Diverse(List<(ChoiceCandidate Candidate, double Worth)> kept)
    {
        var chosen = new List<ChoiceCandidate>();
        foreach (var part in kept.GroupBy(k => (k.Candidate.IsPinned, k.Candidate.Helps)))
        {
            var left = part.ToList();
            while (left.Count > 0 && (part.Key.IsPinned || chosen.Count < MostChosen))
            {
                var next = left.MaxBy(k => (WorthWeight * k.Worth) - ((1 - WorthWeight) * (chosen.Count == 0 ? 0 : chosen.Max(k.Candidate.Likeness))));
                chosen.Add(next.Candidate);
                left.Remove(next);
            }
        }

        return chosen;
    }
}
