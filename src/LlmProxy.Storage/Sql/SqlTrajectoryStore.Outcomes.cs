using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <content>Outlines, and which outcome estimates are due.</content>
public abstract partial class SqlTrajectoryStore
{
    /// <inheritdoc />
    public Task<IReadOnlyList<Trajectory>> ClaimDueOutcomesAsync(TimeSpan lease, int limit, CancellationToken cancellationToken) =>
        WriteAsync<IReadOnlyList<Trajectory>>(
            "claim due outcome estimates",
            removes: false,
            async s =>
            {
                var now = Time.GetUtcNow();
                var rows = await s.QueryAsync(
                    new SqlStatement(
                        $"""
                        UPDATE task_trajectory SET outcome_due_at = @later WHERE row_id IN (
                            SELECT row_id FROM task_trajectory
                            WHERE outcome_due_at <= @now AND NOT is_provisional AND completed_at IS NOT NULL
                            ORDER BY outcome_due_at, row_id LIMIT @limit{s.SkipLocked})
                        RETURNING row_id
                        """).With("later", now + lease).With("now", now).With("limit", limit),
                    r => r.GetInt64(0),
                    cancellationToken);
                return rows.Count == 0
                    ? []
                    : await s.QueryAsync(new SqlStatement(SelectRuns + "t.row_id " + s.Any("rows")).With("rows", rows), r => TrajectoryRows.Read(s, r), cancellationToken);
            },
            cancellationToken);

    /// <inheritdoc />
    public Task SaveEstimateAsync(Trajectory trajectory, TrajectoryOutline? outline, IReadOnlyCollection<string> nearIds, CancellationToken cancellationToken) =>
        ChangeAsync(
            "save an outcome estimate",
            s => s.ExecuteAsync(EstimateStatements(s, trajectory, outline, nearIds).Select(statement => statement.With("id", trajectory.Id)).ToList(), cancellationToken),
            cancellationToken);

    private static IEnumerable<SqlStatement> EstimateStatements(SqlSession session, Trajectory trajectory, TrajectoryOutline? outline, IReadOnlyCollection<string> nearIds)
    {
        yield return trajectory is { Version: { } version, OutcomeSource: OutcomeSource.Inferred }
            ? new SqlStatement(
                """
                UPDATE task_trajectory SET outcome_due_at = NULL, success_probability = @probability, evidence = @evidence, quality_score = @quality, version = version + 1
                WHERE id = @id AND version = @version AND outcome_source = 'inferred'
                """)
                .With("probability", trajectory.SuccessProbability).With("evidence", EvidenceJson.Write(trajectory.Evidence)).With("quality", trajectory.QualityScore).With("version", version)
            : new SqlStatement("UPDATE task_trajectory SET outcome_due_at = NULL WHERE id = @id");
        if (outline is not null)
        {
            yield return new SqlStatement("INSERT INTO trajectory_outline (trajectory_row, outline) SELECT row_id, @outline FROM task_trajectory WHERE id = @id ON CONFLICT (trajectory_row) DO NOTHING")
                .With("outline", outline.ToJson());
        }

        yield return new SqlStatement("DELETE FROM outcome_basis WHERE trajectory_row IN (SELECT row_id FROM task_trajectory WHERE id = @id)");
        if (nearIds.Count > 0)
        {
            yield return new SqlStatement($"INSERT INTO outcome_basis (trajectory_row, near_row) SELECT t.row_id, n.row_id FROM task_trajectory t, task_trajectory n WHERE t.id = @id AND n.id {session.Any("near")} ON CONFLICT DO NOTHING")
                .With("near", nearIds);
        }
    }

