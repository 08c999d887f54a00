using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Wire;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <summary>What every store promises. Each store's own class runs all of it.</summary>
public abstract partial class TrajectoryStoreTests : IAsyncLifetime
{
    private readonly List<SqlTrajectoryStore> _opened = [];

    protected SqlTrajectoryStore Store { get; private set; } = null!;

    protected string ConnectionString { get; private set; } = "";

    public virtual async Task InitializeAsync()
    {
        ConnectionString = await CreateDatabaseAsync();
        Store = OpenStore(ConnectionString);
        await Store.InitializeAsync(default);
    }

    public virtual async Task DisposeAsync()
    {
        foreach (var store in _opened)
        {
            await store.DisposeAsync();
        }
    }

    protected abstract Task<string> CreateDatabaseAsync();

    protected abstract SqlTrajectoryStore Create(string connectionString, TimeProvider? time = null);

    /// <summary>A connection string of a database that cannot be reached; with the password <c>hunter2</c> where it can hold one.</summary>
    protected abstract string Unreachable { get; }

    /// <summary>Runs a query beside the store.</summary>
    protected abstract Task<long> CountAsync(string sql);

    /// <summary>Another store on the same database, as another process has it.</summary>
    protected SqlTrajectoryStore OpenStore(string connectionString, TimeProvider? time = null)
    {
        var store = Create(connectionString, time);
        _opened.Add(store);
        return store;
    }

    protected async Task SaveAsync(params TrajectoryChange[] changes) => await Store.SaveAsync(changes, default);

    [StoreFact]
    public async Task A_run_comes_back_with_every_field()
    {
        var run = new Trajectory
        {
            Id = "run-1",
            TaskId = "task-1",
            Tenant = Tenant,
            ConversationId = "conversation-1",
            ParentId = "run-0",
            SessionId = "session-1",
            Provider = "openai",
            Model = "gpt-4o",
            Client = "codex/1.0",
            Preset = "codex",
            TaskDescription = "Zähle die Wörter 数えて 🎉 'quoted' \"double\"",
            Status = TrajectoryStatus.NeedsHelp,
            Success = false,
            QualityScore = 0.123456789,
            IterationCount = 7,
            ToolCallsCount = 8,
            FailedToolResults = 2,
            ClicksTotal = 5,
            ClicksHit = 4,
            StatedErrorRate = 0.25,
            StatedClickAccuracy = 0.5,
            UserInterventions = 3,
            TokenUsage = new TokenUsage(5_000_000_000, 2, 3, 4, 5),
            CostUsd = 1.234567890123m,
            StartedAt = new DateTimeOffset(2026, 3, 1, 14, 0, 0, 123, 456, TimeSpan.FromHours(2)),
            LastActivityAt = Start.AddMilliseconds(1),
            CompletedAt = Start.AddMilliseconds(2),
            OutcomeSource = OutcomeSource.Agent,
            IsProvisional = true,
            HasContent = true,
            ExampleIds = ["run-8", "run-9"],
            Arm = "holdout",
            ToolsUsed = ["click", "type"],
            KeyNames = ["alice", "bob's \"key\""],
            Comment = "fine",
        };
        await SaveAsync(new TrajectoryChange { Trajectory = run });

        var found = await Store.FindTrajectoryAsync(Tenant, "run-1", default);

        Assert.NotNull(found);
        Assert.Equal(run.ExampleIds, found.ExampleIds);
        Assert.Equal(run.ToolsUsed, found.ToolsUsed);
        Assert.Equal(run.KeyNames, found.KeyNames);
        Assert.Equal(run with { ExampleIds = [], ToolsUsed = [], KeyNames = [], Version = 1 }, found with { ExampleIds = [], ToolsUsed = [], KeyNames = [] });
        Assert.Equal(TimeSpan.Zero, found.StartedAt.Offset);
    }

