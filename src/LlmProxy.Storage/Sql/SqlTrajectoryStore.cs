using System.Data.Common;
using System.Security.Cryptography;
using System.Text.Json;
using LlmProxy.Core.Assistants;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// What both stores share: the queries, and the order in which a save and a deletion change the tables. What differs
/// (connections, schema, full-text and vector search) is in the derived stores and in their sessions.
/// </summary>
/// <remarks>
/// It has <see cref="DisposeAsync"/>, which <c>await using</c> calls, but is no <see cref="IAsyncDisposable"/>: a service
/// container would close it once for each port, and the first time before those who still need it.
/// </remarks>
public abstract partial class SqlTrajectoryStore :
    IStoreLifecycle, ITrajectoryStore, ICorrelationStore, IExampleStore, ISearchStore, IEmbeddingStore, IPromptPinStore, IStatisticsStore, IAuditStore, IOutcomeStore, ICurationStore,
    IAssistanceStore, IJudgementStore, ITaskRouteStore, IImportStore
{
    private const string Runs = "SELECT {0} FROM task_trajectory t WHERE ";
    private static readonly string SelectRuns = Runs.Replace("{0}", TrajectoryRows.Columns, StringComparison.Ordinal);

    private protected SqlTrajectoryStore(TimeProvider time)
    {
        Time = time;
    }

    /// <inheritdoc />
    public abstract string Provider { get; }

    private protected TimeProvider Time { get; }

    /// <inheritdoc />
    public abstract Task InitializeAsync(CancellationToken cancellationToken);

    /// <inheritdoc />
    public abstract Task<StoreHealth> CheckAsync(CancellationToken cancellationToken);

    /// <summary>Writes a consistent copy of the store to a file while others use the store.</summary>
    /// <param name="path">The file to make, readable by its owner alone.</param>
    /// <param name="cancellationToken">Cancels; no file is left then.</param>
    /// <exception cref="StoreException">The file exists, or the copy failed; then there is none.</exception>
    public abstract Task BackupAsync(string path, CancellationToken cancellationToken);

    /// <summary>Gives the space of deleted rows back, and refreshes the statistics of the query planner.</summary>
    public abstract Task VacuumAsync(CancellationToken cancellationToken);

    /// <summary>Size of the store in bytes.</summary>
    public Task<long> ReadSizeAsync(CancellationToken cancellationToken) =>
        ReadAsync("state its size", s => s.QueryFirstAsync(s.StoreSize(), r => r.GetInt64(0), cancellationToken), cancellationToken);

    /// <summary>A file that does not exist yet, under a name of its own until it is whole: an interrupted copy must not look like a backup.</summary>
    private protected static (string Path, string Partial) NewFile(string path)
    {
        var target = System.IO.Path.GetFullPath(path);
        if (File.Exists(target))
        {
            throw new StoreException($"{target} exists already. Choose another file, or delete it.");
        }

        if (!Directory.Exists(System.IO.Path.GetDirectoryName(target)))
        {
            throw new StoreException($"The folder of {target} does not exist.");
        }

        var partial = target + ".partial";
        File.Delete(partial);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var file = new FileStream(partial, options);
        return (target, partial);
    }

    /// <summary>Closes the store.</summary>
    public abstract ValueTask DisposeAsync();

    /// <summary>Runs work on a connection without a transaction of its own.</summary>
    private protected abstract Task<T> ReadAsync<T>(string operation, Func<SqlSession, Task<T>> work, CancellationToken cancellationToken);

    /// <summary>Runs work in a transaction and commits it. The work may run again where the database asks for that.</summary>
    /// <param name="operation">What it is, for messages.</param>
    /// <param name="removes">Whether content may be removed; saves run side by side with each other, but not with that.</param>
    /// <param name="work">The work.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    private protected abstract Task<T> WriteAsync<T>(string operation, bool removes, Func<SqlSession, Task<T>> work, CancellationToken cancellationToken);

    /// <summary>Runs statements of a write without a result in a transaction.</summary>
    private protected Task ChangeAsync(string operation, Func<SqlSession, Task> work, CancellationToken cancellationToken) =>
        WriteAsync(operation, removes: false, s => WithoutResult(work(s)), cancellationToken);

    private protected static async Task<bool> WithoutResult(Task work)
    {
        await work;
        return true;
    }

    /// <summary>The rows of one query.</summary>
    private protected Task<IReadOnlyList<T>> QueryAsync<T>(string operation, Func<SqlSession, SqlStatement> statement, Func<SqlSession, DbDataReader, T> read, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyList<T>>(operation, async s => await s.QueryAsync(statement(s), r => read(s, r), cancellationToken), cancellationToken);

    /// <summary>A driver's exception in the user's words, with the fix where it is known.</summary>
    private protected abstract string Explain(Exception exception);

    /// <summary>Whether a driver's exception says that a key exists already.</summary>
    private protected abstract bool IsDuplicateKey(Exception exception);

    /// <summary>Whether the database is unavailable; if not, the request is at fault.</summary>
    private protected abstract bool IsOutage(Exception exception);

    /// <inheritdoc />
    public async Task<byte[]> ReadCorrelationSecretAsync(CancellationToken cancellationToken)
    {
        var find = new SqlStatement("SELECT value FROM store_setting WHERE name = 'correlation_secret'");
        var secret = await ReadAsync("read the correlation secret", s => s.QueryFirstAsync(find, r => r.GetFieldValue<byte[]>(0), cancellationToken), cancellationToken);
        return secret ?? await WriteAsync(
            "make the correlation secret",
            removes: false,
            async s =>
            {
                await s.ExecuteAsync(
                    new SqlStatement("INSERT INTO store_setting (name, value) VALUES ('correlation_secret', @value) ON CONFLICT (name) DO NOTHING")
                        .With("value", RandomNumberGenerator.GetBytes(32)),
                    cancellationToken);
                return (await s.QueryFirstAsync(find, r => r.GetFieldValue<byte[]>(0), cancellationToken))!;
            },
            cancellationToken);
    }

    /// <inheritdoc />
    public Task<IReadOnlySet<string>> FindExchangesAsync(IReadOnlyCollection<string> exchangeIds, CancellationToken cancellationToken) =>
        exchangeIds.Count == 0
            ? Task.FromResult<IReadOnlySet<string>>(new HashSet<string>(StringComparer.Ordinal))
            : ReadSetAsync(
                "look up exchanges",
                s => new SqlStatement("SELECT exchange_id FROM recorded_exchange WHERE exchange_id " + s.Any("ids")).With("ids", exchangeIds),
                cancellationToken);

    /// <inheritdoc />
    public Task<Trajectory?> FindTrajectoryAsync(string tenant, string id, CancellationToken cancellationToken) =>
        FirstRunAsync(new SqlStatement(SelectRuns + "t.id = @id AND t.tenant = @tenant").With("id", id).With("tenant", tenant), cancellationToken);

    /// <inheritdoc />
    public Task<Trajectory?> FindTaskAsync(string tenant, string taskId, CancellationToken cancellationToken) =>
        FirstRunAsync(new SqlStatement(SelectRuns + "t.tenant = @tenant AND t.task_id = @task").With("tenant", tenant).With("task", taskId), cancellationToken);

    /// <inheritdoc />
    public Task<Trajectory?> FindLatestAsync(string tenant, string? sessionId, CancellationToken cancellationToken) =>
        FirstRunAsync(
            new SqlStatement(SelectRuns + "t.tenant = @tenant").With("tenant", tenant)
                .AppendIf(sessionId, " AND t.session_id = @session", "session")
                .Append(" ORDER BY t.started_at DESC, t.id DESC LIMIT 1"),
            cancellationToken);

    /// <inheritdoc />
    public virtual Task<IReadOnlyList<Trajectory>> ClaimOpenAsync(DateTimeOffset idleSince, int limit, CancellationToken cancellationToken) =>
        RunsAsync(
            "list open runs",
            new SqlStatement(SelectRuns + "(t.status = 'active' OR t.is_provisional) AND t.last_activity_at <= @since ORDER BY t.last_activity_at, t.id LIMIT @limit")
                .With("since", idleSince).With("limit", limit),
            cancellationToken);

    /// <inheritdoc />
    public Task<int> CountActiveAsync(string tenant, CancellationToken cancellationToken) =>
        ReadAsync(
            "count active runs",
            s => s.QueryFirstAsync(
                new SqlStatement("SELECT count(*) FROM task_trajectory WHERE tenant = @tenant AND status = 'active'").With("tenant", tenant),
                r => (int)r.GetInt64(0),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<TrajectoryStep>> ReadStepsAsync(string trajectoryId, CancellationToken cancellationToken) =>
        QueryAsync(
            "read steps",
            _ => new SqlStatement($"SELECT {StepRows.Columns} FROM trajectory_step s JOIN task_trajectory t ON t.row_id = s.trajectory_row WHERE t.id = @id ORDER BY s.idx").With("id", trajectoryId),
            (s, r) => StepRows.Read(s, r, trajectoryId),
            cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyDictionary<ContentHash, ReadOnlyMemory<byte>>> ReadContentAsync(IReadOnlyCollection<ContentHash> hashes, CancellationToken cancellationToken)
    {
        var wanted = hashes.Select(StepRows.Bytes).ToList();
        return ReadAsync<IReadOnlyDictionary<ContentHash, ReadOnlyMemory<byte>>>(
            "read content",
            async s =>
            {
                var found = new Dictionary<ContentHash, ReadOnlyMemory<byte>>(wanted.Count);
                // In groups, so that the compressed and the original bytes of a long run are not all there twice.
                foreach (var group in wanted.Chunk(200))
                {
                    await ContentRows.ReadAsync(
                        s, new SqlStatement($"SELECT {ContentRows.Columns} FROM content c WHERE c.hash " + s.AnyBytes("hashes")).With("hashes", group), found, skipsDamaged: true, cancellationToken);
                }

                return found;
            },
            cancellationToken);
    }

    /// <inheritdoc />
    /// <remarks>Of one key the most recent 64 entries: the key of an empty history belongs to every task.</remarks>
    public Task<IReadOnlyList<CorrelationEntry>> FindCorrelationAsync(string tenant, IReadOnlyCollection<TurnKey> keys, CancellationToken cancellationToken) =>
        keys.Count == 0
            ? Task.FromResult<IReadOnlyList<CorrelationEntry>>([])
            : QueryAsync(
                "look up correlation keys",
                s => new SqlStatement(
                    $"""
                    SELECT k.turn_key, k.kind, t.task_id, k.step_index, k.at
                    FROM (SELECT c.*, row_number() OVER (PARTITION BY turn_key ORDER BY at DESC, trajectory_row DESC, step_index DESC) AS recent
                          FROM correlation_key c WHERE tenant = @tenant AND turn_key {s.AnyBytes("keys")}) k
                    JOIN task_trajectory t ON t.row_id = k.trajectory_row
                    WHERE k.recent <= 64
                    ORDER BY k.at DESC, k.trajectory_row DESC, k.step_index DESC
                    """).With("tenant", tenant).With("keys", keys.Select(Bytes).ToList()),
                (s, r) => new CorrelationEntry(KeyOf(r.GetFieldValue<byte[]>(0)), (CorrelationKind)r.GetInt32(1), r.GetString(2), r.GetInt32(3), s.ReadTime(r, 4)),
                cancellationToken);

    /// <inheritdoc />
    public Task<PromptPin> PinAsync(PromptPin pin, CancellationToken cancellationToken) =>
        WriteAsync(
            "pin a prompt",
            removes: false,
            async s =>
            {
                await s.ExecuteAsync(
                    new SqlStatement(
                        """
                        INSERT INTO prompt_pin (tenant, task_id, template_set, values_json, example_ids, result, at)
                        VALUES (@tenant, @task, @set, @values, @examples, @result, @at)
                        ON CONFLICT (tenant, task_id) DO NOTHING
                        """)
                        .With("tenant", pin.Tenant).With("task", pin.TaskId).With("set", pin.TemplateSet).With("values", pin.ValuesJson)
                        .With("examples", JsonLists.Write(pin.ExampleIds)).With("result", pin.Result.ToString()).With("at", pin.At),
                    cancellationToken);
                return (await FindPinAsync(s, pin.Tenant, pin.TaskId, cancellationToken))!;
            },
            cancellationToken);

    /// <inheritdoc />
    public Task<PromptPin?> FindPinAsync(string tenant, string taskId, CancellationToken cancellationToken) =>
        ReadAsync("look up a pin", s => FindPinAsync(s, tenant, taskId, cancellationToken), cancellationToken);

    /// <inheritdoc />
    public Task SaveTemplateSetAsync(string hash, IReadOnlyDictionary<string, string> files, CancellationToken cancellationToken) =>
        ChangeAsync(
            "save a template set",
            s => s.ExecuteAsync(
                new SqlStatement("INSERT INTO template_set (hash, files, at) VALUES (@hash, @files, @at) ON CONFLICT (hash) DO NOTHING")
                    .With("hash", hash).With("files", JsonSerializer.Serialize(files)).With("at", Time.GetUtcNow()),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    public async Task<IReadOnlyDictionary<string, string>?> FindTemplateSetAsync(string hash, CancellationToken cancellationToken)
    {
        var json = await ReadAsync(
            "look up a template set",
            s => s.QueryFirstAsync(new SqlStatement("SELECT files FROM template_set WHERE hash = @hash").With("hash", hash), r => r.GetString(0), cancellationToken),
            cancellationToken);
        return json is null ? null : JsonSerializer.Deserialize<Dictionary<string, string>>(json);
    }

    /// <inheritdoc />
    public Task<DocumentFrequencies> ReadDocumentFrequenciesAsync(string tenant, IReadOnlyCollection<int> buckets, CancellationToken cancellationToken) =>
        ReadAsync("read document frequencies", s => DocumentFrequencyTable.ReadAsync(s, tenant, buckets, cancellationToken), cancellationToken);

    /// <summary>Runs work of the store; what the driver throws comes out as <see cref="StoreException"/>.</summary>
    private protected async Task<T> GuardAsync<T>(string operation, Func<Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is DbException or IOException or UnauthorizedAccessException or TimeoutException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new StoreException($"The {Provider} store failed to {operation}: {Explain(e)}", e) { IsConflict = IsDuplicateKey(e), IsOutage = IsOutage(e) };
        }
    }

    internal static byte[] Bytes(TurnKey key)
    {
        var bytes = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes, key.High);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), key.Low);
        return bytes;
    }

    private protected static TurnKey KeyOf(byte[] bytes) => new(
        System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(bytes),
        System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(8)));

    private static Task<PromptPin?> FindPinAsync(SqlSession session, string tenant, string taskId, CancellationToken cancellationToken) =>
        session.QueryFirstAsync(
            new SqlStatement("SELECT template_set, values_json, example_ids, result, at FROM prompt_pin WHERE tenant = @tenant AND task_id = @task")
                .With("tenant", tenant).With("task", taskId),
            r => new PromptPin(tenant, taskId, r.GetString(0), r.GetString(1), JsonLists.Read(r.GetString(2)), FewShotResult.Parse(r.GetString(3)), session.ReadTime(r, 4)),
            cancellationToken);

    private Task<Trajectory?> FirstRunAsync(SqlStatement statement, CancellationToken cancellationToken) =>
        ReadAsync("look up a run", s => s.QueryFirstAsync(statement, r => TrajectoryRows.Read(s, r), cancellationToken), cancellationToken);

    private protected Task<IReadOnlyList<Trajectory>> RunsAsync(string operation, SqlStatement statement, CancellationToken cancellationToken) =>
        QueryAsync(operation, _ => statement, (s, r) => TrajectoryRows.Read(s, r), cancellationToken);

    private Task<IReadOnlySet<string>> ReadSetAsync(string operation, Func<SqlSession, SqlStatement> statement, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlySet<string>>(
            operation,
            async s => (await s.QueryAsync(statement(s), r => r.GetString(0), cancellationToken)).ToHashSet(StringComparer.Ordinal),
            cancellationToken);
}
