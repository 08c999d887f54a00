using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <summary>Redacts what was made of a run's texts: vectors, its outline, and its curated example.</summary>
internal sealed class RunTexts(SqlSession session, StoredTextCleaner cleaner, long row, CancellationToken cancellationToken)
{
    /// <summary>
    /// Redacts them. A lexical vector is made anew; one of a remote embedder is removed, and <c>embed</c> makes it again. Returns
    /// whether there was something to redact.
    /// </summary>
    /// <param name="counts">Counts it.</param>
    /// <param name="dryRun">Whether rows are only looked at; else this runs in a transaction that holds the run's row.</param>
    public async Task<bool> CleanAsync(RescanCounts counts, bool dryRun)
    {
        var vectors = (await session.QueryAsync(
            new SqlStatement("SELECT model, dimensions, kind, tenant, text FROM trajectory_embedding WHERE trajectory_row = @row ORDER BY model, dimensions, kind").With("row", row),
            r => new VectorText(r.GetString(0), r.GetInt32(1), r.GetString(2), r.GetString(3), r.GetString(4)),
            cancellationToken))
            .ConvertAll(v => (Vector: v, Text: cleaner.Text(v.Text, counts)))
            .FindAll(v => !string.Equals(v.Text, v.Vector.Text, StringComparison.Ordinal));
        counts.Row("trajectory_embedding", vectors.Count);

        var example = await session.QueryFirstAsync(
            new SqlStatement("SELECT task_description, edited_json FROM few_shot_example WHERE trajectory_row = @row").With("row", row),
            r => (Found: true, Task: r.Text(0), Edited: r.Text(1)),
            cancellationToken);
        var (task, edited) = (cleaner.OptionalText(example.Task, counts), cleaner.OptionalJson(example.Edited, counts));
        var hasExample = !string.Equals(task, example.Task, StringComparison.Ordinal) || !string.Equals(edited, example.Edited, StringComparison.Ordinal);
        counts.Row("few_shot_example", hasExample ? 1 : 0);

        var outline = await session.QueryFirstAsync(
            new SqlStatement("SELECT outline FROM trajectory_outline WHERE trajectory_row = @row").With("row", row), r => (string?)r.GetString(0), cancellationToken);
        var cleanOutline = cleaner.OptionalJson(outline, counts);
        var hasOutline = !string.Equals(outline, cleanOutline, StringComparison.Ordinal);
        counts.Row("trajectory_outline", hasOutline ? 1 : 0);
        if (!dryRun && hasOutline)
        {
            await session.ExecuteAsync(new SqlStatement("UPDATE trajectory_outline SET outline = @outline WHERE trajectory_row = @row").With("outline", cleanOutline).With("row", row), cancellationToken);
        }

        if (!dryRun && vectors.Count > 0)
        {
            await ReplaceAsync(vectors);
        }

        if (!dryRun && hasExample)
        {
            await session.ExecuteAsync(
                new SqlStatement("UPDATE few_shot_example SET task_description = @task, edited_json = @edited WHERE trajectory_row = @row").With("task", task).With("edited", edited).With("row", row),
                cancellationToken);
        }

        return vectors.Count > 0 || hasExample || hasOutline;
    }

    private async Task ReplaceAsync(List<(VectorText Vector, string Text)> changed)
    {
        var documents = await TrajectoryRemoval.ReadDocumentsAsync(session, [row], cancellationToken);
        var fresh = changed.FindAll(c => c.Vector.IsCurrentLexical).ConvertAll(c => new VectorRow(
            row, c.Vector.Tenant, new TrajectoryEmbedding(c.Vector.Model, c.Vector.Kind, LexicalEmbedder.Embed(c.Text), c.Text)));
        var gone = changed.FindAll(c => !c.Vector.IsCurrentLexical).ConvertAll(c => c.Vector);
        foreach (var old in gone)
        {
            await session.RemoveOtherVectorsAsync(
                [row],
                statement => statement.Append(" AND model = @model AND dimensions = @dimensions AND kind = @kind").With("model", old.Model).With("dimensions", old.Dimensions).With("kind", old.Kind),
                cancellationToken);
        }

        await DocumentFrequencyTable.ChangeAsync(session, [.. documents.Where(d => gone.Exists(g => g.Is(d)))], [], cancellationToken);
        await TrajectorySave.SaveVectorsAsync(session, fresh, [], cancellationToken);
    }

    private sealed record VectorText(string Model, int Dimensions, string Kind, string Tenant, string Text)
    {
        public bool IsCurrentLexical => Dimensions == LexicalEmbedder.Dimensions && string.Equals(Model, LexicalEmbedder.ModelName, StringComparison.Ordinal);

        public bool Is(VectorRow vector) =>
            vector.Dimensions == Dimensions && string.Equals(vector.Embedding.Model, Model, StringComparison.Ordinal) && string.Equals(vector.Embedding.Kind, Kind, StringComparison.Ordinal);
    }
}
