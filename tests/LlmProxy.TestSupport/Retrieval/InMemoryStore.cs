using System.Numerics.Tensors;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Retrieval;

/// <summary>The searching half of a store, by exact cosine and BM25 over lists, for tests of what stands above it.</summary>
internal sealed class InMemoryStore : ISearchStore, IExampleStore, ICurationStore
{
    private readonly List<(Trajectory Run, IReadOnlyList<TrajectoryEmbedding> Vectors)> _runs = [];

    public IReadOnlyList<Trajectory> Runs => [.. _runs.Select(r => r.Run)];

    public HashSet<string> Retired { get; } = new(StringComparer.Ordinal);

    public List<SearchQuery> Searches { get; } = [];

    /// <summary>Called before every search: throws or waits in tests of failures.</summary>
    public Func<CancellationToken, Task>? BeforeSearch { get; set; }

    public bool HasFullText { get; set; } = true;

    public void Add(Trajectory run, params TrajectoryEmbedding[] vectors) => _runs.Add((run, vectors));

    /// <summary>A run with the lexical vector of its task.</summary>
    public Trajectory AddLexical(Trajectory run)
    {
        Add(run, new TrajectoryEmbedding(LexicalEmbedder.ModelName, EmbeddingService.TaskKind, LexicalEmbedder.Embed(run.TaskDescription), run.TaskDescription));
        return run;
    }

    /// <summary>Puts a run in the place of the one with its id.</summary>
    public void Replace(Trajectory run)
    {
        var i = _runs.FindIndex(r => string.Equals(r.Run.Id, run.Id, StringComparison.Ordinal));
        _runs[i] = (run, _runs[i].Vectors);
    }