    /// <inheritdoc />
    public Task MarkOutcomesDueAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken) =>
        trajectoryIds.Count == 0
            ? Task.CompletedTask
            : ChangeAsync(
                "mark outcome estimates as due",
                s => s.ExecuteAsync(
                    new SqlStatement($"UPDATE task_trajectory SET outcome_due_at = @now WHERE {s.IsTenant("tenant")} AND id {s.Any("ids")} AND outcome_source = 'inferred'")
                        .With("tenant", tenant).With("ids", trajectoryIds).With("now", Time.GetUtcNow()),
                    cancellationToken),
                cancellationToken);

    /// <inheritdoc />
    public async Task<IReadOnlyDictionary<string, TrajectoryOutline>> ReadOutlinesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken)
    {
        if (trajectoryIds.Count == 0)
        {
            return new Dictionary<string, TrajectoryOutline>(StringComparer.Ordinal);
        }

        var read = await QueryAsync(
            "read outlines",
            s => new SqlStatement($"SELECT t.id, o.outline FROM trajectory_outline o JOIN task_trajectory t ON t.row_id = o.trajectory_row WHERE {s.IsTenant("t.tenant")} AND t.id {s.Any("ids")}")
                .With("tenant", tenant).With("ids", trajectoryIds),
            (_, r) => (Id: r.GetString(0), Outline: TrajectoryOutline.Parse(r.GetString(1))),
            cancellationToken);
        return read.Where(r => r.Outline is not null).ToDictionary(r => r.Id, r => r.Outline!, StringComparer.Ordinal);
    }

    /// <inheritdoc />
    public Task<string?> FindNextTurnAsync(string tenant, string conversationId, DateTimeOffset startedAfter, CancellationToken cancellationToken) =>
        ReadAsync(
            "look up the next turn",
            s => s.QueryFirstAsync(
                new SqlStatement("SELECT task_description FROM task_trajectory WHERE tenant = @tenant AND conversation_id = @conversation AND started_at > @after AND parent_id IS NULL ORDER BY started_at LIMIT 1")
                    .With("tenant", tenant).With("conversation", conversationId).With("after", startedAfter),
                r => (string?)r.GetString(0),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    public async Task<IReadOnlyList<StatedTrajectory>> ListStatedAsync(string tenant, int limit, CancellationToken cancellationToken)
    {
        var read = await QueryAsync(
            "list stated outcomes",
            _ => new SqlStatement(
                $"""
                SELECT {TrajectoryRows.Columns}, o.outline FROM task_trajectory t JOIN trajectory_outline o ON o.trajectory_row = t.row_id
                WHERE t.tenant = @tenant AND t.outcome_source IN ('human', 'ci', 'api') AND t.success IS NOT NULL ORDER BY t.completed_at DESC, t.id LIMIT @limit
                """).With("tenant", tenant).With("limit", limit),
            (s, r) => (Run: TrajectoryRows.Read(s, r), Outline: TrajectoryOutline.Parse(r.GetString(r.FieldCount - 1))),
            cancellationToken);
        return [.. read.Where(r => r.Outline is not null).Select(r => new StatedTrajectory(r.Run, r.Outline!))];
    }

    /// <inheritdoc />
    public async Task<OutcomeModel?> ReadOutcomeModelAsync(string tenant, CancellationToken cancellationToken) =>
        await ReadAsync(
            "read the outcome model",
            s => s.QueryFirstAsync(new SqlStatement("SELECT model FROM outcome_model WHERE tenant = @tenant").With("tenant", tenant), r => (string?)r.GetString(0), cancellationToken),
            cancellationToken) is { } json ? OutcomeModel.Parse(json) : null;

    /// <inheritdoc />
    public Task SaveOutcomeModelAsync(string tenant, OutcomeModel? model, CancellationToken cancellationToken) =>
        ChangeAsync(
            "save the outcome model",
            s => s.ExecuteAsync(
                [
                    model is null
                        ? new SqlStatement("DELETE FROM outcome_model WHERE tenant = @tenant").With("tenant", tenant)
                        : new SqlStatement("INSERT INTO outcome_model (tenant, model) VALUES (@tenant, @model) ON CONFLICT (tenant) DO UPDATE SET model = excluded.model").With("tenant", tenant).With("model", model.ToJson()),
                    new SqlStatement("UPDATE task_trajectory SET outcome_due_at = @now WHERE tenant = @tenant AND outcome_source = 'inferred'").With("tenant", tenant).With("now", Time.GetUtcNow()),
                ],
                cancellationToken),
            cancellationToken);
}
