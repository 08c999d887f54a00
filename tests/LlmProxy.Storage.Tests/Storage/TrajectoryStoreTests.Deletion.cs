using LlmProxy.Core.Experiments;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Wire;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Deleting, and many callers at once.</content>
public abstract partial class TrajectoryStoreTests
{
    private static readonly string[] TablesOfARun =
    [
        "task_trajectory", "trajectory_step", "recorded_exchange", "content", "trajectory_content", "content_part", "correlation_key", "trajectory_embedding", "few_shot_example",
        "prompt_pin",
    ];

    [StoreFact]
    public async Task Deleting_a_run_leaves_nothing_of_it_in_any_table()
    {
        await SaveFullAsync(Run("run-1"), "own");

        Assert.True(await Store.DeleteAsync(Tenant, "run-1", default));

        foreach (var table in TablesOfARun)
        {
            Assert.True(await CountAsync($"SELECT count(*) FROM {table}") == 0, table);
        }

        Assert.Equal(0, await CountAsync(IndexedRuns));
        Assert.Equal(0, (await Store.ReadDocumentFrequenciesAsync(Tenant, [0], default)).Documents);
        Assert.False(await Store.DeleteAsync(Tenant, "run-1", default));
    }

    [StoreFact]
    public async Task Undoing_an_import_deletes_what_it_added_and_nothing_else()
    {
        await SaveFullAsync(Run("recorded"), "shared");
        await SaveFullAsync(Run("a") with { ImportBatch = "one" }, "shared");
        await SaveFullAsync(Run("b") with { ImportBatch = "two" }, "own");
        await SaveFullAsync(Run("c") with { ImportBatch = "two", Tenant = "other" }, "theirs");

        Assert.Equal([("two", 1), ("one", 1)], (await Store.ListImportsAsync(Tenant, default)).Select(i => (i.Id, i.Trajectories)));
        Assert.Equal(1, await Store.UndoImportAsync(Tenant, "two", default));
        Assert.Equal(0, await Store.UndoImportAsync(Tenant, "two", default));

        Assert.Null(await Store.FindTrajectoryAsync(Tenant, "b", default));
        Assert.Empty(await Store.ReadContentAsync([Text("own").Hash], default));
        Assert.Equal("one", (await Store.FindTrajectoryAsync(Tenant, "a", default))!.ImportBatch);
        Assert.Equal("two", (await Store.FindTrajectoryAsync("other", "c", default))!.ImportBatch);
        Assert.Null((await Store.FindTrajectoryAsync(Tenant, "recorded", default))!.ImportBatch);
        Assert.Single(await Store.ReadContentAsync([Text("shared").Hash], default));
    }