    [StoreFact]
    public async Task Unknown_tokens_and_the_models_that_responded_come_back_as_they_were_saved()
    {
        var run = Run("run-1") with
        {
            TokenUsage = null,
            Provider = RespondingModels.Mixed,
            AnsweredBy = [new RespondingModel("anthropic", "claude-sonnet-4-6", 3), new RespondingModel("proxy", "the \"odd\", model", 12)],
        };
        await SaveAsync(new TrajectoryChange { Trajectory = run, Steps = [Step("run-1", 1) with { TokenUsage = null }] });

        var found = (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!;

        Assert.Null(found.TokenUsage);
        Assert.Equal((RespondingModels.Mixed, 2), (found.Provider, found.AnsweredBy.Count));
        Assert.Equal(run.AnsweredBy, found.AnsweredBy);
        Assert.Null(Assert.Single(await Store.ReadStepsAsync("run-1", default)).TokenUsage);
    }

    [StoreFact]
    public async Task A_run_with_nothing_known_comes_back_with_nothing_known()
    {
        var run = Run("run-1") with { Success = null, QualityScore = null, CompletedAt = null, OutcomeSource = null, Status = TrajectoryStatus.Active, HasContent = false };
        await SaveAsync(new TrajectoryChange { Trajectory = run });

        var found = await Store.FindTrajectoryAsync(Tenant, "run-1", default);

        Assert.Equal(run with { ExampleIds = [], ToolsUsed = [], Version = 1 }, found! with { ExampleIds = [], ToolsUsed = [] });
        Assert.Null(found.CostUsd);
        Assert.Empty(found.ExampleIds);
    }

    [StoreFact]
    public async Task A_run_that_was_changed_since_it_was_read_is_not_overwritten()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") with { Version = 0, IterationCount = 1 } });
        var read = (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!;
        await SaveAsync(new TrajectoryChange { Trajectory = read with { IterationCount = 2 } });

        var late = await Assert.ThrowsAsync<StoreException>(() => SaveAsync(new TrajectoryChange { Trajectory = read with { IterationCount = 99 } }));
        var second = await Assert.ThrowsAsync<StoreException>(() => SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") with { Version = 0, IterationCount = 98 } }));

        Assert.True(late.IsConflict);
        Assert.True(second.IsConflict);
        Assert.Equal((2L, 2), ((await Store.FindTrajectoryAsync(Tenant, "run-1", default))!.Version, (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!.IterationCount));
    }

    [StoreFact]
    public async Task Saving_again_replaces_the_run_and_keeps_its_steps_vectors_and_words()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1"), Steps = [Step("run-1", 1)], Embeddings = [Vector(1, 0)] });

        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") with { IterationCount = 9 } });

        Assert.Equal(9, (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!.IterationCount);
        Assert.Single(await Store.ReadStepsAsync("run-1", default));
        var hit = Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "flight", 5), default));
        Assert.Equal((1, 1), (hit.VectorRank, hit.TextRank));
    }

    [StoreFact]
    public async Task Steps_come_back_with_every_field_and_in_order()
    {
        var step = new TrajectoryStep
        {
            TrajectoryId = "run-1",
            Index = 2,
            ExchangeId = "exchange-2",
            Dialect = DialectKind.OpenAiResponses,
            Model = "gpt-4o",
            SystemPrompt = Text("own").Hash,
            SentSystemPrompt = Text("sent").Hash,
            Tools = Text("tools").Hash,
            HistoryKept = 3,
            Messages = [new StepMessage(Text("a").Hash, "user", false), new StepMessage(Text("b").Hash, "assistant", true)],
            Reply = Text("reply").Hash,
            StopReason = "tool_use",
            ResponseId = "resp_1",
            TokenUsage = new TokenUsage(1, 2, 3, 4, 5),
            StartedAt = Start,
            DurationMs = 12.5,
            TimeToFirstByteMs = 3.25,
            HttpStatus = 200,
            Rhythm = StreamRhythm.Parse("310:412,40:80"),
            Status = StepStatus.Truncated,
        };
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1"), Steps = [step, Step("run-1", 3), Step("run-1", 1)] });

        var steps = await Store.ReadStepsAsync("run-1", default);

        Assert.Equal([1, 2, 3], steps.Select(s => s.Index));
        Assert.Equal(step.Messages, steps[1].Messages);
        Assert.Equal(step with { Messages = [] }, steps[1] with { Messages = [] });
        Assert.Null(steps[0].Reply);
        Assert.Empty(await Store.ReadStepsAsync("run-2", default));
    }

