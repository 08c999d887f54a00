using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <summary>Reads content from its rows, the same in both databases.</summary>
internal static class ContentRows
{
    public const string Columns = "c.hash, c.codec, c.bytes, c.original_length";

    /// <summary>Reads content, each message whole. One that was removed while it is read is left out, as if it had been removed before.</summary>
    /// <param name="session">The session.</param>
    /// <param name="query">Selects <see cref="Columns"/> of what is wanted.</param>
    /// <param name="found">Takes what was found.</param>
    /// <param name="skipsDamaged">Whether damaged rows are left out.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    /// <exception cref="StoreException">A row is damaged, and damaged rows are not left out.</exception>
    public static async Task ReadAsync(
        SqlSession session, SqlStatement query, Dictionary<ContentHash, ReadOnlyMemory<byte>> found, bool skipsDamaged, CancellationToken cancellationToken)
    {
        var rows = await QueryAsync(session, query, cancellationToken);
        foreach (var row in rows.Where(r => r.Encoding != ContentEncoding.Parts))
        {
            Add(row, () => ContentCodec.Decode(row.Encoding, row.Bytes, row.Length));
        }

        var cut = rows.Where(r => r.Encoding == ContentEncoding.Parts).ToList();
        if (cut.Count == 0)
        {
            return;
        }

        // A long value may have been recorded as a message too, and be cut itself.
        var parts = new Dictionary<ContentHash, ReadOnlyMemory<byte>>();
        var wanted = cut.SelectMany(PartsOf).Distinct().Select(StepRows.Bytes).ToList();
        await ReadAsync(
            session, new SqlStatement($"SELECT {Columns} FROM content c WHERE c.hash " + session.AnyBytes("hashes")).With("hashes", wanted), parts, skipsDamaged, cancellationToken);
        foreach (var row in cut)
        {
            Add(row, () => CutContent.Decode(row.Bytes, row.Length, parts));
        }

        void Add(ContentRow row, Func<byte[]?> decode)
        {
            try
            {
                if (decode() is { } whole)
                {
                    found[row.Hash] = whole;
                }
            }
            catch (StoreException) when (skipsDamaged)
            {
                // What refers to it reports that it is not there.
            }
        }

        IReadOnlyList<ContentHash> PartsOf(ContentRow row)
        {
            try
            {
                return CutContent.PartsOf(row.Bytes);
            }
            catch (StoreException) when (skipsDamaged)
            {
                return [];
            }
        }
    }

    private static Task<List<ContentRow>> QueryAsync(SqlSession session, SqlStatement query, CancellationToken cancellationToken) =>
        session.QueryAsync(
            query,
            r => new ContentRow(StepRows.HashOf(r.GetFieldValue<byte[]>(0)), (ContentEncoding)r.GetInt32(1), r.GetFieldValue<byte[]>(2), r.GetInt32(3)),
            cancellationToken);

    private sealed record ContentRow(ContentHash Hash, ContentEncoding Encoding, byte[] Bytes, int Length);
}
