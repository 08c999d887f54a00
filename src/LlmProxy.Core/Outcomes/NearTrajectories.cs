using System.Numerics.Tensors;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Outcomes;

/// <summary>Finds trajectories of other tasks that are like one: by the words of the task and of the tools that were used.</summary>
internal sealed class NearTrajectories(ISearchStore search, IOutcomeStore outcomes, TeachingKeys keys)
{
    // Of each kind of search. Most of the time goes into reading them: 60 took more than twice as long.
    private const int Candidates = 30;
    private const int DueWithOne = 8;

    /// <summary>The nearest trajectories whose outcome is known.</summary>
    public async Task<IReadOnlyList<NearTrajectory>> FindKnownAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        var near = Nearest(trajectory, await SearchAsync(trajectory, known: true, cancellationToken));
        // As many as a signal reads, and enough successes among them.
        var chosen = near.Take(SimilarTasksSignal.Count).Union(near.Where(n => n.Run.Success == true).Take(NearSuccessSignal.Count)).ToList();
        var outlines = await outcomes.ReadOutlinesAsync(trajectory.Tenant, [.. chosen.Select(n => n.Run.Id)], cancellationToken);
        return [.. chosen.Where(n => outlines.ContainsKey(n.Run.Id)).OrderByDescending(n => n.Similarity).Select(n => new NearTrajectory(n.Run.Id, n.Run.Success == true, n.Similarity, outlines[n.Run.Id]))];
    }

    /// <summary>Ids of the nearest trajectories whose outcome is inferred: their estimates may change with this one's outcome.</summary>
    public async Task<IReadOnlyList<string>> FindInferredAsync(Trajectory trajectory, CancellationToken cancellationToken) =>
        [.. Nearest(trajectory, await SearchAsync(trajectory, known: false, cancellationToken)).Where(n => n.Run.OutcomeSource == OutcomeSource.Inferred).Take(DueWithOne).Select(n => n.Run.Id)];

    private Task<IReadOnlyList<SearchHit>> SearchAsync(Trajectory trajectory, bool known, CancellationToken cancellationToken)
    {
        var text = TextOf(trajectory);
        return search.SearchAsync(
            new SearchQuery(trajectory.Tenant, LexicalEmbedder.ModelName, LexicalEmbedder.Embed(text), text, Candidates)
            {
                KnownOutcomes = known,
                // A key whose trajectories may not teach decides nothing about those of others.
                ExceptKeys = known ? keys.Excluded : [],
                SuccessOnly = false,
                OnlyUsable = false,
                WithoutRetired = false,
            },
            cancellationToken);
    }

    private static List<(Trajectory Run, double Similarity)> Nearest(Trajectory trajectory, IReadOnlyList<SearchHit> hits)
    {
        var own = LexicalEmbedder.Embed(TextOf(trajectory));
        return [.. hits.Select(h => h.Trajectory)
            .Where(t => !string.Equals(t.Id, trajectory.Id, StringComparison.Ordinal) && !string.Equals(t.ConversationId, trajectory.ConversationId, StringComparison.Ordinal))
            .Select(t => (Run: t, Similarity: Similarity(own, TextOf(t))))
            .Where(t => t.Similarity > 0)
            .OrderByDescending(t => t.Similarity).ThenBy(t => t.Run.Id, StringComparer.Ordinal)];
    }

    /// <summary>Cosine of a vector and a text, 0 to 1.</summary>
    internal static double Similarity(float[] own, string text) => Math.Max(0, TensorPrimitives.Dot<float>(own, LexicalEmbedder.Embed(text)));

    /// <summary>The words by which trajectories are compared.</summary>
    internal static string TextOf(Trajectory trajectory) => $"{trajectory.TaskDescription} {string.Join(' ', trajectory.ToolsUsed)}";
}
