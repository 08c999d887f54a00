using LlmProxy.Core.Statistics;

namespace LlmProxy.Storage.Sql;

/// <summary>Reads <see cref="StoreStatistics"/>: one grouped query over an index that holds all it needs; totals are sums of its groups.</summary>
internal static class StatisticsRows
{
    private static readonly ColumnTable<TrajectorySums> Sums = new ColumnTable<TrajectorySums>()
        .Long("count(*)", sums => sums.Runs)
        .Long("count(t.success)", sums => sums.Judged)
        .Long("count(*) FILTER (WHERE t.success)", sums => sums.Successful)
        .Long("count(t.quality_score) FILTER (WHERE t.success)", sums => sums.Scored)
        .Real("coalesce(sum(t.quality_score) FILTER (WHERE t.success), 0.0)", sums => sums.Quality)
        .Long("count(*) FILTER (WHERE t.success IS NULL AND t.success_probability IS NOT NULL)", sums => sums.Inferred)
        .Real("coalesce(sum(t.success_probability) FILTER (WHERE t.success IS NULL), 0.0)", sums => sums.Probability)
        .Long("count(t.quality_score) FILTER (WHERE t.success IS NULL)", sums => sums.Provisional)
        .Long("count(*) FILTER (WHERE t.success AND t.quality_score >= 0.9)", sums => sums.Excellent)
        .Long("count(*) FILTER (WHERE t.success AND t.quality_score >= 0.7 AND t.quality_score < 0.9)", sums => sums.Good)
        .Long("count(*) FILTER (WHERE t.success AND t.quality_score >= 0.5 AND t.quality_score < 0.7)", sums => sums.Fair)
        .Long("sum(t.iteration_count)", sums => sums.Iterations)
        .Long("sum(t.tool_calls_count)", sums => sums.ToolCalls)
        .Long("sum(t.failed_tool_results)", sums => sums.FailedToolResults)
        .Long("sum(t.user_interventions)", sums => sums.Interventions)
        .Long("CAST(coalesce(sum(t.input_tokens + t.output_tokens), 0) AS bigint)", sums => sums.Tokens)
        .Long("count(t.input_tokens)", sums => sums.RunsWithTokens)
        .Long("count(t.input_tokens) FILTER (WHERE t.success)", sums => sums.CountedSuccesses)
        .Long("count(t.cost_usd)", sums => sums.RunsWithCost)
        .Usd("sum(t.cost_usd)", sums => sums.CostUsd)
        .Long("count(t.cost_usd) FILTER (WHERE t.success)", sums => sums.PaidSuccesses)
        .Real("coalesce(sum(coalesce(t.stated_click_accuracy, CAST(t.clicks_hit AS double precision) / nullif(t.clicks_total, 0))), 0.0)", sums => sums.ClickAccuracies)
        .Long("count(*) FILTER (WHERE t.stated_click_accuracy IS NOT NULL OR t.clicks_total <> 0)", sums => sums.RunsWithClicks);

    public static async Task<StoreStatistics> ReadAsync(SqlSession session, StatisticsQuery query, CancellationToken cancellationToken)
    {
        // By day, as the index is ordered; a week is the sum of its days.
        var day = query.Interval == StatisticsInterval.None ? null : session.Day("t.started_at");
        if (day is not null)
        {
            await session.AllowManyGroupsAsync(cancellationToken);
        }

        var groups = await session.QueryAsync(
            Limited(query, $"SELECT t.provider, t.model, {day ?? "0"}, {Sums.Select()}")
                .Append($" AND t.status IN ('completed', 'failed', 'needs_help') GROUP BY t.provider, t.model{(day is null ? "" : ", " + day)}"),
            r => new StatisticsGroup(r.GetString(0), r.GetString(1), day is null ? null : StartOf(query.Interval, session.ReadDay(r, 2)), Sums.Read(new Row(session, r, 3))),
            cancellationToken);
        groups.Sort(static (a, b) => string.CompareOrdinal(a.Provider, b.Provider) is not 0 and var order ? order : string.CompareOrdinal(a.Model, b.Model));
        var active = await session.QueryFirstAsync(Limited(query, "SELECT count(*)").Append(" AND t.status = 'active'"), r => r.GetInt64(0), cancellationToken);

        // Apart, since the index of the groups does not hold the source: it looks at runs with a known success alone.
        var (verified, successes) = await session.QueryFirstAsync(
            Limited(query, "SELECT count(*), count(*) FILTER (WHERE t.success)")
                .Append(" AND t.status IN ('completed', 'failed', 'needs_help') AND t.success IS NOT NULL AND t.outcome_source IN ('human', 'ci', 'api', 'judge')"),
            r => (r.GetInt64(0), r.GetInt64(1)),
            cancellationToken);
        return new StoreStatistics(groups, active) { Verified = verified, VerifiedSuccesses = successes };
    }

