namespace LlmProxy.Core.Storage.Sql;

/// <content>Saving and deleting.</content>
public abstract partial class SqlTrajectoryStore
{
    /// <summary>A deletion of many runs is cut into transactions of so many, so that writers get their turn in between.</summary>
    private const int CleanupBatch = 200;

    /// <inheritdoc />
    public async Task SaveAsync(IReadOnlyList<TrajectoryChange> changes, CancellationToken cancellationToken)
    {
        if (changes.Count == 0)
        {
            return;
        }

        var save = new TrajectorySave(changes);
        await PrepareVectorsAsync(changes.SelectMany(c => c.Embeddings).Select(e => (e.Model, e.Vector.Length)).Distinct().ToList(), cancellationToken);
        // Compression is the greatest part of the work; it is done before the writer's turn comes.
        var stored = await ReadAsync("look content up", s => save.FindStoredAsync(s, cancellationToken), cancellationToken);
        var encoded = save.Encode(stored);
        await WriteAsync(
            "save runs",
            removes: false,
            async s =>
            {
                await save.RunAsync(s, encoded, cancellationToken);
                return true;
            },
            cancellationToken);
    }

    /// <inheritdoc />
    public Task<bool> DeleteAsync(string tenant, string trajectoryId, CancellationToken cancellationToken) =>
        WriteAsync(
            "delete a run",
            removes: true,
            async s =>
            {
                var rows = await RowsOfAsync(s, tenant, trajectoryId, cancellationToken);
                await TrajectoryRemoval.DeleteAsync(s, rows, cancellationToken);
                return rows.Count > 0;
            },
            cancellationToken);

    /// <inheritdoc />
    public Task DropContentAsync(string tenant, string trajectoryId, CancellationToken cancellationToken) =>
        WriteAsync(
            "drop a run's content",
            removes: true,
            async s =>
            {
                await TrajectoryRemoval.DropContentAsync(s, await RowsOfAsync(s, tenant, trajectoryId, cancellationToken), cancellationToken);
                return true;
            },
            cancellationToken);

    /// <inheritdoc />
    /// <remarks>Runs whose example is pinned stay: somebody wanted them.</remarks>
    public async Task<int> CleanupAsync(string tenant, DateTimeOffset endedBefore, double maxQuality, bool includeUnscored, bool dryRun, CancellationToken cancellationToken)
    {
        var conditions =
            " FROM task_trajectory t WHERE t.tenant = @tenant AND t.completed_at < @before AND t.status <> 'active' " +
            (includeUnscored ? "AND (t.quality_score <= @quality OR t.quality_score IS NULL) " : "AND t.quality_score <= @quality ") +
            "AND NOT EXISTS (SELECT 1 FROM few_shot_example x WHERE x.trajectory_row = t.row_id AND x.pinned)";
        SqlStatement Query(string select, string end) => new SqlStatement(select + conditions + end)
            .With("tenant", tenant).With("before", endedBefore).With("quality", maxQuality);

        if (dryRun)
        {
            return await ReadAsync("count runs to clean up", s => s.QueryFirstAsync(Query("SELECT count(*)", ""), r => (int)r.GetInt64(0), cancellationToken), cancellationToken);
        }

        var total = 0;
        int deleted;
        do
        {
            deleted = await WriteAsync(
                "clean up",
                removes: true,
                async s =>
                {
                    var rows = await s.QueryAsync(Query("SELECT t.row_id", " ORDER BY t.row_id LIMIT @limit").With("limit", CleanupBatch), r => r.GetInt64(0), cancellationToken);
                    await TrajectoryRemoval.DeleteAsync(s, rows, cancellationToken);
                    return rows.Count;
                },
                cancellationToken);
            total += deleted;
        }
        while (deleted == CleanupBatch);
        return total;
    }

    /// <summary>Whatever a model's vectors need before the first of them is stored.</summary>
    private protected virtual Task PrepareVectorsAsync(IReadOnlyList<(string Model, int Dimensions)> models, CancellationToken cancellationToken) => Task.CompletedTask;

    private static Task<List<long>> RowsOfAsync(SqlSession session, string tenant, string trajectoryId, CancellationToken cancellationToken) =>
        session.QueryAsync(
            new SqlStatement("SELECT row_id FROM task_trajectory WHERE id = @id AND tenant = @tenant").With("id", trajectoryId).With("tenant", tenant),
            r => r.GetInt64(0),
            cancellationToken);
}
