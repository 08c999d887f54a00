using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

public sealed class SqliteTrajectoryStoreTests : TrajectoryStoreTests
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "llmproxy-sqlite-" + Guid.NewGuid().ToString("N"));
    private int _databases;

    protected override string Unreachable => $"Data Source={_folder}/not-there/x.db;Password=hunter2";

    protected override string IndexedRuns => "SELECT count(*) FROM task_search";

    private string File => new SqliteConnectionStringBuilder(ConnectionString).DataSource;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public async Task The_folder_and_the_files_are_for_their_owner_alone()
    {
        await SaveAsync(Change(Run("run-1"), Text("secret")));
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, System.IO.File.GetUnixFileMode(_folder));
        foreach (var file in new[] { File, File + "-wal", File + "-shm" })
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public async Task Deleted_text_leaves_the_file_its_log_and_the_index()
    {
        await SaveAsync(Change(Run("kept"), Text("another text")));
        await SaveAsync(Change(Run("gone", "Zebracanary in the task") with { Comment = "zebracanary" }, Text("a zebracanary in a message")));
        Assert.NotEqual(0, await CountBytesAsync("zebracanary"));

        await Store.DeleteAsync(Tenant, "gone", default);
        await Store.EraseDeletedAsync(default);

        Assert.Equal(0, await CountBytesAsync("zebracanary"));
        Assert.Equal(0, new FileInfo(File + "-wal").Length);
        Assert.Equal("kept", Assert.Single((await Store.ListAsync(new TrajectoryQuery(Tenant) { Search = "flight" }, default)).Items).Id);
    }

    [Fact]
    public async Task Content_that_is_dropped_leaves_the_log_a_second_later()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(Start);
        var store = new SqliteTrajectoryStore(ConnectionString, clock);
        await store.SaveAsync([Change(Run("run-1"), Text("a zebracanary in a message"))], default);
        await store.DropContentAsync(Tenant, "run-1", default);
        await store.DropContentAsync(Tenant, "run-1", default);
        Assert.NotEqual(0, await CountBytesAsync("zebracanary"));

        clock.Advance(TimeSpan.FromSeconds(1));
        await store.Erasing;

        Assert.Equal(0, await CountBytesAsync("zebracanary"));
        await store.DisposeAsync();
    }

    [Fact]
    public async Task A_reader_of_an_older_state_delays_the_erasing_and_holds_no_writer()
    {
        await SaveAsync(Change(Run("run-1"), Text("a zebracanary in a message")));
        await using var reader = new SqliteConnection(ConnectionString);
        await reader.OpenAsync();
        await using var begin = reader.CreateCommand();
        begin.CommandText = "BEGIN; SELECT count(*) FROM task_trajectory";
        await begin.ExecuteScalarAsync();

        await Store.DeleteAsync(Tenant, "run-1", default);
        await Store.EraseDeletedAsync(default).WaitAsync(TimeSpan.FromSeconds(5));
        await SaveAsync(Change(Run("run-2"), Text("a")));

        begin.CommandText = "COMMIT";
        await begin.ExecuteNonQueryAsync();
        await Store.EraseDeletedAsync(default);
        Assert.Equal(0, await CountBytesAsync("zebracanary"));
    }

    private async Task<int> CountBytesAsync(string word)
    {
        var count = 0;
        foreach (var file in new[] { File, File + "-wal" })
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
            count += (await reader.ReadToEndAsync()).Split(word, StringSplitOptions.None).Length - 1;
        }

        return count;
    }

    [Fact]
    public async Task Readers_do_not_wait_for_a_writer()
    {
        await SaveAsync(Change(Run("run-1"), Text("a")));
        await using var writer = new SqliteConnection(ConnectionString);
        await writer.OpenAsync();
        await using var begin = writer.CreateCommand();
        begin.CommandText = "BEGIN EXCLUSIVE; UPDATE task_trajectory SET model = 'changed'";
        await begin.ExecuteNonQueryAsync();

        var found = await Store.FindTrajectoryAsync(Tenant, "run-1", default).WaitAsync(TimeSpan.FromSeconds(5));

        Assert.Equal("claude-sonnet-4", found!.Model);
    }

    [Fact]
    public async Task A_database_in_memory_is_refused_with_the_fix()
    {
        var e = Assert.Throws<StoreException>(() => new SqliteTrajectoryStore("Data Source=:memory:", TimeProvider.System));

        Assert.Contains("Data Source=data/llmproxy.db", e.Message, StringComparison.Ordinal);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_told_by_its_name()
    {
        var path = Path.Combine(_folder, "notes.txt");
        await System.IO.File.WriteAllTextAsync(path, new string('x', 5000));

        var e = await Assert.ThrowsAsync<StoreException>(() => OpenStore($"Data Source={path}").InitializeAsync(default));

        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.Contains("not a SQLite database", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_deleted_is_not_left_in_the_file()
    {
        await SaveAsync(Change(Run("run-1", "zebrafinch"), Text("short canary 4711")));
        await Store.DeleteAsync(Tenant, "run-1", default);
        await using (var connection = new SqliteConnection(ConnectionString + ";Pooling=false"))
        {
            await connection.OpenAsync();
            await using var checkpoint = connection.CreateCommand();
            checkpoint.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
            await checkpoint.ExecuteNonQueryAsync();
        }

        await using var stream = new FileStream(File, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy);
        Assert.Equal(-1, copy.ToArray().AsSpan().IndexOf("canary"u8));
    }

    protected override Task<string> CreateDatabaseAsync() => Task.FromResult($"Data Source={_folder}/store-{++_databases}.db");

    protected override async Task<string> ReadBackupAsync(string file) =>
        string.Join(',', (await OpenStore("Data Source=" + file).ListAsync(new TrajectoryQuery(Tenant), default)).Items.Select(run => run.Id));

    protected override SqlTrajectoryStore Create(string connectionString, TimeProvider? time = null) => new SqliteTrajectoryStore(connectionString, time ?? TimeProvider.System);

    protected override async Task RunScriptAsync(string connectionString, string sql)
    {
        await using var connection = new SqliteConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Fixtures of the tests.
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    protected override async Task<IReadOnlyList<string>> ReadSchemaAsync(string connectionString)
    {
        await using var connection = new SqliteConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name";
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
        await using var connection = new SqliteConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of the tests.
        command.CommandText = sql;
#pragma warning restore CA2100
        return Convert.ToInt64(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture);
    }

    protected override string SchemaColumns =>
        """
        SELECT m.name, p.name, '"' || p.name || '"' FROM sqlite_schema m JOIN pragma_table_info(m.name) p
        WHERE m.type = 'table' AND (m.sql NOT LIKE 'CREATE VIRTUAL%') ORDER BY m.name, p.cid
        """;

    protected override async Task<System.Data.Common.DbConnection> ConnectAsync()
    {
        var connection = new SqliteConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    [Fact]
    public async Task Redacted_text_leaves_the_file_and_its_log()
    {
        // More than a page of the file holds, so that rows move between pages.
        var random = new Random(5);
        for (var i = 0; i < 40; i++)
        {
            var filler = new string((char)('a' + (i % 26)), random.Next(10, 900));
            await SaveAsync(Change(
                Run($"run-{i:D2}", $"{filler} {Secret("task " + i)}") with { Comment = Secret("comment " + i) },
                Text($$"""{"role":"user","content":"{{Secret("message " + i)}}"}""")));
            await Store.PinAsync(Pin("task-" + i) with { ValuesJson = $$"""{"task":"{{filler}} {{Secret("pin " + i)}}"}""" }, default);
        }

        Assert.NotEqual(0, await CountAllAsync());

        await RescanAsync();
        await Store.EraseDeletedAsync(default);

        Assert.Equal(0, await CountAllAsync());
        Assert.Equal(0, new FileInfo(File + "-wal").Length);

        async Task<int> CountAllAsync()
        {
            var count = 0;
            foreach (var secret in Planted.Values)
            {
                count += await CountBytesAsync(Core(secret));
            }

            return count;
        }
    }
}