    [StoreFact]
    public async Task A_step_saved_again_replaces_the_one_with_its_index()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1"), Steps = [Step("run-1", 1)] });

        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1"), Steps = [Step("run-1", 1) with { ExchangeId = "retry", Status = StepStatus.Incomplete }] });

        var step = Assert.Single(await Store.ReadStepsAsync("run-1", default));
        Assert.Equal(("retry", StepStatus.Incomplete), (step.ExchangeId, step.Status));
    }

    [StoreFact]
    public async Task An_exchange_stays_known_after_its_step_was_replaced()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1"), Steps = [Step("run-1", 1)] });
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1"), Steps = [Step("run-1", 1) with { ExchangeId = "retry" }], Exchanges = ["side-call"] });

        var known = await Store.FindExchangesAsync(["run-1-exchange-1", "retry", "side-call", "unknown"], default);

        Assert.Equal(["retry", "run-1-exchange-1", "side-call"], known.Order(StringComparer.Ordinal));
    }

    [StoreFact]
    public async Task An_exchange_cannot_be_two_steps_and_nothing_of_such_a_save_stays()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1"), Steps = [Step("run-1", 1)] });

        var change = new TrajectoryChange { Trajectory = Run("run-2"), Steps = [Step("run-2", 1) with { ExchangeId = "run-1-exchange-1" }], Contents = [Text("new")] };
        var e = await Assert.ThrowsAsync<StoreException>(() => SaveAsync(change));

        Assert.True(e.IsConflict);
        Assert.Null(await Store.FindTrajectoryAsync(Tenant, "run-2", default));
        Assert.Empty(await Store.ReadContentAsync([Text("new").Hash], default));
    }

    [StoreFact]
    public async Task Saving_the_same_change_twice_changes_nothing()
    {
        var run = Run("run-1");
        var change = new TrajectoryChange { Trajectory = run, Steps = [Step("run-1", 1, Text("a"))], Contents = [Text("a")], Keys = [Key(1, run, 1)], Embeddings = [Lexical(1, 0)], Exchanges = ["side"] };

        await SaveAsync(change);
        await SaveAsync(change, change);

        Assert.Single(await Store.ReadStepsAsync("run-1", default));
        Assert.Single(await Store.FindCorrelationAsync(Tenant, [new TurnKey(1, 1)], default));
        Assert.Equal(1, await CountAsync("SELECT count(*) FROM content"));
        Assert.Equal(1, (await Store.ReadDocumentFrequenciesAsync(Tenant, [0], default)).Documents);
    }

    [StoreFact]
    public async Task A_second_run_of_one_task_is_a_conflict()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") });

        var e = await Assert.ThrowsAsync<StoreException>(() => SaveAsync(new TrajectoryChange { Trajectory = Run("run-2") with { TaskId = "task-run-1" } }));

        Assert.True(e.IsConflict);
    }

    [StoreFact]
    public async Task A_run_of_another_tenant_is_neither_seen_nor_overwritten()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") with { SessionId = "s" }, Embeddings = [Vector(1, 0)], Keys = [Key(1, Run("run-1"), 1)] });

        var e = await Assert.ThrowsAsync<StoreException>(() => SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") with { Tenant = "other" } }));

        Assert.True(e.IsConflict);
        Assert.Null(await Store.FindTrajectoryAsync("other", "run-1", default));
        Assert.Null(await Store.FindTaskAsync("other", "task-run-1", default));
        Assert.Null(await Store.FindLatestAsync("other", null, default));
        Assert.Null(await Store.FindLatestAsync("other", "s", default));
        Assert.Empty((await Store.ListAsync(new TrajectoryQuery("other"), default)).Items);
        Assert.Empty(await Store.SearchAsync(new SearchQuery("other", "test-model", [1, 0], "flight", 5), default));
        Assert.Empty(await Store.FindCorrelationAsync("other", [new TurnKey(1, 1)], default));
        Assert.Empty(await Store.FindUsableExamplesAsync("other", ["run-1"], [], default));
        Assert.False(await Store.DeleteAsync("other", "run-1", default));
        await Store.DropContentAsync("other", "run-1", default);
        Assert.True((await Store.FindTrajectoryAsync(Tenant, "run-1", default))!.HasContent);
        Assert.Equal(0, (await Store.ReadStorageUseAsync("other", default)).Trajectories);
    }

    [StoreFact]
    public async Task Content_comes_back_as_it_was_and_is_kept_once()
    {
        var small = Text("short");
        var large = Text(string.Concat(Enumerable.Repeat("The tool said: nothing to see here. ", 500)));
        var noise = new byte[5000];
        new Random(1).NextBytes(noise);
        Content[] contents = [small, large, Content.Of(noise), Text("")];
        await SaveAsync(Change(Run("run-1"), contents), Change(Run("run-2"), contents));

        var read = await Store.ReadContentAsync([.. contents.Select(c => c.Hash), Text("unknown").Hash], default);

        Assert.Equal(contents.Length, read.Count);
        Assert.All(contents, c => Assert.Equal(c.Bytes.ToArray(), read[c.Hash].ToArray()));
        Assert.Equal(contents.Length, await CountAsync("SELECT count(*) FROM content"));
        Assert.True(await CountAsync("SELECT min(length(bytes)) FROM content WHERE original_length = 18000") < 500);
        Assert.Equal(5000, await CountAsync("SELECT min(length(bytes)) FROM content WHERE original_length = 5000"));
    }

    [StoreFact]
    public async Task An_image_that_comes_in_several_messages_and_dialects_is_kept_once()
    {
        var file = Convert.ToBase64String(Image);
        Content[] contents =
        [
            Screenshot("toolu_1"),
            Screenshot("toolu_2"),
            Text($$$"""{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{file}}}"}}]}"""),
            Text($$$"""{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"{{{file}}}"}},{"inlineData":{"mimeType":"image/png","data":"{{{file}}}"}}]}"""),
        ];
        await SaveAsync(Change(Run("run-1"), contents[0], contents[1]));
        await SaveAsync(Change(Run("run-2"), contents[1], contents[2], contents[3]));

        var read = await Store.ReadContentAsync(contents.Select(c => c.Hash).ToList(), default);

        Assert.All(contents, c => Assert.Equal(c.Bytes.ToArray(), read[c.Hash].ToArray()));
        Assert.Equal(Image.Length, await CountAsync("SELECT max(length(bytes)) FROM content"));
        Assert.Equal(contents.Length + 1, await CountAsync("SELECT count(*) FROM content"));
    }

    [StoreFact]
    public async Task A_long_value_that_was_recorded_as_a_message_too_is_whole_in_both()
    {
        var message = Screenshot("toolu_1");
        var holder = Text($$"""{"file":"{{Convert.ToBase64String(message.Bytes.Span)}}"}""");
        await SaveAsync(Change(Run("run-1"), message, holder));

        await Store.DeleteAsync(Tenant, "none", default);
        var read = await Store.ReadContentAsync([message.Hash, holder.Hash], default);

        Assert.Equal(message.Bytes.ToArray(), read[message.Hash].ToArray());
        Assert.Equal(holder.Bytes.ToArray(), read[holder.Hash].ToArray());
    }

    [StoreFact]
    public async Task What_a_tenant_stores_counts_the_images_in_its_messages()
    {
        await SaveAsync(Change(Run("run-1"), Screenshot("toolu_1")));
        await SaveAsync(Change(Run("run-2") with { Tenant = "other" }, Text("short")));

        Assert.True((await Store.ReadStorageUseAsync(Tenant, default)).ContentBytes > Image.Length);
        Assert.Equal(5, (await Store.ReadStorageUseAsync("other", default)).ContentBytes);
    }

    [StoreFact]
    public async Task Text_that_a_database_cannot_keep_is_kept_without_the_bad_characters()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1", "nul\0 and half \ud83d a pair") });

        Assert.Equal("nul and half \ufffd a pair", (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!.TaskDescription);
    }

    [StoreFact]
    public async Task Runs_are_found_by_task_session_and_as_the_latest()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("a") with { SessionId = "s", StartedAt = Start.AddMinutes(1) } },
            new TrajectoryChange { Trajectory = Run("b") with { SessionId = "s", StartedAt = Start.AddMinutes(2) } },
            new TrajectoryChange { Trajectory = Run("c") with { SessionId = "t", StartedAt = Start.AddMinutes(3) } });

        Assert.Equal("a", (await Store.FindTaskAsync(Tenant, "task-a", default))!.Id);
        Assert.Equal("b", (await Store.FindLatestAsync(Tenant, "s", default))!.Id);
        Assert.Equal("c", (await Store.FindLatestAsync(Tenant, null, default))!.Id);
        Assert.Null(await Store.FindTaskAsync(Tenant, "task-x", default));
        Assert.Null(await Store.FindLatestAsync(Tenant, "x", default));
    }

    [StoreFact]
    public async Task Open_runs_are_the_idle_ones_that_are_active_or_provisional_oldest_first()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("fresh") with { Status = TrajectoryStatus.Active, LastActivityAt = Start.AddHours(1) } },
            new TrajectoryChange { Trajectory = Run("active") with { Status = TrajectoryStatus.Active, LastActivityAt = Start.AddMinutes(2) } },
            new TrajectoryChange { Trajectory = Run("provisional") with { Tenant = "other", IsProvisional = true, LastActivityAt = Start.AddMinutes(1) } },
            new TrajectoryChange { Trajectory = Run("done") with { LastActivityAt = Start } });

        Assert.Equal(["provisional"], (await Store.ClaimOpenAsync(Start.AddMinutes(2), 1, default)).Select(r => r.Id));
        Assert.Contains("active", (await Store.ClaimOpenAsync(Start.AddMinutes(2), 10, default)).Select(r => r.Id));
        Assert.Equal(2, await Store.CountActiveAsync(Tenant, default));
        Assert.Equal(0, await Store.CountActiveAsync("other", default));
    }

    [StoreFact]
    public async Task The_correlation_secret_is_made_once_for_all_processes()
    {
        var other = OpenStore(ConnectionString);

        var secrets = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => (i % 2 == 0 ? Store : other).ReadCorrelationSecretAsync(default)));

        Assert.Equal(32, secrets[0].Length);
        Assert.All(secrets, s => Assert.Equal(secrets[0], s));
    }

    [StoreFact]
    public async Task Correlation_keys_lead_to_their_tasks_the_most_recent_first()
    {
        Trajectory a = Run("a"), b = Run("b");
        await SaveAsync(
            new TrajectoryChange { Trajectory = a, Keys = [Key(1, a, 1, Start), Key(2, a, 2, Start.AddSeconds(5), CorrelationKind.ToolCall)] },
            new TrajectoryChange { Trajectory = b, Keys = [Key(1, b, 3, Start.AddSeconds(1))] });

        var found = await Store.FindCorrelationAsync(Tenant, [new TurnKey(1, 1), new TurnKey(2, 2), new TurnKey(9, 9)], default);

        Assert.Equal([Key(2, a, 2, Start.AddSeconds(5), CorrelationKind.ToolCall), Key(1, b, 3, Start.AddSeconds(1)), Key(1, a, 1, Start)], found);
    }

    [StoreFact]
    public async Task A_key_that_everybody_has_does_not_hide_another_one()
    {
        var runs = Enumerable.Range(0, 100).Select(i => Run($"r{i:000}")).ToList();
        await Store.SaveAsync(runs.Select((r, i) => new TrajectoryChange { Trajectory = r, Keys = [Key(1, r, 1, Start.AddSeconds(i))] }).ToList(), default);
        await SaveAsync(new TrajectoryChange { Trajectory = runs[0], Keys = [Key(2, runs[0], 1, Start.AddDays(-1))] });

        var found = await Store.FindCorrelationAsync(Tenant, [new TurnKey(1, 1), new TurnKey(2, 2)], default);

        Assert.Equal(65, found.Count);
        Assert.Equal("task-r099", found[0].TaskId);
        Assert.Equal(new TurnKey(2, 2), found[^1].Key);
    }

    [StoreFact]
    public async Task A_key_of_another_task_is_refused() =>
        await Assert.ThrowsAsync<ArgumentException>(() => SaveAsync(new TrajectoryChange { Trajectory = Run("a"), Keys = [Key(1, Run("b"), 1)] }));

    [StoreFact]
    public async Task The_schema_can_be_made_again_and_by_several_processes_at_once()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") });
        var fresh = await CreateDatabaseAsync();

        await Store.InitializeAsync(default);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => OpenStore(fresh).InitializeAsync(default)));

        Assert.NotNull(await Store.FindTrajectoryAsync(Tenant, "run-1", default));
        var health = await OpenStore(fresh).CheckAsync(default);
        Assert.True(health.Ok, health.Error);
        Assert.True(health.SchemaVersion >= 1);
        Assert.NotEmpty(health.Details);
    }

    [StoreFact]
    public async Task A_database_without_schema_is_told_with_the_fix()
    {
        var store = OpenStore(await CreateDatabaseAsync());

        var health = await store.CheckAsync(default);

        Assert.False(health.Ok);
        Assert.Contains("db init", health.Error, StringComparison.Ordinal);
    }

    [StoreFact]
    public async Task A_store_of_a_newer_version_is_refused()
    {
        await CountAsync("INSERT INTO schema_version SELECT 999, applied_at FROM schema_version WHERE version = 1 RETURNING version");

        var health = await Store.CheckAsync(default);
        var e = await Assert.ThrowsAsync<StoreException>(() => OpenStore(ConnectionString).InitializeAsync(default));

        Assert.False(health.Ok);
        Assert.Contains("newer version", health.Error, StringComparison.Ordinal);
        Assert.Contains("newer version", e.Message, StringComparison.Ordinal);
    }

    [StoreFact]
    public async Task A_store_that_cannot_be_reached_says_so_without_its_password()
    {
        var store = OpenStore(Unreachable);

        var health = await store.CheckAsync(default);
        var e = await Assert.ThrowsAsync<StoreException>(() => store.FindLatestAsync(Tenant, null, default));

        Assert.False(health.Ok);
        Assert.Contains(Store.Provider, e.Message, StringComparison.Ordinal);
        Assert.Contains("look up a run", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", e.ToString() + health, StringComparison.Ordinal);
    }

    [StoreFact]
    public async Task A_cancelled_call_is_cancelled_and_leaves_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.SaveAsync([new TrajectoryChange { Trajectory = Run("run-1") }], cancelled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.FindLatestAsync(Tenant, null, cancelled.Token));

        Assert.Null(await Store.FindTrajectoryAsync(Tenant, "run-1", default));
    }
}
