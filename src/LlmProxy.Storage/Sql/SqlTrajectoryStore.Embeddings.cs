using System.Globalization;
using System.Text;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Storage.Sql;

/// <content>Making the vectors of runs that are stored already.</content>
public abstract partial class SqlTrajectoryStore
{
    /// <summary>Names of settings that belong to this store's own rows and mean nothing in another.</summary>
    private const string ProgressPrefix = "progress:";

    // A removal of vectors is cut into transactions of this many runs, so that writers get their turn in between.
    private const int RemovalBatch = 500;

    /// <inheritdoc />
    public Task<IReadOnlyList<TrajectoryTexts>> ListRunTextsAsync(TrajectoryTextsQuery query, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyList<TrajectoryTexts>>(
            "list runs to embed",
            async s =>
            {
                var runs = await s.QueryAsync(
                    TextsConditions(new SqlStatement($"SELECT {TrajectoryRows.Columns}, t.row_id FROM task_trajectory t WHERE "), query)
                        .Append(" ORDER BY t.row_id LIMIT @limit").With("limit", query.Limit),
                    r => (Row: r.GetInt64(r.FieldCount - 1), Run: TrajectoryRows.Read(s, r)),
                    cancellationToken);
                var texts = (await s.QueryAsync(
                    // The lexical vectors' texts come last and win: every run has them, and they are never made elsewhere.
                    new SqlStatement($"SELECT trajectory_row, kind, text FROM trajectory_embedding WHERE trajectory_row {s.Any("rows")} ORDER BY CASE WHEN model LIKE 'lexical%' THEN 1 ELSE 0 END")
                        .With("rows", runs.Select(r => r.Row).ToList()),
                    r => (Row: r.GetInt64(0), Kind: r.GetString(1), Text: r.GetString(2)),
                    cancellationToken)).ToLookup(t => t.Row);
                return
                [
                    .. runs.Select(r => new TrajectoryTexts(
                        r.Row, r.Run, texts[r.Row].Where(t => t.Text.Length > 0).GroupBy(t => t.Kind, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Last().Text, StringComparer.Ordinal))),
                ];
            },
            cancellationToken);

    /// <inheritdoc />
    public Task<long> CountRunTextsAsync(TrajectoryTextsQuery query, CancellationToken cancellationToken) =>
        ReadAsync(
            "count runs to embed",
            s => s.QueryFirstAsync(TextsConditions(new SqlStatement("SELECT count(*) FROM task_trajectory t WHERE "), query), r => r.GetInt64(0), cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    public async Task<int> SaveEmbeddingsAsync(string tenant, IReadOnlyList<TrajectoryEmbeddings> runs, CancellationToken cancellationToken)
    {
        await PrepareVectorsAsync([.. runs.SelectMany(r => r.Embeddings).Select(e => (e.Model, e.Vector.Length)).Distinct()], cancellationToken);
        return await WriteAsync(
            "save vectors",
            removes: false,
            async s =>
            {
                // The runs' rows first, as every save does: a run's vectors have one writer at a time.
                var rows = (await s.QueryAsync(
                    new SqlStatement($"UPDATE task_trajectory SET has_content = has_content WHERE {s.IsTenant("tenant")} AND has_content AND id {s.Any("ids")} RETURNING id, row_id, task_description")
                        .With("tenant", tenant).With("ids", runs.Select(r => r.TrajectoryId).ToList()),
                    r => (Id: r.GetString(0), Row: r.GetInt64(1), Task: r.GetString(2)),
                    cancellationToken)).ToDictionary(r => r.Id, StringComparer.Ordinal);
                var kept = runs.Where(r => rows.TryGetValue(r.TrajectoryId, out var row) && string.Equals(row.Task, r.TaskDescription, StringComparison.Ordinal)).ToList();
                await TrajectorySave.SaveVectorsAsync(s, [.. kept.SelectMany(r => r.Embeddings.Select(e => new VectorRow(rows[r.TrajectoryId].Row, tenant, e)))], [], cancellationToken);
                return kept.Count;
            },
            cancellationToken);
    }

    /// <inheritdoc />
    public async Task<int> RemoveOtherEmbeddingsAsync(string tenant, IReadOnlyList<VectorKind> kept, CancellationToken cancellationToken)
    {
        var total = 0;
        while (true)
        {
            var removed = await WriteAsync(
                "remove vectors",
                removes: false,
                async s =>
                {
                    var rows = await s.QueryAsync(
                        Others(new SqlStatement("SELECT DISTINCT trajectory_row FROM trajectory_embedding WHERE tenant = @tenant"), kept).Append(" ORDER BY trajectory_row LIMIT @limit")
                            .With("tenant", tenant).With("limit", RemovalBatch),
                        r => r.GetInt64(0),
                        cancellationToken);
                    if (rows.Count == 0)
                    {
                        await s.ExecuteAsync(
                            Others(new SqlStatement("DELETE FROM lexical_document_frequency WHERE tenant = @tenant"), kept).With("tenant", tenant), cancellationToken);
                        return 0;
                    }

                    return await s.RemoveOtherVectorsAsync(rows, statement => Others(statement, kept), cancellationToken);
                },
                cancellationToken);
            total += removed;
            if (removed == 0)
            {
                return total;
            }
        }
    }

    /// <inheritdoc />
    public Task<string?> ReadProgressAsync(string name, CancellationToken cancellationToken) =>
        ReadAsync(
            "read progress",
            async s => await s.QueryFirstAsync(
                new SqlStatement("SELECT value FROM store_setting WHERE name = @name").With("name", ProgressPrefix + name), r => r.GetFieldValue<byte[]>(0), cancellationToken) is { } bytes
                ? Encoding.UTF8.GetString(bytes)
                : null,
            cancellationToken);

    /// <inheritdoc />
    public Task SaveProgressAsync(string name, string? value, CancellationToken cancellationToken) =>
        ChangeAsync(
            "save progress",
            s => s.ExecuteAsync(
                value is null
                    ? new SqlStatement("DELETE FROM store_setting WHERE name = @name").With("name", ProgressPrefix + name)
                    : SaveSetting(ProgressPrefix + name, Encoding.UTF8.GetBytes(value)),
                cancellationToken),
            cancellationToken);

    private static SqlStatement SaveSetting(string name, byte[] value) =>
        new SqlStatement("INSERT INTO store_setting (name, value) VALUES (@name, @value) ON CONFLICT (name) DO UPDATE SET value = excluded.value").With("name", name).With("value", value);

    private static SqlStatement TextsConditions(SqlStatement statement, TrajectoryTextsQuery query)
    {
        statement.Append("t.tenant = @tenant AND t.row_id > @after AND t.has_content AND t.why_no_content IS NULL AND t.task_description <> '' AND t.status IN ('completed', 'failed', 'needs_help')")
            .With("tenant", query.Tenant).With("after", query.AfterRow);
        for (var i = 0; i < query.Lacking.Count; i++)
        {
            var (model, dimensions) = (Name("model", i), Name("dimensions", i));
            statement.Append(i == 0 ? " AND (" : " OR ")
                .Append($"NOT EXISTS (SELECT 1 FROM trajectory_embedding e WHERE e.trajectory_row = t.row_id AND e.model = @{model} AND e.dimensions = @{dimensions} AND e.kind = '{DocumentFrequencyTable.TaskKind}')")
                .With(model, query.Lacking[i].Model).With(dimensions, query.Lacking[i].Dimensions);
        }

        return query.Lacking.Count == 0 ? statement : statement.Append(")");
    }

    private static SqlStatement Others(SqlStatement statement, IReadOnlyList<VectorKind> kept)
    {
        for (var i = 0; i < kept.Count; i++)
        {
            var (model, dimensions) = (Name("model", i), Name("dimensions", i));
            statement.Append($" AND NOT (model = @{model} AND dimensions = @{dimensions})").With(model, kept[i].Model).With(dimensions, kept[i].Dimensions);
        }

        return statement;
    }

    private static string Name(string name, int number) => string.Create(CultureInfo.InvariantCulture, $"{name}{number}");
}
