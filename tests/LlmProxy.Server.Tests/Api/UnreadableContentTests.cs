using System.Net;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Wire;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Tests.Api;

/// <summary>Recorded content that readers of JSON refuse, and content that is damaged in the store.</summary>
public sealed class UnreadableContentTests
{
    public static TheoryData<string, string> Odd()
    {
        var data = new TheoryData<string, string>();
        foreach (var levels in (int[])[10, 40, 48, 52, 56, 57, 58, 59, 60, 61, 62, 64, 70, 200, 999, 1_001, 9_000])
        {
            data.Add($"{levels} objects", string.Concat(Enumerable.Repeat("{\"a\":", levels)) + "1" + new string('}', levels));
            data.Add($"{levels} lists", new string('[', levels) + new string(']', levels));
        }

        data.Add("half a surrogate pair", "\"\\ud83d\"");
        data.Add("half a surrogate pair in a name", "{\"\\ud83d\":1}");
        data.Add("equal names", "{\"a\":1,\"a\":2}");
        data.Add("a long number", new string('9', 400) + "e99999");
        return data;
    }

    [Theory]
    [MemberData(nameof(Odd))]
    public async Task Whatever_a_message_holds_its_trajectory_can_be_read_listed_searched_and_exported(string name, string value)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Tasks:EndOfTurnGrace", "00:00:00"));
        proxy.Upstream.AnswerWith(
            """{"id":"m","type":"message","role":"assistant","model":"claude-x","content":[{"type":"tool_use","id":"t2","name":"look","input":{"x":VALUE}}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}""".Replace("VALUE", value, StringComparison.Ordinal));
        using var call = await proxy.PostAsync(
            DialectCalls.Anthropic,
            """{"model":"claude-x","tools":[{"name":"look","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":[{"type":"text","text":"Look at it"},{"type":"tool_result","tool_use_id":"t","content":"y","z":VALUE}]}]}""".Replace("VALUE", value, StringComparison.Ordinal));
        var id = call.Headers.GetValues("LlmProxy-Task").Single();
        await proxy.SettleAsync();
        using var done = await proxy.PostAsync($"/_llmproxy/tasks/{id}/complete", """{"success":true}""");
        await proxy.SettleAsync();

        Assert.NotEmpty(name);
        Assert.Equal(HttpStatusCode.OK, done.StatusCode);
        var run = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}");
        Assert.Single(run["steps"]![0]!["messages"]!.AsArray());
        Assert.Single(run["steps"]![0]!["toolCalls"]!.AsArray());
        Assert.Null(run["steps"]![0]!["unreadable"]);
        foreach (var path in (string[])["/steps/1", ""])
        {
            using var read = await proxy.Client.GetAsync(new Uri(proxy.Address, $"/_llmproxy/trajectories/{id}{path}"));
            Assert.Equal(HttpStatusCode.OK, read.StatusCode);
        }

        Assert.Single((await proxy.GetJsonAsync("/_llmproxy/trajectories"))["items"]!.AsArray());
        using var found = await proxy.PostAsync("/_llmproxy/search", """{"taskDescription":"Look at it","minSimilarity":0}""");
        Assert.Equal(HttpStatusCode.OK, found.StatusCode);
        foreach (var format in (string[])["anthropic", "openai", "gemini", "trl", "sharegpt", "trl-dpo"])
        {
            using var export = await proxy.Client.GetAsync(new Uri(proxy.Address, $"/_llmproxy/export?format={format}"));
            Assert.Equal(HttpStatusCode.OK, export.StatusCode);
            await export.Content.ReadAsStringAsync();
        }
    }

    [Theory]
    [InlineData("bytes = x'00'")]
    [InlineData("original_length = original_length + 1")]
    [InlineData("codec = 2")]
    public async Task A_damaged_row_is_left_out_of_its_step_and_its_run_out_of_an_export_and_nothing_else(string damage)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Tasks:EndOfTurnGrace", "00:00:00"));
        var damaged = await ApiTestRuns.PlayToTheEndAsync(proxy, "Rename the yearly report and then move it, twice if that is needed, to the archive of the house");
        var sound = await ApiTestRuns.PlayToTheEndAsync(proxy, "Water the plants");
        await DamageAsync(proxy, damage);

        var run = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{damaged}");
        var other = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{sound}");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Address, "/_llmproxy/export?format=trl"));
        request.Headers.TryAddWithoutValidation("Accept", "application/vnd.llmproxy.export+jsonl");
        using var export = await proxy.Client.SendAsync(request);
        var events = (await export.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();

        Assert.Equal(1, (int?)run["steps"]![0]!["unreadable"]);
        Assert.Null(other["steps"]![0]!["unreadable"]);
        Assert.Single(other["steps"]![0]!["messages"]!.AsArray());
        Assert.Equal(sound, (string?)Assert.Single(events, e => e["line"] is not null)["origin"]!["taskId"]);
        Assert.Equal(1, (int?)events[^1]["summary"]!["leftOut"]!["content is damaged in the store, or was removed meanwhile"]);
    }

    private static async Task DamageAsync(RunningProxy proxy, string damage)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(proxy.Folder, "data", "llmproxy.db")}");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        // The message of the first run's task: the longest content that stands in no other run.
        command.CommandText = $"UPDATE content SET {damage} WHERE id = (SELECT u.content_id FROM trajectory_content u JOIN content c ON c.id = u.content_id GROUP BY u.content_id HAVING COUNT(DISTINCT u.trajectory_row) = 1 ORDER BY MAX(c.original_length) DESC LIMIT 1)";
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }
}
