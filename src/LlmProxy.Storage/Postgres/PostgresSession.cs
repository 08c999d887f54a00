using System.Data.Common;
using System.Globalization;
using System.Text;
using LlmProxy.Storage.Sql;
using Npgsql;
using NpgsqlTypes;
using Pgvector;

namespace LlmProxy.Storage.Postgres;

/// <summary>A connection from the pool, with the transaction that is open on it.</summary>
internal sealed class PostgresSession(NpgsqlConnection connection) : SqlSession
{
    // A batch goes over the wire as a whole; this bounds what both sides hold of it.
    private const int MaxBatch = 200;

    // All tables, for the size of the store.
    internal static readonly IReadOnlyList<string> Tables =
    [
        "task_trajectory", "trajectory_step", "recorded_exchange", "content", "trajectory_content", "content_part", "correlation_key", "trajectory_embedding",
        "few_shot_example", "prompt_pin", "template_set", "store_setting", "lexical_document_frequency", "task_search", "open_task", "open_key", "audit", "task_route",
    ];

    public override string VectorColumn => "embedding";

    public override string WordsCondition => "t.row_id IN (SELECT trajectory_row FROM task_search WHERE tokens @@ @words::tsquery)";

    public override string SkipLocked => " FOR UPDATE SKIP LOCKED";

    public override string Any(string parameter) => $"= ANY(@{parameter})";

    public override string AnyBytes(string parameter) => Any(parameter);

    public override string ElementsOf(string column) => $"jsonb_array_elements_text({column}::jsonb) AS elements(value)";

    // Words hold letters and digits alone, so quotation marks are enough.
    public override string AllWords(IReadOnlyList<string> words) => string.Join(" & ", words.Select(w => $"'{w}':*A"));

    public static string AnyWord(IReadOnlyList<string> words) => string.Join(" | ", words.Select(w => $"'{w}'"));

    public override string Day(string column) => $"CAST({column} AT TIME ZONE 'UTC' AS date)";

    public override DateOnly ReadDay(DbDataReader reader, int column) => reader.GetFieldValue<DateOnly>(column);

    // The driver resets the connection before its next use.
    public override Task AllowManyGroupsAsync(CancellationToken cancellationToken) => RunAsync("SET work_mem = '64MB'", cancellationToken);

    public override DateTimeOffset ReadTime(DbDataReader reader, int column) => reader.GetFieldValue<DateTimeOffset>(column);

    public override float[] ReadVector(DbDataReader reader, int column) => reader.GetFieldValue<Vector>(column).ToArray();

