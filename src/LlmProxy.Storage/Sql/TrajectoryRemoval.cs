using LlmProxy.Core.Trajectories;


namespace LlmProxy.Storage.Sql;

/// <summary>Removes runs, or what they hold, with everything that only they used. Runs in the caller's transaction.</summary>
internal static class TrajectoryRemoval
{
    /// <summary>Removes runs and everything that was made from them.</summary>
    public static async Task DeleteAsync(SqlSession session, IReadOnlyCollection<long> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return;
        }

        await RemoveContentAsync(session, rows, cancellationToken);
        await session.ExecuteAsync(
            [
                session.UnindexText(rows),
                .. session.ForgetOpenTasks(rows),
                new SqlStatement($"UPDATE task_trajectory SET outcome_due_at = @now WHERE outcome_source = 'inferred' AND row_id IN (SELECT trajectory_row FROM outcome_basis WHERE near_row {session.Any("rows")})")
                    .With("rows", rows).With("now", DateTimeOffset.UnixEpoch),
                ByRow(session, "DELETE FROM outcome_basis WHERE near_row ", rows),
                ByRow(session, "DELETE FROM outcome_basis WHERE trajectory_row ", rows),
                ByRow(session, "DELETE FROM judgement WHERE trajectory_row ", rows),
                ByRow(session, "DELETE FROM judging WHERE trajectory_row ", rows),
                ByRow(session, "DELETE FROM assistance WHERE trajectory_row ", rows),
                ByRow(session, "DELETE FROM trajectory_outline WHERE trajectory_row ", rows),
                ByRow(session, "DELETE FROM correlation_key WHERE trajectory_row ", rows),
                ByRow(session, "DELETE FROM recorded_exchange WHERE trajectory_row ", rows),
                new SqlStatement(
                    $"""
                    DELETE FROM prompt_pin WHERE EXISTS (SELECT 1 FROM task_trajectory t
                    WHERE t.row_id {session.Any("rows")} AND t.tenant = prompt_pin.tenant AND t.task_id = prompt_pin.task_id)
                    """).With("rows", rows),
                ByRow(session, "DELETE FROM task_trajectory WHERE row_id ", rows),
            ],
            cancellationToken);
    }

    /// <summary>Removes what runs hold, and keeps their rows with the metrics, their keys and the names of their exchanges.</summary>
    public static async Task DropContentAsync(SqlSession session, IReadOnlyCollection<long> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var tasks = await session.QueryAsync(
            new SqlStatement("SELECT row_id, task_description FROM task_trajectory WHERE row_id " + session.Any("rows")).With("rows", rows),
            r => (Row: r.GetInt64(0), Text: r.GetString(1)),
            cancellationToken);
        await RemoveContentAsync(session, rows, cancellationToken);
        await session.ExecuteAsync(ByRow(session, "UPDATE task_trajectory SET has_content = FALSE, erase_at = NULL WHERE row_id ", rows), cancellationToken);
        // The texts of the removed vectors leave the index too.
        await session.ExecuteAsync(tasks.Select(t => session.IndexText(t.Row, SearchText.Words(t.Text), [])).ToList(), cancellationToken);
    }

    /// <summary>The lexical vectors of runs that count as documents.</summary>
    public static async Task<IReadOnlyList<VectorRow>> ReadDocumentsAsync(SqlSession session, IReadOnlyCollection<long> rows, CancellationToken cancellationToken) =>
        rows.Count == 0
            ? []
            : await session.QueryAsync(
                new SqlStatement(
                    $"SELECT trajectory_row, tenant, model, kind, {session.VectorColumn} FROM trajectory_embedding WHERE trajectory_row {session.Any("rows")} AND model LIKE 'lexical%' AND kind = 'task'")
                    .With("rows", rows),
                r => new VectorRow(r.GetInt64(0), r.GetString(1), new TrajectoryEmbedding(r.GetString(2), r.GetString(3), session.ReadVector(r, 4), "")),
                cancellationToken);

    private static async Task RemoveContentAsync(SqlSession session, IReadOnlyCollection<long> rows, CancellationToken cancellationToken)
    {
        // The runs' rows first, as a save does: then no writer adds to a run while it is removed.
        await session.ExecuteAsync(ByRow(session, "UPDATE task_trajectory SET has_content = has_content WHERE row_id ", rows), cancellationToken);
        var documents = await ReadDocumentsAsync(session, rows, cancellationToken);
        var contents = await session.QueryAsync(
            new SqlStatement("SELECT DISTINCT content_id FROM trajectory_content WHERE trajectory_row " + session.Any("rows")).With("rows", rows),
            r => r.GetInt64(0),
            cancellationToken);
        await session.RemoveVectorsAsync(rows, cancellationToken);
        await session.ExecuteAsync(ByRow(session, "DELETE FROM trajectory_content WHERE trajectory_row ", rows), cancellationToken);
        await DeleteUnusedAsync(session, contents, cancellationToken);
        await session.ExecuteAsync(
            [
                ByRow(session, "DELETE FROM trajectory_step WHERE trajectory_row ", rows),
                ByRow(session, "DELETE FROM few_shot_example WHERE trajectory_row ", rows),
                // Verdicts and cost stay; what repeats texts of the run does not.
                ByRow(session, "UPDATE judgement SET quotes = NULL, critique = NULL WHERE trajectory_row ", rows),
                ByRow(session, "UPDATE assistance SET text = NULL WHERE trajectory_row ", rows),
            ],
            cancellationToken);
        await PinnedExamples.RemoveAsync(session, rows, cancellationToken);
        await DocumentFrequencyTable.ChangeAsync(session, documents, [], cancellationToken);
    }

    /// <summary>Deletes those of some content rows that no run refers to any more, with their parts.</summary>
    public static async Task DeleteUnusedAsync(SqlSession session, List<long> contents, CancellationToken cancellationToken)
    {
        var parts = await session.QueryAsync(
            new SqlStatement("SELECT DISTINCT part_id FROM content_part WHERE content_id " + session.Any("ids")).With("ids", contents),
            r => r.GetInt64(0),
            cancellationToken);
        await session.ExecuteAsync(
            [
                DeleteUnused(session, contents),
                new SqlStatement($"DELETE FROM content_part WHERE content_id {session.Any("ids")} AND NOT EXISTS (SELECT 1 FROM content c WHERE c.id = content_part.content_id)").With("ids", contents),
                DeleteUnused(session, parts),
            ],
            cancellationToken);
    }

    /// <summary>Deletes content that is no run's, and no part of any.</summary>
    private static SqlStatement DeleteUnused(SqlSession session, List<long> ids) =>
        new SqlStatement(
            $"""
            DELETE FROM content WHERE id {session.Any("ids")}
            AND NOT EXISTS (SELECT 1 FROM trajectory_content u WHERE u.content_id = content.id)
            AND NOT EXISTS (SELECT 1 FROM content_part p WHERE p.part_id = content.id)
            """).With("ids", ids);

    private static SqlStatement ByRow(SqlSession session, string statement, IReadOnlyCollection<long> rows) =>
        new SqlStatement(statement + session.Any("rows")).With("rows", rows);
}
