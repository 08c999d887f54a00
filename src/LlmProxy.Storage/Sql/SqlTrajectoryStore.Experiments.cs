using LlmProxy.Core.Experiments;


namespace LlmProxy.Storage.Sql;

/// <content>Examples and what became of the tasks that used them.</content>
public abstract partial class SqlTrajectoryStore
{
    private const string ExampleColumns =
        """
        SELECT t.id, coalesce(x.task_description, t.task_description), t.quality_score, x.pinned, x.retired, nullif(x.edited_json, ''), x.usage_count, x.last_used_at,
            x.stated_successes, x.stated_failures, t.task_type
        FROM few_shot_example x JOIN task_trajectory t ON t.row_id = x.trajectory_row
        """;

    private long _exampleChanges;

    /// <inheritdoc />
    public long ExampleChanges => Interlocked.Read(ref _exampleChanges);

    /// <inheritdoc />
    public Task<IReadOnlyList<FewShotExampleRow>> FindExamplesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken) =>
        trajectoryIds.Count == 0
            ? Task.FromResult<IReadOnlyList<FewShotExampleRow>>([])
            : QueryAsync(
                "look up examples",
                s => new SqlStatement($"{ExampleColumns} WHERE {s.IsTenant("t.tenant")} AND t.id {s.Any("ids")}").With("tenant", tenant).With("ids", trajectoryIds),
                ReadExample,
                cancellationToken);

    /// <inheritdoc />
    public Task<bool> RecordExampleOutcomeAsync(string tenant, string trajectoryId, bool success, CancellationToken cancellationToken) =>
        WriteAsync(
            "record how a task with an example ended",
            removes: false,
            s => s.ReturnsRowAsync(
                new SqlStatement(
                    """
                    INSERT INTO few_shot_example (trajectory_row, tenant, pinned, retired, usage_count, stated_successes, stated_failures)
                    SELECT row_id, tenant, FALSE, FALSE, 0, @successes, @failures FROM task_trajectory WHERE tenant = @tenant AND id = @id
                    ON CONFLICT (trajectory_row) DO UPDATE SET stated_successes = few_shot_example.stated_successes + excluded.stated_successes,
                        stated_failures = few_shot_example.stated_failures + excluded.stated_failures
                    RETURNING trajectory_row
                    """).With("tenant", tenant).With("id", trajectoryId).With("successes", success ? 1L : 0L).With("failures", success ? 0L : 1L),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<ExampleOutcome>> ReadExampleOutcomesAsync(string tenant, CancellationToken cancellationToken) =>
        QueryAsync(
            "read the outcomes of examples",
            _ => new SqlStatement(
                """
                SELECT t.provider, t.model, t.arm, t.example_ids, count(*), sum(CASE WHEN t.success THEN 1 ELSE 0 END) FROM task_trajectory t
                WHERE t.tenant = @tenant AND (t.arm IS NOT NULL OR t.example_ids <> '[]') AND t.success IS NOT NULL AND t.status IN ('completed', 'failed', 'needs_help')
                GROUP BY t.provider, t.model, t.arm, t.example_ids
                """).With("tenant", tenant),
            (_, r) => new ExampleOutcome(r.GetString(0), r.GetString(1), r.Text(2), JsonLists.Read(r.GetString(3)), r.GetInt64(4), r.GetInt64(5)),
            cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<ArmStatistics>> ReadArmsAsync(string tenant, DateTimeOffset? since, DateTimeOffset? until, string? model, CancellationToken cancellationToken) =>
        QueryAsync(
            "read the experiment",
            _ => new SqlStatement(
                """
                SELECT t.provider, t.model, t.arm, count(*), count(t.success), sum(CASE WHEN t.success THEN 1 ELSE 0 END), sum(t.iteration_count), sum(t.user_interventions),
                    CAST(coalesce(sum(t.input_tokens + t.output_tokens), 0) AS bigint), sum(t.cost_usd), count(t.input_tokens), count(t.cost_usd), count(t.cost_usd) FILTER (WHERE t.success),
                    count(t.success) FILTER (WHERE t.outcome_source IN ('human', 'ci', 'api', 'judge')), count(*) FILTER (WHERE t.success IS NULL AND t.success_probability IS NOT NULL),
                    coalesce(sum(t.success_probability) FILTER (WHERE t.success IS NULL), 0.0) FROM task_trajectory t
                WHERE t.tenant = @tenant AND t.arm IS NOT NULL AND t.status IN ('completed', 'failed', 'needs_help')
                """).With("tenant", tenant)
                .AppendIf(since, " AND t.started_at >= @since", "since")
                .AppendIf(until, " AND t.started_at < @until", "until")
                .AppendIf(model, " AND t.model = @model", "model")
                .Append(" GROUP BY t.provider, t.model, t.arm ORDER BY t.provider, t.model, t.arm"),
            (_, r) => new ArmStatistics(
                r.GetString(0), r.GetString(1), r.GetString(2), r.GetInt64(3), r.GetInt64(4), r.GetInt64(5), r.GetInt64(6), r.GetInt64(7), r.GetInt64(8), r.Usd(9))
            {
                Counted = r.GetInt64(10),
                Paid = r.GetInt64(11),
                PaidSuccesses = r.GetInt64(12),
                Verified = r.GetInt64(13),
                Inferred = r.GetInt64(14),
                Probability = r.GetDouble(15),
            },
            cancellationToken);

    private static FewShotExampleRow ReadExample(SqlSession session, System.Data.Common.DbDataReader r) => new(
        r.GetString(0), r.GetString(1), r.Real(2), r.GetBoolean(3), r.GetBoolean(4), r.Text(5), r.GetInt64(6), r.IsDBNull(7) ? null : session.ReadTime(r, 7))
    {
        StatedSuccesses = r.GetInt64(8),
        StatedFailures = r.GetInt64(9),
        TaskType = r.Text(10),
    };
}