    public async Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancellationToken)
    {
        Searches.Add(query);
        if (BeforeSearch is { } before)
        {
            await before(cancellationToken);
        }

        var runs = _runs.Where(r => string.Equals(r.Run.Tenant, query.Tenant, StringComparison.Ordinal)
            && (query.Providers.Count == 0 || query.Providers.Contains(r.Run.Provider, StringComparer.Ordinal))
            && (!query.SuccessOnly || r.Run is { Success: true } or { Success: null, QualityScore: not null })
            && (query.MinQuality is not { } least || r.Run.QualityScore >= least)
            && (!query.OnlyUsable || r.Run is { HasUsableContent: true, Status: TrajectoryStatus.Completed or TrajectoryStatus.Failed or TrajectoryStatus.NeedsHelp })
            && (query.Project is null || string.Equals(r.Run.Project, query.Project, StringComparison.Ordinal))
            && !r.Run.KeyNames.Intersect(query.ExceptKeys, StringComparer.Ordinal).Any()
            && (!query.WithoutRetired || !Retired.Contains(r.Run.Id))).ToList();
        var (similarities, byVector) = Nearest(runs, query.Model, query.Vector, query.Limit);
        var (seconds, bySecond) = query.Second is { } other ? Nearest(runs, other.Model, other.Vector, query.Limit) : ([], []);
        var byText = HasFullText && query.Text.Length > 0
            ? Bm25.Rank(query.Text, runs.ConvertAll(Words)).Take(query.Limit).Select((r, i) => (runs[r.Index].Run.Id, Rank: i + 1)).ToDictionary(r => r.Id, r => r.Rank, StringComparer.Ordinal)
            : [];
        return [.. runs.Where(r => byVector.ContainsKey(r.Run.Id) || bySecond.ContainsKey(r.Run.Id) || byText.ContainsKey(r.Run.Id)).Select(r => new SearchHit(
            r.Run,
            similarities[r.Run.Id],
            byVector.TryGetValue(r.Run.Id, out var vectorRank) ? vectorRank : null,
            byText.TryGetValue(r.Run.Id, out var textRank) ? textRank : null)
        {
            SecondSimilarity = seconds.GetValueOrDefault(r.Run.Id),
        })];
    }

    private static (Dictionary<string, double?> Similarities, Dictionary<string, int> Ranks) Nearest(
        List<(Trajectory Run, IReadOnlyList<TrajectoryEmbedding> Vectors)> runs, string model, float[] vector, int limit)
    {
        var similarities = runs.ToDictionary(
            r => r.Run.Id,
            r => r.Vectors.Where(v => string.Equals(v.Model, model, StringComparison.Ordinal)).Select(v => (double?)TensorPrimitives.Dot<float>(v.Vector, vector)).Max(),
            StringComparer.Ordinal);
        var near = runs.Where(r => similarities[r.Run.Id] is not null).OrderByDescending(r => similarities[r.Run.Id]).Take(limit);
        return (similarities, near.Select((r, i) => (r.Run.Id, Rank: i + 1)).ToDictionary(r => r.Id, r => r.Rank, StringComparer.Ordinal));
    }

    public Task<IReadOnlyList<ProjectTools>> ReadProjectToolsAsync(string tenant, IReadOnlyCollection<string> projects, int limit, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ProjectTools>>(
            [.. _runs.Select(r => r.Run).Where(r => r.Tenant == tenant && r.Project is { } project && projects.Contains(project)).OrderByDescending(r => r.StartedAt).Take(limit).Select(r => new ProjectTools(r.Project!, r.StartedAt, r.ToolsUsed))]);

    // Words of the task count twice as much as those of the run's tools, as in the stores.
    private static string Words((Trajectory Run, IReadOnlyList<TrajectoryEmbedding> Vectors) run) =>
        run.Run.ToolsUsed.Count == 0 ? run.Run.TaskDescription : $"{run.Run.TaskDescription}\n{run.Run.TaskDescription}\n{string.Join(' ', run.Run.ToolsUsed)}";

    public Task<DocumentFrequencies> ReadDocumentFrequenciesAsync(string tenant, IReadOnlyCollection<int> buckets, CancellationToken cancellationToken)
    {
        var vectors = _runs.Where(r => string.Equals(r.Run.Tenant, tenant, StringComparison.Ordinal)).SelectMany(r => r.Vectors)
            .Where(v => string.Equals(v.Model, LexicalEmbedder.ModelName, StringComparison.Ordinal) && v.Kind == EmbeddingService.TaskKind).ToList();
        return Task.FromResult(new DocumentFrequencies(vectors.Count, buckets.ToDictionary(b => b, b => (long)vectors.Count(v => v.Vector[b] != 0))));
    }

    public List<FewShotExampleRow> Examples { get; } = [];

    public IReadOnlyList<ExampleOutcome> Outcomes { get; set; } = [];

    public Task<IReadOnlyList<FewShotExampleRow>> FindExamplesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<FewShotExampleRow>>([.. Examples.Where(e => trajectoryIds.Contains(e.TrajectoryId, StringComparer.Ordinal))]);

    public Task<IReadOnlyList<ExampleOutcome>> ReadExampleOutcomesAsync(string tenant, CancellationToken cancellationToken) => Task.FromResult(Outcomes);

    public Task<bool> RecordExampleOutcomeAsync(string tenant, string trajectoryId, bool success, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<ArmStatistics>> ReadArmsAsync(string tenant, DateTimeOffset? since, DateTimeOffset? until, string? model, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task RecordExampleUsageAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, DateTimeOffset at, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<bool> UpdateExampleAsync(string tenant, FewShotExampleRow example, CancellationToken cancellationToken)
    {
        var i = Examples.FindIndex(e => string.Equals(e.TrajectoryId, example.TrajectoryId, StringComparison.Ordinal));
        if (i >= 0)
        {
            Examples[i] = example;
        }

        return Task.FromResult(i >= 0);
    }

    public Task<IReadOnlyList<CurationTask>> ListCurationTasksAsync(string tenant, VectorKind vectors, int limit, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CurationTask>>(
        [
            .. _runs.Where(r => r.Run.Tenant == tenant && r.Run.TaskDescription.Length > 0 && r.Run.Status is TrajectoryStatus.Completed or TrajectoryStatus.Failed or TrajectoryStatus.NeedsHelp)
                .OrderByDescending(r => r.Run.StartedAt).ThenByDescending(r => r.Run.Id, StringComparer.Ordinal).Take(limit)
                .Select(r => new CurationTask(r.Run, r.Vectors.FirstOrDefault(v => v.Model == vectors.Model && v.Kind == EmbeddingService.TaskKind)?.Vector.ToArray())),
        ]);

    public Task<int> SaveTaskTypeAsync(string tenant, string? taskType, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken)
    {
        var changed = _runs.Select(r => r.Run).Where(r => trajectoryIds.Contains(r.Id) && !r.IsTaskTypeStated && r.TaskType != taskType).ToList();
        changed.ForEach(r => Replace(r with { TaskType = taskType }));
        return Task.FromResult(changed.Count);
    }

    public Task<bool> StateTaskTypeAsync(string tenant, string trajectoryId, string? taskType, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<bool> ClaimCurationAsync(string tenant, string owner, TimeSpan every, TimeSpan lease, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task CompleteCurationAsync(string tenant, string owner, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<FewShotExampleRow>> ListExamplesAsync(string tenant, int limit, CancellationToken cancellationToken) => throw new NotSupportedException();
}

/// <summary>Okapi BM25 (k1 = 1.2, b = 0.75) over plain lower-cased words: the measure that retrieval is compared with.</summary>
internal static class Bm25
{
    public static IReadOnlyList<(int Index, double Score)> Rank(string query, IReadOnlyList<string> documents)
    {
        var words = documents.Select(Words).ToList();
        var average = words.Count == 0 ? 1 : Math.Max(1, words.Average(w => w.Length));
        var scores = new List<(int, double)>();
        var terms = Words(query).Distinct(StringComparer.Ordinal).Select(t => (Term: t, Documents: words.Count(w => w.Contains(t, StringComparer.Ordinal)))).ToList();
        for (var i = 0; i < words.Count; i++)
        {
            double score = 0;
            foreach (var (term, n) in terms)
            {
                var count = words[i].Count(w => string.Equals(w, term, StringComparison.Ordinal));
                if (count > 0)
                {
                    score += Math.Log(1 + ((words.Count - n + 0.5) / (n + 0.5))) * count * 2.2 / (count + (1.2 * (0.25 + (0.75 * words[i].Length / average))));
                }
            }

            if (score > 0)
            {
                scores.Add((i, score));
            }
        }

        return [.. scores.OrderByDescending(s => s.Item2).ThenBy(s => s.Item1)];
    }

    private static string[] Words(string text) =>
        text.ToLowerInvariant().Split([.. text.ToLowerInvariant().Where(c => !char.IsLetterOrDigit(c) && c != '\'').Distinct()], StringSplitOptions.RemoveEmptyEntries);
}
