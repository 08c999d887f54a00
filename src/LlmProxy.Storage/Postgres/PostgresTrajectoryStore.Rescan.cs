using LlmProxy.Core.Recording;
using LlmProxy.Storage.Sql;

namespace LlmProxy.Storage.Postgres;

/// <content>Redacting the announced open tasks.</content>
public sealed partial class PostgresTrajectoryStore
{
    private const int OpenTasksPage = 500;

    /// <inheritdoc />
    /// <remarks>One with a secret is removed with its keys: the recorder writes the same to the run, or has done so, and announces the task again with its next call.</remarks>
    private protected override async Task<string?> RescanOpenTasksAsync(string tenant, string after, StoredTextCleaner cleaner, bool dryRun, CancellationToken cancellationToken)
    {
        var page = await ReadAsync(
            "read open tasks to redact",
            s => s.QueryAsync(
                new SqlStatement(
                    """
                    SELECT task_id, conversation_id, coalesce(parent_id, ''), coalesce(session_id, ''), task_description, coalesce(model, '') FROM open_task
                    WHERE tenant = @tenant AND task_id > @after ORDER BY task_id LIMIT @limit
                    """).With("tenant", tenant).With("after", after).With("limit", OpenTasksPage),
                r => Enumerable.Range(0, 6).Select(r.GetString).ToArray(),
                cancellationToken),
            cancellationToken);
        var counts = new RescanCounts();
        var changed = page.FindAll(texts => !ReferenceEquals(cleaner.Texts(texts, counts), texts)).ConvertAll(texts => texts[0]);
        counts.Row("open_task", changed.Count);
        if (changed.Count > 0 && !dryRun)
        {
            await ChangeAsync(
                "redact open tasks",
                s => s.ExecuteAsync(
                    [
                        new SqlStatement("DELETE FROM open_key WHERE tenant = @tenant AND task_id = ANY(@tasks)").With("tenant", tenant).With("tasks", changed),
                        new SqlStatement("DELETE FROM open_task WHERE tenant = @tenant AND task_id = ANY(@tasks)").With("tenant", tenant).With("tasks", changed),
                    ],
                    cancellationToken),
                cancellationToken);
        }

        cleaner.Counts.Add(counts);
        return page.Count < OpenTasksPage ? null : TasksCursor(page[^1][0]);
    }
}
