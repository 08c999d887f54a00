using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Postgres;
using LlmProxy.Storage.Sql;
using Npgsql;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

[NeedsPostgres]
[Collection(PostgresTests.Name)]
public sealed class PostgresTrajectoryStoreTests(PostgresServer server) : TrajectoryStoreTests
{
    protected override string Unreachable => "Host=127.0.0.1;Port=1;Database=x;Username=x;Password=hunter2;Timeout=2";

    protected override string IndexedRuns => "SELECT count(*) FROM task_search";

    protected override async Task<string> ReadBackupAsync(string file)
    {
        var database = new NpgsqlConnectionStringBuilder(await CreateDatabaseAsync());
        var start = new System.Diagnostics.ProcessStartInfo("pg_restore") { UseShellExecute = false, RedirectStandardError = true, ArgumentList = { "--no-owner", "--dbname", database.Database!, file } };
        (start.Environment["PGHOST"], start.Environment["PGPORT"], start.Environment["PGUSER"]) = (database.Host, $"{database.Port}", database.Username);
        using var restore = System.Diagnostics.Process.Start(start)!;
        Assert.Equal("", await restore.StandardError.ReadToEndAsync());
        return string.Join(',', (await OpenStore(database.ConnectionString).ListAsync(new TrajectoryQuery(Tenant), default)).Items.Select(run => run.Id));
    }

    [StoreFact]
    public async Task A_role_that_may_not_create_the_extension_is_told_who_may()
    {
        var database = await CreateDatabaseAsync();
        await RunAsync(database, "CREATE ROLE plain LOGIN; GRANT CREATE ON SCHEMA public TO plain; GRANT CREATE ON DATABASE " + new NpgsqlConnectionStringBuilder(database).Database + " TO plain");
        var plain = new NpgsqlConnectionStringBuilder(database) { Username = "plain" }.ConnectionString;

        var e = await Assert.ThrowsAsync<StoreException>(() => OpenStore(plain).InitializeAsync(default));
        await RunAsync(database, "CREATE EXTENSION vector");
        await OpenStore(plain).InitializeAsync(default);

        Assert.Contains("superuser", e.Message, StringComparison.Ordinal);
        Assert.Contains("CREATE EXTENSION vector", e.Message, StringComparison.Ordinal);
    }

    [StoreFact]
    public async Task An_extension_that_went_away_is_told_with_the_fix()
    {
        await RunAsync(ConnectionString, "DROP EXTENSION vector CASCADE");

        var health = await Store.CheckAsync(default);
        var e = await Assert.ThrowsAsync<StoreException>(() => SaveAsync(Embedded(Run("run-1"), 1, 0)));

        Assert.Contains("CREATE EXTENSION vector", health.Error, StringComparison.Ordinal);
        Assert.Contains("CREATE EXTENSION vector", e.Message, StringComparison.Ordinal);
    }

    [StoreFact]
    public async Task Many_vectors_are_searched_by_the_index_of_their_model()
    {
        const int Count = 3000;
        var random = new Random(7);
        float[] Next() => [.. Enumerable.Range(0, 8).Select(_ => (float)(random.NextDouble() - 0.5))];
        var vectors = Enumerable.Range(0, Count).Select(_ => Next()).ToList();
        await Store.SaveAsync(vectors.Select((v, i) => Embedded(Run($"r{i:0000}") with { Provider = i % 100 == 0 ? "rare" : "anthropic" }, v)).ToList(), default);
        await RunAsync(ConnectionString, "ANALYZE");
        Assert.Equal(1, await CountAsync("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%' AND indexdef LIKE '%test-model%'"));

        var query = Next();
        var all = await Store.SearchAsync(new SearchQuery(Tenant, "test-model", query, "", 10), default);
        var rare = await Store.SearchAsync(new SearchQuery(Tenant, "test-model", query, "", 10) { Providers = ["rare"] }, default);

        // The server's own count of the index's uses comes some time after them.
        long uses = 0;
        for (var i = 0; i < 60 && uses == 0; i++)
        {
            await Task.Delay(250);
            await Store.SearchAsync(new SearchQuery(Tenant, "test-model", query, "", 10), default);
            uses = await CountAsync("SELECT CAST(sum(idx_scan) AS bigint) FROM pg_stat_user_indexes WHERE indexrelname LIKE '%hnsw%'");
        }

        Assert.True(uses > 0);
        string[] Exact(Func<int, bool> which) => [.. Enumerable.Range(0, Count).Where(which).OrderByDescending(i => System.Numerics.Tensors.TensorPrimitives.CosineSimilarity<float>(vectors[i], query)).Take(10).Select(i => $"r{i:0000}")];
        Assert.True(all.Select(h => h.Trajectory.Id).Intersect(Exact(_ => true)).Count() >= 9);
        Assert.Equal(Exact(i => i % 100 == 0).ToHashSet(), rare.Select(h => h.Trajectory.Id).ToHashSet());
    }

    [StoreFact]
    public async Task A_model_name_with_quotation_marks_is_a_model_name()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1"), Embeddings = [Vector(1, 0) with { Model = "o'model\" --" }] });

        Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "o'model\" --", [1, 0], "", 5), default));
    }

    protected override Task<string> CreateDatabaseAsync() => server.CreateDatabaseAsync();

    protected override SqlTrajectoryStore Create(string connectionString, TimeProvider? time = null) => new PostgresTrajectoryStore(connectionString, time ?? TimeProvider.System);

    protected override Task RunScriptAsync(string connectionString, string sql) => RunAsync(connectionString, sql);

    protected override async Task<IReadOnlyList<string>> ReadSchemaAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT concat_ws(' ', c.relname, c.relpersistence::text, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text, a.attstorage::text,
                pg_get_expr(d.adbin, d.adrelid), o.collname) AS line
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum LEFT JOIN pg_collation o ON o.oid = a.attcollation
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
            UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY line
            """,
            connection);
        var lines = new List<string>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            lines.Add(reader.GetString(0));
        }

        return lines;
    }

    protected override async Task<long> CountAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100 // Constants of the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return Convert.ToInt64(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture);
    }

    protected override string SchemaColumns =>
        """
        SELECT table_name, column_name, CASE WHEN data_type = 'bytea' THEN quote_ident(column_name) ELSE quote_ident(column_name) || '::text' END
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
        """;

    protected override async Task<System.Data.Common.DbConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    private static async Task RunAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100 // Constants of the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
