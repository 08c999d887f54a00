using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Retrieval;
using LlmProxy.Storage.Sql;

namespace LlmProxy.Storage.Postgres;

/// <summary>
/// Indexes and queries of vectors. Vectors of different models and dimensions are in one table, so that each model
/// has a partial HNSW index of its own over the vectors cast to its dimension; a query uses it only with the same
/// expression and the model as a literal.
/// </summary>
internal sealed class PostgresVectors
{
    // pgvector's limit for an index of floats; longer vectors are compared one by one.
    private const int MaxIndexed = 2000;

    // A tenant with fewer vectors is searched exactly: that takes a few milliseconds and misses nothing.
    private const int ExactUpTo = 2000;

    // hnsw.iterative_scan, without which a filter can leave no hits of an index's first few.
    private static readonly Version IterativeScan = new(0, 8, 0);

    // Any number will do, as long as nothing else of the program uses it.
    private const string IndexLock = "SELECT pg_advisory_xact_lock(7120434502)";

    private readonly ConcurrentDictionary<(string Model, int Dimensions), bool> _indexes = new();
    private Version? _extension;

    public static async Task<Version?> ReadVersionAsync(SqlSession session, CancellationToken cancellationToken)
    {
        var text = await session.QueryFirstAsync(new SqlStatement("SELECT extversion FROM pg_extension WHERE extname = 'vector'"), r => r.GetString(0), cancellationToken);
        return text is null ? null : Version.TryParse(text, out var version) ? version : new Version(0, 0);
    }

    /// <summary>Whether a model's index is known to be there, or none is wanted.</summary>
    public bool IsPrepared(string model, int dimensions) => dimensions > MaxIndexed || _indexes.ContainsKey((model, dimensions));

    /// <summary>Makes a model's index where it is missing, in the caller's transaction.</summary>
    public async Task PrepareAsync(PostgresSession session, string model, int dimensions, CancellationToken cancellationToken)
    {
        // Making an index stops all writers for a moment, even one that is there already; so that is looked up before.
        await session.RunAsync(IndexLock, cancellationToken);
        if (await session.QueryFirstAsync(new SqlStatement("SELECT to_regclass(@name) IS NOT NULL").With("name", IndexName(model, dimensions)), r => r.GetBoolean(0), cancellationToken))
        {
            return;
        }

        await session.RunAsync(
            $"""
            CREATE INDEX {IndexName(model, dimensions)} ON trajectory_embedding
            USING hnsw (({Cast("embedding", dimensions)}) vector_cosine_ops) WHERE {Partition("", model, dimensions)}
            """,
            cancellationToken);
    }

    public void Prepared(string model, int dimensions) => _indexes.TryAdd((model, dimensions), true);

