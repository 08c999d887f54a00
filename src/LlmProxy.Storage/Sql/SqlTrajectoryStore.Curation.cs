using LlmProxy.Core.Curation;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Storage.Sql;

/// <content>Types of tasks, and who curates.</content>
public abstract partial class SqlTrajectoryStore
{
    /// <inheritdoc />
    public Task<IReadOnlyList<CurationTask>> ListCurationTasksAsync(string tenant, VectorKind vectors, int limit, CancellationToken cancellationToken) =>
        QueryAsync(
            "list tasks to curate",
            s => new SqlStatement(
                $"""
                SELECT {TrajectoryRows.Columns}, {s.VectorColumn}
                FROM task_trajectory t LEFT JOIN trajectory_embedding e
                    ON e.trajectory_row = t.row_id AND e.model = @model AND e.dimensions = @dimensions AND e.kind = '{DocumentFrequencyTable.TaskKind}'
                WHERE t.tenant = @tenant AND t.status IN ('completed', 'failed', 'needs_help') AND t.task_description <> ''
                ORDER BY t.started_at DESC, t.id DESC LIMIT @limit
                """).With("tenant", tenant).With("model", vectors.Model).With("dimensions", vectors.Dimensions).With("limit", limit),
            (s, r) => new CurationTask(TrajectoryRows.Read(s, r), r.IsDBNull(r.FieldCount - 1) ? null : s.ReadVector(r, r.FieldCount - 1)),
            cancellationToken);

    /// <inheritdoc />
    /// <remarks>The version stays: a save of the trajectory never writes the type, so neither change is lost.</remarks>
    public Task<int> SaveTaskTypeAsync(string tenant, string? taskType, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken) =>
        WriteAsync(
            "save a task type",
            removes: false,
            async s => (await s.QueryAsync(
                new SqlStatement(
                    $"""
                    UPDATE task_trajectory SET task_type = nullif(@type, '')
                    WHERE {s.IsTenant("tenant")} AND id {s.Any("ids")} AND NOT task_type_stated AND coalesce(task_type, '') <> @type RETURNING row_id
                    """).With("tenant", tenant).With("type", taskType ?? "").With("ids", trajectoryIds),
                r => r.GetInt64(0),
                cancellationToken)).Count,
            cancellationToken);

    /// <inheritdoc />
    public Task<bool> StateTaskTypeAsync(string tenant, string trajectoryId, string? taskType, CancellationToken cancellationToken) =>
        WriteAsync(
            "state a task type",
            removes: false,
            s => s.ReturnsRowAsync(
                new SqlStatement("UPDATE task_trajectory SET task_type = nullif(@type, ''), task_type_stated = @stated WHERE tenant = @tenant AND id = @id RETURNING row_id")
                    .With("tenant", tenant).With("id", trajectoryId).With("type", taskType ?? "").With("stated", !string.IsNullOrEmpty(taskType)),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    /// <remarks>One statement on one row: of two owners that try at the same time, the second sees the first one's claim.</remarks>
    public Task<bool> ClaimCurationAsync(string tenant, string owner, TimeSpan every, TimeSpan lease, CancellationToken cancellationToken) =>
        WriteAsync(
            "claim a curation",
            removes: false,
            async s =>
            {
                var now = Time.GetUtcNow();
                return (await s.QueryAsync(
                    new SqlStatement(
                        """
                        INSERT INTO curation (tenant, owner, claimed_until) VALUES (@tenant, @owner, @until)
                        ON CONFLICT (tenant) DO UPDATE SET owner = excluded.owner, claimed_until = excluded.claimed_until
                            WHERE curation.claimed_until <= @now AND (curation.done_at IS NULL OR curation.done_at <= @before)
                        RETURNING tenant
                        """).With("tenant", tenant).With("owner", owner).With("until", now + lease).With("now", now).With("before", now - every),
                    r => r.GetString(0),
                    cancellationToken)).Count > 0;
            },
            cancellationToken);

    /// <inheritdoc />
    public Task CompleteCurationAsync(string tenant, string owner, CancellationToken cancellationToken) =>
        ChangeAsync(
            "complete a curation",
            s => s.ExecuteAsync(
                new SqlStatement("UPDATE curation SET done_at = @now, claimed_until = @now WHERE tenant = @tenant AND owner = @owner")
                    .With("tenant", tenant).With("owner", owner).With("now", Time.GetUtcNow()),
                cancellationToken),
            cancellationToken);
}
