using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Api;

/// <summary>Curating examples over HTTP, and what it does to searches and prompts.</summary>
public sealed class ExampleApiTests
{
    private const string Task = "Download the October invoice from the supplier's web shop and file it";

    [Fact]
    public async Task An_example_is_pinned_retired_and_edited_and_what_is_not_named_stays()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await LongRun.RecordClaudeAsync(proxy, Task);

        var pinned = await PutAsync(proxy, id, """{"pinned":true,"taskDescription":"File an invoice"}""");
        var edited = await PutAsync(proxy, id, """{"edited":{"outcome":"Filed","steps":[{"reasoning":"The shop lists invoices by month.","tool":"computer_application","arguments":"{}","result":"saved"}]}}""");
        var found = await SearchAsync(proxy);

        Assert.Equal("id trajectoryId taskDescription qualityScore pinned retired edited usageCount lastUsedAt evidence taskType", pinned.Names());
        Assert.Equal((id, "File an invoice", true, false), ((string?)pinned["id"], (string?)pinned["taskDescription"], (bool?)pinned["pinned"], (bool?)pinned["retired"]));
        Assert.Null(pinned["edited"]);
        Assert.True((bool?)edited["pinned"]);
        Assert.Equal("Filed", (string?)edited["edited"]!["outcome"]);
        Assert.Contains("The shop lists invoices by month.", (string?)found["fewShot"], StringComparison.Ordinal);
        Assert.Contains("Outcome: Filed", (string?)found["fewShot"], StringComparison.Ordinal);
        Assert.DoesNotContain("window-1", (string?)found["fewShot"], StringComparison.Ordinal);
        Assert.Equal(id, (string?)Assert.Single((await proxy.GetJsonAsync("/_llmproxy/examples"))["items"]!.AsArray())!["id"]);

        var recorded = await PutAsync(proxy, id, """{"edited":{},"retired":true}""");
        found = await SearchAsync(proxy);
        Assert.Null(recorded["edited"]);
        Assert.Empty(found["items"]!.AsArray());
        Assert.Equal((id, "retired"), ((string?)found["leftOut"]![0]!["trajectoryId"], (string?)found["leftOut"]![0]!["reason"]));
        Assert.Equal("", (string?)found["fewShot"]);

