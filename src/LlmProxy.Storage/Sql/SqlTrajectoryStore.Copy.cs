using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <content>What <see cref="StoreCopy"/> reads from one store and puts into another, besides what every caller can.</content>
public abstract partial class SqlTrajectoryStore
{
    /// <summary>Number of runs of all tenants.</summary>
    internal Task<long> CountRunsAsync(CancellationToken cancellationToken) =>
        ReadAsync("count runs", s => s.QueryFirstAsync(new SqlStatement("SELECT count(*) FROM task_trajectory"), r => r.GetInt64(0), cancellationToken), cancellationToken);

    /// <summary>Runs of all tenants after a row, in the order of their rows.</summary>
    internal Task<List<TrajectoryRow>> ReadRunsAsync(long afterRow, int limit, CancellationToken cancellationToken) =>
        ReadAsync(
            "read runs",
            s => s.QueryAsync(
                new SqlStatement($"SELECT {TrajectoryRows.Columns}, t.row_id FROM task_trajectory t WHERE t.row_id > @after ORDER BY t.row_id LIMIT @limit")
                    .With("after", afterRow).With("limit", limit),
                r => new TrajectoryRow(r.GetInt64(r.FieldCount - 1), TrajectoryRows.Read(s, r)),
                cancellationToken),
            cancellationToken);

    /// <summary>The runs with one of these ids, and the tenant's runs of one of these tasks.</summary>
    internal Task<List<Trajectory>> FindRunsAsync(string tenant, IReadOnlyCollection<Trajectory> runs, CancellationToken cancellationToken) =>
        ReadAsync(
            "look up runs",
            s => s.QueryAsync(
                new SqlStatement($"{SelectRuns}t.id {s.Any("ids")} UNION {SelectRuns}t.tenant = @tenant AND t.task_id {s.Any("tasks")}")
                    .With("ids", runs.Select(r => r.Id).ToList()).With("tenant", tenant).With("tasks", runs.Select(r => r.TaskId).ToList()),
                r => TrajectoryRows.Read(s, r),
                cancellationToken),
            cancellationToken);

    /// <summary>Everything that belongs to a run.</summary>
    internal Task<TrajectoryCopy> ReadRunAsync(TrajectoryRow run, CancellationToken cancellationToken) =>
        ReadAsync(
            "read a run",
            async s =>
            {
                SqlStatement OfRun(string text) => new SqlStatement(text).With("row", run.Row);

                var steps = await s.QueryAsync(
                    OfRun($"SELECT {StepRows.Columns} FROM trajectory_step s WHERE s.trajectory_row = @row ORDER BY s.idx"), r => StepRows.Read(s, r, run.Run.Id), cancellationToken);
                var contents = new Dictionary<ContentHash, ReadOnlyMemory<byte>>();
                await ContentRows.ReadAsync(
                    s, OfRun($"SELECT {ContentRows.Columns} FROM trajectory_content u JOIN content c ON c.id = u.content_id WHERE u.trajectory_row = @row ORDER BY c.id"), contents, skipsDamaged: false, cancellationToken);
                // Those of a step come with it; one whose content was dropped has no step any more.
                var ofSteps = steps.Select(step => step.ExchangeId).ToHashSet(StringComparer.Ordinal);
                var exchanges = await s.QueryAsync(
                    OfRun("SELECT exchange_id, step_index FROM recorded_exchange WHERE trajectory_row = @row ORDER BY exchange_id"), r => (Id: r.GetString(0), Step: r.GetInt32(1)), cancellationToken);
                var keys = await s.QueryAsync(
                    OfRun("SELECT turn_key, kind, step_index, at FROM correlation_key WHERE trajectory_row = @row ORDER BY turn_key, kind, step_index"),
                    r => new CorrelationEntry(KeyOf(r.GetFieldValue<byte[]>(0)), (CorrelationKind)r.GetInt32(1), run.Run.TaskId, r.GetInt32(2), s.ReadTime(r, 3)),
                    cancellationToken);
                var embeddings = await s.QueryAsync(
                    OfRun($"SELECT model, kind, {s.VectorColumn}, text FROM trajectory_embedding WHERE trajectory_row = @row ORDER BY model, dimensions, kind"),
                    r => new TrajectoryEmbedding(r.GetString(0), r.GetString(1), s.ReadVector(r, 2), r.GetString(3)),
                    cancellationToken);
                var example = await s.QueryFirstAsync(
                    OfRun("SELECT task_description, pinned, retired, edited_json, usage_count, last_used_at, stated_successes, stated_failures FROM few_shot_example WHERE trajectory_row = @row"),
                    r => new ExampleRow(r.Text(0), r.GetBoolean(1), r.GetBoolean(2), r.Text(3), r.GetInt64(4), r.IsDBNull(5) ? null : s.ReadTime(r, 5), r.GetInt64(6), r.GetInt64(7)),
                    cancellationToken);
                var outline = await s.QueryFirstAsync(OfRun("SELECT outline FROM trajectory_outline WHERE trajectory_row = @row"), r => (string?)r.GetString(0), cancellationToken);
                return new TrajectoryCopy(
                    new TrajectoryChange
                    {
                        // Whatever number the other store's row has: which of the two is newer was found out before.
                        Trajectory = run.Run with { Version = null },
                        Steps = steps,
                        Contents = [.. contents.Select(c => new Content(c.Key, c.Value))],
                        Exchanges = exchanges.Where(e => !ofSteps.Contains(e.Id)).Select(e => e.Id).ToList(),
                        Keys = keys,
                        Embeddings = embeddings,
                        Outline = outline is null ? null : TrajectoryOutline.Parse(outline),
                    },
                    example);
            },
            cancellationToken);

