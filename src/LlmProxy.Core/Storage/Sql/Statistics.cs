namespace LlmProxy.Core.Storage.Sql;

/// <summary>Reads <see cref="StoreStatistics"/>: one grouped query; the totals are sums of its groups.</summary>
internal static class Statistics
{
    public static async Task<StoreStatistics> ReadAsync(SqlSession session, string tenant, DateTimeOffset? since, DateTimeOffset? until, string? model, CancellationToken cancellationToken)
    {
        SqlStatement Limited(string select) => new SqlStatement(select + " FROM task_trajectory t WHERE t.tenant = @tenant").With("tenant", tenant)
            .AppendIf(since, " AND t.started_at >= @since", "since")
            .AppendIf(until, " AND t.started_at < @until", "until")
            .AppendIf(model, " AND t.model = @model", "model");

        var groups = await session.QueryAsync(
            Limited(
                """
                SELECT t.provider, t.model, count(*),
                    count(t.success), coalesce(sum(CASE WHEN t.success THEN 1 ELSE 0 END), 0),
                    count(t.quality_score), coalesce(sum(t.quality_score), 0.0),
                    coalesce(sum(CASE WHEN t.quality_score >= 0.9 THEN 1 ELSE 0 END), 0),
                    coalesce(sum(CASE WHEN t.quality_score >= 0.7 AND t.quality_score < 0.9 THEN 1 ELSE 0 END), 0),
                    coalesce(sum(CASE WHEN t.quality_score >= 0.5 AND t.quality_score < 0.7 THEN 1 ELSE 0 END), 0),
                    coalesce(sum(CASE WHEN t.quality_score < 0.5 THEN 1 ELSE 0 END), 0),
                    sum(t.iteration_count), sum(t.tool_calls_count), sum(t.failed_tool_results), sum(t.user_interventions),
                    CAST(sum(t.input_tokens + t.output_tokens) AS bigint), sum(t.cost_usd),
                    coalesce(sum(coalesce(t.stated_click_accuracy, t.clicks_hit / (1.0 * nullif(t.clicks_total, 0)))), 0.0),
                    count(coalesce(t.stated_click_accuracy, t.clicks_hit / (1.0 * nullif(t.clicks_total, 0))))
                """).Append(" AND t.status IN ('completed', 'failed', 'needs_help') GROUP BY t.provider, t.model ORDER BY t.provider, t.model"),
            r => new Group(
                new ModelStatistics(
                    r.GetString(0), r.GetString(1), r.GetInt64(2), r.GetInt64(3), r.GetInt64(4),
                    r.GetInt64(5) == 0 ? null : r.GetDouble(6) / r.GetInt64(5),
                    r.GetInt64(11), r.GetInt64(12), r.GetInt64(13), r.GetInt64(14), r.GetInt64(15),
                    r.IsDBNull(16) ? null : r.GetDecimal(16), r.GetDouble(17), r.GetInt64(18)),
                r.GetInt64(5),
                r.GetDouble(6),
                [r.GetInt64(7), r.GetInt64(8), r.GetInt64(9), r.GetInt64(10)]),
            cancellationToken);
        var active = await session.QueryFirstAsync(Limited("SELECT count(*)").Append(" AND t.status = 'active'"), r => r.GetInt64(0), cancellationToken);
        var scored = groups.Sum(g => g.Scored);
        return new StoreStatistics
        {
            Total = groups.Sum(g => g.Model.Total),
            Active = active,
            ByProvider = groups.GroupBy(g => g.Model.Provider, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Sum(m => m.Model.Total), StringComparer.Ordinal),
            Judged = groups.Sum(g => g.Model.Judged),
            Successful = groups.Sum(g => g.Model.Successful),
            AverageQuality = scored == 0 ? null : groups.Sum(g => g.QualitySum) / scored,
            QualityBands = Enumerable.Range(0, 4).Select(band => groups.Sum(g => g.Bands[band])).ToArray(),
            Storage = await ReadStorageAsync(session, tenant, cancellationToken),
            ByModel = groups.Select(g => g.Model).ToArray(),
        };
    }

    // Content and counts are the tenant's own; the size is the whole store's, which has no parts by tenant.
    private static async Task<(long Bytes, long ContentBytes, long Trajectories, long Steps)> ReadStorageAsync(SqlSession session, string tenant, CancellationToken cancellationToken)
    {
        Task<long> Number(SqlStatement statement) => session.QueryFirstAsync(statement, r => r.GetInt64(0), cancellationToken);

        return (
            await Number(session.StoreSize()),
            await Number(new SqlStatement(
                """
                SELECT CAST(coalesce(sum(length(c.bytes)), 0) AS bigint) FROM content c WHERE c.id IN
                    (SELECT u.content_id FROM trajectory_content u JOIN task_trajectory t ON t.row_id = u.trajectory_row WHERE t.tenant = @tenant)
                """).With("tenant", tenant)),
            await Number(new SqlStatement("SELECT count(*) FROM task_trajectory WHERE tenant = @tenant").With("tenant", tenant)),
            await Number(new SqlStatement("SELECT count(*) FROM trajectory_step s JOIN task_trajectory t ON t.row_id = s.trajectory_row WHERE t.tenant = @tenant").With("tenant", tenant)));
    }

    private sealed record Group(ModelStatistics Model, long Scored, double QualitySum, IReadOnlyList<long> Bands);
}
