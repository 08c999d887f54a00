using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// One save of many changes, in one transaction. Rows are always touched in the same order (runs by id, content by
/// hash), so that two saves that share some cannot wait for each other.
/// </summary>
internal sealed class TrajectorySave
{
    private readonly List<TrajectoryChange> _changes;
    private readonly DateTimeOffset _now;
    private readonly SortedDictionary<string, Content> _contents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CutContent?> _cuts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Run, int Step)> _exchanges = new(StringComparer.Ordinal);

    public TrajectorySave(IReadOnlyList<TrajectoryChange> changes, DateTimeOffset now)
    {
        _now = now;
        // A stable sort: of two changes of one run the later one stays the later one.
        _changes = changes.OrderBy(c => c.Trajectory.Id, StringComparer.Ordinal).ToList();
        foreach (var change in _changes)
        {
            Check(change);
            foreach (var content in change.Contents)
            {
                _contents[content.Hash.Value] = content;
            }

            foreach (var step in change.Steps)
            {
                AddExchange(step.ExchangeId, change.Trajectory.Id, step.Index);
            }

            foreach (var exchange in change.Exchanges)
            {
                // A step says more than a mere mention.
                if (!_exchanges.ContainsKey(exchange))
                {
                    AddExchange(exchange, change.Trajectory.Id, 0);
                }
            }
        }
    }

    /// <summary>Which of the content is stored already: of the messages, and of the long values of those that are not.</summary>
    public async Task<IReadOnlySet<string>> FindStoredAsync(SqlSession session, CancellationToken cancellationToken)
    {
        var stored = new HashSet<string>(StringComparer.Ordinal);
        await FindAsync(_contents.Values);
        foreach (var (hash, content) in _contents)
        {
            if (!stored.Contains(hash) && !_cuts.ContainsKey(hash))
            {
                _cuts.Add(hash, LongValues.Cut(content.Bytes));
            }
        }

        await FindAsync(_cuts.Where(c => !stored.Contains(c.Key)).SelectMany(c => c.Value?.Parts ?? []));
        return stored;

        async Task FindAsync(IEnumerable<Content> contents)
        {
            var hashes = contents.Select(c => StepRows.Bytes(c.Hash)).ToList();
            if (hashes.Count > 0)
            {
                stored.UnionWith(await session.QueryAsync(
                    new SqlStatement("SELECT hash FROM content WHERE hash " + session.AnyBytes("hashes")).With("hashes", hashes),
                    r => StepRows.HashOf(r.GetFieldValue<byte[]>(0)).Value,
                    cancellationToken));
            }
        }
    }

    /// <summary>Content that is not stored yet, as written to its rows.</summary>
    public IReadOnlyDictionary<string, StoredContent> Encode(IReadOnlySet<string> stored) =>
        Missing(stored).ToDictionary(c => c.Hash.Value, Encode, StringComparer.Ordinal);

    /// <summary>Writes all of it.</summary>
    public async Task RunAsync(SqlSession session, IReadOnlyDictionary<string, StoredContent> encoded, CancellationToken cancellationToken)
    {
        var ids = _changes.Select(c => c.Trajectory.Id).Distinct(StringComparer.Ordinal).ToList();
        var before = (await session.QueryAsync(
            new SqlStatement("SELECT id, task_description FROM task_trajectory WHERE id " + session.Any("ids")).With("ids", ids),
            r => (Id: r.GetString(0), Description: r.GetString(1)),
            cancellationToken)).ToDictionary(r => r.Id, r => r.Description, StringComparer.Ordinal);

        // 1. The runs' rows: they are locked from here on, so that a run's steps and vectors have one writer at a time.
        var rows = await SaveRunsAsync(session, cancellationToken);

        // 2. Content, exchanges and steps.
        await SaveContentAsync(session, encoded, cancellationToken);
        var exchanges = (await NewExchangesAsync(session, cancellationToken)).GroupBy(e => e.Value.Run, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.ToList(), StringComparer.Ordinal);
        var statements = new List<SqlStatement>();
        foreach (var change in _changes)
        {
            var row = rows[change.Trajectory.Id];
            statements.AddRange(change.Steps.Select(step => StepRows.Save(row, step)));
            if (exchanges.Remove(change.Trajectory.Id, out var own))
            {
                statements.AddRange(own.Select(e => SaveExchange(row, e.Key, e.Value.Step)));
            }

            statements.AddRange(change.Keys.Select(key => SaveKey(row, change.Trajectory.Tenant, key)));
            statements.AddRange(OutcomeStatements(row, change));
            if (LinkContent(session, row, change) is { } link)
            {
                statements.Add(link);
            }
        }

        await session.ExecuteAsync(statements, cancellationToken);

        // 3. Vectors, the full-text index, and last the document frequencies, which all saves of a tenant share.
        var vectors = _changes
            .SelectMany(c => c.Embeddings.Select(e => new VectorRow(rows[c.Trajectory.Id], c.Trajectory.Tenant, e)))
            .GroupBy(v => (v.Run, v.Embedding.Model, v.Dimensions, v.Embedding.Kind))
            .Select(g => g.Last())
            .ToList();
        var changedTexts = _changes
            .Where(c => c.Embeddings.Count == 0 && (!before.TryGetValue(c.Trajectory.Id, out var description) || !string.Equals(description, c.Trajectory.TaskDescription, StringComparison.Ordinal)))
            .Select(c => rows[c.Trajectory.Id])
            .ToList();
        await SaveVectorsAsync(session, vectors, changedTexts, cancellationToken);
    }

    /// <summary>Writes vectors of runs whose rows are locked, with what is made of their texts.</summary>
    /// <param name="session">The transaction's session.</param>
    /// <param name="vectors">The vectors, one for each run, model, dimension and kind.</param>
    /// <param name="changedTexts">Further runs whose texts changed.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    public static async Task SaveVectorsAsync(SqlSession session, List<VectorRow> vectors, IReadOnlyList<long> changedTexts, CancellationToken cancellationToken)
    {
        var replaced = await ReplacedDocumentsAsync(session, vectors, cancellationToken);
        if (vectors.Count > 0)
        {
            await session.SaveVectorsAsync(vectors, cancellationToken);
        }

        await IndexTextsAsync(session, [.. changedTexts.Concat(vectors.Select(v => v.Run)).Distinct()], cancellationToken);
        await DocumentFrequencyTable.ChangeAsync(session, replaced, vectors, cancellationToken);
    }

    private static void Check(TrajectoryChange change)
    {
        var run = change.Trajectory;
        foreach (var key in change.Keys)
        {
            if (!string.Equals(key.TaskId, run.TaskId, StringComparison.Ordinal))
            {
                throw new ArgumentException($"A correlation key of task {key.TaskId} was given with the run of task {run.TaskId}.", nameof(change));
            }
        }

        foreach (var step in change.Steps)
        {
            if (!string.Equals(step.TrajectoryId, run.Id, StringComparison.Ordinal))
            {
                throw new ArgumentException($"A step of run {step.TrajectoryId} was given with run {run.Id}.", nameof(change));
            }
        }

        if (change.Embeddings.Any(e => e.Vector.Length == 0))
        {
            throw new ArgumentException($"A vector of run {run.Id} is empty.", nameof(change));
        }
    }

    private void AddExchange(string exchange, string run, int step)
    {
        if (_exchanges.TryGetValue(exchange, out var other) && other != (run, step))
        {
            throw TakenExchange(exchange);
        }

        _exchanges[exchange] = (run, step);
    }

    private static StoreException TakenExchange(string exchange) =>
        new($"Exchange {exchange} is recorded as another step already.") { IsConflict = true };

    private async Task<Dictionary<string, long>> SaveRunsAsync(SqlSession session, CancellationToken cancellationToken)
    {
        var returned = await session.ExecuteReturningAsync(_changes.Select(c => TrajectoryRows.Save(c.Trajectory)).ToList(), cancellationToken);
        var rows = new Dictionary<string, long>(StringComparer.Ordinal);
        for (var i = 0; i < _changes.Count; i++)
        {
            rows[_changes[i].Trajectory.Id] = returned[i]
                ?? throw new StoreException($"Run {_changes[i].Trajectory.Id} was changed by another process since it was read, or its id belongs to another tenant.") { IsConflict = true };
        }

        return rows;
    }

    private async Task SaveContentAsync(SqlSession session, IReadOnlyDictionary<string, StoredContent> encoded, CancellationToken cancellationToken)
    {
        // Once more, because what was there a moment ago can have been removed with the last run that used it.
        var stored = await FindStoredAsync(session, cancellationToken);
        var missing = Missing(stored);
        await session.ExecuteAsync(
            missing.Select(c =>
            {
                var content = encoded.TryGetValue(c.Hash.Value, out var ready) ? ready : Encode(c);
                return new SqlStatement("INSERT INTO content (hash, codec, original_length, bytes) VALUES (@hash, @codec, @length, @bytes) ON CONFLICT (hash) DO NOTHING")
                    .With("hash", StepRows.Bytes(c.Hash)).With("codec", (int)content.Encoding).With("length", content.Length).With("bytes", content.Bytes);
            }).ToList(),
            cancellationToken);
        await session.ExecuteAsync(
            missing.Where(c => _cuts.GetValueOrDefault(c.Hash.Value) is not null).Select(c => new SqlStatement(
                $"INSERT INTO content_part (content_id, part_id) SELECT c.id, p.id FROM content c, content p WHERE c.hash = @hash AND p.hash {session.AnyBytes("parts")} ON CONFLICT DO NOTHING")
                .With("hash", StepRows.Bytes(c.Hash)).With("parts", _cuts[c.Hash.Value]!.Parts.Select(p => StepRows.Bytes(p.Hash)).ToList())).ToList(),
            cancellationToken);
    }

    /// <summary>What is to be stored: messages, and their long values.</summary>
    private List<Content> Missing(IReadOnlySet<string> stored) =>
        _contents.Values.Where(c => !stored.Contains(c.Hash.Value))
            .SelectMany(c => _cuts.GetValueOrDefault(c.Hash.Value) is { } cut ? cut.Parts.Where(p => !stored.Contains(p.Hash.Value)).Append(c) : [c])
            .DistinctBy(c => c.Hash)
            .OrderBy(c => c.Hash.Value, StringComparer.Ordinal)
            .ToList();

    private StoredContent Encode(Content content) =>
        _cuts.GetValueOrDefault(content.Hash.Value) is { } cut ? cut.Encode() : ContentCodec.Encode(content.Bytes.Span);

    private async Task<Dictionary<string, (string Run, int Step)>> NewExchangesAsync(SqlSession session, CancellationToken cancellationToken)
    {
        var fresh = new Dictionary<string, (string Run, int Step)>(_exchanges, StringComparer.Ordinal);
        if (fresh.Count == 0)
        {
            return fresh;
        }

        var known = await session.QueryAsync(
            new SqlStatement("SELECT x.exchange_id, t.id, x.step_index FROM recorded_exchange x JOIN task_trajectory t ON t.row_id = x.trajectory_row WHERE x.exchange_id " + session.Any("ids"))
                .With("ids", fresh.Keys.ToList()),
            r => (Exchange: r.GetString(0), Step: (r.GetString(1), r.GetInt32(2))),
            cancellationToken);
        foreach (var (exchange, step) in known)
        {
            if (fresh.Remove(exchange, out var wanted) && wanted != step)
            {
                throw TakenExchange(exchange);
            }
        }

        return fresh;
    }

    /// <summary>The outline, and which outcome estimates a change makes due: its own, and that of the turn before.</summary>
    private IEnumerable<SqlStatement> OutcomeStatements(long row, TrajectoryChange change)
    {
        var run = change.Trajectory;
        if (change.Outline is { } outline)
        {
            yield return new SqlStatement("INSERT INTO trajectory_outline (trajectory_row, outline) VALUES (@row, @outline) ON CONFLICT (trajectory_row) DO UPDATE SET outline = excluded.outline")
                .With("row", row).With("outline", outline.ToJson());
        }

        // An inferred outcome is estimated; a known one may change the estimates near to it.
        if (run.CompletedAt is not null && (change.Outline is not null || (change.Steps.Count == 0 && run is { Success: not null, IsProvisional: false })))
        {
            yield return new SqlStatement("UPDATE task_trajectory SET outcome_due_at = @now WHERE row_id = @row").With("row", row).With("now", _now);
        }

        if (run.Version is 0 && run.ParentId is null && !string.Equals(run.ConversationId, run.TaskId, StringComparison.Ordinal))
        {
            yield return new SqlStatement("UPDATE task_trajectory SET outcome_due_at = @now WHERE tenant = @tenant AND conversation_id = @conversation AND row_id <> @row AND outcome_source = 'inferred'")
                .With("row", row).With("tenant", run.Tenant).With("conversation", run.ConversationId).With("now", _now);
        }
    }

    private static SqlStatement SaveExchange(long row, string exchange, int step) =>
        new SqlStatement("INSERT INTO recorded_exchange (exchange_id, trajectory_row, step_index) VALUES (@exchange, @row, @step)")
            .With("exchange", exchange).With("row", row).With("step", step);

    private static SqlStatement SaveKey(long row, string tenant, CorrelationEntry key) =>
        new SqlStatement(
            """
            INSERT INTO correlation_key (tenant, turn_key, kind, trajectory_row, step_index, at)
            VALUES (@tenant, @key, @kind, @row, @step, @at)
            ON CONFLICT (tenant, turn_key, kind, trajectory_row, step_index) DO NOTHING
            """)
            .With("tenant", tenant).With("key", SqlTrajectoryStore.Bytes(key.Key)).With("kind", (int)key.Kind).With("row", row).With("step", key.StepIndex).With("at", key.At);

    private static SqlStatement? LinkContent(SqlSession session, long row, TrajectoryChange change)
    {
        var hashes = change.Contents.Select(c => c.Hash).Concat(change.Steps.SelectMany(StepRows.References)).Distinct().Select(StepRows.Bytes).ToList();
        return hashes.Count == 0
            ? null
            : new SqlStatement($"INSERT INTO trajectory_content (trajectory_row, content_id) SELECT @row, c.id FROM content c WHERE c.hash {session.AnyBytes("hashes")} ON CONFLICT DO NOTHING")
                .With("row", row).With("hashes", hashes);
    }

    private static async Task<IReadOnlyList<VectorRow>> ReplacedDocumentsAsync(SqlSession session, List<VectorRow> vectors, CancellationToken cancellationToken)
    {
        var documents = vectors.Where(v => v.IsDocument).ToList();
        var stored = await TrajectoryRemoval.ReadDocumentsAsync(session, documents.Select(v => v.Run).Distinct().ToList(), cancellationToken);
        return stored.Where(old => documents.Exists(v =>
            v.Run == old.Run && v.Dimensions == old.Dimensions && string.Equals(v.Embedding.Model, old.Embedding.Model, StringComparison.Ordinal))).ToList();
    }

    private static async Task IndexTextsAsync(SqlSession session, List<long> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var tasks = await session.QueryAsync(
            new SqlStatement("SELECT row_id, task_description, tools_used FROM task_trajectory WHERE row_id " + session.Any("rows")).With("rows", rows),
            r => (Row: r.GetInt64(0), Text: r.GetString(1), Tools: JsonLists.Read(r.GetString(2))),
            cancellationToken);
        var others = (await session.QueryAsync(
            new SqlStatement("SELECT DISTINCT trajectory_row, text FROM trajectory_embedding WHERE trajectory_row " + session.Any("rows")).With("rows", rows),
            r => (Row: r.GetInt64(0), Text: r.GetString(1)),
            cancellationToken)).ToLookup(r => r.Row, r => r.Text);
        await session.ExecuteAsync(
            tasks.Select(t => session.IndexText(
                t.Row,
                SearchText.Words(t.Text),
                SearchText.Words(string.Join('\n', others[t.Row].Where(o => !string.Equals(o, t.Text, StringComparison.Ordinal)).Concat(t.Tools))))).ToList(),
            cancellationToken);
    }
}