    [StoreFact]
    public async Task Deleting_a_run_keeps_what_another_run_uses_too()
    {
        await SaveFullAsync(Run("a"), "shared");
        await SaveFullAsync(Run("b"), "shared");

        await Store.DeleteAsync(Tenant, "a", default);

        Assert.Single(await Store.ReadContentAsync([Text("shared").Hash], default));
        Assert.Empty(await Store.ReadContentAsync([Text("prompt of a").Hash], default));
        Assert.Single(await Store.ReadStepsAsync("b", default));
        Assert.Equal("task-b", Assert.Single(await Store.FindCorrelationAsync(Tenant, [new TurnKey(1, 1)], default)).TaskId);
        Assert.NotNull(await Store.FindPinAsync(Tenant, "task-b", default));
        Assert.Equal("b", Assert.Single(await Store.ListExamplesAsync(Tenant, 9, default)).TrajectoryId);
        Assert.Equal("b", Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "lexical-1", [1, 0], "flight", 9), default)).Trajectory.Id);
    }

    [StoreFact]
    public async Task Content_that_a_step_names_without_bringing_it_stays_with_that_run()
    {
        await SaveAsync(Change(Run("a"), Text("shared")));
        await SaveAsync(new TrajectoryChange { Trajectory = Run("b"), Steps = [Step("b", 1) with { Reply = Text("shared").Hash }] });

        await Store.DeleteAsync(Tenant, "a", default);

        Assert.Single(await Store.ReadContentAsync([Text("shared").Hash], default));
    }

    [StoreFact]
    public async Task An_image_is_there_until_the_last_message_that_holds_it_is_removed()
    {
        var (first, second) = (Screenshot("toolu_1"), Screenshot("toolu_2"));
        await SaveAsync(Change(Run("a"), first), Change(Run("b"), second), Change(Run("c"), second));

        await Store.DeleteAsync(Tenant, "a", default);
        await Store.DropContentAsync(Tenant, "b", default);

        Assert.Equal(second.Bytes.ToArray(), (await Store.ReadContentAsync([first.Hash, second.Hash], default)).Single().Value.ToArray());

        await Store.DeleteAsync(Tenant, "c", default);

        Assert.Equal(0, await CountAsync("SELECT count(*) FROM content"));
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM content_part"));
    }

    [StoreFact]
    public async Task Dropping_content_keeps_the_metrics_the_keys_and_the_names_of_the_exchanges()
    {
        await SaveFullAsync(Run("run-1"), "own");

        await Store.DropContentAsync(Tenant, "run-1", default);

        var run = await Store.FindTrajectoryAsync(Tenant, "run-1", default);
        Assert.False(run!.HasContent);
        Assert.Equal(0.9, run.QualityScore);
        Assert.Empty(await Store.ReadStepsAsync("run-1", default));
        Assert.Empty(await Store.ReadContentAsync([Text("own").Hash], default));
        Assert.Empty(await Store.SearchAsync(new SearchQuery(Tenant, "lexical-1", [1, 0], "flight", 9) { SuccessOnly = false }, default));
        Assert.Empty(await Store.ListExamplesAsync(Tenant, 9, default));
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM trajectory_embedding"));
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM trajectory_content"));
        Assert.Single(await Store.FindCorrelationAsync(Tenant, [new TurnKey(1, 1)], default));
        Assert.NotNull(await Store.FindPinAsync(Tenant, "task-run-1", default));
        Assert.Single(await Store.FindExchangesAsync(["run-1-exchange-1"], default));
        Assert.Single((await Store.ListAsync(new TrajectoryQuery(Tenant) { Search = "rome" }, default)).Items);
    }

    [StoreFact]
    public async Task Cleanup_takes_old_and_poor_runs_and_no_others()
    {
        var old = Run("x") with { CompletedAt = Start, QualityScore = 0.2 };
        await SaveAsync(
            Change(old with { Id = "poor", TaskId = "poor" }, Text("poor content")),
            new TrajectoryChange { Trajectory = old with { Id = "limit", TaskId = "limit", QualityScore = 0.3 } },
            new TrajectoryChange { Trajectory = old with { Id = "good", TaskId = "good", QualityScore = 0.31 } },
            new TrajectoryChange { Trajectory = old with { Id = "unscored", TaskId = "unscored", QualityScore = null } },
            new TrajectoryChange { Trajectory = old with { Id = "young", TaskId = "young", CompletedAt = Start.AddHours(1) } },
            new TrajectoryChange { Trajectory = old with { Id = "pinned", TaskId = "pinned" } },
            new TrajectoryChange { Trajectory = old with { Id = "active", TaskId = "active", Status = TrajectoryStatus.Active, CompletedAt = null, QualityScore = null } },
            new TrajectoryChange { Trajectory = old with { Id = "others", TaskId = "others", Tenant = "other" } });
        await Store.UpdateExampleAsync(Tenant, new FewShotExampleRow("pinned", "", null, true, false, null, 0, null), default);

        Assert.Equal(2, await Store.CleanupAsync(Tenant, Start.AddHours(1), 0.3, includeUnscored: false, dryRun: true, default));
        Assert.Equal(3, await Store.CleanupAsync(Tenant, Start.AddHours(1), 0.3, includeUnscored: true, dryRun: true, default));
        Assert.Equal(8, await CountAsync("SELECT count(*) FROM task_trajectory"));
        Assert.Equal(2, await Store.CleanupAsync(Tenant, Start.AddHours(1), 0.3, includeUnscored: false, dryRun: false, default));
        Assert.Equal(1, await Store.CleanupAsync(Tenant, Start.AddHours(1), 0.3, includeUnscored: true, dryRun: false, default));

        Assert.Equal(["active", "good", "pinned", "young"], (await Store.ListAsync(new TrajectoryQuery(Tenant), default)).Items.Select(r => r.Id).Order(StringComparer.Ordinal));
        Assert.NotNull(await Store.FindTrajectoryAsync("other", "others", default));
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM content"));
    }

    [StoreFact]
    public async Task Cleanup_goes_on_until_all_batches_are_done()
    {
        await Store.SaveAsync(Enumerable.Range(0, 450).Select(i => new TrajectoryChange { Trajectory = Run($"r{i}") with { QualityScore = 0.1 } }).ToList(), default);

        Assert.Equal(450, await Store.CleanupAsync(Tenant, Start.AddDays(1), 0.3, false, false, default));

        Assert.Equal(0, await CountAsync("SELECT count(*) FROM task_trajectory"));
    }

    [StoreFact]
    public async Task A_deleted_run_leaves_no_text_in_the_prompts_that_other_tasks_have_pinned()
    {
        const string Values = """{"taskDescription":"Zähle","examples":[{"trajectoryId":"gone","task":"the secret task"},{"trajectoryId":"stays","task":"the other task"}]}""";
        await SaveAsync(Change(Run("gone"), Text("a")), Change(Run("stays"), Text("b")), Change(Run("dropped"), Text("c")));
        await Store.PinAsync(Pin("task-1", 2) with { ValuesJson = Values, ExampleIds = ["gone", "stays"] }, default);
        await Store.PinAsync(Pin("task-2") with { ValuesJson = Values.Replace("gone", "dropped", StringComparison.Ordinal).Replace("stays", "other", StringComparison.Ordinal), ExampleIds = ["dropped"] }, default);
        await Store.PinAsync(Pin("task-3") with { ValuesJson = "no JSON", ExampleIds = ["gone"] }, default);
        await Store.PinAsync(Pin("task-4") with { ValuesJson = Values, ExampleIds = ["stays"] }, default);

        await Store.DeleteAsync(Tenant, "gone", default);
        await Store.DropContentAsync(Tenant, "dropped", default);

        var changed = (await Store.FindPinAsync(Tenant, "task-1", default))!;
        Assert.Equal("""{"taskDescription":"Zähle","examples":[{"trajectoryId":"stays","task":"the other task"}]}""", changed.ValuesJson);
        Assert.Equal((new FewShotResult(1), "stays"), (changed.Result, Assert.Single(changed.ExampleIds)));
        var emptied = (await Store.FindPinAsync(Tenant, "task-2", default))!;
        Assert.DoesNotContain("the secret task", emptied.ValuesJson, StringComparison.Ordinal);
        Assert.Equal((FewShotResult.None(SkipReason.Purged), 0), (emptied.Result, emptied.ExampleIds.Count));
        Assert.Equal("", (await Store.FindPinAsync(Tenant, "task-3", default))!.ValuesJson);
        Assert.Equal(Values, (await Store.FindPinAsync(Tenant, "task-4", default))!.ValuesJson);
    }

    [StoreFact]
    public async Task Cleanup_without_a_tenant_takes_those_of_all()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("a") with { QualityScore = 0.1 } },
            new TrajectoryChange { Trajectory = Run("b") with { QualityScore = 0.1, Tenant = "other" } });

        Assert.Equal(2, await Store.CleanupAsync(null, Start.AddDays(1), 0.3, includeUnscored: false, dryRun: true, default));
        Assert.Equal(2, await Store.CleanupAsync(null, Start.AddDays(1), 0.3, includeUnscored: false, dryRun: false, default));

        Assert.Equal(0, await CountAsync("SELECT count(*) FROM task_trajectory"));
    }

    [StoreFact]
    public async Task Two_processes_that_clean_up_at_once_delete_each_run_once_while_others_write()
    {
        await Store.SaveAsync(Enumerable.Range(0, 400).Select(i => Change(Run($"old{i}") with { QualityScore = 0.1 }, Text("content of " + i), Text("shared"))).ToList(), default);
        var other = OpenStore(ConnectionString);
        Task<int> CleanUpAsync(SqlTrajectoryStore store) => store.CleanupAsync(null, Start.AddDays(1), 0.3, includeUnscored: false, dryRun: false, default);

        var cleaning = new[] { CleanUpAsync(Store), CleanUpAsync(other) };
        for (var i = 0; i < 50; i++)
        {
            await SaveAsync(Change(Run($"new{i}"), Text($"new content {i}"), Text("shared")));
        }

        Assert.Equal(400, (await Task.WhenAll(cleaning)).Sum());
        Assert.Equal(50, await CountAsync("SELECT count(*) FROM task_trajectory"));
        Assert.Equal(51, await CountAsync("SELECT count(*) FROM content"));
        Assert.Equal(100, await CountAsync("SELECT count(*) FROM trajectory_content u JOIN content c ON c.id = u.content_id"));
    }

    [StoreFact]
    public async Task Writers_side_by_side_lose_nothing()
    {
        var shared = Text("shared by all of them");
        var other = OpenStore(ConnectionString);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
            {
                var run = Run($"w{writer}-{i}");
                var own = Text($"own {writer} {i}");
                // The documents and the shared content are rows that all of them change.
                await (writer % 2 == 0 ? Store : other).SaveAsync(
                    [new TrajectoryChange { Trajectory = run, Steps = [Step(run.Id, 1, own, shared)], Contents = [own, shared], Keys = [Key(1, run, 1)], Embeddings = [Lexical(1, i % 2)] }],
                    default);
            }
        })));

        Assert.Equal(400, await CountAsync("SELECT count(*) FROM task_trajectory"));
        Assert.Equal(401, await CountAsync("SELECT count(*) FROM content"));
        Assert.Equal(800, await CountAsync("SELECT count(*) FROM trajectory_content"));
        var frequencies = await Store.ReadDocumentFrequenciesAsync(Tenant, [0, 1], default);
        Assert.Equal((400, 400, 200), (frequencies.Documents, frequencies.Frequencies[0], frequencies.Frequencies[1]));
        Assert.Equal(400, (await Store.SearchAsync(new SearchQuery(Tenant, "lexical-1", [1, 0], "", 1000), default)).Count);
    }

    [StoreFact]
    public async Task Of_pins_at_the_same_moment_one_wins_for_all()
    {
        var other = OpenStore(ConnectionString);

        var pins = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => (i % 2 == 0 ? Store : other).PinAsync(Pin("task-1", i), default))));

        Assert.Single(pins.Select(p => p.Result).Distinct());
        Assert.Equal(pins[0].Result, (await other.FindPinAsync(Tenant, "task-1", default))!.Result);
    }

    [StoreFact]
    public async Task Content_is_never_removed_from_under_a_run_that_was_saved_at_the_same_moment()
    {
        var shared = Text("comes and goes");
        await Task.WhenAll(Enumerable.Range(0, 6).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < 25; i++)
            {
                var run = Run($"w{worker}-{i}");
                await SaveAsync(Change(run, shared));
                Assert.Single(await Store.ReadContentAsync([shared.Hash], default));
                await Store.DeleteAsync(Tenant, run.Id, default);
            }
        })));

        Assert.Equal(0, await CountAsync("SELECT count(*) FROM content"));
    }

    [StoreFact]
    public async Task Searches_beside_writers_see_whole_runs()
    {
        using var done = new CancellationTokenSource();
        var searching = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                var hits = await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "flight", 1000), default);
                Assert.Equal(hits.Count, hits.Select(h => h.Trajectory.Id).Distinct(StringComparer.Ordinal).Count());
                Assert.All(hits, h => Assert.True(h.Similarity is null or (>= -1 and <= 1)));
            }
        });
        for (var i = 0; i < 100; i++)
        {
            await SaveAsync(Embedded(Run($"r{i}"), 1, i));
            if (i % 3 == 0)
            {
                await Store.DeleteAsync(Tenant, $"r{i}", default);
            }
        }

        await done.CancelAsync();
        await searching;
        Assert.Equal(66, (await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "", 1000), default)).Count);
    }

    /// <summary>Counts the runs in the full-text index.</summary>
    protected abstract string IndexedRuns { get; }

    private async Task SaveFullAsync(Trajectory run, string content)
    {
        var prompt = Text("prompt of " + run.Id);
        await SaveAsync(new TrajectoryChange
        {
            Trajectory = run,
            Steps = [Step(run.Id, 1, Text(content)) with { SystemPrompt = prompt.Hash }],
            Contents = [Text(content), prompt],
            Keys = [Key(1, run, 1)],
            Embeddings = [Lexical(1, 0)],
            Exchanges = [run.Id + "-side"],
        });
        await Store.PinAsync(Pin(run.TaskId), default);
        await Store.RecordExampleUsageAsync(Tenant, [run.Id], Start, default);
    }
}
