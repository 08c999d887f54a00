using LlmProxy.Core.Experiments;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Storage.Postgres;
using LlmProxy.Storage.Sql;
using LlmProxy.Storage.Sqlite;
using LlmProxy.Tests.Cli;
using LlmProxy.Wire;
using Npgsql;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <summary>A laptop's SQLite file moves to PostgreSQL.</summary>
[NeedsPostgres]
[Collection(PostgresTests.Name)]
public sealed class StoreCopyTests(PostgresServer server) : IAsyncLifetime, IDisposable
{
    private static readonly string[] Tables =
    [
        "task_trajectory", "trajectory_step", "recorded_exchange", "content", "trajectory_content", "content_part",
        "correlation_key", "trajectory_embedding", "few_shot_example", "prompt_pin", "template_set", "store_setting", "task_search",
    ];

    private readonly TestFolder _folder = new();
    private string _database = "";
    private SqlTrajectoryStore _from = null!;
    private SqlTrajectoryStore _to = null!;

    public async Task InitializeAsync()
    {
        if (PostgresServer.WhyNot is not null)
        {
            return;
        }

        _database = await server.CreateDatabaseAsync();
        _from = new SqliteTrajectoryStore("Data Source=" + _folder["llmproxy.db"], TimeProvider.System);
        _to = new PostgresTrajectoryStore(_database, TimeProvider.System);
        await _from.InitializeAsync(default);
    }

    public async Task DisposeAsync()
    {
        if (_from is not null)
        {
            await _from.DisposeAsync();
            await _to.DisposeAsync();
        }
    }

    public void Dispose() => _folder.Dispose();

