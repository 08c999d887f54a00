using LlmProxy.Core.Trajectories;


namespace LlmProxy.Storage.Sql;

/// <content>Saving and deleting.</content>
public abstract partial class SqlTrajectoryStore
{
    /// <summary>A deletion is cut into transactions of this many runs, so that writers get their turn in between.</summary>
    private const int CleanupBatch = 50;

    /// <inheritdoc />
    public async Task SaveAsync(IReadOnlyList<TrajectoryChange> changes, CancellationToken cancellationToken)
    {
        if (changes.Count == 0)
        {
            return;
        }

        var save = new TrajectorySave(changes, Time.GetUtcNow());
        await PrepareVectorsAsync(changes.SelectMany(c => c.Embeddings).Select(e => (e.Model, e.Vector.Length)).Distinct().ToList(), cancellationToken);
        // Compression is the greatest part of the work; it is done before the writer's turn comes.
        var stored = await ReadAsync("look up content", s => save.FindStoredAsync(s, cancellationToken), cancellationToken);
        var encoded = save.Encode(stored);
        await ChangeAsync("save runs", s => save.RunAsync(s, encoded, cancellationToken), cancellationToken);
    }

    /// <inheritdoc />
    public Task<bool> DeleteAsync(string tenant, string trajectoryId, CancellationToken cancellationToken) =>
        RemoveAsync(
            "delete a run",
            async s =>
            {
                var rows = await RowsOfAsync(s, tenant, trajectoryId, cancellationToken);
                await TrajectoryRemoval.DeleteAsync(s, rows, cancellationToken);
                return rows.Count > 0;
            },
            cancellationToken);

    /// <inheritdoc />
    public Task DropContentAsync(string tenant, string trajectoryId, CancellationToken cancellationToken) =>
        RemoveAsync(
            "drop a run's content",
            async s =>
            {
                await TrajectoryRemoval.DropContentAsync(s, await RowsOfAsync(s, tenant, trajectoryId, cancellationToken), cancellationToken);
                return true;
            },
            cancellationToken);

    /// <inheritdoc />
    /// <remarks>Choosing and erasing are one transaction: another process passes over what this one has, and nothing is left half done.</remarks>
    public async Task<IReadOnlyList<Trajectory>> EraseExpiredContentAsync(int limit, CancellationToken cancellationToken)
    {
        SqlStatement Expired() => new SqlStatement("SELECT row_id FROM task_trajectory WHERE erase_at <= @now ORDER BY erase_at, row_id LIMIT @limit").With("now", Time.GetUtcNow()).With("limit", limit);

        // A removal keeps all saves out, so it is not begun for nothing.
        if ((await ReadAsync("look for expired content", s => s.QueryAsync(Expired(), r => r.GetInt64(0), cancellationToken), cancellationToken)).Count == 0)
        {
            return [];
        }

        return await RemoveAsync<IReadOnlyList<Trajectory>>(
            "erase expired content",
            async s =>
            {
                var rows = await s.QueryAsync(Expired().Append(s.SkipLocked), r => r.GetInt64(0), cancellationToken);
                if (rows.Count == 0)
                {
                    return [];
                }

                await TrajectoryRemoval.DropContentAsync(s, rows, cancellationToken);
                // A process that holds the run in memory reads it again before the next change.
                await s.ExecuteAsync(new SqlStatement("UPDATE task_trajectory SET version = version + 1 WHERE row_id " + s.Any("rows")).With("rows", rows), cancellationToken);
                return await s.QueryAsync(new SqlStatement(SelectRuns + "t.row_id " + s.Any("rows")).With("rows", rows), r => TrajectoryRows.Read(s, r), cancellationToken);
            },
            cancellationToken);
    }

    /// <inheritdoc />
    /// <remarks>
    /// Runs whose example is pinned stay. Which runs go is read without a lock, and looked at once
    /// more in the transaction that deletes them: another process may clean up at the same time, and a run may have been
    /// pinned or continued since.
    /// </remarks>
    public async Task<int> CleanupAsync(string? tenant, DateTimeOffset endedBefore, double maxQuality, bool includeUnscored, bool dryRun, CancellationToken cancellationToken)
    {
        SqlStatement Query(string select) => new SqlStatement(
            select + " FROM task_trajectory t WHERE t.completed_at < @before AND t.status <> 'active' " +
            (includeUnscored ? "AND (t.quality_score <= @quality OR t.quality_score IS NULL) " : "AND t.quality_score <= @quality ") +
            "AND NOT EXISTS (SELECT 1 FROM few_shot_example x WHERE x.trajectory_row = t.row_id AND x.pinned)")
            .With("before", endedBefore).With("quality", maxQuality)
            .AppendIf(tenant, " AND t.tenant = @tenant", "tenant");

        if (dryRun)
        {
            return await ReadAsync("count runs to clean up", s => s.QueryFirstAsync(Query("SELECT count(*)"), r => (int)r.GetInt64(0), cancellationToken), cancellationToken);
        }

        var total = 0;
        var last = 0L;
        while (true)
        {
            var chosen = await ReadAsync(
                "choose runs to clean up",
                s => s.QueryAsync(
                    Query("SELECT t.row_id").Append(" AND t.row_id > @last ORDER BY t.row_id LIMIT @limit").With("last", last).With("limit", CleanupBatch),
                    r => r.GetInt64(0),
                    cancellationToken),
                cancellationToken);
            if (chosen.Count == 0)
            {
                if (total > 0)
                {
                    await EraseDeletedAsync(cancellationToken);
                }

                return total;
            }

            total += await RemoveAsync(
                "clean up",
                async s =>
                {
                    var rows = await s.QueryAsync(Query("SELECT t.row_id").Append(" AND t.row_id " + s.Any("rows")).With("rows", chosen), r => r.GetInt64(0), cancellationToken);
                    await TrajectoryRemoval.DeleteAsync(s, rows, cancellationToken);
                    return rows.Count;
                },
                cancellationToken);
            last = chosen[^1];
        }
    }

    /// <summary>Does a removal and invalidates cached prompts when it is committed.</summary>
    private async Task<T> RemoveAsync<T>(string operation, Func<SqlSession, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            return await WriteAsync(operation, removes: true, work, cancellationToken);
        }
        finally
        {
            Interlocked.Increment(ref _exampleChanges);
            EraseLater();
        }
    }

    /// <inheritdoc />
    /// <remarks>PostgreSQL erases by its own autovacuum.</remarks>
    public virtual Task EraseDeletedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Calls <see cref="EraseDeletedAsync"/> soon, once for several removals.</summary>
    private protected virtual void EraseLater()
    {
    }

    /// <summary>Whatever a model's vectors need before the first of them is stored.</summary>
    private protected virtual Task PrepareVectorsAsync(IReadOnlyList<(string Model, int Dimensions)> models, CancellationToken cancellationToken) => Task.CompletedTask;

    private static Task<List<long>> RowsOfAsync(SqlSession session, string tenant, string trajectoryId, CancellationToken cancellationToken) =>
        session.QueryAsync(
            new SqlStatement("SELECT row_id FROM task_trajectory WHERE id = @id AND tenant = @tenant").With("id", trajectoryId).With("tenant", tenant),
            r => r.GetInt64(0),
            cancellationToken);
}
