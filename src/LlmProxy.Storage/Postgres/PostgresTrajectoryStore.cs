using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using Npgsql;

namespace LlmProxy.Storage.Postgres;

/// <summary>
/// Runs in PostgreSQL with pgvector: for several replicas of the proxy on one store.
/// </summary>
public sealed partial class PostgresTrajectoryStore : SqlTrajectoryStore, ISharedTaskStore
{
    // Advisory locks of this database; any numbers will do. Saves share the second, removals have it alone: else a
    // save could refer to content that is removed at the same moment because no other run refers to it.
    private const string SchemaLock = "SELECT pg_advisory_xact_lock(7120434500)";
    private const string SaveLock = "SELECT pg_advisory_xact_lock_shared(7120434501)";
    private const string RemoveLock = "SELECT pg_advisory_xact_lock(7120434501)";

    private const int Tries = 5;

    private readonly NpgsqlDataSource _source;
    private readonly string? _password;
    private readonly PostgresVectors _vectors = new();
    private readonly WordCounts _words = new();

    /// <summary>A store; nothing is opened before the first call.</summary>
    /// <param name="connectionString">A connection string of Npgsql, such as <c>Host=db;Database=llmproxy;Username=llmproxy</c>.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="StoreException">The connection string cannot be used.</exception>
    public PostgresTrajectoryStore(string connectionString, TimeProvider time)
        : base(time)
    {
        try
        {
            var builder = new NpgsqlDataSourceBuilder(connectionString);
            if (string.IsNullOrEmpty(builder.ConnectionStringBuilder.ApplicationName))
            {
                builder.ConnectionStringBuilder.ApplicationName = "llmproxy";
            }

            // Of several hosts the one that may be written; after a failover that is another one.
            if (builder.ConnectionStringBuilder is { Host: { } hosts, TargetSessionAttributes: null or "" } && hosts.Contains(',', StringComparison.Ordinal))
            {
                builder.ConnectionStringBuilder.TargetSessionAttributes = "primary";
            }

            _password = builder.ConnectionStringBuilder.Password;
            builder.UseVector();
            _source = builder.Build();
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            // What the driver says can hold a part of the text, so it is not passed on.
            throw new StoreException("LlmProxy:Storage:ConnectionString is not a connection string of Npgsql; write it like 'Host=db;Port=5432;Database=llmproxy;Username=llmproxy;Password=…'.");
        }
    }

    /// <inheritdoc />
    public override string Provider => "postgres";

    /// <inheritdoc />
    public override async Task InitializeAsync(CancellationToken cancellationToken)
    {
        await InTransactionAsync("create its schema", SchemaLock, s => WithoutResult(MigrateAsync(s, cancellationToken)), cancellationToken);
        // The type of vectors may be younger than the first connection: made just now, or by another process.
        await GuardAsync("read its types", () => WithoutResult(_source.ReloadTypesAsync(cancellationToken)), cancellationToken);
    }

