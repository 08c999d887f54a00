using System.Numerics.Tensors;
using LlmProxy.Core.Retrieval;
using LlmProxy.Storage.Sql;

namespace LlmProxy.Storage.Sqlite;

/// <content>Searching: vectors in memory, words in the full-text index.</content>
public sealed partial class SqliteTrajectoryStore
{
    private readonly WordCounts _words = new();

    private protected override async Task<IReadOnlyList<(long Run, double Similarity)>> FindNearestAsync(SqlSession session, SearchQuery query, int limit, CancellationToken cancellationToken)
    {
        var matrix = await _vectors.OpenAsync((SqliteSession)session, query.Tenant, query.Model, query.Vector.Length, cancellationToken);
        // The filter is applied to the nearest runs, more and more of them until enough have passed or all were seen:
        // cheap where most runs pass.
        for (var count = limit * 2; ; count *= 8)
        {
            var candidates = matrix.Nearest(query.Vector, count);
            var passed = await PassingAsync(session, query, candidates.Select(c => c.Run).ToList(), cancellationToken);
            if (passed.Count < limit && candidates.Count == count)
            {
                continue;
            }

            // The matrix is a little rounded, so some more than are wanted are compared with the stored vectors.
            var best = candidates.Where(c => passed.Contains(c.Run)).Take(limit + (limit / 2) + 10).Select(c => c.Run).ToList();
            var exact = await ReadSimilaritiesAsync(session, query, best, cancellationToken);
            return exact.Select(e => (Run: e.Key, Similarity: e.Value)).OrderByDescending(e => e.Similarity).ThenBy(e => e.Run).Take(limit).ToList();
        }
    }

    private protected override async Task<IReadOnlyList<long>> FindWordsAsync(SqlSession session, SearchQuery query, IReadOnlyList<string> words, int limit, CancellationToken cancellationToken)
    {
        var telling = await _words.ChooseAsync(session, words, Time.GetUtcNow(), cancellationToken);
        // The best first, then the filter on those alone: asking it of every run with one of the words takes ten times as long.
        for (var count = limit * 2; ; count *= 8)
        {
            var ranked = await session.QueryAsync(
                new SqlStatement("SELECT rowid FROM task_search WHERE task_search MATCH @words ORDER BY bm25(task_search, 2.0, 1.0), rowid LIMIT @limit")
                    .With("words", SqliteSession.AnyWord(telling)).With("limit", count),
                r => r.GetInt64(0),
                cancellationToken);
            var passed = await PassingAsync(session, query, ranked, cancellationToken);
            if (passed.Count >= limit || ranked.Count < count)
            {
                return ranked.Where(passed.Contains).Take(limit).ToList();
            }
        }
    }

    private protected override async Task<IReadOnlyDictionary<long, double>> ReadSimilaritiesAsync(SqlSession session, SearchQuery query, IReadOnlyCollection<long> runs, CancellationToken cancellationToken)
    {
        var length = TensorPrimitives.Norm<float>(query.Vector);
        var vectors = await session.QueryAsync(
            new SqlStatement($"SELECT trajectory_row, {session.VectorColumn} FROM trajectory_embedding WHERE trajectory_row {session.Any("rows")} AND model = @model AND dimensions = @dimensions")
                .With("rows", runs).With("model", query.Model).With("dimensions", query.Vector.Length),
            r => (Run: r.GetInt64(0), Similarity: Cosine(query.Vector, length, session.ReadVector(r, 1))),
            cancellationToken);
        return vectors.GroupBy(v => v.Run).ToDictionary(g => g.Key, g => g.Max(v => v.Similarity));
    }

    /// <summary>Those of some runs that the query's conditions let through.</summary>
    private static async Task<HashSet<long>> PassingAsync(SqlSession session, SearchQuery query, IReadOnlyCollection<long> runs, CancellationToken cancellationToken) =>
        runs.Count == 0
            ? []
            : (await session.QueryAsync(
                SearchConditions(session, new SqlStatement($"SELECT t.row_id FROM task_trajectory t WHERE t.row_id {session.Any("rows")}").With("rows", runs), query),
                r => r.GetInt64(0),
                cancellationToken)).ToHashSet();

    private static double Cosine(float[] query, float length, float[] vector)
    {
        // A vector without a length is near to nothing.
        var both = length * TensorPrimitives.Norm<float>(vector);
        return both > 0 && float.IsFinite(both) ? Math.Clamp((double)TensorPrimitives.Dot<float>(query, vector) / both, -1, 1) : 0;
    }
}