    public static async Task<int> CountTrainableAsync(SqlSession session, string tenant, double minQuality, int atMost, CancellationToken cancellationToken) =>
        await session.QueryFirstAsync(
            new SqlStatement(
                """
                SELECT count(*) FROM (SELECT 1 FROM task_trajectory t WHERE t.tenant = @tenant AND t.success AND t.quality_score >= @quality AND t.has_content AND t.why_no_content IS NULL
                    AND t.status IN ('completed', 'failed', 'needs_help') LIMIT @most) good
                """).With("tenant", tenant).With("quality", minQuality).With("most", atMost),
            r => (int)r.GetInt64(0),
            cancellationToken);

    public static async Task<StorageUse> ReadStorageAsync(SqlSession session, string tenant, CancellationToken cancellationToken)
    {
        // Most stores have one tenant: then the owner of each step and content is not asked for, which takes most of the time.
        var runs = await Number("SELECT count(*) FROM task_trajectory WHERE tenant = @tenant");
        var isAlone = await Number("SELECT count(*) FROM (SELECT 1 FROM task_trajectory WHERE tenant < @tenant OR tenant > @tenant LIMIT 1) other") == 0;
        const string Own = "SELECT u.content_id FROM trajectory_content u JOIN task_trajectory t ON t.row_id = u.trajectory_row WHERE t.tenant = @tenant";
        var contents = isAlone ? "" : $" WHERE c.id IN ({Own}) OR c.id IN (SELECT p.part_id FROM content_part p WHERE p.content_id IN ({Own}))";
        var steps = isAlone ? "" : " JOIN task_trajectory t ON t.row_id = s.trajectory_row WHERE t.tenant = @tenant";
        var contentBytes = await Number("SELECT CAST(coalesce(sum(length(c.bytes)), 0) AS bigint) FROM content c" + contents);

        // The size of a shared database would tell a tenant how much the others store. A dimension takes four bytes.
        return new StorageUse(
            isAlone
                ? await session.QueryFirstAsync(session.StoreSize(), r => r.GetInt64(0), cancellationToken)
                : contentBytes + await Number("SELECT CAST(coalesce(sum(e.dimensions), 0) * 4 AS bigint) FROM trajectory_embedding e WHERE e.tenant = @tenant"),
            contentBytes,
            runs,
            await Number("SELECT count(*) FROM trajectory_step s" + steps));

        Task<long> Number(string sql) => session.QueryFirstAsync(
            sql.Contains("@tenant", StringComparison.Ordinal) ? new SqlStatement(sql).With("tenant", tenant) : new SqlStatement(sql), r => r.GetInt64(0), cancellationToken);
    }

    private static DateTimeOffset StartOf(StatisticsInterval interval, DateOnly day) =>
        new(interval == StatisticsInterval.Day ? day : day.AddDays(-(((int)day.DayOfWeek + 6) % 7)), TimeOnly.MinValue, TimeSpan.Zero);

    private static SqlStatement Limited(StatisticsQuery query, string select) =>
        new SqlStatement(select + " FROM task_trajectory t WHERE t.tenant = @tenant").With("tenant", query.Tenant)
            .AppendIf(query.Since, " AND t.started_at >= @since", "since")
            .AppendIf(query.Until, " AND t.started_at < @until", "until")
            .AppendIf(query.Model, " AND t.model = @model", "model");
}
