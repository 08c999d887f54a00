using System.Text;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Statistics;

namespace LlmProxy.Storage.Sql;

/// <content>Searching, examples, statistics.</content>
public abstract partial class SqlTrajectoryStore
{
    /// <inheritdoc />
    public Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancellationToken)
    {
        var limit = Math.Clamp(query.Limit, 1, 1000);
        return ReadAsync<IReadOnlyList<SearchHit>>(
            "search",
            async s =>
            {
                var (near, second) = (await NearestAsync(s, query, limit, cancellationToken), await NearestAsync(s, Second(query), limit, cancellationToken));
                var words = SearchText.QueryWords(query.Text);
                var texts = words.Count == 0 ? [] : await FindWordsAsync(s, query, words, limit, cancellationToken);
                var rows = near.Select(n => n.Run).Union(second.Select(n => n.Run)).Union(texts).ToList();
                var byVector = await RankAsync(s, query, near, rows, cancellationToken);
                var bySecond = await RankAsync(s, Second(query), second, rows, cancellationToken);
                var textRanks = texts.Select((run, i) => (run, Rank: i + 1)).ToDictionary(t => t.run, t => t.Rank);
                var runs = (await s.QueryAsync(
                    new SqlStatement($"SELECT {TrajectoryRows.Columns}, t.row_id FROM task_trajectory t WHERE t.row_id " + s.Any("rows")).With("rows", rows),
                    r => (Run: TrajectoryRows.Read(s, r), Row: r.GetInt64(r.FieldCount - 1)),
                    cancellationToken)).ToDictionary(r => r.Row, r => r.Run);
                var hits = new List<SearchHit>(rows.Count);
                foreach (var row in rows)
                {
                    // A run that was deleted between two of the queries is no hit.
                    if (runs.TryGetValue(row, out var run))
                    {
                        var vector = byVector.GetValueOrDefault(row);
                        hits.Add(new SearchHit(run, vector.Similarity, vector.Rank, textRanks.TryGetValue(row, out var rank) ? rank : null)
                        {
                            SecondSimilarity = bySecond.GetValueOrDefault(row).Similarity,
                        });
                    }
                }

                return hits;
            },
            cancellationToken);
    }

    /// <summary>The query of the second vector, or without one a query of none.</summary>
    private static SearchQuery Second(SearchQuery query) => query with { Model = query.Second?.Model ?? "", Vector = query.Second?.Vector ?? [] };

    private async Task<IReadOnlyList<(long Run, double Similarity)>> NearestAsync(SqlSession session, SearchQuery query, int limit, CancellationToken cancellationToken) =>
        query.Vector.Length == 0 ? [] : await FindNearestAsync(session, query, limit, cancellationToken);

    /// <summary>Similarity and rank of the nearest runs, and the similarity of others that were found in another way.</summary>
    private async Task<Dictionary<long, (double? Similarity, int? Rank)>> RankAsync(
        SqlSession session, SearchQuery query, IReadOnlyList<(long Run, double Similarity)> near, List<long> rows, CancellationToken cancellationToken)
    {
        var found = near.Select((n, i) => (n.Run, Value: ((double?)n.Similarity, (int?)(i + 1)))).ToDictionary(n => n.Run, n => n.Value);
        var others = rows.Where(row => !found.ContainsKey(row)).ToList();
        if (query.Vector.Length > 0 && others.Count > 0)
        {
            foreach (var (run, similarity) in await ReadSimilaritiesAsync(session, query, others, cancellationToken))
            {
                found[run] = (similarity, null);
            }
        }

        return found;
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<ProjectTools>> ReadProjectToolsAsync(string tenant, IReadOnlyCollection<string> projects, int limit, CancellationToken cancellationToken) =>
        projects.Count == 0
            ? Task.FromResult<IReadOnlyList<ProjectTools>>([])
            : QueryAsync(
                "read the tools of projects",
                s => new SqlStatement($"SELECT project, started_at, tools_used FROM task_trajectory WHERE {s.IsTenant("tenant")} AND project {s.Any("projects")} AND tools_used <> '[]' ORDER BY started_at DESC LIMIT @limit")
                    .With("tenant", tenant).With("projects", projects).With("limit", limit),
                (s, r) => new ProjectTools(r.GetString(0), s.ReadTime(r, 1), JsonLists.Read(r.GetString(2))),
                cancellationToken);

    /// <inheritdoc />
    public Task RecordExampleUsageAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, DateTimeOffset at, CancellationToken cancellationToken) =>
        trajectoryIds.Count == 0
            ? Task.CompletedTask
            : ChangeAsync(
                "record the use of examples",
                s => s.ExecuteAsync(
                    new SqlStatement(
                        $"""
                        INSERT INTO few_shot_example (trajectory_row, tenant, pinned, retired, usage_count, last_used_at)
                        SELECT row_id, tenant, FALSE, FALSE, 1, @at FROM task_trajectory WHERE {s.IsTenant("tenant")} AND id {s.Any("ids")} ORDER BY row_id
                        ON CONFLICT (trajectory_row) DO UPDATE SET usage_count = few_shot_example.usage_count + 1, last_used_at = excluded.last_used_at
                        """).With("tenant", tenant).With("ids", trajectoryIds).With("at", at),
                    cancellationToken),
                cancellationToken);

    /// <inheritdoc />
    /// <remarks>Counts of use stay as they are: they belong to <see cref="RecordExampleUsageAsync"/> alone.</remarks>
    public async Task<bool> UpdateExampleAsync(string tenant, FewShotExampleRow example, CancellationToken cancellationToken)
    {
        var isThere = await WriteAsync(
            "update an example",
            removes: false,
            s => s.ReturnsRowAsync(
                new SqlStatement(
                    """
                    INSERT INTO few_shot_example (trajectory_row, tenant, task_description, pinned, retired, edited_json, usage_count)
                    SELECT row_id, tenant, nullif(nullif(@description, task_description), ''), @pinned, @retired, @edited, 0
                    FROM task_trajectory WHERE tenant = @tenant AND id = @id
                    ON CONFLICT (trajectory_row) DO UPDATE SET task_description = excluded.task_description,
                        pinned = excluded.pinned, retired = excluded.retired, edited_json = excluded.edited_json
                    RETURNING trajectory_row
                    """)
                    .With("tenant", tenant).With("id", example.TrajectoryId).With("description", example.TaskDescription)
                    .With("pinned", example.Pinned).With("retired", example.Retired).With("edited", example.EditedJson ?? ""),
                cancellationToken),
            cancellationToken);
        Interlocked.Increment(ref _exampleChanges);
        return isThere;
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<FewShotExampleRow>> ListExamplesAsync(string tenant, int limit, CancellationToken cancellationToken) =>
        QueryAsync(
            "list examples",
            _ => new SqlStatement(ExampleColumns + " WHERE x.tenant = @tenant ORDER BY x.pinned DESC, x.usage_count DESC, t.quality_score DESC NULLS LAST, t.id LIMIT @limit")
                .With("tenant", tenant).With("limit", limit),
            ReadExample,
            cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlySet<string>> FindUsableExamplesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, IReadOnlyCollection<string> exceptKeys, CancellationToken cancellationToken) =>
        trajectoryIds.Count == 0
            ? Task.FromResult<IReadOnlySet<string>>(new HashSet<string>(StringComparer.Ordinal))
            : ReadSetAsync(
                "look up examples",
                s => WithoutKeys(
                    s,
                    new SqlStatement($"SELECT t.id FROM task_trajectory t WHERE {s.IsTenant("t.tenant")} AND t.id {s.Any("ids")} AND t.has_content AND t.why_no_content IS NULL AND {NotRetired}")
                        .With("tenant", tenant).With("ids", trajectoryIds),
                    exceptKeys),
                cancellationToken);

    /// <inheritdoc />
    public Task<StoreStatistics> ReadStatisticsAsync(StatisticsQuery query, CancellationToken cancellationToken) =>
        ReadAsync("read statistics", s => StatisticsRows.ReadAsync(s, query, cancellationToken), cancellationToken);

    /// <inheritdoc />
    public Task<int> CountTrainableAsync(string tenant, double minQuality, int atMost, CancellationToken cancellationToken) =>
        ReadAsync("count good runs", s => StatisticsRows.CountTrainableAsync(s, tenant, minQuality, atMost, cancellationToken), cancellationToken);

    /// <inheritdoc />
    public Task<StorageUse> ReadStorageUseAsync(string tenant, CancellationToken cancellationToken) =>
        ReadAsync("measure the store", s => StatisticsRows.ReadStorageAsync(s, tenant, cancellationToken), cancellationToken);

    /// <summary>The runs with the vectors nearest to the query's, of those that <see cref="SearchConditions"/> lets through.</summary>
    private protected abstract Task<IReadOnlyList<(long Run, double Similarity)>> FindNearestAsync(SqlSession session, SearchQuery query, int limit, CancellationToken cancellationToken);

    /// <summary>The runs that hold the most telling of some words, of those that <see cref="SearchConditions"/> lets through.</summary>
    private protected abstract Task<IReadOnlyList<long>> FindWordsAsync(SqlSession session, SearchQuery query, IReadOnlyList<string> words, int limit, CancellationToken cancellationToken);

    /// <summary>The best cosine of each of some runs that has a vector of the query's model.</summary>
    private protected abstract Task<IReadOnlyDictionary<long, double>> ReadSimilaritiesAsync(SqlSession session, SearchQuery query, IReadOnlyCollection<long> runs, CancellationToken cancellationToken);

    private const string NotRetired = "NOT EXISTS (SELECT 1 FROM few_shot_example x WHERE x.trajectory_row = t.row_id AND x.retired)";

    /// <summary>Adds the conditions that a run <c>t</c> must meet to be found.</summary>
    private protected static SqlStatement SearchConditions(SqlSession session, SqlStatement statement, SearchQuery query)
    {
        var text = new StringBuilder($" AND {session.IsTenant("t.tenant")}");
        text.Append(query.OnlyUsable ? " AND t.has_content AND t.why_no_content IS NULL AND t.status IN ('completed', 'failed', 'needs_help')" : "");
        text.Append(query.SuccessOnly ? " AND (t.success IS TRUE OR (t.success IS NULL AND t.quality_score IS NOT NULL))" : "");
        text.Append(query.KnownOutcomes ? " AND t.success IS NOT NULL AND t.outcome_source IN ('human', 'ci', 'api', 'judge')" : "");
        text.Append(query.WithoutRetired ? " AND " + NotRetired : "");
        statement.Append(text.ToString()).With("tenant", query.Tenant).AppendIf(query.MinQuality, " AND t.quality_score >= @quality", "quality")
            .AppendIf(query.Project, " AND t.project = @project", "project");
        WithoutKeys(session, statement, query.ExceptKeys);
        return query.Providers.Count == 0 ? statement : statement.Append(" AND t.provider " + session.Any("providers")).With("providers", query.Providers);
    }

    /// <summary>Adds the condition that none of some keys took part in a run <c>t</c>.</summary>
    private static SqlStatement WithoutKeys(SqlSession session, SqlStatement statement, IReadOnlyCollection<string> keys) =>
        keys.Count == 0 ? statement : statement.Append($" AND NOT EXISTS (SELECT 1 FROM {session.ElementsOf("t.key_names")} WHERE value {session.Any("keys")})").With("keys", keys);
}