    /// <summary>Puts rows of <c>few_shot_example</c> in place of those that are there.</summary>
    internal Task SaveExamplesAsync(IReadOnlyCollection<(Trajectory Run, ExampleRow Example)> examples, CancellationToken cancellationToken) =>
        examples.Count == 0
            ? Task.CompletedTask
            : ChangeAsync(
                "save examples",
                async s =>
                {
                    var rows = (await s.QueryAsync(
                        new SqlStatement("SELECT id, row_id FROM task_trajectory WHERE id " + s.Any("ids")).With("ids", examples.Select(e => e.Run.Id).ToList()),
                        r => (Id: r.GetString(0), Row: r.GetInt64(1)),
                        cancellationToken)).ToDictionary(r => r.Id, r => r.Row, StringComparer.Ordinal);
                    await s.ExecuteAsync(
                        examples.Where(e => rows.ContainsKey(e.Run.Id)).OrderBy(e => e.Run.Id, StringComparer.Ordinal).Select(e => new SqlStatement(
                            """
                            INSERT INTO few_shot_example (trajectory_row, tenant, task_description, pinned, retired, edited_json, usage_count, last_used_at, stated_successes, stated_failures)
                            VALUES (@row, @tenant, @description, @pinned, @retired, @edited, @uses, @used, @successes, @failures)
                            ON CONFLICT (trajectory_row) DO UPDATE SET task_description = excluded.task_description, pinned = excluded.pinned,
                                retired = excluded.retired, edited_json = excluded.edited_json, usage_count = excluded.usage_count, last_used_at = excluded.last_used_at,
                                stated_successes = excluded.stated_successes, stated_failures = excluded.stated_failures
                            """)
                            .With("row", rows[e.Run.Id]).With("tenant", e.Run.Tenant).With("description", e.Example.TaskDescription)
                            .With("pinned", e.Example.Pinned).With("retired", e.Example.Retired).With("edited", e.Example.EditedJson)
                            .With("uses", e.Example.UsageCount).With("used", e.Example.LastUsedAt)
                            .With("successes", e.Example.StatedSuccesses).With("failures", e.Example.StatedFailures)).ToList(),
                        cancellationToken);
                },
                cancellationToken);

    /// <summary>Pins after one of them, in the order of tenant and task.</summary>
    internal Task<List<PromptPin>> ReadPinsAsync(PromptPin? after, int limit, CancellationToken cancellationToken) =>
        ReadAsync(
            "read pins",
            s => s.QueryAsync(
                new SqlStatement(
                    """
                    SELECT tenant, task_id, template_set, values_json, example_ids, result, at FROM prompt_pin
                    WHERE tenant > @tenant OR (tenant = @tenant AND task_id > @task) ORDER BY tenant, task_id LIMIT @limit
                    """).With("tenant", after?.Tenant ?? "").With("task", after?.TaskId ?? "").With("limit", limit),
                r => new PromptPin(r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), JsonLists.Read(r.GetString(4)), FewShotResult.Parse(r.GetString(5)), s.ReadTime(r, 6)),
                cancellationToken),
            cancellationToken);

    /// <summary>Hashes of all template sets.</summary>
    internal Task<List<string>> ReadTemplateSetsAsync(CancellationToken cancellationToken) =>
        ReadAsync("read template sets", s => s.QueryAsync(new SqlStatement("SELECT hash FROM template_set ORDER BY hash"), r => r.GetString(0), cancellationToken), cancellationToken);

    /// <summary>All settings that the store keeps, the correlation secret among them.</summary>
    internal Task<List<(string Name, byte[] Value)>> ReadSettingsAsync(CancellationToken cancellationToken) =>
        ReadAsync("read settings", s => ReadSettingsAsync(s, cancellationToken), cancellationToken);

    /// <summary>
    /// Takes another store's settings over. A store that holds runs keeps its own: its correlation keys were made with
    /// them, and those of the other store would lead nowhere in it.
    /// </summary>
    /// <exception cref="StoreException">The store holds runs, and a setting has another value.</exception>
    internal Task SaveSettingsAsync(IReadOnlyList<(string Name, byte[] Value)> settings, CancellationToken cancellationToken) =>
        ChangeAsync(
            "save settings",
            async s =>
            {
                var own = (await ReadSettingsAsync(s, cancellationToken)).ToDictionary(o => o.Name, o => o.Value, StringComparer.Ordinal);
                var other = settings.Where(o => !own.TryGetValue(o.Name, out var value) || !value.AsSpan().SequenceEqual(o.Value)).ToList();
                if (other.Exists(o => own.ContainsKey(o.Name)) && await s.QueryFirstAsync(new SqlStatement("SELECT count(*) FROM task_trajectory"), r => r.GetInt64(0), cancellationToken) > 0)
                {
                    throw new StoreException("The target holds runs of another store already. Copy into an empty database.") { IsConflict = true };
                }

                await s.ExecuteAsync(other.ConvertAll(o => SaveSetting(o.Name, o.Value)), cancellationToken);
            },
            cancellationToken);

    private static Task<List<(string Name, byte[] Value)>> ReadSettingsAsync(SqlSession session, CancellationToken cancellationToken) =>
        session.QueryAsync(new SqlStatement($"SELECT name, value FROM store_setting WHERE name NOT LIKE '{ProgressPrefix}%' ORDER BY name"), r => (r.GetString(0), r.GetFieldValue<byte[]>(1)), cancellationToken);
}