    /// <inheritdoc />
    public override async Task<StoreHealth> CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await ReadAsync(
                "respond",
                async s =>
                {
                    var server = await s.QueryFirstAsync(new SqlStatement("SHOW server_version"), r => r.GetString(0), cancellationToken);
                    var extension = await PostgresVectors.ReadVersionAsync(s, cancellationToken);
                    var details = $"PostgreSQL {server}, pgvector {extension?.ToString() ?? "missing"}";
                    var version = await ReadVersionAsync(s, cancellationToken);
                    var error = ExplainVersion(version) ?? (extension is null ? PostgresErrors.ExtensionNotVisible : null);
                    return new StoreHealth(error is null, version, error, details);
                },
                cancellationToken);
        }
        catch (StoreException e)
        {
            return new StoreHealth(false, 0, e.Message, "PostgreSQL");
        }
    }

    /// <inheritdoc />
    public override ValueTask DisposeAsync() => _source.DisposeAsync();

    private protected override Task<T> ReadAsync<T>(string operation, Func<SqlSession, Task<T>> work, CancellationToken cancellationToken) =>
        GuardAsync(
            operation,
            async () =>
            {
                await using var connection = await _source.OpenConnectionAsync(cancellationToken);
                return await work(new PostgresSession(connection));
            },
            cancellationToken);

    private protected override Task<T> WriteAsync<T>(string operation, bool removes, Func<SqlSession, Task<T>> work, CancellationToken cancellationToken) =>
        InTransactionAsync(operation, removes ? RemoveLock : SaveLock, work, cancellationToken);

    private protected override string Explain(Exception exception) => PostgresErrors.Explain(exception);

    private protected override bool IsOutage(Exception exception) => PostgresErrors.IsOutage(exception);

    private protected override bool IsDuplicateKey(Exception exception) => exception is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    private protected override async Task PrepareVectorsAsync(IReadOnlyList<(string Model, int Dimensions)> models, CancellationToken cancellationToken)
    {
        foreach (var (model, dimensions) in models.Where(m => !_vectors.IsPrepared(m.Model, m.Dimensions)))
        {
            try
            {
                await InTransactionAsync(
                    "make the index of a model's vectors",
                    null,
                    s => WithoutResult(_vectors.PrepareAsync((PostgresSession)s, model, dimensions, cancellationToken)),
                    cancellationToken);
            }
            catch (StoreException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege })
            {
                // A role that may only read and write rows searches without an index: slower, and as right.
            }

            _vectors.Prepared(model, dimensions);
        }
    }

    private protected override async Task<IReadOnlyList<(long Run, double Similarity)>> FindNearestAsync(SqlSession session, SearchQuery query, int limit, CancellationToken cancellationToken)
    {
        var own = (PostgresSession)session;
        await own.RunAsync("BEGIN READ ONLY", cancellationToken);
        try
        {
            return await _vectors.FindNearestAsync(own, query, limit, s => SearchConditions(session, s, query), cancellationToken);
        }
        finally
        {
            await own.RunAsync("ROLLBACK", CancellationToken.None);
        }
    }

    private protected override async Task<IReadOnlyList<long>> FindWordsAsync(SqlSession session, SearchQuery query, IReadOnlyList<string> words, int limit, CancellationToken cancellationToken)
    {
        var telling = await _words.ChooseAsync(session, words, Time.GetUtcNow(), cancellationToken);
        return await session.QueryAsync(
            SearchConditions(session, new SqlStatement("SELECT t.row_id FROM task_search s JOIN task_trajectory t ON t.row_id = s.trajectory_row WHERE s.tokens @@ @words::tsquery"), query)
                // Weights of D, C, B, A: words of the task count twice as much as those of other texts.
                .Append(" ORDER BY ts_rank('{0, 0, 0.5, 1}', s.tokens, @words::tsquery) DESC, t.row_id LIMIT @limit")
                .With("words", PostgresSession.AnyWord(telling)).With("limit", limit),
            r => r.GetInt64(0),
            cancellationToken);
    }

    private protected override Task<IReadOnlyDictionary<long, double>> ReadSimilaritiesAsync(SqlSession session, SearchQuery query, IReadOnlyCollection<long> runs, CancellationToken cancellationToken) =>
        PostgresVectors.ReadSimilaritiesAsync((PostgresSession)session, query, runs, cancellationToken);

    private Task<T> InTransactionAsync<T>(string operation, string? advisoryLock, Func<SqlSession, Task<T>> work, CancellationToken cancellationToken) =>
        GuardAsync(
            operation,
            async () =>
            {
                for (var attempt = 1; ; attempt++)
                {
                    try
                    {
                        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
                        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                        var session = new PostgresSession(connection);
                        if (advisoryLock is not null)
                        {
                            await session.RunAsync(advisoryLock, cancellationToken);
                        }

                        var result = await work(session);
                        // No longer cancellable: it would be unknown whether it was committed.
                        await transaction.CommitAsync(CancellationToken.None);
                        return result;
                    }
                    catch (PostgresException e) when (attempt < Tries && PostgresErrors.IsWorthAnotherTry(e))
                    {
                        await Task.Delay(TimeSpan.FromMilliseconds(10 * attempt), Time, cancellationToken);
                    }
                }
            },
            cancellationToken);

    private async Task MigrateAsync(SqlSession session, CancellationToken cancellationToken)
    {
        var own = (PostgresSession)session;
        if (await PostgresVectors.ReadVersionAsync(session, cancellationToken) is null)
        {
            await own.RunAsync("CREATE EXTENSION IF NOT EXISTS vector", cancellationToken);
        }

        await own.RunAsync("CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, applied_at timestamptz NOT NULL)", cancellationToken);
        var version = await ReadVersionAsync(session, cancellationToken);
        if (version > Migrations.Postgres.Latest)
        {
            throw new StoreException(ExplainVersion(version)!);
        }

        await Migrations.Postgres.ApplyAsync(session, version, text => own.RunAsync(text, cancellationToken), Time.GetUtcNow(), cancellationToken);
    }

    private static async Task<int> ReadVersionAsync(SqlSession session, CancellationToken cancellationToken)
    {
        var hasTable = await session.QueryFirstAsync(new SqlStatement("SELECT to_regclass('schema_version') IS NOT NULL"), r => r.GetBoolean(0), cancellationToken);
        return hasTable
            ? await session.QueryFirstAsync(new SqlStatement("SELECT coalesce(max(version), 0) FROM schema_version"), r => r.GetInt32(0), cancellationToken)
            : 0;
    }

    private static string? ExplainVersion(int version) => Migrations.Postgres.Explain(version, "The database", "database");
}
