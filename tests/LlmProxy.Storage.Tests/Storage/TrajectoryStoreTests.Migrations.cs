using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Wire;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Databases that an earlier build made. The scripts in Fixtures are the SQL that it ran.</content>
public abstract partial class TrajectoryStoreTests
{
    /// <summary>Every table, column and index of a database, as text.</summary>
    protected abstract Task<IReadOnlyList<string>> ReadSchemaAsync(string connectionString);

    /// <summary>Runs a script in a database, which may be a new one.</summary>
    protected abstract Task RunScriptAsync(string connectionString, string sql);

    [StoreFact]
    public async Task A_database_of_the_previous_version_is_upgraded_with_all_that_it_holds()
    {
        var old = await CreateDatabaseAsync();
        await RunScriptAsync(old, ReadFixture());
        var store = OpenStore(old);

        var before = await store.CheckAsync(default);
        await store.InitializeAsync(default);
        var health = await store.CheckAsync(default);

        Assert.Equal((false, 9), (before.Ok, before.SchemaVersion));
        Assert.Contains("llmproxy db init", before.Error, StringComparison.Ordinal);
        Assert.Equal((true, Migrations.Sqlite.Latest, (string?)null), (health.Ok, health.SchemaVersion, health.Error));
        Assert.Equal(await ReadSchemaAsync(ConnectionString), await ReadSchemaAsync(old));
        var run = (await store.FindTaskAsync(Tenant, "task-old", default))!;
        Assert.Equal(("run-old", TrajectoryStatus.Completed, true, 0.25m, 1L), (run.Id, run.Status, run.Success, run.CostUsd, run.Version));
        Assert.Equal(["Read", "Bash"], run.ToolsUsed);
        Assert.Empty(run.KeyNames);
        Assert.Empty(await store.ListAuditAsync(Tenant, 5, null, default));
        var example = Assert.Single(await store.ListExamplesAsync(Tenant, 5, default));
        Assert.Equal(("run-old", true, 4L), (example.TrajectoryId, example.Pinned, example.UsageCount));
        Assert.Equal(Enumerable.Repeat((byte)7, 32), await store.ReadCorrelationSecretAsync(default));
        await store.SaveAsync([Embedded(Run("run-new"), 1, 0), new TrajectoryChange { Trajectory = run with { Comment = "seen" } }], default);
        Assert.Equal("seen", (await store.FindTaskAsync(Tenant, "task-old", default))!.Comment);
    }

    [StoreFact]
    public async Task Zero_tokens_of_an_older_version_are_unknown_where_the_cost_is_too()
    {
        foreach (var (cost, isUnknown) in ((string, bool)[])[("NULL", true), ("0", false)])
        {
            var old = await CreateDatabaseAsync();
            await RunScriptAsync(old, ReadFixture());
            await RunScriptAsync(
                old,
                $"""
                UPDATE task_trajectory SET iteration_count = 2, input_tokens = 0, output_tokens = 0, cost_usd = {cost};
                INSERT INTO trajectory_step (trajectory_row, idx, exchange_id, dialect, model, history_kept, messages, input_tokens, output_tokens, cache_read_tokens,
                    cache_write_tokens, reasoning_tokens, started_at, duration_ms, http_status, status)
                    SELECT row_id, 1, 'x-ok', 'openai_chat', 'm', 0, '[]', 0, 0, 0, 0, 0, started_at, 1.0, 200, 'ok' FROM task_trajectory;
                INSERT INTO trajectory_step (trajectory_row, idx, exchange_id, dialect, model, history_kept, messages, input_tokens, output_tokens, cache_read_tokens,
                    cache_write_tokens, reasoning_tokens, started_at, duration_ms, http_status, status)
                    SELECT row_id, 2, 'x-failed', 'openai_chat', 'm', 0, '[]', 0, 0, 0, 0, 0, started_at, 1.0, 529, 'upstream_error' FROM task_trajectory;
                """);
            var store = OpenStore(old);

            await store.InitializeAsync(default);

            var run = (await store.FindTaskAsync(Tenant, "task-old", default))!;
            Assert.Equal(isUnknown ? null : TokenUsage.None, run.TokenUsage);
            Assert.Empty(run.AnsweredBy);
            Assert.Equal([null, TokenUsage.None], (await store.ReadStepsAsync("run-old", default)).Select(step => step.TokenUsage));
        }
    }

    [StoreFact]
    public async Task A_database_of_an_older_version_gets_the_schema_of_a_new_one()
    {
        var old = await CreateDatabaseAsync();
        var script = ReadFixture();
        await RunScriptAsync(old, script[..(script.IndexOf('\n', script.IndexOf("VALUES (3,", StringComparison.Ordinal)) + 1)]);
        var store = OpenStore(old);

        var health = await store.CheckAsync(default);
        await store.InitializeAsync(default);

        Assert.Equal((false, 3), (health.Ok, health.SchemaVersion));
        Assert.Contains("llmproxy db init", health.Error, StringComparison.Ordinal);
        Assert.Equal(await ReadSchemaAsync(ConnectionString), await ReadSchemaAsync(old));
    }

    private string ReadFixture()
    {
        using var reader = new StreamReader(typeof(TrajectoryStoreTests).Assembly.GetManifestResourceStream($"schema-9.{Store.Provider}.sql")!);
        return reader.ReadToEnd();
    }
}