        await PutAsync(proxy, id, """{"retired":false}""");
        Assert.Contains("window-1", (string?)(await SearchAsync(proxy))["fewShot"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"pinned":"yes"}""", "'pinned' must be true or false")]
    [InlineData("""{"retired":1}""", "'retired' must be true or false")]
    [InlineData("""{"taskDescription":[]}""", "'taskDescription' must be a string")]
    [InlineData("""{"edited":"x"}""", "'edited' must be an object")]
    [InlineData("""{"edited":{"step":[]}}""", "'edited' \"step\" is not known; task, outcome and steps can be edited")]
    [InlineData("""{"edited":{"steps":[{"tool":1}]}}""", "'edited' \"steps\" must be a list of objects with the texts reasoning, tool, arguments, result")]
    [InlineData("""[]""", "The request body must be a JSON object.")]
    [InlineData("""{"pinned":""", "'pinned' is not valid JSON (")]
    public async Task Wrong_input_is_a_problem_that_names_the_field_and_changes_nothing(string body, string detail)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await LongRun.RecordClaudeAsync(proxy, Task);

        using var answer = await SendAsync(proxy, id, body);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains(detail, (string?)(await answer.JsonAsync())["detail"], StringComparison.Ordinal);
        Assert.Empty((await proxy.GetJsonAsync("/_llmproxy/examples"))["items"]!.AsArray());
    }

    [Fact]
    public async Task An_unknown_example_and_that_of_another_tenant_are_not_there()
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. Key(0, "mine", "default"), .. Key(1, "theirs", "others")]);
        var run = new LongRun("anthropic", "claude-sonnet-4-5", Task);
        proxy.Upstream.AnswerWith(run.Answer(1));
        using var call = await proxy.PostAsync(run.Path, run.Request(1, "You operate a desktop."), ("LlmProxy-Key", "mine"));
        using var done = await proxy.PostAsync($"/_llmproxy/tasks/{call.Headers.GetValues("LlmProxy-Task").Single()}/complete", """{"success":true}""", ("LlmProxy-Key", "mine"));
        var id = (string?)(await done.JsonAsync())["id"]!;

        using var unknown = await SendAsync(proxy, "none", """{"pinned":true}""", "mine");
        using var theirs = await SendAsync(proxy, id!, """{"retired":true}""", "theirs");
        using var usage = await proxy.PostAsync($"/_llmproxy/examples/{id}/usage", """{"success":true}""", ("LlmProxy-Key", "theirs"));
        using var mine = await SendAsync(proxy, id!, """{"pinned":true}""", "mine");

        foreach (var answer in (HttpResponseMessage[])[unknown, theirs, usage])
        {
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        }

        Assert.Equal(HttpStatusCode.OK, mine.StatusCode);
        Assert.False((bool?)(await mine.JsonAsync())["retired"]);
    }

    [Theory]
    [InlineData("deleted")]
    [InlineData("retired")]
    [InlineData("cleaned up")]
    public async Task A_run_that_is_purged_or_retired_leaves_the_next_prompt_of_a_task_under_way_and_all_others(string how)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await LongRun.RecordClaudeAsync(proxy, Task.Replace("October", "September", StringComparison.Ordinal));
        var run = new LongRun("chat", "gpt-4o", Task);
        var first = await CallAsync(proxy, run, 1);
        Assert.Equal("injected=1", first.Result);
        Assert.Contains("September", first.Prompt, StringComparison.Ordinal);

        using (var purge = how switch
        {
            "deleted" => await proxy.Client.DeleteAsync(new Uri(proxy.Address, "/_llmproxy/trajectories/" + id)),
            "retired" => await SendAsync(proxy, id, """{"retired":true}"""),
            _ => await proxy.PostAsync("/_llmproxy/cleanup", """{"olderThanDays":0,"maxQuality":1}"""),
        })
        {
            Assert.True(purge.IsSuccessStatusCode, await purge.Content.ReadAsStringAsync());
        }

        var second = await CallAsync(proxy, run, 2);
        var other = await CallAsync(proxy, run with { Task = Task + " today" }, 1);

        Assert.Equal("none; reason=purged", second.Result);
        Assert.DoesNotContain("September", second.Prompt, StringComparison.Ordinal);
        Assert.Contains("Working Method", second.Prompt, StringComparison.Ordinal);
        Assert.StartsWith("none; reason=", other.Result, StringComparison.Ordinal);
        Assert.DoesNotContain("September", other.Prompt, StringComparison.Ordinal);
    }

    private static async Task<(string Result, string Prompt)> CallAsync(RunningProxy proxy, LongRun run, int step)
    {
        proxy.Upstream.AnswerWith(run.Answer(step));
        using var answer = await proxy.PostAsync(run.Path, run.Request(step, "You operate a desktop."));
        return (answer.Headers.GetValues("LlmProxy-Few-Shot-Result").Single(), run.SystemText(proxy.Upstream.Last.Text));
    }

    private static async Task<System.Text.Json.Nodes.JsonNode> PutAsync(RunningProxy proxy, string id, string body)
    {
        using var answer = await SendAsync(proxy, id, body);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return await answer.JsonAsync();
    }

    private static async Task<HttpResponseMessage> SendAsync(RunningProxy proxy, string id, string body, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(proxy.Address, "/_llmproxy/examples/" + id)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (key is not null)
        {
            request.Headers.Add("LlmProxy-Key", key);
        }

        return await proxy.Client.SendAsync(request);
    }

    private static async Task<System.Text.Json.Nodes.JsonNode> SearchAsync(RunningProxy proxy)
    {
        using var answer = await proxy.PostAsync("/_llmproxy/search", JsonSerializer.Serialize(new { taskDescription = Task }));
        return await answer.JsonAsync();
    }

    private static (string Key, string Value)[] Key(int index, string key, string tenant) =>
    [
        ($"LlmProxy:Auth:Keys:{index}:Name", key),
        ($"LlmProxy:Auth:Keys:{index}:Tenant", tenant),
        ($"LlmProxy:Auth:Keys:{index}:Sha256", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))),
        ($"LlmProxy:Auth:Keys:{index}:Admin", "true"),
    ];
}
