using System.Data.Common;
using System.Text.Json;
using BitFaster.Caching.Lru;
using LlmProxy.Storage.Sql;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace LlmProxy.Storage.Sqlite;

/// <summary>
/// An open connection with its prepared statements. The driver works synchronously, so all of this runs on the thread
/// that calls; the store moves it to the thread pool.
/// </summary>
internal sealed class SqliteSession : SqlSession, IDisposable
{
    // Texts of statements are few: the listing has some variants by its filters, all others are fixed.
    private const int MaxPrepared = 200;

    private readonly SqliteConnection _connection;
    private readonly int _busyMilliseconds;
    private readonly ConcurrentLru<string, SqliteCommand> _prepared = new(MaxPrepared);

    public SqliteSession(SqliteConnection connection, int busyMilliseconds)
    {
        _connection = connection;
        _busyMilliseconds = busyMilliseconds;
        _prepared.Events.Value!.ItemRemoved += static (_, removed) => removed.Value?.Dispose();
        raw.sqlite3_busy_timeout(connection.Handle!, busyMilliseconds);
    }

    /// <summary>Changes of vectors that the running transaction has made, to be made in memory once it is committed.</summary>
    public List<VectorChange> VectorChanges { get; } = [];

    /// <summary>Number of changes of vectors before the running transaction, and with it; both 0 while it has made none.</summary>
    public (long Before, long After) VectorChangeNumbers { get; private set; }

    public override string VectorColumn => "embedding";

    public override string WordsCondition => "t.row_id IN (SELECT rowid FROM task_search WHERE task_search MATCH @words)";

    public override string Any(string parameter) => $"IN (SELECT value FROM json_each(@{parameter}))";

    // The plus keeps SQLite from reading the tenant's index from end to end in place of a few rows by their ids: 3 to 4 ms
    // with 10 000 runs.
    public override string IsTenant(string column) => $"+{column} = @tenant";

    public override string AnyBytes(string parameter) => $"IN (SELECT unhex(value) FROM json_each(@{parameter}))";

    public override string ElementsOf(string column) => $"json_each({column})";

