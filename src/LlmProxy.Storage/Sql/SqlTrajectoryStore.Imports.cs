using LlmProxy.Core.Stores;

namespace LlmProxy.Storage.Sql;

/// <content>Imports.</content>
public abstract partial class SqlTrajectoryStore
{
    /// <inheritdoc />
    public Task<IReadOnlyList<ImportBatch>> ListImportsAsync(string tenant, CancellationToken cancellationToken) =>
        QueryAsync(
            "list imports",
            _ => new SqlStatement("SELECT import_batch, count(*) FROM task_trajectory WHERE tenant = @tenant AND import_batch IS NOT NULL GROUP BY import_batch ORDER BY import_batch DESC").With("tenant", tenant),
            (_, r) => new ImportBatch(r.GetString(0), (int)r.GetInt64(1)),
            cancellationToken);

    /// <inheritdoc />
    public async Task<int> UndoImportAsync(string tenant, string batch, CancellationToken cancellationToken)
    {
        var total = 0;
        while (true)
        {
            var removed = await RemoveAsync(
                "undo an import",
                async s =>
                {
                    var rows = await s.QueryAsync(
                        new SqlStatement("SELECT row_id FROM task_trajectory WHERE tenant = @tenant AND import_batch = @batch ORDER BY row_id LIMIT @limit")
                            .With("tenant", tenant).With("batch", batch).With("limit", CleanupBatch),
                        r => r.GetInt64(0),
                        cancellationToken);
                    await TrajectoryRemoval.DeleteAsync(s, rows, cancellationToken);
                    return rows.Count;
                },
                cancellationToken);
            if (removed == 0)
            {
                break;
            }

            total += removed;
        }

        if (total > 0)
        {
            await EraseDeletedAsync(cancellationToken);
        }

        return total;
    }
}
