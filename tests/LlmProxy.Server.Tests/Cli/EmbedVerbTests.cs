using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Retrieval;
using LlmProxy.Tests.Storage;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

public sealed class EmbedVerbTests : IDisposable
{
    private const string Model = "text-embedding-3-small";

    private readonly EmbeddingServer _embedder = new();

    public void Dispose() => _embedder.Dispose();

    [Fact]
    public async Task Runs_without_a_vector_get_one_through_the_running_server()
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. Remote]);
        await AddRunsAsync(proxy.Store, 70);

        var first = await Llmproxy.RunAsync(proxy, "embed", "--json");
        var again = await Llmproxy.RunAsync(proxy, "embed", "--missing");

        Assert.Equal((0, 70, 70, 0), (first.Code, (int?)first.Json["total"], (int?)first.Json["embedded"], first.Json["failed"]!.AsArray().Count));
        Assert.Equal((Model, 1536), ((string?)first.Json["model"], (int?)first.Json["dimensions"]));
        Assert.Equal($"All runs have a vector of {Model} (1536 dimensions).\n", again.Output);
        Assert.Equal(2, _embedder.Requests.Count);
        Assert.All(_embedder.Requests, r => Assert.Equal("Bearer operator-key", r.Authorization));
        foreach (var model in (string[])[Model, "lexical-1"])
        {
            Assert.Equal(0, await proxy.Store.CountRunTextsAsync(new TrajectoryTextsQuery("default", 1) { Lacking = [new VectorKind(model, 1536)] }, default));
        }
    }

    [Fact]
    public async Task A_store_is_moved_to_another_model_beside_a_server_that_goes_on_with_its_own()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await AddRunsAsync(proxy.Store, 3);
        string[] settings = [.. Remote.Select(s => $"--{s.Key}={s.Value}"), $"--LlmProxy:Storage:ConnectionString=Data Source={Path.Combine(proxy.Folder, "data", "llmproxy.db")}"];

        var moved = await Llmproxy.RunAsync(proxy, ["embed", "--rebuild", .. settings]);

        Assert.Equal("", moved.Error);
        Assert.StartsWith($"3 of 3 runs embedded with {Model} (1536 dimensions).\nThe running server still searches with lexical-1 (1536 dimensions).", moved.Output, StringComparison.Ordinal);
        Assert.Equal(0, moved.Code);
        Assert.Equal(0, await proxy.Store.CountRunTextsAsync(new TrajectoryTextsQuery("default", 1) { Lacking = [new VectorKind(Model, 1536)] }, default));
    }

    [Fact]
    public async Task A_text_that_the_embedder_refuses_is_named_and_keeps_no_other_run_from_its_vector()
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. Remote]);
        await AddRunsAsync(proxy.Store, 5);
        _embedder.Refused = "Task 3 ";

        var done = await Llmproxy.RunAsync(proxy, "embed");

        Assert.Equal(1, done.Code);
        Assert.Equal($"4 of 5 runs embedded with {Model} (1536 dimensions).\n", done.Output);
        Assert.StartsWith("The embedder rejected run run-3, which keeps only its lexical vector: ", done.Error, StringComparison.Ordinal);
        Assert.Equal(["run-3"], (await proxy.Store.ListRunTextsAsync(new TrajectoryTextsQuery("default", 9) { Lacking = [new VectorKind(Model, 1536)] }, default)).Select(r => r.Run.Id));
        Assert.Equal(0, await proxy.Store.CountRunTextsAsync(new TrajectoryTextsQuery("default", 1) { Lacking = [new VectorKind("lexical-1", 1536)] }, default));
    }

    [Fact]
    public async Task A_rebuild_that_was_interrupted_goes_on_where_it_ended_and_removes_other_models_at_its_end()
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. Remote]);
        await AddRunsAsync(proxy.Store, 100);
        await proxy.Store.SaveEmbeddingsAsync("default", [new TrajectoryEmbeddings("run-1", "Task 1 of many", [new TrajectoryEmbedding("older-model", "task", [1f, 0], "Task 1 of many")])], default);
        using (var request = await proxy.PostAsync("/_llmproxy/embeddings", """{"rebuild":true,"limit":64}"""))
        {
            Assert.Contains("\"embedded\":64", await request.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        var done = await Llmproxy.RunAsync(proxy, "embed", "--rebuild");

        Assert.Equal("", done.Error);
        Assert.Equal($"An interrupted rebuild was resumed.\n36 of 36 runs embedded with {Model} (1536 dimensions).\n1 vectors of other models removed.\n", done.Output);
        Assert.Equal(1, await proxy.Store.CountRunTextsAsync(new TrajectoryTextsQuery("default", 1) { Lacking = [new VectorKind("older-model", 2)], AfterRow = (await proxy.Store.ListRunTextsAsync(new TrajectoryTextsQuery("default", 100), default))[98].Row }, default));
        Assert.StartsWith("100 of 100 runs", (await Llmproxy.RunAsync(proxy, "embed", "--rebuild")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_embedder_that_does_not_answer_ends_the_work_and_the_next_call_goes_on()
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. Remote]);
        await AddRunsAsync(proxy.Store, 3);
        _embedder.Failures.Enqueue(401);

        var stopped = await Llmproxy.RunAsync(proxy, "embed");
        var done = await Llmproxy.RunAsync(proxy, "embed");

        Assert.Equal(1, stopped.Code);
        Assert.Equal($"0 of 3 runs embedded with {Model} (1536 dimensions).\n", stopped.Output);
        Assert.StartsWith("The embedder is unavailable: ", stopped.Error, StringComparison.Ordinal);
        Assert.Contains("run the same command again to resume", stopped.Error, StringComparison.Ordinal);
        Assert.Equal((0, $"3 of 3 runs embedded with {Model} (1536 dimensions).\n"), (done.Code, done.Output));
    }

    [Fact]
    public async Task Both_ways_at_once_are_wrong_usage_and_a_cursor_must_be_one()
    {
        await using var proxy = await RunningProxy.StartAsync();

        Assert.Equal(2, (await Llmproxy.RunAsync(proxy, "embed", "--missing", "--rebuild")).Code);
        using var answer = await proxy.PostAsync("/_llmproxy/embeddings", """{"cursor":"x"}""");
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("cursor", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private (string Key, string Value)[] Remote =>
    [
        ("LlmProxy:Embeddings:Provider", "openai"),
        ("LlmProxy:Embeddings:Endpoint", _embedder.Endpoint.ToString()),
        ("LlmProxy:Embeddings:ApiKey", "operator-key"),
        ("LlmProxy:Embeddings:Model", Model),
    ];

    private static Task AddRunsAsync(ITrajectoryStore store, int count) => store.SaveAsync(
        [.. Enumerable.Range(1, count).Select(i => new TrajectoryChange { Trajectory = SampleRuns.Run(FormattableString.Invariant($"run-{i}"), FormattableString.Invariant($"Task {i} of many")) })], default);
}
