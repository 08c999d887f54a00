using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.TrainingData.Pairs;

/// <summary>Two runs of the same or nearly the same task.</summary>
/// <param name="Better">The better one.</param>
/// <param name="Worse">The worse one.</param>
/// <param name="Similarity">1 for the same task, else the cosine of the two.</param>
/// <param name="Reason">Why it is better.</param>
internal sealed record TrajectoryPair(Trajectory Better, Trajectory Worse, double Similarity, string Reason);

/// <summary>
/// Pairs runs: success over failure, or a score that is better by a margin. Runs of the same task come first, the best
/// with the worst; a run that finds no partner there is paired with one of a nearly equal task. No run is in two pairs.
/// </summary>
internal sealed class PairFinder(ITrajectoryStore store, ISearchStore search, string tenant)
{
    /// <summary>How much better a score must be where both runs succeeded.</summary>
    public const double Margin = 0.2;

    /// <summary>How alike two tasks must be that are nearly the same: the cosine of their lexical vectors.</summary>
    public const double NearlySame = 0.9;

    private const int Neighbours = 10;

    /// <summary>Finds pairs among selected runs, known by id, task and outcome alone; rows are read when their pair is due.</summary>
    public async IAsyncEnumerable<TrajectoryPair> FindAsync(
        IReadOnlyList<TrajectoryCandidate> candidates, [System.Runtime.CompilerServices.EnumeratorCancellation] System.Threading.CancellationToken cancellationToken)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        var open = new List<TrajectoryCandidate>();

        // 1. Runs of the same task.
        foreach (var task in candidates.GroupBy(c => c.Task).OrderBy(g => g.Min(c => c.Order)))
        {
            var byRank = task.OrderByDescending(c => c.Rank).ThenBy(c => c.Order).ToList();
            var (best, worst) = (0, byRank.Count - 1);
            for (; best < worst && byRank[best].CanBeBetter && ReasonFor(byRank[best], byRank[worst]) is { } reason; best++, worst--)
            {
                if (await ReadAsync(byRank[best], byRank[worst], 1, reason, cancellationToken) is { } pair)
                {
                    used.Add(byRank[best].Id);
                    used.Add(byRank[worst].Id);
                    yield return pair;
                }
            }

            open.AddRange(byRank.Where(c => c.CanBeBetter && !used.Contains(c.Id)));
        }

        // 2. Runs of nearly the same task, the best first.
        var byId = candidates.ToDictionary(c => c.Id, StringComparer.Ordinal);
        foreach (var better in open.OrderByDescending(c => c.Rank).ThenBy(c => c.Order))
        {
            if (used.Contains(better.Id) || await store.FindTrajectoryAsync(tenant, better.Id, cancellationToken) is not { } run)
            {
                continue;
            }

            var query = new SearchQuery(tenant, LexicalEmbedder.ModelName, LexicalEmbedder.Embed(run.TaskDescription), "", Neighbours) { SuccessOnly = false, WithoutRetired = false };
            foreach (var hit in await search.SearchAsync(query, cancellationToken))
            {
                if (hit.Similarity >= NearlySame && hit.Trajectory.Id != better.Id && !used.Contains(hit.Trajectory.Id)
                    && byId.TryGetValue(hit.Trajectory.Id, out var worse) && ReasonFor(better, worse) is { } reason)
                {
                    used.Add(better.Id);
                    used.Add(worse.Id);
                    yield return new TrajectoryPair(run, hit.Trajectory, Math.Min(1, hit.Similarity.Value), reason);
                    break;
                }
            }
        }
    }

    private async Task<TrajectoryPair?> ReadAsync(TrajectoryCandidate better, TrajectoryCandidate worse, double similarity, string reason, System.Threading.CancellationToken cancellationToken) =>
        await store.FindTrajectoryAsync(tenant, better.Id, cancellationToken) is { } first && await store.FindTrajectoryAsync(tenant, worse.Id, cancellationToken) is { } second
            ? new TrajectoryPair(first, second, similarity, reason)
            : null;

    private static string? ReasonFor(TrajectoryCandidate better, TrajectoryCandidate worse) =>
        better.Success && worse.Failed ? "success over failure"
        : better.Success && worse.Success && better.Quality - worse.Quality >= Margin ? FormattableString.Invariant($"quality {better.Quality:0.00} over {worse.Quality:0.00}")
        : null;
}

/// <summary>A run as pairing needs it: small, since all of them are held at once.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Task">Same for runs of the same task.</param>
/// <param name="Order">Its place among the selected runs.</param>
/// <param name="Success">Whether it succeeded.</param>
/// <param name="Failed">Whether it failed.</param>
/// <param name="Quality">Its score; 0 for none.</param>
/// <param name="CanBeBetter">Whether it may be the better one.</param>
internal sealed record TrajectoryCandidate(string Id, ulong Task, int Order, bool Success, bool Failed, double Quality, bool CanBeBetter)
{
    /// <summary>By which the runs of a task are ordered.</summary>
    public double Rank => Success ? 1 + Quality : Failed ? -1 : 0;
}