    // Words hold letters and digits alone, so quotation marks are enough.
    public override string AllWords(IReadOnlyList<string> words) => $"{{task}} : ({string.Join(" AND ", words.Select(w => $"\"{w}\"*"))})";

    public static string AnyWord(IReadOnlyList<string> words) => string.Join(" OR ", words.Select(w => $"\"{w}\""));

    // As the index by model has it.
    public override string Day(string column) => $"{column} / 86400000000";

    public override DateOnly ReadDay(DbDataReader reader, int column) => DateOnly.FromDateTime(DateTime.UnixEpoch).AddDays((int)reader.GetInt64(column));

    public override Task AllowManyGroupsAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override DateTimeOffset ReadTime(DbDataReader reader, int column) =>
        DateTimeOffset.UnixEpoch.AddTicks(reader.GetInt64(column) * TimeSpan.TicksPerMicrosecond);

    public override float[] ReadVector(DbDataReader reader, int column) => VectorBlob.Decode(reader.GetFieldValue<byte[]>(column));

    public override async Task ExecuteAsync(IReadOnlyList<SqlStatement> statements, CancellationToken cancellationToken)
    {
        foreach (var statement in statements)
        {
            await QueryAsync(statement, _ => 0, cancellationToken);
        }
    }

    public override async Task<IReadOnlyList<long?>> ExecuteReturningAsync(IReadOnlyList<SqlStatement> statements, CancellationToken cancellationToken)
    {
        var returned = new long?[statements.Count];
        for (var i = 0; i < statements.Count; i++)
        {
            var rows = await QueryAsync(statements[i], r => r.GetInt64(0), cancellationToken);
            returned[i] = rows.Count == 0 ? null : rows[0];
        }

        return returned;
    }

    public override Task<List<T>> QueryAsync<T>(SqlStatement statement, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var command = Prepare(statement);
        // A statement that scans for long stops in the middle.
        using var interrupt = cancellationToken.UnsafeRegister(static c => raw.sqlite3_interrupt(((SqliteConnection)c!).Handle), _connection);
        try
        {
            var rows = new List<T>();
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                rows.Add(read(reader));
            }

            return Task.FromResult(rows);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_INTERRUPT && cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException("The query was cancelled.", e, cancellationToken);
        }
    }

    /// <summary>Begins a transaction that may write; false where another process has one, without waiting for it.</summary>
    public bool TryBegin()
    {
        var handle = _connection.Handle!;
        raw.sqlite3_busy_timeout(handle, 0);
        try
        {
            // Bypasses the driver, which would wait.
            var code = raw.sqlite3_exec(handle, "BEGIN IMMEDIATE");
            if (code is not (raw.SQLITE_OK or raw.SQLITE_BUSY))
            {
                throw new SqliteException(raw.sqlite3_errmsg(handle).utf8_to_string(), code);
            }

            return code == raw.SQLITE_OK;
        }
        finally
        {
            raw.sqlite3_busy_timeout(handle, _busyMilliseconds);
        }
    }

    /// <summary>Merges some pages of the full-text index; false if there was nothing left to merge.</summary>
    public bool MergeIndex(int pages)
    {
        var before = raw.sqlite3_total_changes(_connection.Handle!);
        using var command = _connection.CreateCommand();
        command.CommandText = "INSERT INTO task_search (task_search, rank) VALUES ('merge', @pages)";
        command.Parameters.AddWithValue("@pages", pages);
        command.ExecuteNonQuery();
        // The statement itself counts as one change.
        return raw.sqlite3_total_changes(_connection.Handle!) - before >= 2;
    }

    /// <summary>Moves the write-ahead log into the file and empties it; false if a reader still needs it. Waits for no one.</summary>
    public bool TryTruncateLog()
    {
        var handle = _connection.Handle!;
        raw.sqlite3_busy_timeout(handle, 0);
        try
        {
            using var command = _connection.CreateCommand();
            command.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
            using var reader = command.ExecuteReader();
            return !reader.Read() || reader.GetInt64(0) == 0;
        }
        catch (SqliteException e) when (e.SqliteErrorCode is raw.SQLITE_BUSY or raw.SQLITE_LOCKED)
        {
            return false;
        }
        finally
        {
            raw.sqlite3_busy_timeout(handle, _busyMilliseconds);
        }
    }

    /// <summary>Runs a command without parameters that is not worth preparing.</summary>
#pragma warning disable CA2100 // Called with constants of this assembly alone.
    public void Run(string text)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }
#pragma warning restore CA2100

    public override SqlStatement CountRunsWith(string word, int limit) =>
        new SqlStatement("SELECT count(*) FROM (SELECT 1 FROM task_search WHERE task_search MATCH @words LIMIT @limit)").With("words", AnyWord([word])).With("limit", limit);

    public override SqlStatement IndexText(long run, IReadOnlyList<string> taskWords, IReadOnlyList<string> otherWords) =>
        new SqlStatement("INSERT OR REPLACE INTO task_search (rowid, task, texts) VALUES (@row, @task, @texts)")
            .With("row", run).With("task", string.Join(' ', taskWords)).With("texts", string.Join(' ', otherWords));

    public override SqlStatement UnindexText(IReadOnlyCollection<long> runs) =>
        new SqlStatement("DELETE FROM task_search WHERE rowid " + Any("rows")).With("rows", runs);

    public override SqlStatement StoreSize() =>
        new("SELECT (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size())");

    public override async Task SaveVectorsAsync(IReadOnlyList<VectorRow> vectors, CancellationToken cancellationToken)
    {
        await CountVectorChangeAsync(removal: false, cancellationToken);
        foreach (var vector in vectors)
        {
            await ExecuteAsync(
                new SqlStatement(
                    """
                    INSERT INTO trajectory_embedding (trajectory_row, tenant, model, dimensions, kind, embedding, text, change)
                    VALUES (@row, @tenant, @model, @dimensions, @kind, @embedding, @text, @change)
                    ON CONFLICT (trajectory_row, model, dimensions, kind) DO UPDATE SET embedding = excluded.embedding, text = excluded.text, change = excluded.change
                    """)
                    .With("row", vector.Run).With("tenant", vector.Tenant).With("model", vector.Embedding.Model).With("dimensions", vector.Dimensions)
                    .With("kind", vector.Embedding.Kind).With("embedding", VectorBlob.Encode(vector.Embedding.Vector)).With("text", vector.Embedding.Text)
                    .With("change", VectorChangeNumbers.After),
                cancellationToken);
            VectorChanges.Add(new VectorChange(vector, vector.Run));
        }
    }

    public override async Task RemoveVectorsAsync(IReadOnlyCollection<long> runs, CancellationToken cancellationToken)
    {
        var removed = await QueryAsync(
            new SqlStatement($"DELETE FROM trajectory_embedding WHERE trajectory_row {Any("rows")} RETURNING trajectory_row").With("rows", runs),
            r => r.GetInt64(0),
            cancellationToken);
        if (removed.Count > 0)
        {
            await CountVectorChangeAsync(removal: true, cancellationToken);
            VectorChanges.AddRange(removed.Distinct().Select(run => new VectorChange(null, run)));
        }
    }

    // The change is counted but not announced: the next search, in this process too, reads the vectors anew. A run that loses
    // some of its vectors and keeps others cannot be described as one change of a matrix.
    public override async Task<int> RemoveOtherVectorsAsync(IReadOnlyCollection<long> runs, Func<SqlStatement, SqlStatement> conditions, CancellationToken cancellationToken)
    {
        var removed = await QueryAsync(
            conditions(new SqlStatement($"DELETE FROM trajectory_embedding WHERE trajectory_row {Any("rows")}").With("rows", runs)).Append(" RETURNING trajectory_row"),
            r => r.GetInt64(0),
            cancellationToken);
        await CountVectorChangeAsync(removal: true, cancellationToken);
        return removed.Count;
    }

    /// <summary>Forgets what the transaction before has left.</summary>
    public void BeginWork()
    {
        VectorChanges.Clear();
        VectorChangeNumbers = default;
    }

    public void Dispose()
    {
        _prepared.Clear();
        _connection.Dispose();
    }

    private async Task CountVectorChangeAsync(bool removal, CancellationToken cancellationToken)
    {
        var number = await QueryFirstAsync(
            new SqlStatement(
                """
                UPDATE embedding_change SET changes = changes + 1, last_removal = CASE WHEN @removal THEN changes + 1 ELSE last_removal END
                RETURNING changes
                """).With("removal", removal),
            r => r.GetInt64(0),
            cancellationToken);
        VectorChangeNumbers = (VectorChangeNumbers.After == 0 ? number - 1 : VectorChangeNumbers.Before, number);
    }

    private SqliteCommand Prepare(SqlStatement statement)
    {
        var text = statement.Text;
        if (!_prepared.TryGet(text, out var command))
        {
            command = _connection.CreateCommand();
#pragma warning disable CA2100 // Made of constants of this assembly; values are parameters.
            command.CommandText = text;
#pragma warning restore CA2100
            foreach (var (name, value) in statement.Parameters)
            {
                command.Parameters.AddWithValue("@" + name, ToDatabase(value));
            }

            _prepared.AddOrUpdate(text, command);
            return command;
        }

        for (var i = 0; i < statement.Parameters.Count; i++)
        {
            command.Parameters[i].Value = ToDatabase(statement.Parameters[i].Value);
        }

        return command;
    }

    private static object ToDatabase(object? value) => value switch
    {
        null => DBNull.Value,
        byte[] => value,
        string text => TextSanitizer.Clean(text),
        DateTimeOffset time => (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond,
        bool truth => truth ? 1L : 0L,
        // Into a column of type REAL; the driver's own way is text.
        decimal number => (double)number,
        IReadOnlyCollection<string> texts => JsonSerializer.Serialize(texts.Select(TextSanitizer.Clean)),
        IReadOnlyCollection<long> numbers => JsonSerializer.Serialize(numbers),
        IReadOnlyCollection<byte[]> list => JsonSerializer.Serialize(list.Select(Convert.ToHexString)),
        _ => value,
    };
}