    [StoreFact]
    public async Task Everything_of_the_file_is_in_the_database_afterwards()
    {
        var secret = await _from.ReadCorrelationSecretAsync(default);
        var run = Run("run-1", "Zähle die Wörter 数えて") with
        {
            CostUsd = 1.25m,
            QualityScore = 0.123456789,
            ToolsUsed = ["a", "b"],
            ExampleIds = ["x"],
            SessionId = "s",
            TokenUsage = new TokenUsage(5_000_000_000, 2, 3, 4, 5),
        };
        var image = Content.Of(Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7919 >> 3)).ToArray());
        await _from.SaveAsync([FullChange(run) with { Contents = [Text("message"), Text("prompt"), image, Screenshot("toolu_1")] }], default);
        await _from.RecordExampleUsageAsync(Tenant, ["run-1"], Start, default);
        await _from.UpdateExampleAsync(Tenant, new FewShotExampleRow("run-1", "Another text", null, true, false, """{"x":1}""", 0, null), default);
        await _from.PinAsync(Pin(run.TaskId), default);
        await _from.PinAsync(Pin("task-without-a-run"), default);
        await _from.SaveTemplateSetAsync("set-1", new Dictionary<string, string>(StringComparer.Ordinal) { ["openai.sbn"] = "text" }, default);
        await _from.SaveAsync([FullChange(Run("dropped"))], default);
        await _from.DropContentAsync(Tenant, "dropped", default);

        var result = await StoreCopy.RunAsync(_from, _to, null, default);

        Assert.Equal(new CopyResult(2, 0, 0, 0, 2), result);
        Assert.Equal(secret, await _to.ReadCorrelationSecretAsync(default));
        Assert.Equivalent(await _from.FindTrajectoryAsync(Tenant, "run-1", default), await _to.FindTrajectoryAsync(Tenant, "run-1", default), strict: true);
        Assert.Equivalent(await _from.ReadStepsAsync("run-1", default), await _to.ReadStepsAsync("run-1", default), strict: true);
        Assert.Equal(image.Bytes, (await _to.ReadContentAsync([image.Hash], default))[image.Hash]);
        Assert.Equal(Screenshot("toolu_1").Bytes.ToArray(), (await _to.ReadContentAsync([Screenshot("toolu_1").Hash], default))[Screenshot("toolu_1").Hash].ToArray());
        Assert.Equivalent(await _from.ListExamplesAsync(Tenant, 10, default), await _to.ListExamplesAsync(Tenant, 10, default), strict: true);
        Assert.Equivalent(await _from.FindPinAsync(Tenant, run.TaskId, default), await _to.FindPinAsync(Tenant, run.TaskId, default), strict: true);
        Assert.NotNull(await _to.FindPinAsync(Tenant, "task-without-a-run", default));
        Assert.Equal("text", (await _to.FindTemplateSetAsync("set-1", default))!["openai.sbn"]);
        Assert.Equal(["dropped-exchange-1", "run-1-exchange-1", "run-1-side"], (await _to.FindExchangesAsync(["run-1-exchange-1", "run-1-side", "dropped-exchange-1", "other"], default)).Order(StringComparer.Ordinal));
        Assert.Equal(run.TaskId, Assert.Single(await _to.FindCorrelationAsync(Tenant, [Key(7, run, 1).Key], default), e => e.TaskId == run.TaskId).TaskId);
        Assert.Equal(1, (await _to.ReadDocumentFrequenciesAsync(Tenant, [0], default)).Documents);
        Assert.Equal("run-1", Assert.Single(await _to.SearchAsync(new SearchQuery(Tenant, "lexical-1", [1, 0], "", 10), default)).Trajectory.Id);
        Assert.Equal("run-1", Assert.Single((await _to.ListAsync(new TrajectoryQuery(Tenant) { Search = "wörter" }, default)).Items).Id);
        Assert.Equal(5, await CountAsync("content"));
        Assert.Equal(1, await CountAsync("content_part"));
    }

    [StoreFact]
    public async Task A_second_copy_doubles_nothing_and_brings_what_changed()
    {
        await _from.SaveAsync([FullChange(Run("a")), FullChange(Run("b"))], default);
        await StoreCopy.RunAsync(_from, _to, null, default);
        var before = await CountAllAsync();

        var same = await StoreCopy.RunAsync(_from, _to, null, default);

        Assert.Equal(new CopyResult(0, 2, 0, 0, 0), same);
        Assert.Equal(before, await CountAllAsync());

        // One goes on in the file, one in the database, and one is new.
        await _from.SaveAsync([new TrajectoryChange { Trajectory = Run("a") with { LastActivityAt = Start.AddHours(1), IterationCount = 2 }, Steps = [Step("a", 2)] }], default);
        await _to.SaveAsync([new TrajectoryChange { Trajectory = Run("b") with { LastActivityAt = Start.AddHours(1), IterationCount = 9 } }], default);
        await _from.SaveAsync([FullChange(Run("c"))], default);

        Assert.Equal(new CopyResult(2, 0, 1, 0, 0), await StoreCopy.RunAsync(_from, _to, null, default));
        Assert.Equal(2, (await _to.ReadStepsAsync("a", default)).Count);
        Assert.Equal(9, (await _to.FindTrajectoryAsync(Tenant, "b", default))!.IterationCount);
        Assert.NotNull(await _to.FindTrajectoryAsync(Tenant, "c", default));
    }

    [StoreFact]
    public async Task A_copy_that_was_stopped_goes_on_where_it_was()
    {
        await _from.SaveAsync(Enumerable.Range(0, 250).Select(i => Change(Run($"r{i:000}"), Text($"content {i}"))).ToList(), default);
        using var stop = new CancellationTokenSource();
        var seen = new List<CopyProgress>();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => StoreCopy.RunAsync(_from, _to, new Watch(p => Stop(p)), stop.Token));
        var result = await StoreCopy.RunAsync(_from, _to, null, default);

        Assert.Equal(new CopyResult(150, 100, 0, 0, 0), result);
        Assert.Equal(250, await CountAsync("task_trajectory"));
        Assert.Equal(250, await CountAsync("content"));
        Assert.Equal([new(0, 250), new(100, 250)], seen);

        void Stop(CopyProgress progress)
        {
            seen.Add(progress);
            if (progress.Done == 100)
            {
                stop.Cancel();
            }
        }
    }

    [StoreFact]
    public async Task A_database_with_runs_of_another_store_is_refused_and_left_as_it_is()
    {
        await _from.ReadCorrelationSecretAsync(default);
        await _from.SaveAsync([FullChange(Run("a"))], default);
        await _to.InitializeAsync(default);
        var secret = await _to.ReadCorrelationSecretAsync(default);
        await _to.SaveAsync([FullChange(Run("own"))], default);

        var error = await Assert.ThrowsAsync<StoreException>(() => StoreCopy.RunAsync(_from, _to, null, default));

        Assert.Contains("empty database", error.Message, StringComparison.Ordinal);
        Assert.Equal(secret, await _to.ReadCorrelationSecretAsync(default));
        Assert.Equal(1, await CountAsync("task_trajectory"));
    }

    [StoreFact]
    public async Task The_verb_copies_and_says_what_to_do_next()
    {
        await _from.ReadCorrelationSecretAsync(default);
        await _from.SaveAsync([FullChange(Run("a"))], default);
        var at = new NpgsqlConnectionStringBuilder(_database);

        var text = await Llmproxy.RunAsync(["db", "copy", "--to", $"postgres://{at.Username}@{at.Host}:{at.Port}/{at.Database}?schema=public", .. _folder.Alone]);
        var unconfirmed = await Llmproxy.RunAsync(["db", "copy", "--to", _database, .. _folder.Alone]);
        var json = await Llmproxy.RunAsync(["db", "copy", "--to", _database, "--yes", "--json", .. _folder.Alone]);
        Assert.Equal(1, unconfirmed.Code);
        Assert.Contains("--yes", unconfirmed.Error, StringComparison.Ordinal);

        Assert.Equal((0, ""), (text.Code, text.Error));
        Assert.StartsWith("1 runs copied, 0 unchanged, 0 prompt pins.", text.Output, StringComparison.Ordinal);
        Assert.Contains("LlmProxy:Storage:Provider", text.Output, StringComparison.Ordinal);
        Assert.Equal("""{"copied":0,"unchanged":1,"newerThere":0,"takenTasks":0,"pins":0}""", json.Json.ToJsonString());
    }

    [StoreFact]
    public async Task Init_makes_the_schema_in_postgres_and_check_tells_its_version()
    {
        string[] settings = [.. _folder.Alone, "--LlmProxy:Storage:Provider=postgres", $"--LlmProxy:Storage:ConnectionString={_database}"];

        var missing = await Llmproxy.RunAsync(["db", "check", .. settings]);
        var made = await Llmproxy.RunAsync(["db", "init", .. settings]);
        var again = await Llmproxy.RunAsync(["db", "init", .. settings]);
        var there = await Llmproxy.RunAsync(["db", "check", "--json", .. settings]);

        Assert.Equal((1, 0, 0, 0), (missing.Code, made.Code, again.Code, there.Code));
        Assert.Contains("llmproxy db init", missing.Output, StringComparison.Ordinal);
        Assert.Equal(made.Output, again.Output);
        Assert.True((bool?)there.Json["ok"]);
        Assert.Contains("pgvector", (string?)there.Json["details"], StringComparison.Ordinal);
    }

    private static TrajectoryChange FullChange(Trajectory run) => new()
    {
        Trajectory = run,
        Steps = [Step(run.Id, 1, Text("message")) with { SystemPrompt = Text("prompt").Hash, StopReason = "end_turn", TokenUsage = new TokenUsage(1, 2, 3, 4, 5) }],
        Contents = [Text("message"), Text("prompt")],
        Keys = [Key(7, run, 1)],
        Embeddings = [Lexical(1, 0)],
        Exchanges = [run.Id + "-side"],
    };

    private async Task<string> CountAllAsync()
    {
        var counts = new List<string>();
        foreach (var table in Tables)
        {
            counts.Add($"{table}={await CountAsync(table)}");
        }

        return string.Join(' ', counts);
    }

    private async Task<long> CountAsync(string table)
    {
        await using var connection = new NpgsqlConnection(_database);
        await connection.OpenAsync();
#pragma warning disable CA2100 // Names of this class.
        await using var command = new NpgsqlCommand($"SELECT count(*) FROM {table}", connection);
#pragma warning restore CA2100
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private sealed class Watch(Action<CopyProgress> see) : IProgress<CopyProgress>
    {
        public void Report(CopyProgress value) => see(value);
    }
}
