using System.Collections.Concurrent;
using System.Diagnostics;
using LlmProxy.Core.Stores;
using LlmProxy.Storage.Sql;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace LlmProxy.Storage.Sqlite;

/// <summary>
/// Runs in a SQLite file, the embedded default: no server, one writer at a time, any number of readers next to it (WAL).
/// Several processes may use one file on the same machine.
/// </summary>
#pragma warning disable CA1001 // DisposeAsync closes it; the remarks of SqlTrajectoryStore give the reason why it is no IAsyncDisposable.
public sealed partial class SqliteTrajectoryStore : SqlTrajectoryStore
#pragma warning restore CA1001
{
    // How long a statement waits for another process that writes.
    private const int BusySeconds = 10;

    // And how long it waits between two looks, in milliseconds.
    private const int LongestBusyPause = 20;

    private const int IdleReaders = 8;

    private readonly SqliteConnectionStringBuilder _connection;
    private readonly string _path;
    private readonly SemaphoreSlim _writerTurn = new(1, 1);
    private readonly ConcurrentBag<SqliteSession> _readers = [];
    private readonly VectorCache _vectors = new();
    private SqliteSession? _writer;
    private volatile bool _disposed;

    static SqliteTrajectoryStore()
    {
        Batteries_V2.Init();
    }

    /// <summary>A store; nothing is opened before the first call.</summary>
    /// <param name="connectionString">Such as <c>Data Source=data/llmproxy.db</c>; a relative path is one of the working directory.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="StoreException">The connection string cannot be used.</exception>
    public SqliteTrajectoryStore(string connectionString, TimeProvider time)
        : base(time)
    {
        try
        {
            // Connections are pooled here, with their prepared statements; the driver's pool would keep the file open.
            _connection = new SqliteConnectionStringBuilder(connectionString) { Pooling = false, DefaultTimeout = BusySeconds };
        }
        catch (ArgumentException e)
        {
            throw new StoreException("LlmProxy:Storage:ConnectionString is not a connection string of SQLite: " + e.Message, e);
        }

        _path = SqliteFiles.PathOf(_connection);
    }

    /// <inheritdoc />
    public override string Provider => "sqlite";

    /// <inheritdoc />
    public override Task InitializeAsync(CancellationToken cancellationToken) =>
        OnPoolAsync(
            "create its schema",
            async () =>
            {
                SqliteFiles.Create(_path);
                await _writerTurn.WaitAsync(cancellationToken);
                try
                {
                    var session = Writer();
                    session.Run("BEGIN IMMEDIATE");
                    try
                    {
                        await MigrateAsync(session, cancellationToken);
                        session.Run("COMMIT");
                    }
                    catch
                    {
                        Rollback(session);
                        throw;
                    }
                }
                finally
                {
                    _writerTurn.Release();
                }

                return true;
            },
            cancellationToken);

    /// <inheritdoc />
    public override async Task<StoreHealth> CheckAsync(CancellationToken cancellationToken)
    {
        var details = $"SQLite {raw.sqlite3_libversion().utf8_to_string()}";
        try
        {
            if (!_path.StartsWith("file:", StringComparison.Ordinal) && !File.Exists(_path))
            {
                return new StoreHealth(false, 0, $"There is no database at {_path}. It is made when the proxy starts, or by 'llmproxy db init'.", details);
            }

            var version = await ReadAsync("respond", s => ReadVersionAsync(s, cancellationToken), cancellationToken);
            var error = ExplainVersion(version);
            return new StoreHealth(error is null, version, error, details);
        }
        catch (StoreException e)
        {
            return new StoreHealth(false, 0, e.Message, details);
        }
    }

    /// <inheritdoc />
    public override async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        if (_eraseTimer is { } timer)
        {
            await timer.DisposeAsync();
        }

        await _writerTurn.WaitAsync();
        _disposed = true;
        _writer?.Dispose();
        _writer = null;
        while (_readers.TryTake(out var reader))
        {
            reader.Dispose();
        }

        _writerTurn.Release();
    }

    private protected override Task<T> ReadAsync<T>(string operation, Func<SqlSession, Task<T>> work, CancellationToken cancellationToken) =>
        OnPoolAsync(
            operation,
            async () =>
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                var session = _readers.TryTake(out var idle) ? idle : Open(readOnly: true);
                var healthy = false;
                try
                {
                    var result = await work(session);
                    healthy = true;
                    return result;
                }
                finally
                {
                    if (healthy && !_disposed && _readers.Count < IdleReaders)
                    {
                        _readers.Add(session);
                    }
                    else
                    {
                        session.Dispose();
                    }
                }
            },
            cancellationToken);

    private protected override Task<T> WriteAsync<T>(string operation, bool removes, Func<SqlSession, Task<T>> work, CancellationToken cancellationToken) =>
        OnPoolAsync(
            operation,
            async () =>
            {
                await _writerTurn.WaitAsync(cancellationToken);
                try
                {
                    ObjectDisposedException.ThrowIf(_disposed, this);
                    var session = Writer();
                    session.BeginWork();
                    await BeginAsync(session, cancellationToken);
                    try
                    {
                        var result = await work(session);
                        await CommitAsync(session);
                        return result;
                    }
                    catch
                    {
                        Rollback(session);
                        throw;
                    }
                }
                finally
                {
                    _writerTurn.Release();
                }
            },
            cancellationToken);

    private protected override string Explain(Exception exception) => exception switch
    {
        SqliteException { SqliteErrorCode: raw.SQLITE_BUSY or raw.SQLITE_LOCKED } =>
            $"another process has been writing to {_path} for longer than {BusySeconds} s.",
        SqliteException { SqliteErrorCode: raw.SQLITE_FULL } => $"the disk of {_path} is full.",
        SqliteException { SqliteErrorCode: raw.SQLITE_READONLY } => $"{_path} may not be written; check the owner and mode of the file and its folder.",
        SqliteException { SqliteErrorCode: raw.SQLITE_CANTOPEN } => $"{_path} cannot be opened; check that it is there and that its folder may be written.",
        SqliteException { SqliteErrorCode: raw.SQLITE_NOTADB or raw.SQLITE_CORRUPT } => $"{_path} is not a SQLite database, or it is damaged.",
        SqliteException { SqliteErrorCode: raw.SQLITE_ERROR } e when e.Message.Contains("no such table", StringComparison.Ordinal) =>
            $"the schema of {_path} is missing; 'llmproxy db init' makes it.",
        _ => exception.Message,
    };

    private protected override bool IsOutage(Exception exception) =>
        exception is not SqliteException sqlite
        || sqlite.SqliteErrorCode is raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_NOMEM or raw.SQLITE_READONLY or raw.SQLITE_IOERR or raw.SQLITE_CORRUPT or raw.SQLITE_FULL or raw.SQLITE_CANTOPEN or raw.SQLITE_PERM or raw.SQLITE_AUTH or raw.SQLITE_NOTADB;

    private protected override bool IsDuplicateKey(Exception exception) =>
        exception is SqliteException { SqliteExtendedErrorCode: raw.SQLITE_CONSTRAINT_UNIQUE or raw.SQLITE_CONSTRAINT_PRIMARYKEY };

    // The driver blocks. A caller on the request path waits with a time limit of its own, which it could not do if its
    // own thread were blocked.
    private Task<T> OnPoolAsync<T>(string operation, Func<Task<T>> work, CancellationToken cancellationToken) =>
        GuardAsync(operation, () => Task.Run(work, cancellationToken), cancellationToken);

    private async Task CommitAsync(SqliteSession session)
    {
        if (session.VectorChanges.Count == 0)
        {
            session.Run("COMMIT");
            return;
        }

        await _vectors.Gate.WaitAsync();
        try
        {
            session.Run("COMMIT");
            _vectors.Apply(session.VectorChanges, session.VectorChangeNumbers);
        }
        finally
        {
            _vectors.Gate.Release();
        }
    }

    /// <summary>
    /// Takes the writer's turn among processes. Waiting in the driver would hold a thread of the pool, and the proxy's
    /// calls run on the same few threads.
    /// </summary>
    private async Task BeginAsync(SqliteSession session, CancellationToken cancellationToken)
    {
        // The other process lives in real time, whatever clock this one was given.
        var started = Stopwatch.GetTimestamp();
        for (var pause = 1; !session.TryBegin(); pause = Math.Min(pause * 2, LongestBusyPause))
        {
            if (Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(BusySeconds))
            {
                throw new SqliteException("database is locked", raw.SQLITE_BUSY);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(pause), cancellationToken);
        }
    }

    private SqliteSession Writer() => _writer ??= Open(readOnly: false);

    private SqliteSession Open(bool readOnly)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder(_connection.ConnectionString)
        {
            // A reader makes no file if there is none; a file: address specifies how it is opened.
            Mode = readOnly && _connection.Mode == SqliteOpenMode.ReadWriteCreate ? SqliteOpenMode.ReadWrite : _connection.Mode,
        }.ConnectionString);
        try
        {
            connection.Open();
            var session = new SqliteSession(connection, BusySeconds * 1000);
            if (readOnly)
            {
                session.Run("PRAGMA query_only = ON");
            }
            else
            {
                // Content is mostly one row of a few kilobytes, whose last page is half empty: small pages waste
                // less of them. Only a new file takes it; an older one keeps its own.
                // Freed pages can be given back, deleted text is overwritten, the log does not stay at its largest.
                session.Run("PRAGMA page_size = 2048; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 67108864");
            }

            return session;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private async Task MigrateAsync(SqliteSession session, CancellationToken cancellationToken)
    {
        session.Run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)");
        var version = await ReadVersionAsync(session, cancellationToken);
        if (version > Migrations.Sqlite.Latest)
        {
            throw new StoreException(ExplainVersion(version)!);
        }

        await Migrations.Sqlite.ApplyAsync(
            session,
            version,
            text =>
            {
                session.Run(text);
                return Task.CompletedTask;
            },
            Time.GetUtcNow(),
            cancellationToken);
    }

    private static async Task<int> ReadVersionAsync(SqlSession session, CancellationToken cancellationToken)
    {
        var hasTable = await session.QueryFirstAsync(new SqlStatement("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'"), r => r.GetInt64(0), cancellationToken);
        return hasTable == 0
            ? 0
            : await session.QueryFirstAsync(new SqlStatement("SELECT coalesce(max(version), 0) FROM schema_version"), r => r.GetInt32(0), cancellationToken);
    }

    private string? ExplainVersion(int version) => Migrations.Sqlite.Explain(version, _path, "file");

    private static void Rollback(SqliteSession session)
    {
        try
        {
            session.Run("ROLLBACK");
        }
        catch (SqliteException)
        {
            // Nothing to roll back: SQLite has already rolled back (disk full, for one).
        }
    }
}
