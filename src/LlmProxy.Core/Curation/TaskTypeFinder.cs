namespace LlmProxy.Core.Curation;

/// <summary>Clusters tasks into types: alike are those whose descriptions, and with a smaller weight the tools that decided them, are alike on average.</summary>
/// <remarks>
/// <para>
/// One pass from the latest task to the oldest, each into the most similar cluster above the threshold or into one of its
/// own; then clusters that are alike are merged, the most similar pair first (average linkage); then each task moves once
/// more to the cluster that suits it best. Nothing is drawn by chance: the same tasks give the same types.
/// </para>
/// <para>
/// Cost: n tasks are compared with at most k = <see cref="MostClusters"/> clusters (the oldest cluster of one task gives
/// way to a new one), by one product of vectors each, so the passes are linear in n. Merging is quadratic in k for the first
/// table of similarities and for each merge; k is a constant.
/// </para>
/// </remarks>
internal static class TaskTypeFinder
{
    /// <summary>Most clusters at any time.</summary>
    public const int MostClusters = 300;

    /// <summary>Fewest tasks of a type that no person stated.</summary>
    public const int FewestTasks = 2;

    // On the scale of TaskCluster.Similarity: with the same tools, a mean cosine of 0.17 of the descriptions; with other tools, 0.5.
    private const double Least = 0.375;

    private const int Refinements = 2;

    /// <summary>The types, the largest first; each task's <see cref="TypedTask.Cluster"/> is set.</summary>
    public static IReadOnlyList<TaskCluster> Find(IReadOnlyList<TypedTask> tasks, CosineScale scale, CancellationToken cancellationToken)
    {
        // 1. What people stated is there from the beginning.
        var clusters = new List<TaskCluster>();
        foreach (var stated in tasks.Where(t => t.StatedType is not null).GroupBy(t => t.StatedType!, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var cluster = new TaskCluster(scale, stated.Key);
            clusters.Add(cluster);
            foreach (var task in stated)
            {
                cluster.Add(task);
            }
        }

        // 2. The others in order, then merges, then corrections.
        foreach (var task in tasks.Where(t => t.StatedType is null))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Place(clusters, task, scale);
        }

        Merge(clusters, cancellationToken);
        for (var i = 0; i < Refinements; i++)
        {
            Refine(clusters, tasks, cancellationToken);
        }

        foreach (var single in clusters.Where(c => c.Stated is null && c.Members.Count < FewestTasks).SelectMany(c => c.Members.ToList()).ToList())
        {
            single.Cluster!.Remove(single);
        }

        // 3. A stable order: the sizes, then the latest task.
        return [.. clusters.Where(c => c.Members.Count > 0).OrderByDescending(c => c.Members.Count).ThenByDescending(c => c.Members.Max(m => m.Run.StartedAt)).ThenBy(c => c.Members.Min(m => m.Run.Id), StringComparer.Ordinal)];
    }

    private static void Place(List<TaskCluster> clusters, TypedTask task, CosineScale scale)
    {
        if (Nearest(clusters, task) is { } nearest)
        {
            nearest.Add(task);
            return;
        }

        if (clusters.Count >= MostClusters)
        {
            if (clusters.FindIndex(c => c.Stated is null && c.Members.Count == 1) is var single and >= 0)
            {
                clusters[single].Remove(clusters[single].Members[0]);
                clusters.RemoveAt(single);
            }
            else
            {
                return;
            }
        }

        var cluster = new TaskCluster(scale, stated: null);
        cluster.Add(task);
        clusters.Add(cluster);
    }

    /// <summary>The cluster that a task belongs to by its similarity; null if none is similar enough.</summary>
    public static TaskCluster? Nearest(IReadOnlyList<TaskCluster> clusters, TypedTask task)
    {
        var (best, nearest) = (Least, (TaskCluster?)null);
        foreach (var cluster in clusters)
        {
            var similarity = cluster.Similarity(task);
            if (similarity > best || (nearest is null && similarity >= best))
            {
                (best, nearest) = (similarity, cluster);
            }
        }

        return nearest;
    }

    private static void Merge(List<TaskCluster> clusters, CancellationToken cancellationToken)
    {
        var similarities = clusters.ConvertAll(a => clusters.ConvertAll(b => ReferenceEquals(a, b) ? -1 : CanMerge(a, b) ? a.Similarity(b) : -1));
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (best, into, from) = (Least, -1, -1);
            for (var i = 0; i < clusters.Count; i++)
            {
                for (var j = i + 1; j < clusters.Count; j++)
                {
                    if (similarities[i][j] > best)
                    {
                        (best, into, from) = (similarities[i][j], i, j);
                    }
                }
            }

            if (into < 0)
            {
                clusters.RemoveAll(c => c.Members.Count == 0);
                return;
            }

            // Stated types come first, so that a found one becomes part of a stated one.
            clusters[into].Absorb(clusters[from]);
            for (var other = 0; other < clusters.Count; other++)
            {
                similarities[from][other] = similarities[other][from] = -1;
                if (other != into)
                {
                    similarities[into][other] = similarities[other][into] = CanMerge(clusters[into], clusters[other]) ? clusters[into].Similarity(clusters[other]) : -1;
                }
            }
        }

        static bool CanMerge(TaskCluster a, TaskCluster b) => a.Stated is null || b.Stated is null;
    }

    private static void Refine(List<TaskCluster> clusters, IReadOnlyList<TypedTask> tasks, CancellationToken cancellationToken)
    {
        foreach (var task in tasks.Where(t => t.StatedType is null))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var nearest = Nearest(clusters, task);
            if (nearest is null || ReferenceEquals(nearest, task.Cluster))
            {
                continue;
            }

            task.Cluster?.Remove(task);
            nearest.Add(task);
        }
    }
}
