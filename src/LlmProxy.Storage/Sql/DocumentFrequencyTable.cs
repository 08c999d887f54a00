using System.Buffers.Binary;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// Document frequencies of the lexical embedder: one row for each tenant, model and dimension, with the number of
/// documents and an array of counts. One small row is rewritten where a table of buckets would take a thousand
/// upserts a document.
/// </summary>
internal static class DocumentFrequencyTable
{
    public const string TaskKind = "task";
    public const string LexicalPrefix = "lexical";

    public static bool IsDocument(string model, string kind) =>
        model.StartsWith(LexicalPrefix, StringComparison.Ordinal) && string.Equals(kind, TaskKind, StringComparison.Ordinal);

    /// <summary>Adds and takes away documents. The rows are locked in one order, so that two writers cannot wait for each other.</summary>
    public static async Task ChangeAsync(SqlSession session, IReadOnlyList<VectorRow> removed, IReadOnlyList<VectorRow> added, CancellationToken cancellationToken)
    {
        var changes = removed.Select(v => (Vector: v, Sign: -1)).Concat(added.Select(v => (Vector: v, Sign: 1)))
            .Where(c => c.Vector.IsDocument)
            .GroupBy(c => (c.Vector.Tenant, c.Vector.Embedding.Model, c.Vector.Dimensions))
            .OrderBy(g => g.Key.Tenant, StringComparer.Ordinal).ThenBy(g => g.Key.Model, StringComparer.Ordinal).ThenBy(g => g.Key.Dimensions);
        foreach (var group in changes)
        {
            var (tenant, model, dimensions) = group.Key;
            // The no-op update locks the row (or makes it), so that what is read next cannot change before the write.
            await session.ExecuteAsync(
                new SqlStatement(
                    """
                    INSERT INTO lexical_document_frequency (tenant, model, dimensions, documents, frequencies)
                    VALUES (@tenant, @model, @dimensions, 0, @none)
                    ON CONFLICT (tenant, model, dimensions) DO UPDATE SET documents = lexical_document_frequency.documents
                    """)
                    .With("tenant", tenant).With("model", model).With("dimensions", dimensions).With("none", new byte[dimensions * sizeof(int)]),
                cancellationToken);
            var (documents, bytes) = await session.QueryFirstAsync(
                Key(new SqlStatement("SELECT documents, frequencies FROM lexical_document_frequency WHERE tenant = @tenant AND model = @model AND dimensions = @dimensions"), tenant, model, dimensions),
                r => (r.GetInt64(0), r.GetFieldValue<byte[]>(1)),
                cancellationToken);
            foreach (var (vector, sign) in group)
            {
                documents += sign;
                Add(bytes, vector.Embedding.Vector, sign);
            }

            await session.ExecuteAsync(
                Key(new SqlStatement("UPDATE lexical_document_frequency SET documents = @documents, frequencies = @frequencies WHERE tenant = @tenant AND model = @model AND dimensions = @dimensions"), tenant, model, dimensions)
                    .With("documents", Math.Max(0, documents)).With("frequencies", bytes),
                cancellationToken);
        }
    }

    /// <summary>
    /// The frequencies of some buckets. Where a tenant has documents of several lexical models (during a change from
    /// one to the next) those of the model with the most documents count.
    /// </summary>
    public static async Task<DocumentFrequencies> ReadAsync(SqlSession session, string tenant, IReadOnlyCollection<int> buckets, CancellationToken cancellationToken)
    {
        var row = await session.QueryFirstAsync(
            new SqlStatement("SELECT documents, frequencies FROM lexical_document_frequency WHERE tenant = @tenant ORDER BY documents DESC, model DESC, dimensions DESC LIMIT 1")
                .With("tenant", tenant),
            r => (Count: r.GetInt64(0), Bytes: r.GetFieldValue<byte[]>(1)),
            cancellationToken);
        var frequencies = new Dictionary<int, long>(buckets.Count);
        foreach (var bucket in buckets)
        {
            var at = bucket * sizeof(int);
            frequencies[bucket] = row.Bytes is null || bucket < 0 || at + sizeof(int) > row.Bytes.Length
                ? 0
                : BinaryPrimitives.ReadInt32LittleEndian(row.Bytes.AsSpan(at));
        }

        return new DocumentFrequencies(row.Count, frequencies);
    }

    private static SqlStatement Key(SqlStatement statement, string tenant, string model, int dimensions) =>
        statement.With("tenant", tenant).With("model", model).With("dimensions", dimensions);

    private static void Add(byte[] frequencies, float[] vector, int sign)
    {
        for (var bucket = 0; bucket < vector.Length; bucket++)
        {
            if (vector[bucket] != 0)
            {
                var cell = frequencies.AsSpan(bucket * sizeof(int));
                BinaryPrimitives.WriteInt32LittleEndian(cell, Math.Max(0, BinaryPrimitives.ReadInt32LittleEndian(cell) + sign));
            }
        }
    }
}