    /// <summary>The nearest runs. The session has a transaction, for the settings that belong to it.</summary>
    public async Task<IReadOnlyList<(long Run, double Similarity)>> FindNearestAsync(
        PostgresSession session, SearchQuery query, int limit, Func<SqlStatement, SqlStatement> conditions, CancellationToken cancellationToken)
    {
        var dimensions = query.Vector.Length;
        if (dimensions <= MaxIndexed && await SupportsIterativeScanAsync(session, cancellationToken) && await IsLargeAsync(session, query, cancellationToken))
        {
            await session.RunAsync(
                string.Create(CultureInfo.InvariantCulture, $"SET LOCAL hnsw.iterative_scan = 'strict_order'; SET LOCAL hnsw.ef_search = {Math.Clamp(limit * 4, 40, 1000)}"),
                cancellationToken);
            var column = Cast("e.embedding", dimensions);
            var value = Cast("@vector", dimensions);
            // A run can have several vectors, of which the best counts: more rows are read than runs are wanted.
            var rows = await session.QueryAsync(
                conditions(new SqlStatement(
                    $"""
                    SELECT e.trajectory_row, {Cosine($"{column} <=> {value}")}
                    FROM trajectory_embedding e JOIN task_trajectory t ON t.row_id = e.trajectory_row
                    WHERE {Partition("e.", query.Model, dimensions)} AND e.tenant = @tenant
                    """).With("vector", query.Vector))
                    .Append($" ORDER BY {column} <=> {value} LIMIT @limit").With("limit", limit * 3),
                r => (Run: r.GetInt64(0), Similarity: r.GetDouble(1)),
                cancellationToken);
            var nearest = rows.GroupBy(r => r.Run).Select(g => (g.Key, g.Max(r => r.Similarity))).OrderByDescending(r => r.Item2).ThenBy(r => r.Key).Take(limit).ToList();
            if (nearest.Count == limit)
            {
                return nearest;
            }

            // The index gives up after some thousand rows that the filter stops. Then few pass, and few are quickly compared.
        }

        return await session.QueryAsync(
            conditions(new SqlStatement(
                $"""
                SELECT e.trajectory_row, max({Cosine("e.embedding <=> @vector")}) AS similarity
                FROM trajectory_embedding e JOIN task_trajectory t ON t.row_id = e.trajectory_row
                WHERE e.tenant = @tenant AND e.model = @model AND e.dimensions = @dimensions
                """).With("vector", query.Vector).With("model", query.Model).With("dimensions", dimensions))
                .Append(" GROUP BY e.trajectory_row ORDER BY similarity DESC, e.trajectory_row LIMIT @limit").With("limit", limit),
            r => (r.GetInt64(0), r.GetDouble(1)),
            cancellationToken);
    }

    public static async Task<IReadOnlyDictionary<long, double>> ReadSimilaritiesAsync(PostgresSession session, SearchQuery query, IReadOnlyCollection<long> runs, CancellationToken cancellationToken)
    {
        var rows = await session.QueryAsync(
            new SqlStatement(
                $"""
                SELECT trajectory_row, max({Cosine("embedding <=> @vector")}) FROM trajectory_embedding
                WHERE trajectory_row = ANY(@rows) AND model = @model AND dimensions = @dimensions GROUP BY trajectory_row
                """).With("vector", query.Vector).With("rows", runs).With("model", query.Model).With("dimensions", query.Vector.Length),
            r => (Run: r.GetInt64(0), Similarity: r.GetDouble(1)),
            cancellationToken);
        return rows.ToDictionary(r => r.Run, r => r.Similarity);
    }

    private static async Task<bool> IsLargeAsync(PostgresSession session, SearchQuery query, CancellationToken cancellationToken) =>
        await session.QueryFirstAsync(
            new SqlStatement("SELECT count(*) FROM (SELECT 1 FROM trajectory_embedding WHERE tenant = @tenant AND model = @model AND dimensions = @dimensions LIMIT @limit) AS few")
                .With("tenant", query.Tenant).With("model", query.Model).With("dimensions", query.Vector.Length).With("limit", ExactUpTo + 1),
            r => r.GetInt64(0),
            cancellationToken) > ExactUpTo;

    private async Task<bool> SupportsIterativeScanAsync(PostgresSession session, CancellationToken cancellationToken) =>
        (_extension ??= await ReadVersionAsync(session, cancellationToken)) >= IterativeScan;

    // A vector of zeros is near to nothing; the distance to it is not a number, which PostgreSQL sorts above all others.
    private static string Cosine(string distance) => $"coalesce(1 - nullif({distance}, 'NaN'), 0)";

    private static string Cast(string expression, int dimensions) => string.Create(CultureInfo.InvariantCulture, $"{expression}::vector({dimensions})");

    private static string Partition(string table, string model, int dimensions) =>
        string.Create(CultureInfo.InvariantCulture, $"{table}model = {Literal(model)} AND {table}dimensions = {dimensions}");

    // Standard strings know no escape but the doubled quotation mark; the E form is needed for none.
    private static string Literal(string text) => $"'{TextSanitizer.Clean(text).Replace("'", "''", StringComparison.Ordinal)}'";

    private static string IndexName(string model, int dimensions) =>
        "trajectory_embedding_hnsw_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{model}|{dimensions}"))))[..16];
}
