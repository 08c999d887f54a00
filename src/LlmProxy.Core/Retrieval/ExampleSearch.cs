using System.Numerics.Tensors;
using LlmProxy.Core.Experiments;

namespace LlmProxy.Core.Retrieval;

/// <summary>
/// Finds runs that can teach the task at hand: the store's vector and full-text hits, fused by rank, held to the
/// similarity threshold, fit for the offered tools, and different from each other.
/// </summary>
/// <param name="store">Where runs are searched.</param>
/// <param name="examples">What people decided about examples.</param>
/// <param name="embeddings">Makes the query's vector.</param>
/// <param name="options">The settings.</param>
/// <param name="quality">The least score.</param>
/// <param name="logger">Where findings go.</param>
/// <param name="ledger">What experiments say of examples: those that help rank higher. Null for none.</param>
/// <param name="keys">The keys whose runs may not become examples. Null for none.</param>
public sealed class ExampleSearch(
    ISearchStore store,
    IExampleStore examples,
    EmbeddingService embeddings,
    FewShotOptions options,
    QualityOptions quality,
    ILogger<ExampleSearch> logger,
    ExampleLedger? ledger = null,
    TeachingKeys? keys = null)
{
    /// <summary>Constant of reciprocal rank fusion: a run's score is the sum of <c>1/(60 + rank)</c> (Cormack, Clarke and Büttcher, 2009).</summary>
    private const double FusionConstant = 60;

    // Two tasks this alike are one task that was done twice, for another person or on another day.
    private const float NearDuplicate = 0.85f;

    // Number of different tasks that compete for each place.
    private const int CompetitorsForPlace = 4;

    // What finding and reading runs needs of the time limit, so that a slow embedder leaves room for the fallback.
    private static readonly TimeSpan SearchReserve = TimeSpan.FromMilliseconds(300);

    /// <summary>Finds the runs for a task.</summary>
    /// <param name="query">What is looked for. Without <see cref="ExampleQuery.MinQuality"/> the setting holds for successful runs; a search that lets failed runs in, which have no score, lets all scores in.</param>
    /// <param name="cancellationToken">Ends the wait for the result.</param>
    public Task<ExampleSearchResult> FindAsync(ExampleQuery query, CancellationToken cancellationToken) => FindAsync(query, withReasons: false, cancellationToken);

    /// <summary>Finds the runs for a task, and why others were left out.</summary>
    /// <param name="query">What is looked for.</param>
    /// <param name="withReasons">Look a second time without filters, to name the runs that they kept out. The chosen runs are the same.</param>
    /// <param name="cancellationToken">Ends the wait for the result.</param>
    public async Task<ExampleSearchResult> FindAsync(ExampleQuery query, bool withReasons, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        var text = query.TaskDescription.Trim();
        if (text.Length == 0)
        {
            return new ExampleSearchResult([], [], query.MinSimilarity ?? options.MinSimilarity ?? embeddings.DefaultMinSimilarity, null, embeddings.Model);
        }

        var wait = options.Timeout ?? embeddings.DefaultTimeout;
        wait = wait > SearchReserve * 2 ? wait - SearchReserve : wait / 2;
        var embedded = await embeddings.EmbedQueryAsync(
            text, wait, (buckets, token) => store.ReadDocumentFrequenciesAsync(query.Tenant, buckets, token), cancellationToken);
        var second = embeddings.IsLocal && embedded.Model == embeddings.Model ? await EmbedLexicallyAsync(null) : null;
        var found = await FindAsync(query, text, embedded, second, withReasons, cancellationToken);

        // While a store is being moved to another model, runs that have no vector of it yet are searched by their
        // lexical one, rather than that tasks go without examples.
        if (found.Chosen.Count == 0 && embedded.Model != LexicalEmbedder.ModelName && found.LeftOut.Any(l => l.Reason == SkipReason.NoVector))
        {
            var other = await FindAsync(query, text, await EmbedLexicallyAsync("no-vector"), null, withReasons, cancellationToken);
            found = other.Chosen.Count > 0 ? other : found;
        }

        RetrievalLog.Found(logger, found.Chosen.Count, found.Threshold);
        return found;

        Task<EmbeddedQuery> EmbedLexicallyAsync(string? reason) =>
            embeddings.EmbedLexicallyAsync(text, reason, (buckets, token) => store.ReadDocumentFrequenciesAsync(query.Tenant, buckets, token), cancellationToken);
    }

    private async Task<ExampleSearchResult> FindAsync(ExampleQuery query, string text, EmbeddedQuery embedded, EmbeddedQuery? second, bool withReasons, CancellationToken cancellationToken)
    {
        // 1. The threshold that belongs to the vector. A setting is on the scale of the configured embedder, so the
        //    fallback has its own.
        var threshold = embedded.FallbackReason is not null
            ? embedded.DefaultMinSimilarity
            : query.MinSimilarity ?? options.MinSimilarity ?? embedded.DefaultMinSimilarity;

        // 2. Vector and full-text hits, filtered by the store.
        var search = new SearchQuery(query.Tenant, embedded.Model, embedded.Vector, text, Math.Max(30, query.Count * 10))
        {
            Providers = query.Providers,
            SuccessOnly = query.SuccessOnly,
            MinQuality = query.MinQuality ?? (query.SuccessOnly ? quality.Threshold : null),
            ExceptKeys = keys?.Excluded ?? [],
            Second = second is null ? null : new SearchVector(second.Model, second.Vector),
            Project = query.Project,
        };
        var hits = await store.SearchAsync(search, cancellationToken);
        var leftOut = new List<TrajectoryLeftOut>();
        var candidates = new List<Candidate>();
        double? best = null;
        var offered = ToolNames.Offer(options.ToolMatch == ToolMatch.Ignore ? [] : query.OfferedTools);
        var tools = new DecisiveTools();
        var lexical = embedded.Model == LexicalEmbedder.ModelName ? embedded.Vector : second?.Vector ?? LexicalEmbedder.Embed(text);
        var subjects = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var hit in hits)
        {
            if (IsOwn(hit.Trajectory, query))
            {
                continue;
            }

            best = hit.Similarity is { } seen && !(seen <= best) ? seen : best;

            // 3. What cannot be used, each with its reason. NaN, from a zero vector, passes no threshold.
            var fit = ToolFit(hit.Trajectory, tools, offered);
            if (WhyNot(hit, threshold, fit) is { } why)
            {
                leftOut.Add(new TrajectoryLeftOut(hit.Trajectory, hit.Similarity, why));
                continue;
            }

            candidates.Add(new Candidate(hit.Trajectory, hit.Similarity!.Value, Fuse(hit), fit >= 0.5)
            {
                LexicalSimilarity = hit.SecondSimilarity ?? 0,
                SubjectSimilarity = SubjectSimilarity(tools.SubjectOf(hit.Trajectory)),
                Ageing = fit < 1 ? [ExampleAgeing.ToolsNotOffered] : [],
            });
        }

        // 4. How relevant each is; then one run for each task, the most trustworthy; then the best that differ, pinned ones first.
        await AddCurationAsync(query.Tenant, candidates, cancellationToken);
        var history = await ProjectHistory.ReadAsync(store, query.Tenant, candidates.Select(c => c.Run), cancellationToken);
        candidates = [.. candidates.Select(c => history.HasMovedOn(c.Run, tools) ? c with { Ageing = [.. c.Ageing, ExampleAgeing.ProjectMovedOn] } : c)];
        var ranked = Relevance.Weigh(candidates, tools, second is not null)
            .OrderByDescending(c => c.FitsTools).ThenByDescending(c => c.IsPinned).ThenByDescending(c => c.Run.Success == true).ThenByDescending(c => c.Score).ThenByDescending(c => c.Nearness)
            .ThenByDescending(c => c.Worth).ThenBy(c => c.Run.IterationCount).ThenBy(c => c.Run.Id, StringComparer.Ordinal).ToList();
        var distinct = WithoutDuplicates(ranked, Math.Max(0, query.Count) * CompetitorsForPlace, leftOut);
        var chosen = Diverse(distinct, Math.Max(0, query.Count), Relevance.UniquenessWeight(second is not null));
        leftOut.AddRange(distinct.Except(chosen).Select(c => new TrajectoryLeftOut(c.Run, c.Similarity, SkipReason.Count)));

        if (withReasons)
        {
            await AddFilteredAsync(query, search, hits, leftOut, cancellationToken);
        }

        return new ExampleSearchResult(
            [.. chosen.Select(c => new ChosenTrajectory(c.Run, c.Similarity, c.Curated?.EditedJson) { Ageing = c.Ageing })],
            [.. leftOut.OrderByDescending(l => l.Similarity ?? -2)],
            threshold,
            best,
            embedded.Model);

        // Many runs of one kind have used the same tools.
        double SubjectSimilarity(string subject)
        {
            if (!subjects.TryGetValue(subject, out var similarity))
            {
                subjects.Add(subject, similarity = Math.Max(0, TensorPrimitives.Dot<float>(lexical, LexicalEmbedder.Embed(subject))));
            }

            return similarity;
        }
    }

    private SkipReason? WhyNot(SearchHit hit, double threshold, double fit) =>
        !hit.Trajectory.HasUsableContent ? SkipReason.NoContent
        : hit.Similarity is not { } similarity ? SkipReason.NoVector
        : !(similarity >= threshold) ? SkipReason.BelowThreshold
        : fit == 0 || (fit < 1 && options.ToolMatch == ToolMatch.Require) ? SkipReason.Tools
        : null;

    private static bool IsOwn(Trajectory run, ExampleQuery query) =>
        query.ExceptTaskId is { } own && (string.Equals(run.TaskId, own, StringComparison.Ordinal) || string.Equals(run.Id, own, StringComparison.Ordinal));

    private static double Fuse(SearchHit hit)
    {
        return Share(hit.VectorRank) + Share(hit.TextRank);

        static double Share(int? rank) => rank is { } r ? 1 / (FusionConstant + r) : 0;
    }

    /// <summary>
    /// Share of the run's decisive tools that are offered; 1 where either side is unknown. Decisive are those that
    /// change something, by their names; all, where a run only looked.
    /// </summary>
    private static double ToolFit(Trajectory run, DecisiveTools decisive, HashSet<string> offered)
    {
        if (offered.Count == 0 || run.ToolsUsed.Count == 0)
        {
            return 1;
        }

        var changing = decisive.Of(run);
        IReadOnlyCollection<string> tools = changing.Count > 0 ? changing : run.ToolsUsed;
        return (double)tools.Count(t => ToolNames.Offers(offered, t)) / tools.Count;
    }

    private static List<Candidate> WithoutDuplicates(List<Candidate> ranked, int enough, List<TrajectoryLeftOut> leftOut)
    {
        var groups = new List<Candidate>();
        for (var next = 0; next < ranked.Count; next++)
        {
            var candidate = ranked[next];
            var i = groups.FindIndex(g => candidate.IsLike(g, NearDuplicate));
            if (i < 0 && groups.Count < enough)
            {
                groups.Add(candidate);
                continue;
            }

            if (i < 0)
            {
                // Candidates further down cannot be chosen any more, and comparing all of them would take the time.
                leftOut.AddRange(ranked.Skip(next).Select(c => new TrajectoryLeftOut(c.Run, c.Similarity, SkipReason.Count)));
                break;
            }

            // The group keeps its place; trust, not the accident of rank, decides which trajectory represents it.
            var (kept, dropped) = candidate.IsBetterThan(groups[i]) ? (candidate with { Score = groups[i].Score }, groups[i]) : (groups[i], candidate);
            groups[i] = kept;
            leftOut.Add(new TrajectoryLeftOut(dropped.Run, dropped.Similarity, SkipReason.NearDuplicate));
        }

        return groups;
    }

    private static List<Candidate> Diverse(List<Candidate> candidates, int count, double relevance)
    {
        // Runs that fit the tools come before all others, among them those that a person pinned; within each part by
        // marginal relevance.
        var chosen = new List<Candidate>(count);
        foreach (var part in candidates.GroupBy(c => (c.FitsTools, c.IsPinned, IsKnown: c.Run.Success == true)).OrderByDescending(g => g.Key))
        {
            var left = part.ToList();
            while (chosen.Count < count && left.Count > 0)
            {
                var next = left.MaxBy(c => (relevance * c.Score) - ((1 - relevance) * (chosen.Count == 0 ? 0 : chosen.Max(c.Likeness))))!;
                chosen.Add(next);
                left.Remove(next);
            }
        }

        return chosen;
    }

    private async Task AddCurationAsync(string tenant, List<Candidate> candidates, CancellationToken cancellationToken)
    {
        if (candidates.Count == 0)
        {
            return;
        }

        var rows = (await examples.FindExamplesAsync(tenant, [.. candidates.Select(c => c.Run.Id)], cancellationToken)).ToDictionary(r => r.TrajectoryId, StringComparer.Ordinal);
        var evidence = ledger?.Peek(tenant);
        for (var i = 0; i < candidates.Count; i++)
        {
            var id = candidates[i].Run.Id;
            candidates[i] = candidates[i] with
            {
                Curated = rows.GetValueOrDefault(id),
                Lean = evidence is not null && evidence.TryGetValue(id, out var known) ? known.Lean : 0,
            };
        }
    }

    private async Task AddFilteredAsync(ExampleQuery query, SearchQuery search, IReadOnlyList<SearchHit> hits, List<TrajectoryLeftOut> leftOut, CancellationToken cancellationToken)
    {
        var known = hits.Select(h => h.Trajectory.Id).ToHashSet(StringComparer.Ordinal);
        var all = await store.SearchAsync(search with { Providers = [], SuccessOnly = false, MinQuality = null, WithoutRetired = false, OnlyUsable = false, ExceptKeys = [], Project = null }, cancellationToken);
        foreach (var hit in all.Where(h => !known.Contains(h.Trajectory.Id) && !IsOwn(h.Trajectory, query)))
        {
            var run = hit.Trajectory;
            var reason = run.Status == TrajectoryStatus.Active ? SkipReason.NotEnded
                : run.Status == TrajectoryStatus.Cancelled ? SkipReason.Cancelled
                : query.Providers.Count > 0 && !query.Providers.Contains(run.Provider, StringComparer.OrdinalIgnoreCase) ? SkipReason.Provider
                : search.Project is { } project && !string.Equals(run.Project, project, StringComparison.Ordinal) ? SkipReason.OtherProject
                : run.KeyNames.Intersect(search.ExceptKeys, StringComparer.Ordinal).Any() ? SkipReason.KeyMayNotTeach
                : search.SuccessOnly && run.Success != true && run.QualityScore is null ? SkipReason.NotSuccessful
                : !run.HasUsableContent ? SkipReason.NoContent
                : search.MinQuality is { } least && !(run.QualityScore >= least) ? SkipReason.Quality
                : hits.Count < search.Limit ? SkipReason.Retired
                : SkipReason.Count;
            leftOut.Add(new TrajectoryLeftOut(run, hit.Similarity, reason));
        }
    }
}
