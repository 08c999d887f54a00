using System.Net;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Access;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Api;

/// <summary>Who states an outcome decides whether it replaces another: people, CI and callers state, the agent claims.</summary>
public sealed class StatedOutcomeTests
{
    private static readonly string Caller = "llmp-" + "caller";
    private static readonly string Other = "llmp-" + "other";

    [Theory]
    [InlineData("human")]
    [InlineData("ci")]
    [InlineData("api")]
    public async Task A_claim_of_the_agent_never_replaces_a_statement(string source)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        await CompleteAsync(proxy, id, $$"""{"success":false,"source":"{{source}}","comment":"wrong file"}""");

        var claimed = await CompleteAsync(proxy, id, """{"success":true,"source":"agent","comment":"all done","metrics":{"errorRate":0}}""");

        Assert.Equal((source, false, "wrong file"), (Source(claimed), (bool)claimed["success"]!, (string)claimed["comment"]!));
    }

    [Fact]
    public async Task A_claim_does_not_bring_a_cancelled_task_back()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        using var cancelled = await proxy.PostAsync($"/_llmproxy/tasks/{id}/cancel", "");

        var claimed = await CompleteAsync(proxy, id, """{"success":true,"source":"agent"}""");

        Assert.Equal("cancelled", (string?)claimed["status"]);
    }

    [Fact]
    public async Task A_statement_replaces_a_claim_and_a_later_statement_the_earlier()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        var claimed = await CompleteAsync(proxy, id, """{"success":true,"source":"agent"}""");
        var stated = await CompleteAsync(proxy, id, """{"success":false,"source":"ci"}""");
        var corrected = await CompleteAsync(proxy, id, """{"success":true,"source":"human"}""");

        Assert.Equal(("agent", true, true), (Source(claimed), (bool)claimed["success"]!, (bool)claimed["provisional"]!));
        Assert.Equal(("ci", false, false), (Source(stated), (bool)stated["success"]!, (bool)stated["provisional"]!));
        Assert.Equal(("human", true), (Source(corrected), (bool)corrected["success"]!));
    }

    [Fact]
    public async Task An_agent_may_change_its_claim()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        await CompleteAsync(proxy, id, """{"success":true,"source":"agent"}""");

        var changed = await CompleteAsync(proxy, id, """{"success":false,"source":"agent"}""");

        Assert.Equal(("agent", false, "failed"), (Source(changed), (bool)changed["success"]!, (string)changed["status"]!));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_claim_in_the_middle_of_a_turn_holds_until_the_next_turn(bool restarts)
    {
        using var folder = new TestFolder();
        await using var upstream = await ScriptedUpstream.StartAsync();
        (string, string)[] settings = [("LlmProxy:Storage:ConnectionString", $"Data Source={folder["llmproxy.db"]}")];
        var proxy = await RunningProxy.StartAsync(upstream, settings);
        try
        {
            await TurnAsync(proxy, 1);
            var claimed = await CompleteAsync(proxy, "mine", """{"success":true,"source":"agent"}""");
            if (restarts)
            {
                await proxy.DisposeAsync();
                proxy = await RunningProxy.StartAsync(upstream, settings);
            }

            await TurnAsync(proxy, 2);
            var ended = await proxy.GetJsonAsync("/_llmproxy/trajectories/mine");
            await TurnAsync(proxy, 3);
            var next = await proxy.GetJsonAsync("/_llmproxy/trajectories/mine");

            Assert.Equal("agent", Source(claimed));
            Assert.Equal(("agent", true, 2), (Source(ended), (bool?)ended["success"], (int)ended["iterationCount"]!));
            Assert.Equal(("inferred", null, 3), (Source(next), (bool?)next["success"], (int)next["iterationCount"]!));
        }
        finally
        {
            await proxy.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("""{"thumbs":"up"}""", true, null)]
    [InlineData("""{"thumbs":"down","comment":"wrong archive"}""", false, "wrong archive")]
    [InlineData("""{"score":0.5}""", true, null)]
    [InlineData("""{"score":0.49}""", false, null)]
    [InlineData("""{"score":1,"comment":"good"}""", true, "good")]
    public async Task Feedback_states_the_outcome_for_a_person(string body, bool success, string? comment)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        var run = await PostAsync(proxy, $"/tasks/{id}/feedback", body);

        Assert.Equal(("human", success, comment), (Source(run), (bool?)run["success"], (string?)run["comment"]));
    }

    [Fact]
    public async Task A_comment_alone_keeps_the_outcome()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        var run = await PostAsync(proxy, $"/tasks/{id}/feedback", """{"comment":"look at this one"}""");

        Assert.Equal(("inferred", null, "look at this one"), (Source(run), (bool?)run["success"], (string?)run["comment"]));
    }

    [Theory]
    [InlineData("feedback", "{}", "thumbs")]
    [InlineData("feedback", """{"thumbs":"sideways"}""", "thumbs")]
    [InlineData("feedback", """{"score":1.1}""", "score")]
    [InlineData("feedback", """{"comment":"  "}""", "thumbs")]
    [InlineData("complete", """{"success":true,"source":"judge"}""", "source")]
    [InlineData("complete", """{"success":true,"source":"inferred"}""", "source")]
    [InlineData("evidence", "{}", "verifications")]
    [InlineData("evidence", """{"verifications":[{"quote":"1 passed"}]}""", "verifications[0].passed")]
    [InlineData("evidence", """{"verifications":[{"passed":true,"quote":"1 passed"},{"passed":true}]}""", "verifications[1].quote")]
    [InlineData("evidence", """{"verifications":[null]}""", "verifications[0].passed")]
    public async Task Wrong_reports_are_problems_that_name_the_field(string call, string body, string field)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        using var answer = await proxy.PostAsync($"/_llmproxy/tasks/{id}/{call}", body);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(field, (string?)(await answer.JsonAsync())["field"]);
    }

    [Fact]
    public async Task A_callers_key_states_outcomes_of_its_own_tenant_alone()
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. KeyTests.Key(0, "ci", Caller, "acme", admin: false), .. KeyTests.Key(1, "other", Other, "beta", admin: false)]);
        var id = await ApiTestRuns.PlayAsync(proxy, headers: [("LlmProxy-Key", Caller)]);

        foreach (var (call, body) in new[] { ("complete", """{"success":true}"""), ("feedback", """{"thumbs":"up"}"""), ("evidence", """{"interrupted":true}"""), ("interventions", "") })
        {
            using var foreign = await proxy.PostAsync($"/_llmproxy/tasks/{id}/{call}", body, ("LlmProxy-Key", Other));
            using var own = await proxy.PostAsync($"/_llmproxy/tasks/{id}/{call}", body, ("LlmProxy-Key", Caller));
            Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.OK), (foreign.StatusCode, own.StatusCode));
        }

        using var last = await proxy.PostAsync("/_llmproxy/tasks/last/complete", """{"success":true}""", ("LlmProxy-Key", Other));
        using var cancelled = await proxy.PostAsync($"/_llmproxy/tasks/{id}/cancel", "", ("LlmProxy-Key", Caller));
        using var stated = await proxy.PostAsync($"/_llmproxy/tasks/{id}/complete", """{"success":true,"source":"ci"}""", ("LlmProxy-Key", Caller));
        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.Forbidden), (last.StatusCode, cancelled.StatusCode));
        var run = await stated.JsonAsync();
        Assert.Equal(("ci", "ci", 1), (Source(run), (string?)run["statedBy"], (int)run["userInterventions"]!));
    }

    [Fact]
    public async Task A_statement_within_the_next_turn_is_for_the_task_that_has_ended()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var done = await ApiTestRuns.PlayAsync(proxy, headers: [("x-claude-code-session-id", "3f0c")]);
        await TurnAsync(proxy, 1, ("x-claude-code-session-id", "3f0c"));

        await TurnAsync(proxy, 4, ("LlmProxy-Task", "other"));

        var ended = await CompleteAsync(proxy, "session:3f0c", """{"success":true,"source":"human","ended":true}""");
        var latest = await CompleteAsync(proxy, "session:3f0c", """{"success":true,"source":"human"}""");
        var last = await CompleteAsync(proxy, "last", """{"success":false,"source":"human","ended":true}""");
        using var none = await proxy.PostAsync("/_llmproxy/tasks/session:9999/complete", """{"success":true,"ended":true}""");

        Assert.Equal((done, "mine", "mine"), ((string?)ended["taskId"], (string?)latest["taskId"], (string?)last["taskId"]));
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    [Fact]
    public async Task A_statement_within_a_turn_that_continues_a_task_is_for_that_task()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayAsync(proxy);
        await TurnAsync(proxy, 1);
        await TurnAsync(proxy, 2);
        await TurnAsync(proxy, 5);
        Assert.Equal("active", (string?)(await proxy.GetJsonAsync("/_llmproxy/trajectories/mine"))["status"]);

        var ended = await CompleteAsync(proxy, "last", """{"success":true,"source":"human","ended":true}""");

        Assert.Equal(("mine", "completed"), ((string?)ended["taskId"], (string?)ended["status"]));
    }

    /// <summary>Makes one call of the task <c>mine</c>: 1 calls a tool, 2 ends the turn, 3 is another turn, and 5 one that calls a tool. 4 is like 1 for another task.</summary>
    internal static async Task TurnAsync(RunningProxy proxy, int call, params (string Name, string Value)[] headers)
    {
        const string User = """{"role":"user","content":"Sort the shelf"}""";
        const string Work = User + """,{"role":"assistant","content":[{"type":"text","text":"I look first."},{"type":"tool_use","id":"toolu_1","name":"list_files","input":{"folder":"reports"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"q3.pdf"}]}""";
        var messages = call switch
        {
            1 or 4 => User,
            2 => Work,
            _ => Work + """,{"role":"assistant","content":[{"type":"text","text":"It is done."}]},{"role":"user","content":"And the next shelf"}""",
        };
        proxy.Upstream.AnswerWith(call is 1 or 4 or 5 ? ApiTestRuns.FirstReply : ApiTestRuns.SecondReply);
        using var answer = await proxy.PostAsync(
            "/anthropic/v1/messages",
            """{"model":"claude-sonnet-4-6","max_tokens":100,"tools":[{"name":"list_files","input_schema":{"type":"object"}}],"messages":[""" + messages + "]}",
            headers.Any(h => h.Name == "LlmProxy-Task") ? headers : [("LlmProxy-Task", "mine"), .. headers]);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        await proxy.SettleAsync();
    }

    private static Task<JsonNode> CompleteAsync(RunningProxy proxy, string task, string body) => PostAsync(proxy, $"/tasks/{task}/complete", body);

    private static async Task<JsonNode> PostAsync(RunningProxy proxy, string path, string body)
    {
        using var answer = await proxy.PostAsync("/_llmproxy" + path, body);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return await answer.JsonAsync();
    }

    private static string? Source(JsonNode run) => (string?)run["outcomeSource"];
}
