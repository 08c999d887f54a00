using System.Data.Common;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Wire;

namespace LlmProxy.Storage.Postgres;

/// <summary>
/// Open tasks and their keys, announced by one process to the others. In tables of their own: a run's row is locked while
/// calls are recorded, and no process may wait for that. Unlogged, since the recorder writes the same keys for good.
/// </summary>
public sealed partial class PostgresTrajectoryStore
{
    // Thousands of tasks can begin with the same words: the latest are enough.
    private const int MostOfKey = 64;
    private const string TaskColumns =
        "t.task_id, t.trajectory_id, t.tenant, t.conversation_id, t.parent_id, t.session_id, t.task_description, t.model, t.started_at, t.last_step, t.ended_turn, t.answered, t.offers_tools, t.stream, t.at";

    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ClaimedFor = TimeSpan.FromSeconds(30);

    private readonly OpenTaskNotices _notices = new();

    /// <inheritdoc />
    public Task SaveOpenTasksAsync(IReadOnlyList<ReplicaTask> tasks, CancellationToken cancellationToken) =>
        ReadAsync(
            "save open tasks",
            session =>
            {
                // Always in one order, so that two processes that save the same tasks do not wait for each other in turns.
                var ordered = tasks.OrderBy(t => t.Tenant, StringComparer.Ordinal).ThenBy(t => t.TaskId, StringComparer.Ordinal).ThenBy(t => t.LastStep).ToList();
                return WithoutResult(session.ExecuteAsync(
                    [
                        // The start of a call is announced, but has no row.
                        .. ordered.Where(t => !t.IsUnderWay).Select(SaveTask),
                        .. ordered.Where(t => !t.IsUnderWay).SelectMany(t => t.Keys.Select(k => (t.Tenant, Key: k))).OrderBy(k => (k.Key.Key.High, k.Key.Key.Low)).Select(k => SaveKey(k.Tenant, k.Key)),
                        .. _notices.Write(tasks).Select(n => new SqlStatement("SELECT pg_notify(@channel, @notice)").With("channel", OpenTaskNotices.Channel).With("notice", n)),
                    ],
                    cancellationToken));
            },
            cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<ReplicaTask>> FindOpenTasksAsync(string tenant, IReadOnlyCollection<TurnKey> keys, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyList<ReplicaTask>>(
            "look up open tasks",
            async session =>
            {
                var found = await session.QueryAsync(
                    new SqlStatement(
                        $"""
                        SELECT {TaskColumns}, k.turn_key, k.kind, k.step_index, k.at
                        FROM (SELECT c.*, row_number() OVER (PARTITION BY turn_key ORDER BY at DESC, step_index DESC) AS recent
                              FROM open_key c WHERE tenant = @tenant AND turn_key = ANY(@keys)) k
                        JOIN open_task t ON t.tenant = k.tenant AND t.task_id = k.task_id
                        WHERE k.recent <= {MostOfKey}
                        ORDER BY k.at DESC, k.step_index DESC
                        """)
                        .With("tenant", tenant).With("keys", keys.Select(Bytes).ToList()),
                    r => (Task: ReadTask(session, r), Key: ReadKey(session, r, 15)),
                    cancellationToken);
                return [.. found.GroupBy(f => f.Task.TaskId, StringComparer.Ordinal).Select(g => g.First().Task with { Keys = [.. g.Select(f => f.Key with { TaskId = g.Key })] })];
            },
            cancellationToken);

    /// <inheritdoc />
    public Task<ReplicaTask?> FindOpenTaskAsync(string tenant, string taskId, CancellationToken cancellationToken) =>
        ReadAsync(
            "look up an open task",
            session => session.QueryFirstAsync(
                new SqlStatement($"SELECT {TaskColumns} FROM open_task t WHERE t.tenant = @tenant AND t.task_id = @task").With("tenant", tenant).With("task", taskId),
                r => ReadTask(session, r),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    public Task ListenAsync(Action<ReplicaTask> announced, CancellationToken cancellationToken) =>
        GuardAsync(
            "listen for open tasks",
            async () =>
            {
                await using var connection = await _source.OpenConnectionAsync(cancellationToken);
                connection.Notification += (_, notice) => _notices.Read(notice.Payload, announced);
                var session = new PostgresSession(connection);
                await session.RunAsync("LISTEN " + OpenTaskNotices.Channel, cancellationToken);
                while (!cancellationToken.IsCancellationRequested)
                {
                    if (!await connection.WaitAsync(Silence, cancellationToken))
                    {
                        // A connection that is cut somewhere on the way is silent too.
                        await session.RunAsync("SELECT 1", cancellationToken);
                    }
                }

                return true;
            },
            cancellationToken);

    /// <inheritdoc />
    public Task RemoveOpenTasksAsync(DateTimeOffset before, CancellationToken cancellationToken) =>
        ReadAsync(
            "remove old open tasks",
            session => WithoutResult(session.ExecuteAsync(
                [
                    new SqlStatement("DELETE FROM open_key WHERE at < @before").With("before", before),
                    new SqlStatement("DELETE FROM open_task WHERE at < @before").With("before", before),
                ],
                cancellationToken)),
            cancellationToken);

    /// <inheritdoc />
    public override Task<IReadOnlyList<Trajectory>> ClaimOpenAsync(DateTimeOffset idleSince, int limit, CancellationToken cancellationToken) =>
        RunsAsync(
            "claim open runs",
            new SqlStatement(
                $"""
                WITH claimed AS (
                    UPDATE task_trajectory SET claimed_at = @now WHERE row_id IN (
                        SELECT row_id FROM task_trajectory
                        WHERE (status = 'active' OR is_provisional) AND last_activity_at <= @since AND (claimed_at IS NULL OR claimed_at < @old)
                        ORDER BY last_activity_at, id LIMIT @limit FOR UPDATE SKIP LOCKED)
                    RETURNING *)
                SELECT {TrajectoryRows.Columns} FROM claimed t ORDER BY t.last_activity_at, t.id
                """)
                .With("now", Time.GetUtcNow()).With("old", Time.GetUtcNow() - ClaimedFor).With("since", idleSince).With("limit", limit),
            cancellationToken);

    private static SqlStatement SaveTask(ReplicaTask task) =>
        new SqlStatement(
            """
            INSERT INTO open_task (task_id, trajectory_id, tenant, conversation_id, parent_id, session_id, task_description, model, started_at, last_step, ended_turn, answered, offers_tools, stream, at)
            VALUES (@task, @trajectory, @tenant, @conversation, @parent, @session, @description, @model, @started, @step, @ended, @answered, @tools, @stream, @at)
            ON CONFLICT (tenant, task_id) DO UPDATE SET model = excluded.model, last_step = excluded.last_step, ended_turn = excluded.ended_turn, answered = excluded.answered,
                offers_tools = open_task.offers_tools OR excluded.offers_tools, stream = excluded.stream, at = excluded.at
            WHERE open_task.last_step <= excluded.last_step
            """)
            .With("task", task.TaskId).With("trajectory", task.TrajectoryId).With("tenant", task.Tenant).With("conversation", task.ConversationId)
            .With("parent", task.ParentId).With("session", task.SessionId).With("description", task.TaskDescription).With("model", task.Model)
            .With("started", task.StartedAt).With("step", task.LastStep).With("ended", task.LastEndedTurn).With("answered", task.LastAnswered)
            .With("tools", task.OffersTools).With("stream", task.Stream).With("at", task.At);

    private static SqlStatement SaveKey(string tenant, CorrelationEntry key) =>
        new SqlStatement(
            """
            INSERT INTO open_key (tenant, turn_key, kind, task_id, step_index, at) VALUES (@tenant, @key, @kind, @task, @step, @at)
            ON CONFLICT (tenant, turn_key, kind, task_id, step_index) DO NOTHING
            """)
            .With("tenant", tenant).With("key", Bytes(key.Key)).With("kind", (int)key.Kind).With("task", key.TaskId).With("step", key.StepIndex).With("at", key.At);

    private static ReplicaTask ReadTask(SqlSession session, DbDataReader r) => new()
    {
        TaskId = r.GetString(0),
        TrajectoryId = r.GetString(1),
        Tenant = r.GetString(2),
        ConversationId = r.GetString(3),
        ParentId = r.Text(4),
        SessionId = r.Text(5),
        TaskDescription = r.GetString(6),
        Model = r.Text(7),
        StartedAt = session.ReadTime(r, 8),
        LastStep = r.GetInt32(9),
        LastEndedTurn = r.GetBoolean(10),
        LastAnswered = r.GetBoolean(11),
        LastReadable = true,
        OffersTools = r.GetBoolean(12),
        Stream = r.GetBoolean(13),
        At = session.ReadTime(r, 14),
    };

    private static CorrelationEntry ReadKey(SqlSession session, DbDataReader r, int at) =>
        new(KeyOf(r.GetFieldValue<byte[]>(at)), (CorrelationKind)r.GetInt32(at + 1), "", r.GetInt32(at + 2), session.ReadTime(r, at + 3));
}