    public override async Task ExecuteAsync(IReadOnlyList<SqlStatement> statements, CancellationToken cancellationToken)
    {
        foreach (var group in statements.Chunk(MaxBatch))
        {
            await using var batch = Batch(group);
            await PrepareAsync(batch, cancellationToken);
            await batch.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    public override async Task<IReadOnlyList<long?>> ExecuteReturningAsync(IReadOnlyList<SqlStatement> statements, CancellationToken cancellationToken)
    {
        var returned = new List<long?>(statements.Count);
        foreach (var group in statements.Chunk(MaxBatch))
        {
            await using var batch = Batch(group);
            await PrepareAsync(batch, cancellationToken);
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            do
            {
                returned.Add(await reader.ReadAsync(cancellationToken) ? reader.GetInt64(0) : null);
            }
            while (await reader.NextResultAsync(cancellationToken));
        }

        return returned;
    }

    public override async Task<List<T>> QueryAsync<T>(SqlStatement statement, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var batch = Batch([statement]);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    /// <summary>Runs a text of several statements, without a time limit: indexes of a large table take their time.</summary>
    public async Task RunAsync(string text, CancellationToken cancellationToken)
    {
#pragma warning disable CA2100 // Called with constants of this assembly, and with names quoted by it.
        await using var command = new NpgsqlCommand(text, connection) { CommandTimeout = 0 };
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public override SqlStatement CountRunsWith(string word, int limit) =>
        new SqlStatement("SELECT count(*) FROM (SELECT 1 FROM task_search WHERE tokens @@ @words::tsquery LIMIT @limit) AS few").With("words", AnyWord([word])).With("limit", limit);

    public override SqlStatement IndexText(long run, IReadOnlyList<string> taskWords, IReadOnlyList<string> otherWords) =>
        new SqlStatement(
            """
            INSERT INTO task_search (trajectory_row, tokens) VALUES (@row, @tokens::tsvector)
            ON CONFLICT (trajectory_row) DO UPDATE SET tokens = excluded.tokens
            """)
            .With("row", run).With("tokens", Lexemes(taskWords, otherWords));

    public override SqlStatement UnindexText(IReadOnlyCollection<long> runs) =>
        new SqlStatement("DELETE FROM task_search WHERE trajectory_row = ANY(@rows)").With("rows", runs);

    public override IReadOnlyList<SqlStatement> ForgetOpenTasks(IReadOnlyCollection<long> runs) =>
        [
            new SqlStatement("DELETE FROM open_key k USING task_trajectory t WHERE t.row_id = ANY(@rows) AND k.tenant = t.tenant AND k.task_id = t.task_id").With("rows", runs),
            new SqlStatement("DELETE FROM open_task o USING task_trajectory t WHERE t.row_id = ANY(@rows) AND o.tenant = t.tenant AND o.task_id = t.task_id").With("rows", runs),
        ];

    public override SqlStatement StoreSize() =>
        new SqlStatement("SELECT CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS bigint) FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relname = ANY(@tables)")
            .With("tables", Tables);

    public override Task SaveVectorsAsync(IReadOnlyList<VectorRow> vectors, CancellationToken cancellationToken) =>
        ExecuteAsync(
            vectors.Select(vector => new SqlStatement(
                """
                INSERT INTO trajectory_embedding (trajectory_row, tenant, model, dimensions, kind, embedding, text)
                VALUES (@row, @tenant, @model, @dimensions, @kind, @embedding, @text)
                ON CONFLICT (trajectory_row, model, dimensions, kind) DO UPDATE SET embedding = excluded.embedding, text = excluded.text
                """)
                .With("row", vector.Run).With("tenant", vector.Tenant).With("model", vector.Embedding.Model).With("dimensions", vector.Dimensions)
                .With("kind", vector.Embedding.Kind).With("embedding", vector.Embedding.Vector).With("text", vector.Embedding.Text)).ToList(),
            cancellationToken);

    public override Task RemoveVectorsAsync(IReadOnlyCollection<long> runs, CancellationToken cancellationToken) =>
        ExecuteAsync(new SqlStatement("DELETE FROM trajectory_embedding WHERE trajectory_row = ANY(@rows)").With("rows", runs), cancellationToken);

    public override async Task<int> RemoveOtherVectorsAsync(IReadOnlyCollection<long> runs, Func<SqlStatement, SqlStatement> conditions, CancellationToken cancellationToken) =>
        (await QueryAsync(
            conditions(new SqlStatement("DELETE FROM trajectory_embedding WHERE trajectory_row = ANY(@rows)").With("rows", runs)).Append(" RETURNING trajectory_row"),
            r => r.GetInt64(0),
            cancellationToken)).Count;

    // 'flight':2A 'rome':4A,9B
    private static string Lexemes(IReadOnlyList<string> taskWords, IReadOnlyList<string> otherWords)
    {
        var places = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        void Add(string word, int place, char weight)
        {
            if (!places.TryGetValue(word, out var list))
            {
                places.Add(word, list = []);
            }

            list.Add(string.Create(CultureInfo.InvariantCulture, $"{place}{weight}"));
        }

        for (var i = 0; i < taskWords.Count; i++)
        {
            Add(taskWords[i], i + 1, 'A');
        }

        for (var i = 0; i < otherWords.Count; i++)
        {
            Add(otherWords[i], taskWords.Count + i + 1, 'B');
        }

        var text = new StringBuilder();
        foreach (var (word, list) in places)
        {
            text.Append('\'').Append(word).Append("':").AppendJoin(',', list).Append(' ');
        }

        return text.ToString();
    }

    // Many rows go through few texts: parsed and planned once for each connection, a save takes a fraction of the time.
    // Queries are not prepared; theirs are better planned for the values at hand.
    private static Task PrepareAsync(NpgsqlBatch batch, CancellationToken cancellationToken) =>
        batch.BatchCommands.Count > 2 ? batch.PrepareAsync(cancellationToken) : Task.CompletedTask;

    private NpgsqlBatch Batch(IReadOnlyList<SqlStatement> statements)
    {
        var batch = new NpgsqlBatch(connection);
        foreach (var statement in statements)
        {
#pragma warning disable CA2100 // Made of constants of this assembly; values are parameters.
            var command = new NpgsqlBatchCommand(statement.Text);
#pragma warning restore CA2100
            foreach (var (name, value) in statement.Parameters)
            {
                command.Parameters.Add(Parameter(name, value));
            }

            batch.BatchCommands.Add(command);
        }

        return batch;
    }

    private static NpgsqlParameter Parameter(string name, object? value) => value switch
    {
        null => new NpgsqlParameter { ParameterName = name, Value = DBNull.Value },
        string text => new NpgsqlParameter(name, NpgsqlDbType.Text) { Value = TextSanitizer.Clean(text) },
        DateTimeOffset time => new NpgsqlParameter(name, NpgsqlDbType.TimestampTz) { Value = time.ToUniversalTime() },
        byte[] bytes => new NpgsqlParameter(name, NpgsqlDbType.Bytea) { Value = bytes },
        float[] vector => new NpgsqlParameter(name, new Vector(vector)),
        IReadOnlyCollection<string> texts => new NpgsqlParameter(name, NpgsqlDbType.Array | NpgsqlDbType.Text) { Value = texts.Select(TextSanitizer.Clean).ToArray() },
        IReadOnlyCollection<long> numbers => new NpgsqlParameter(name, NpgsqlDbType.Array | NpgsqlDbType.Bigint) { Value = numbers.ToArray() },
        IReadOnlyCollection<byte[]> list => new NpgsqlParameter(name, NpgsqlDbType.Array | NpgsqlDbType.Bytea) { Value = list.ToArray() },
        _ => new NpgsqlParameter(name, value),
    };
}
