using System.Net;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Api;

public sealed class TrajectoryApiTests
{
    [Fact]
    public async Task A_run_is_given_with_its_score_terms_and_its_steps()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);

        var run = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}");

        foreach (var name in "id taskId conversationId parentId tenant provider model client taskDescription status success qualityScore iterationCount toolCallsCount errorRate clickAccuracy userInterventions tokenUsage costUsd startedAt completedAt durationMs outcomeSource hasContent exampleIds arm templateSet scoring steps".Split(' '))
        {
            Assert.True(run.AsObject().ContainsKey(name), name);
        }

        Assert.Equal("input output total cacheRead cacheWrite reasoning", run["tokenUsage"].Names());
        Assert.Equal("""{"input":250,"output":30,"total":280,"cacheRead":0,"cacheWrite":0,"reasoning":0}""", run["tokenUsage"]!.ToJsonString());
        Assert.EndsWith("Z", (string?)run["startedAt"], StringComparison.Ordinal);
        Assert.Equal("preset inputs terms", run["scoring"].Names());
        Assert.Equal("userInterventions errorRate clickAccuracy iterationCount", run["scoring"]!["terms"].Names());

        var steps = run["steps"]!.AsArray();
        Assert.Equal(2, steps.Count);
        Assert.Equal("index systemPrompt sentSystemPrompt messages response reasoning toolCalls toolResults tokenUsage startedAt durationMs timeToFirstByteMs status", steps[0].Names());
        Assert.Equal("You keep files in order.", (string?)steps[0]!["systemPrompt"]);
        Assert.Equal($$"""[{"role":"user","content":"{{ApiTestRuns.Task}}"}]""", steps[0]!["messages"]!.ToJsonString());
        Assert.Equal("""{"text":"I look first.","stopReason":"tool_use"}""", steps[0]!["response"]!.ToJsonString());
        Assert.Equal("""[{"id":"toolu_1","name":"list_files","arguments":{"folder":"reports"}}]""", steps[0]!["toolCalls"]!.ToJsonString());
        Assert.Equal("toolu_1", (string?)steps[0]!["toolResults"]![0]!["id"]);
        Assert.Equal("q3.pdf", (string?)steps[0]!["toolResults"]![0]!["content"]);
        Assert.Equal("""[{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"q3.pdf"}]}]""", steps[1]!["messages"]!.ToJsonString());
        Assert.Equal("ok", (string?)steps[1]!["status"]);

        var byOwnId = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{run["id"]}");
        Assert.Equal(run.ToJsonString(), byOwnId.ToJsonString());
        Assert.Equal(steps[1]!.ToJsonString(), (await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}/steps/2")).ToJsonString());
    }

    [Fact]
    public async Task An_assistant_turn_that_no_recorded_answer_produced_is_marked_foreign()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith(ApiTestRuns.SecondReply);
        using var answer = await proxy.PostAsync(
            "/anthropic/v1/messages",
            """{"model":"claude-sonnet-4-6","max_tokens":10,"messages":[{"role":"user","content":"Sort it"},{"role":"assistant","content":"I put words into its mouth"},{"role":"user","content":"Go on"}]}""");
        var id = answer.Headers.GetValues("LlmProxy-Task").Single();
        await proxy.SettleAsync();

        var messages = (await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}"))["steps"]![0]!["messages"]!;

        Assert.Equal("""[{"role":"user","content":"Sort it"},{"role":"assistant","content":"I put words into its mouth","foreign":true},{"role":"user","content":"Go on"}]""", messages.ToJsonString());
    }

    [Fact]
    public async Task The_list_filters_and_goes_on_behind_a_cursor()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var first = await ApiTestRuns.PlayToTheEndAsync(proxy, "Water the plants in the hall");
        var second = await ApiTestRuns.PlayAsync(proxy, "Order new paper for the printer");

        var page = await proxy.GetJsonAsync("/_llmproxy/trajectories?limit=1");
        Assert.Equal("items nextCursor", page.Names());
        Assert.Equal([second], Ids(page));
        page = await proxy.GetJsonAsync($"/_llmproxy/trajectories?limit=1&cursor={Uri.EscapeDataString((string)page["nextCursor"]!)}");
        Assert.Equal([first], Ids(page));
        Assert.Null(page["nextCursor"]);

        Assert.Equal([first], Ids(await proxy.GetJsonAsync("/_llmproxy/trajectories?minQuality=0.7&success=true&status=completed&search=plants")));
        Assert.Equal([second], Ids(await proxy.GetJsonAsync("/_llmproxy/trajectories?search=printer")));
        Assert.Empty(Ids(await proxy.GetJsonAsync("/_llmproxy/trajectories?provider=openai")));
        Assert.Empty(Ids(await proxy.GetJsonAsync("/_llmproxy/trajectories?model=claude-x")));
        Assert.Empty(Ids(await proxy.GetJsonAsync("/_llmproxy/trajectories?since=2999-01-01")));
        Assert.Equal(2, Ids(await proxy.GetJsonAsync("/_llmproxy/trajectories?since=1d")).Count);
    }

    [Theory]
    [InlineData("status=done", "status")]
    [InlineData("success=perhaps", "success")]
    [InlineData("minQuality=2", "minQuality")]
    [InlineData("since=yesterday", "since")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=many", "limit")]
    public async Task A_wrong_filter_is_named(string query, string field)
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var answer = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/trajectories?" + query));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(field, (string?)(await answer.JsonAsync())["field"]);
    }

    [Fact]
    public async Task A_deleted_run_is_gone_and_no_longer_found()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);

        using var deleted = await proxy.Client.DeleteAsync(new Uri(proxy.Address, $"/_llmproxy/trajectories/{id}"));
        using var again = await proxy.Client.DeleteAsync(new Uri(proxy.Address, $"/_llmproxy/trajectories/{id}"));
        using var read = await proxy.Client.GetAsync(new Uri(proxy.Address, $"/_llmproxy/trajectories/{id}"));
        using var step = await proxy.Client.GetAsync(new Uri(proxy.Address, $"/_llmproxy/trajectories/{id}/steps/1"));

        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, read.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, step.StatusCode);
        using var search = await proxy.PostAsync("/_llmproxy/search", $$"""{"taskDescription":"{{ApiTestRuns.Task}}"}""");
        Assert.Empty((await search.JsonAsync())["items"]!.AsArray());
    }

    [Fact]
    public async Task A_search_gives_runs_reasons_and_the_section_of_a_prompt()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var near = await ApiTestRuns.PlayToTheEndAsync(proxy);
        var far = await ApiTestRuns.PlayToTheEndAsync(proxy, "Water the plants in the hall");
        var nearRun = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{near}");
        var farRun = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{far}");

        using var answer = await proxy.PostAsync("/_llmproxy/search", """{"taskDescription":"Rename the yearly report and move it to the archive"}""");

        var found = await answer.JsonAsync();
        var item = Assert.Single(found["items"]!.AsArray());
        Assert.Equal("trajectoryId taskDescription similarity qualityScore iterationCount toolsUsed project ageing", item.Names());
        Assert.Equal((string?)nearRun["id"], (string?)item!["trajectoryId"]);
        Assert.InRange((double)item["similarity"]!, 0.4, 1);
        Assert.Contains(found["leftOut"]!.AsArray(), left => (string?)left!["trajectoryId"] == (string?)farRun["id"] && (string?)left["reason"] == "below-threshold");
        Assert.Contains(ApiTestRuns.Task, (string?)found["fewShot"], StringComparison.Ordinal);
        Assert.Contains("list_files", (string?)found["fewShot"], StringComparison.Ordinal);

        using var strict = await proxy.PostAsync("/_llmproxy/search", """{"taskDescription":"Rename the yearly report and move it to the archive","minSimilarity":0.999}""");
        Assert.Empty((await strict.JsonAsync())["items"]!.AsArray());
    }

    [Fact]
    public async Task A_run_is_found_by_the_text_that_its_vectors_are_made_from_anew()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);

        using var embedded = await proxy.PostAsync($"/_llmproxy/trajectories/{id}/embedding", """{"taskDescription":"Bake bread with rye flour"}""");

        Assert.Equal(HttpStatusCode.OK, embedded.StatusCode);
        using var answer = await proxy.PostAsync("/_llmproxy/search", """{"taskDescription":"Bake rye bread with flour"}""");
        Assert.Single((await answer.JsonAsync())["items"]!.AsArray());
    }

    [Fact]
    public async Task Examples_are_counted_pinned_and_retired()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = (string)(await proxy.GetJsonAsync($"/_llmproxy/trajectories/{await ApiTestRuns.PlayToTheEndAsync(proxy)}"))["id"]!;

        using var used = await proxy.PostAsync($"/_llmproxy/examples/{id}/usage", """{"success":true}""");
        Assert.Equal(1, (int?)(await used.JsonAsync())["usageCount"]);

        using var put = await proxy.Client.PutAsync(new Uri(proxy.Address, $"/_llmproxy/examples/{id}"), new StringContent("""{"pinned":true,"retired":true}"""));
        Assert.True((bool?)(await put.JsonAsync())["pinned"]);
        var list = (await proxy.GetJsonAsync("/_llmproxy/examples?limit=5"))["items"]!.AsArray();
        var example = Assert.Single(list);
        Assert.Equal(id, (string?)example!["trajectoryId"]);
        Assert.True((bool?)example["retired"]);
        Assert.Equal(1, (int?)example["usageCount"]);

        using var search = await proxy.PostAsync("/_llmproxy/search", $$"""{"taskDescription":"{{ApiTestRuns.Task}}"}""");
        var found = await search.JsonAsync();
        Assert.Empty(found["items"]!.AsArray());
        Assert.Equal("retired", (string?)found["leftOut"]![0]!["reason"]);
    }

    private static List<string> Ids(JsonNode page) => [.. page["items"]!.AsArray().Select(item => (string)item!["taskId"]!)];
}
