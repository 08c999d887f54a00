using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Retrieval;

namespace LlmProxy.Tests.Wire;

/// <summary>What the answer's header, the log and the status say of a task's examples.</summary>
public sealed class FewShotResultTests
{
    private const string Task = "Find the October invoice in the supplier's web shop and save it to the invoices folder";

    [Theory]
    [InlineData("injected=1", "")]
    [InlineData("none; reason=disabled", "LlmProxy:FewShot:Enabled=false")]
    [InlineData("none; reason=disabled", "LlmProxy:FewShot:Count=0")]
    [InlineData("none; reason=holdout", "LlmProxy:Experiments:Enabled=true;LlmProxy:Experiments:Holdout=1")]
    [InlineData("none; reason=below-threshold; best=0.", "LlmProxy:FewShot:MinSimilarity=0.999")]
    [InlineData("none; reason=no-runs", "LlmProxy:FewShot:SourceProviders=gemini")]
    [InlineData("none; reason=no-runs", "LlmProxy:Quality:Threshold=0.99")]
    [InlineData("none; reason=budget", "LlmProxy:FewShot:MaxTokens=155;LlmProxy:FewShot:MaxPromptShare=0")]
    public async Task The_header_names_what_happened_and_the_status_counts_it_once(string result, string settings)
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. settings.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(s => (s[..s.IndexOf('=', StringComparison.Ordinal)], s[(s.IndexOf('=', StringComparison.Ordinal) + 1)..]))]);
        var run = new LongRun("anthropic", "claude-sonnet-4-5", Task.Replace("October", "September", StringComparison.Ordinal));
        proxy.Upstream.AnswerWith(run.Answer(1));
        using var call = await proxy.PostAsync(run.Path, run.Request(1, "You operate a desktop."));
        using var done = await proxy.PostAsync($"/_llmproxy/tasks/{call.Headers.GetValues("LlmProxy-Task").Single()}/complete", """{"success":true,"metrics":{"clickAccuracy":0.7}}""");

        Assert.StartsWith(result, await AskAsync(proxy), StringComparison.Ordinal);
        await AskAsync(proxy, step: 2);

        var skipped = (await proxy.GetJsonAsync("/_llmproxy/status"))["fewShot"]!["skipped"]!.ToJsonString();
        Assert.Equal(result.StartsWith("injected", StringComparison.Ordinal) ? "{}" : $$"""{"{{result.Split('=', ';')[2]}}":1}""", skipped);
    }

    [Fact]
    public async Task Tools_that_are_not_offered_and_vectors_that_are_not_there_are_reasons()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var tools = TestRuns.Run("tools", Task, "bash");
        await proxy.Store.SaveAsync([new TrajectoryChange { Trajectory = tools, Embeddings = [new TrajectoryEmbedding(LexicalEmbedder.ModelName, "task", LexicalEmbedder.Embed(Task), Task)] }], default);
        Assert.StartsWith("none; reason=tools; best=", await AskAsync(proxy), StringComparison.Ordinal);

        await proxy.Store.DeleteAsync("default", tools.Id, default);
        await proxy.Store.SaveAsync([new TrajectoryChange { Trajectory = TestRuns.Run("bare", Task) }], default);
        Assert.Equal("none; reason=no-vector", await AskAsync(proxy, " today"));
        var skipped = (await proxy.GetJsonAsync("/_llmproxy/status"))["fewShot"]!["skipped"]!;
        Assert.Equal((2, 1, 1), (skipped.AsObject().Count, (int)skipped["tools"]!, (int)skipped["no-vector"]!));
    }

    [Fact]
    public async Task A_store_that_fails_costs_one_line_and_one_count_for_the_task_and_nothing_else()
    {
        // Gone after the start, as a database goes.
        await using var proxy = await RunningProxy.StartAsync();
        await LongRun.RecordClaudeAsync(proxy, Task);
        await using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(proxy.Folder, "data", "llmproxy.db")};Pooling=false"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "ALTER TABLE trajectory_embedding RENAME TO gone; ALTER TABLE prompt_pin RENAME TO gone_too";
            await command.ExecuteNonQueryAsync();
        }

        Assert.Equal("none; reason=store", await AskAsync(proxy));

        var skipped = (await proxy.GetJsonAsync("/_llmproxy/status"))["fewShot"]!["skipped"]!.AsObject();
        Assert.Equal(1, skipped.Sum(s => (int)s.Value!));
        Assert.Single(proxy.Log.Of(2004));

        // The next task does not ask a store that is left alone, and no further line says so.
        Assert.Equal("none; reason=store", await AskAsync(proxy, " today"));
        Assert.Single(proxy.Log.Of(2004));
        Assert.Equal(2, (await proxy.GetJsonAsync("/_llmproxy/status"))["fewShot"]!["skipped"]!.AsObject().Sum(s => (int)s.Value!));
    }

    [Fact]
    public async Task The_embedder_gets_the_operators_key_and_never_a_clients()
    {
        using var embedder = new EmbeddingServer();
        await using var proxy = await RunningProxy.StartAsync(
            null,
            ("LlmProxy:Embeddings:Provider", "openai"),
            ("LlmProxy:Embeddings:Endpoint", embedder.Endpoint.ToString()),
            ("LlmProxy:Embeddings:ApiKey", "operator-key"));
        await LongRun.RecordClaudeAsync(proxy, Task);

        await AskAsync(proxy);

        Assert.NotEmpty(embedder.Requests);
        Assert.All(embedder.Requests, r => Assert.Equal("Bearer operator-key", r.Authorization));
        Assert.DoesNotContain(embedder.Requests, r => r.Body.Contains("client-key", StringComparison.Ordinal));
        Assert.Contains("client-key", string.Join(' ', proxy.Upstream.Last.Headers["Authorization"]), StringComparison.Ordinal);
    }

    private static async Task<string> AskAsync(RunningProxy proxy, string more = "", int step = 1)
    {
        var run = new LongRun("chat", "gpt-4o", Task + more);
        proxy.Upstream.AnswerWith(run.Answer(step));
        using var answer = await proxy.PostAsync(run.Path, run.Request(step, "You operate a desktop."), ("Authorization", "Bearer client-key"));
        Assert.True(answer.IsSuccessStatusCode);
        Assert.Equal(run.Answer(step), await answer.Content.ReadAsStringAsync());
        return answer.Headers.GetValues("LlmProxy-Few-Shot-Result").Single();
    }
}
