namespace LlmProxy.Core.Storage.Sql;

/// <summary>Keys of tasks whose calls are not recorded yet.</summary>
public abstract partial class SqlTrajectoryStore
{
    /// <inheritdoc />
    public virtual bool IsShared => false;

    /// <inheritdoc />
    public Task SaveOpenTasksAsync(IReadOnlyList<OpenTaskKeys> tasks, CancellationToken cancellationToken) =>
        WriteAsync(
            "save open tasks",
            removes: false,
            async session =>
            {
                // Always in one order, so that two processes that save the same tasks do not wait for each other in turns.
                var ordered = tasks.OrderBy(t => t.Task.Id, StringComparer.Ordinal).ToList();
                await session.ExecuteAsync([.. ordered.Select(t => TrajectoryRows.Open(t.Task)), .. ordered.SelectMany(Keys)], cancellationToken);
                return true;
            },
            cancellationToken);

    private static IEnumerable<SqlStatement> Keys(OpenTaskKeys open) => open.Keys.Select(key =>
        new SqlStatement(
            """
            INSERT INTO correlation_key (tenant, turn_key, kind, trajectory_row, step_index, at)
            SELECT t.tenant, @key, @kind, t.row_id, @step, @at FROM task_trajectory t WHERE t.tenant = @tenant AND t.task_id = @task
            ON CONFLICT (tenant, turn_key, kind, trajectory_row, step_index) DO NOTHING
            """)
            .With("key", Bytes(key.Key)).With("kind", (int)key.Kind).With("step", key.StepIndex).With("at", key.At)
            .With("tenant", open.Task.Tenant).With("task", open.Task.TaskId));
}
