using LlmProxy.Core.Experiments;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Curation;

/// <summary>Finds the types of a tenant's tasks, chooses examples for each, and says what is missing, redundant or harmful.</summary>
/// <remarks>
/// <para>
/// It changes two things: the type of tasks for which no person stated one, and, if <c>Experiments:RetireHarmful</c> is on,
/// whether a harmful example is in use, by <see cref="ExampleLedger"/>. The same store gives the same result, and a curation that
/// was interrupted changes the rest when it runs again.
/// </para>
/// <para>
/// It looks at the latest <see cref="MostTasks"/> finished tasks, so its time and memory are bounded: 6 KB for each task, and a few seconds
/// on two cores. What is quadratic is so in constants alone: see TaskTypeFinder (clusters) and ExampleChoice (examples of a type).
/// </para>
/// </remarks>
public sealed class ExampleCurator(
    ICurationStore store, IExampleStore examples, ExampleLedger ledger, EmbeddingService embeddings, TeachingKeys keys, LlmProxyOptions options)
{
    /// <summary>Most tasks of a curation, the latest ones.</summary>
    public const int MostTasks = 5000;

    // Each batch is one transaction, so that the recorder gets its turn in between.
    private const int SaveBatch = 500;

    /// <summary>Curates the examples of a tenant.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="dryRun">Report only; change nothing.</param>
    /// <param name="cancellationToken">Ends the curation. What was saved stays.</param>
    /// <exception cref="StoreException">The store cannot be reached.</exception>
    public async Task<CurationReport> CurateAsync(string tenant, bool dryRun, CancellationToken cancellationToken)
    {
        // 1. The tasks and what people decided of them, before anything changes.
        var (stored, kind) = await ReadTasksAsync(tenant, cancellationToken);
        var rows = (await examples.FindExamplesAsync(tenant, [.. stored.Select(t => t.Trajectory.Id)], cancellationToken)).ToDictionary(r => r.TrajectoryId, StringComparer.Ordinal);
        var evidence = await ledger.JudgeAsync(tenant, cancellationToken);
        var harmful = await FindHarmfulAsync(tenant, evidence, cancellationToken);

        // 2. Types and their names.
        var (clusters, tasks) = new TaskVectors(stored, kind, embeddings.DefaultMinSimilarity).FindTypes(cancellationToken);
        var names = TaskTypeNames.Name(clusters, tasks);

        // 3. The examples of each type.
        var redundant = new List<RedundantExample>();
        var types = new List<TaskType>(clusters.Count);
        foreach (var cluster in clusters)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var candidates = cluster.Members.Select(m => m.Run).Where(run => MayTeach(run, rows.GetValueOrDefault(run.Id)))
                .Select(run => new ChoiceCandidate(run, rows.GetValueOrDefault(run.Id) is { Pinned: true }, evidence.GetValueOrDefault(run.Id))).ToList();
            var choice = ExampleChoice.Choose(candidates);
            redundant.AddRange(choice.Redundant.Select(r => new RedundantExample(r.Candidate.Run.Id, r.Candidate.Run.TaskDescription, r.Better.Run.Id)));
            types.Add(new TaskType(
                names[cluster],
                cluster.Stated is not null,
                cluster.Members.Count,
                cluster.Members.Count(m => m.Run.Success is not null),
                cluster.Members.Count(m => m.Run.Success == true),
                candidates.Count,
                candidates.Count(c => !c.Harms),
                [.. choice.Chosen.Select(c => new ChosenExample(c.Run.Id, c.Run.TaskDescription, c.Run.QualityScore, c.Run.IterationCount, c.IsPinned, c.Run.IsVerified, c.Evidence))]));
        }

        // 4. The changes.
        var changes = tasks.Where(t => t.StatedType is null && !string.Equals(t.Run.TaskType, NameOf(t), StringComparison.Ordinal)).ToList();
        var changed = dryRun ? changes.Count : await SaveAsync(tenant, changes.GroupBy(NameOf, t => t.Run.Id, StringComparer.Ordinal), cancellationToken);
        if (!dryRun)
        {
            await ledger.ReadAsync(tenant, cancellationToken);
        }

        return new CurationReport(dryRun, tasks.Count, tasks.Count(t => t.Cluster is null), changed, types, Cover(types), redundant, harmful);

        string? NameOf(TypedTask task) => task.Cluster is { } cluster ? names[cluster] : null;
    }

    private async Task<(IReadOnlyList<CurationTask> Tasks, VectorKind Kind)> ReadTasksAsync(string tenant, CancellationToken cancellationToken)
    {
        var lexical = new VectorKind(LexicalEmbedder.ModelName, LexicalEmbedder.Dimensions);
        var kind = new VectorKind(embeddings.Model, embeddings.Dimensions);
        if (kind != lexical)
        {
            var tasks = await store.ListCurationTasksAsync(tenant, kind, MostTasks, cancellationToken);
            if (tasks.Any(t => t.Vector is not null))
            {
                return (tasks, kind);
            }
        }

        return (await store.ListCurationTasksAsync(tenant, lexical, MostTasks, cancellationToken), lexical);
    }

    /// <summary>Whether a trajectory may be an example, by the conditions of the search.</summary>
    private bool MayTeach(Trajectory run, FewShotExampleRow? row) =>
        run.HasUsableContent
        && (run.Success == true || (run.Success is null && run.QualityScore is not null))
        && run.QualityScore >= options.Quality.Threshold
        && options.FewShot.SourceProviders.Contains(run.Provider, StringComparer.OrdinalIgnoreCase)
        && !run.KeyNames.Intersect(keys.Excluded, StringComparer.Ordinal).Any()
        && row is not { Retired: true };

    private async Task<IReadOnlyList<HarmfulExample>> FindHarmfulAsync(string tenant, IReadOnlyDictionary<string, ExampleEvidence> evidence, CancellationToken cancellationToken)
    {
        var ids = evidence.Values.Where(e => e.Finding == "harms").Select(e => e.TrajectoryId).ToList();
        var rows = await examples.FindExamplesAsync(tenant, ids, cancellationToken);
        return
        [
            .. rows.Where(r => !r.Retired).OrderByDescending(r => evidence[r.TrajectoryId].ProbabilityOfHarm).ThenBy(r => r.TrajectoryId, StringComparer.Ordinal)
                .Select(r => new HarmfulExample(
                    r.TrajectoryId, r.TaskDescription, evidence[r.TrajectoryId], r.Pinned ? HarmfulFate.Pinned : options.Experiments.RetireHarmful ? HarmfulFate.Retired : HarmfulFate.Kept)),
        ];
    }

    private async Task<int> SaveAsync(string tenant, IEnumerable<IGrouping<string?, string>> changes, CancellationToken cancellationToken)
    {
        var changed = 0;
        foreach (var type in changes)
        {
            foreach (var batch in type.Chunk(SaveBatch))
            {
                changed += await store.SaveTaskTypeAsync(tenant, type.Key, batch, cancellationToken);
            }
        }

        return changed;
    }

    private static CurationCoverage Cover(List<TaskType> types) => new(
        types.Count,
        types.Count(t => t.Examples > 0),
        types.Count(t => t.GoodExamples > 0),
        types.Sum(t => t.Tasks),
        types.Where(t => t.Examples > 0).Sum(t => t.Tasks),
        types.Where(t => t.GoodExamples > 0).Sum(t => t.Tasks));
}
