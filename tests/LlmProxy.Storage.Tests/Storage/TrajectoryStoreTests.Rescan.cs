using System.Data.Common;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Wire;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Redacting what is stored already.</content>
public abstract partial class TrajectoryStoreTests
{
    // Made by the proxy, or named in the settings, whose rules refer to them. Every other text is planted, a later one too.
    private static readonly HashSet<string> NoFreeText = new(StringComparer.Ordinal)
    {
        "Trajectory.Id", "Trajectory.Tenant", "Trajectory.Preset", "Trajectory.Arm", "Trajectory.TemplateSet", "Trajectory.KeyNames", "Trajectory.ExampleIds",
        "TrajectoryStep.TrajectoryId", "TrajectoryStep.ExchangeId",
        "TrajectoryEmbedding.Model", "TrajectoryEmbedding.Kind",
        "FewShotExampleRow.TrajectoryId",
        "PromptPin.Tenant", "PromptPin.TemplateSet", "PromptPin.ExampleIds",
        "AuditEntry.Id", "AuditEntry.Tenant", "AuditEntry.Actor",
        "ReplicaTask.Tenant", "ReplicaTask.TrajectoryId",
    };

    protected Dictionary<string, string> Planted { get; } = new(StringComparer.Ordinal);

    /// <summary>A connection next to that of the store.</summary>
    protected abstract Task<DbConnection> ConnectAsync();

    /// <summary>Tables and columns of the schema, each with the expression that reads it as a text or as bytes.</summary>
    protected abstract string SchemaColumns { get; }

    [StoreFact]
    public async Task A_rescan_takes_every_planted_secret_out_of_every_column()
    {
        await PlantAsync("run-1", Tenant);
        await PlantAsync("run-2", Tenant);
        await SaveAsync(new TrajectoryChange { Trajectory = Run("clean"), Steps = [Step("clean", 1) with { SystemPrompt = Text("You are clean.").Hash }], Contents = [Text("You are clean.")] });
        var before = await SweepAsync();
        Assert.True(Planted.Count >= 40, $"{Planted.Count} secrets");
        Assert.Equal(Planted.Values.Order(StringComparer.Ordinal), before.Select(f => f.Secret).Distinct().Order(StringComparer.Ordinal));

        var counts = await RescanAsync();
        await Store.EraseDeletedAsync(default);

        var after = await SweepAsync();
        Assert.True(after.Count == 0, string.Join('\n', after.Select(f => $"{f.Secret} in {f.Place}")));
        Assert.Empty(new[] { "task_trajectory", "trajectory_step", "content", "trajectory_embedding", "few_shot_example", "prompt_pin", "audit" }.Except(counts.Rows.Keys));
        Assert.True(counts.Secrets["github-token"] >= Planted.Count, $"{counts.Secrets["github-token"]} of {Planted.Count}");
        Assert.Equal(1, (await Store.FindTrajectoryAsync(Tenant, "clean", default))!.Version);
        Assert.Single(await Store.ReadContentAsync([Text("You are clean.").Hash], default));
        Assert.Empty((await Store.ListAsync(new TrajectoryQuery(Tenant) { Search = Core(Planted["run-1 TrajectoryEmbedding.Text"]) }, default)).Items);
    }

    [StoreFact]
    public async Task A_dry_rescan_counts_the_same_and_changes_nothing()
    {
        await PlantAsync("run-1", Tenant);
        var before = await SweepAsync();

        var dry = await RescanAsync(dryRun: true);
        var kept = await SweepAsync();
        var real = await RescanAsync();

        Assert.Equal(before.Order(), kept.Order());
        Assert.Equal(dry.Rows, real.Rows);
        Assert.Equal(dry.Secrets, real.Secrets);
    }

    [StoreFact]
    public async Task A_rescan_that_ran_to_the_end_finds_nothing_when_it_runs_again()
    {
        await PlantAsync("run-1", Tenant);
        await RescanAsync();
        var run = (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!;

        var content = await ReadAllAsync();
        var again = await RescanAsync();
        Assert.Empty(again.Rows);
        Assert.Empty(again.Secrets);
        Assert.Equal(run.Version, (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!.Version);
        Assert.Equal(6, content.Count);
        Assert.Equal(content, await ReadAllAsync());

        async Task<List<string>> ReadAllAsync() =>
            [.. (await Store.ReadContentAsync([.. (await Store.ReadStepsAsync("run-1", default)).SelectMany(StepRows.References)], default)).Select(c => Encoding.UTF8.GetString(c.Value.Span)).Order(StringComparer.Ordinal)];
    }

    [StoreFact]
    public async Task A_rescan_that_was_interrupted_anywhere_is_finished_by_the_next()
    {
        await PlantAsync("run-1", Tenant);
        await PlantAsync("run-2", Tenant);
        var rescan = (IRescanStore)Store;
        var cleaner = Cleaner(Tenant);
        string? cursor = null;
        for (var parts = 1; ; parts++)
        {
            // Each part begins anew, as after a kill: nothing is remembered but what is stored.
            for (var (part, at) = (0, (string?)null); part < parts; part++)
            {
                at = cursor = (await rescan.RescanAsync(Tenant, at, cleaner, dryRun: false, default)).NextCursor;
            }

            if (cursor is null)
            {
                break;
            }
        }

        await Store.EraseDeletedAsync(default);
        Assert.Empty(await SweepAsync());
    }

    [StoreFact]
    public async Task A_rescan_changes_one_tenant_and_keeps_shared_content_for_the_other()
    {
        var shared = Text($$"""{"role":"user","content":"the key is {{Secret("shared")}} for both"}""");
        await SaveAsync(Change(Run("own"), shared), Change(Run("foreign") with { Tenant = "other" }, shared));

        await RescanAsync();

        Assert.Equal(shared.Hash, (await Store.ReadStepsAsync("foreign", default))[0].Messages[0].Content);
        Assert.True((await Store.ReadContentAsync([shared.Hash], default)).ContainsKey(shared.Hash));
        Assert.NotEqual(shared.Hash, (await Store.ReadStepsAsync("own", default))[0].Messages[0].Content);

        await RescanAsync("other");

        Assert.Empty(await Store.ReadContentAsync([shared.Hash], default));
        var (own, foreign) = (await MessageAsync("own"), await MessageAsync("foreign"));
        Assert.Contains("[redacted:github-token:", own, StringComparison.Ordinal);
        Assert.Contains("[redacted:github-token:", foreign, StringComparison.Ordinal);
        Assert.NotEqual(own, foreign);
    }

    [StoreFact]
    public async Task A_rescan_leaves_the_same_placeholder_in_all_places_of_a_secret_and_the_words_around_it()
    {
        var secret = Secret("everywhere");
        await SaveAsync(
            Change(Run("a", $"Use {secret} to log in") with { Comment = $"worked with {secret}" }, Text($$"""{"role":"user","content":"export T={{secret}} && run"}""")),
            Change(Run("b"), Text($$"""{"role":"user","content":"{{new string('x', 3000)}} {{secret}}"}""")));

        await RescanAsync();

        var run = (await Store.FindTrajectoryAsync(Tenant, "a", default))!;
        var placeholder = run.Comment!["worked with ".Length..];
        Assert.Matches(@"^\[redacted:github-token:[0-9a-f]{8}\]$", placeholder);
        Assert.Equal($"Use {placeholder} to log in", run.TaskDescription);
        Assert.Contains(placeholder, await MessageAsync("a"), StringComparison.Ordinal);
        Assert.Equal($$"""{"role":"user","content":"{{new string('x', 3000)}} {{placeholder}}"}""", await MessageAsync("b"));
        Assert.Equal("a", Assert.Single((await Store.ListAsync(new TrajectoryQuery(Tenant) { Search = "log in" }, default)).Items).Id);
    }

    [StoreFact]
    public async Task A_lexical_vector_is_made_anew_and_a_remote_one_waits_for_embed()
    {
        var text = $"deploy with {Secret("vector")} tonight";
        await SaveAsync(new TrajectoryChange
        {
            Trajectory = Run("run-1", text),
            Embeddings = [new(LexicalEmbedder.ModelName, "task", LexicalEmbedder.Embed(text), text), new("remote", "task", [1, 0], text)],
        });
        var lacking = new TrajectoryTextsQuery(Tenant, 9) { Lacking = [new VectorKind("remote", 2)] };
        Assert.Equal(0, await Store.CountRunTextsAsync(lacking, default));

        await RescanAsync();

        var texts = Assert.Single(await Store.ListRunTextsAsync(lacking, default));
        Assert.Equal(texts.Run.TaskDescription, texts.Texts["task"]);
        var hit = Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, LexicalEmbedder.ModelName, LexicalEmbedder.Embed(texts.Run.TaskDescription), "", 9), default));
        Assert.True(hit.Similarity > 0.999, hit.Similarity.ToString());
        Assert.Equal(1, (await Store.ReadDocumentFrequenciesAsync(Tenant, [0], default)).Documents);
        Assert.Empty(await Store.SearchAsync(new SearchQuery(Tenant, "remote", [1, 0], "", 9), default));
    }

    [StoreFact]
    public async Task A_task_whose_redacted_id_another_task_has_keeps_an_id_of_its_own()
    {
        var (old, later) = (Run("old") with { TaskId = "job " + Secret("id") }, Run("later") with { TaskId = "job " + Cleaner(Tenant).Text(Secret("id"), new RescanCounts()) });
        await SaveAsync(new TrajectoryChange { Trajectory = old }, new TrajectoryChange { Trajectory = later });

        await RescanAsync();

        Assert.Equal("later", (await Store.FindTaskAsync(Tenant, later.TaskId, default))!.Id);
        Assert.Equal(later.TaskId + "-old", (await Store.FindTrajectoryAsync(Tenant, "old", default))!.TaskId);
        await Store.EraseDeletedAsync(default);
        Assert.Empty(await SweepAsync());
    }

    [StoreFact]
    public async Task A_run_that_is_recorded_during_a_rescan_loses_neither_a_step_nor_content()
    {
        const int Steps = 60;
        var prompt = Text("""{"role":"user","content":"clean"}""");
        await SaveAsync(Change(Run("run-1"), Text(Leak(0)), prompt));
        using var stop = new CancellationTokenSource();
        var recording = Task.Run(async () =>
        {
            for (var index = 3; index <= Steps; index++)
            {
                // As the recorder does: a change that is refused is made anew from the run as it is stored.
                for (var saved = false; !saved;)
                {
                    var run = (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!;
                    var content = Text(Leak(index));
                    try
                    {
                        await SaveAsync(new TrajectoryChange { Trajectory = run with { IterationCount = index }, Steps = [Step("run-1", index, prompt, content)], Contents = [prompt, content] });
                        saved = true;
                    }
                    catch (StoreException error) when (error.IsConflict)
                    {
                        // Again.
                    }
                }
            }

            await stop.CancelAsync();
        });
        while (!stop.IsCancellationRequested)
        {
            await RescanAsync();
        }

        await recording;
        await RescanAsync();
        await Store.EraseDeletedAsync(default);

        var steps = await Store.ReadStepsAsync("run-1", default);
        var hashes = steps.SelectMany(StepRows.References).Distinct().ToList();
        Assert.Equal(Steps, steps.Count);
        Assert.Equal(Steps, (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!.IterationCount);
        Assert.Equal(hashes.Count, (await Store.ReadContentAsync(hashes, default)).Count);
        Assert.Equal(hashes.Count, await CountAsync("SELECT count(*) FROM content"));
        Assert.Empty(await SweepAsync());

        string Leak(int step) => $$"""{"role":"user","content":"step {{step}} with {{Secret("step " + step)}}"}""";
    }

    [StoreFact]
    public async Task A_cursor_of_another_kind_is_refused()
    {
        foreach (var cursor in new[] { "", "runs", "runs:x", "runs:-1", "steps:1", ":" })
        {
            await Assert.ThrowsAsync<ArgumentException>(() => ((IRescanStore)Store).RescanAsync(Tenant, cursor, Cleaner(Tenant), dryRun: true, default));
        }
    }

    private async Task<string> MessageAsync(string run)
    {
        var hash = (await Store.ReadStepsAsync(run, default))[0].Messages[0].Content;
        return Encoding.UTF8.GetString((await Store.ReadContentAsync([hash], default))[hash].Span);
    }

    private static StoredTextCleaner Cleaner(string tenant) =>
        new(new Redactor(new RedactionOptions(), new CorrelationSecret { Value = SHA256.HashData("the key of the placeholders"u8) }).For(tenant));

    private protected async Task<RescanCounts> RescanAsync(string tenant = Tenant, bool dryRun = false)
    {
        var cleaner = Cleaner(tenant);
        string? cursor = null;
        do
        {
            cursor = (await ((IRescanStore)Store).RescanAsync(tenant, cursor, cleaner, dryRun, default)).NextCursor;
        }
        while (cursor is not null);

        return cleaner.Counts;
    }

    /// <summary>A key of a known form, made at run time; remembered to be searched for.</summary>
    protected string Secret(string name)
    {
        const string Letters = "abcdefghijklmnopqrstuvwxyz0123456789";
        var hash = SHA512.HashData(Encoding.UTF8.GetBytes(name));
        return Planted[name] = string.Concat("gh", "p_", new string([.. hash.Take(36).Select(b => Letters[b % Letters.Length])]));
    }

    protected static string Core(string secret) => secret[4..];

    /// <summary>Fills every free text of a row.</summary>
    private T Fill<T>(string run, T row)
        where T : class
    {
        foreach (var property in typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is not null && !NoFreeText.Contains($"{typeof(T).Name}.{p.Name}")))
        {
            var secret = $"{property.Name} {Secret($"{run} {typeof(T).Name}.{property.Name}")}";
            if (property.PropertyType == typeof(string))
            {
                property.SetValue(row, property.Name.EndsWith("Json", StringComparison.Ordinal) ? $$"""{"task":"{{secret}}"}""" : secret);
            }
            else if (property.PropertyType == typeof(IReadOnlyList<string>))
            {
                property.SetValue(row, new[] { "plain", secret });
            }
            else
            {
                Planted.Remove($"{run} {typeof(T).Name}.{property.Name}");
            }
        }

        return row;
    }

    private async Task PlantAsync(string id, string tenant)
    {
        Content Piece(string name, bool isText = false) => Text(isText ? $"You are {Secret($"{id} {name}")}." : $$"""{"role":"user","content":"{{name}}: {{Secret($"{id} {name}")}}"}""");

        var run = Fill(id, Run(id) with { Tenant = tenant });
        var (prompt, sent, tools, reply, first) = (Piece("prompt", true), Piece("sent prompt", true), Piece("tools"), Piece("reply"), Piece("first"));
        var (replaced, result) = (Piece("replaced"), Text($$"""{"role":"user","content":"{{new string('r', 4000)}} {{Secret(id + " long value")}} {{new string('s', 4000)}}"}"""));
        var step = Fill(id, Step(id, 1)) with
        {
            SystemPrompt = prompt.Hash,
            SentSystemPrompt = sent.Hash,
            Tools = tools.Hash,
            Reply = reply.Hash,
            Messages = [new StepMessage(first.Hash, "role " + Secret(id + " role"), false), new StepMessage(result.Hash, "user", true)],
        };
        var text = $"embedded {Secret($"{id} TrajectoryEmbedding.Text")}";
        await SaveAsync(new TrajectoryChange { Trajectory = run, Steps = [Step(id, 1, replaced) with { ExchangeId = id + "-tried" }], Contents = [replaced] });
        await SaveAsync(new TrajectoryChange
        {
            Trajectory = run,
            Steps = [step],
            Contents = [prompt, sent, tools, reply, first, result],
            Keys = [Key(7, run, 1)],
            Embeddings = [new(LexicalEmbedder.ModelName, "task", LexicalEmbedder.Embed(text), text), new("remote", "task", [1, 0], text), new("lexical-0", "task", [0, 1], text)],
        });
        await Store.UpdateExampleAsync(tenant, Fill(id, new FewShotExampleRow(id, "", null, true, false, null, 0, null)), default);
        // The trajectory's own column, which has a secret already.
        Planted.Remove($"{id} {nameof(FewShotExampleRow)}.{nameof(FewShotExampleRow.TaskType)}");
        await Store.PinAsync(Fill(id, Pin("task-" + id, tenant: tenant)), default);
        await Store.AddAuditAsync(Fill(id, new AuditEntry("audit-" + id, Start, tenant, "local", AuditAction.Purge, "", new Dictionary<string, long>(StringComparer.Ordinal))), default);
        if (Store is ISharedTaskStore shared)
        {
            var task = Fill(id, new ReplicaTask { Tenant = tenant, TaskId = "", TrajectoryId = id, ConversationId = "", StartedAt = Start, At = Start });
            await shared.SaveOpenTasksAsync([task with { Keys = [new CorrelationEntry(new TurnKey(9, 9), CorrelationKind.Chain, task.TaskId, 1, Start)] }], default);
        }
    }

    /// <summary>Where the planted secrets are: in any column of any table, whatever it is called, and in what content says.</summary>
    private async Task<List<(string Secret, string Place)>> SweepAsync()
    {
        var found = new List<(string Secret, string Place)>();
        await using var connection = await ConnectAsync();
        var hashes = new List<ContentHash>();
        foreach (var (table, column, expression) in await ColumnsAsync(connection))
        {
            await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Names of the schema.
            command.CommandText = $"SELECT {expression} FROM {table}";
#pragma warning restore CA2100
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync())
            {
                var value = reader.GetValue(0);
                Search(value is byte[] bytes ? Encoding.Latin1.GetString(bytes) : Convert.ToString(value, CultureInfo.InvariantCulture)!, $"{table}.{column}");
                if (table == "content" && column == "hash")
                {
                    hashes.Add(StepRows.HashOf((byte[])value));
                }
            }
        }

        foreach (var (hash, content) in await Store.ReadContentAsync(hashes, default))
        {
            Search(Encoding.UTF8.GetString(content.Span), "content " + hash.Value);
        }

        return found;

        void Search(string value, string place) =>
            found.AddRange(Planted.Values.Where(secret => value.Contains(Core(secret), StringComparison.OrdinalIgnoreCase)).Select(secret => (secret, place)));
    }

    private async Task<List<(string Table, string Column, string Expression)>> ColumnsAsync(DbConnection connection)
    {
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of the tests.
        command.CommandText = SchemaColumns;
#pragma warning restore CA2100
        await using var reader = await command.ExecuteReaderAsync();
        var columns = new List<(string Table, string Column, string Expression)>();
        while (await reader.ReadAsync())
        {
            columns.Add((reader.GetString(0), reader.GetString(1), reader.GetString(2)));
        }

        Assert.True(columns.Count > 100, $"{columns.Count} columns");
        return columns;
    }
}
