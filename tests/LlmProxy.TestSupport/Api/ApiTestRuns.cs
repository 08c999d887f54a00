using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Api;

/// <summary>Runs that tests of the API and of the verbs start from, made by real calls through the proxy.</summary>
internal static class ApiTestRuns
{
    public const string Task = "Rename the quarterly report and move it to the archive";

    public const string FirstReply =
        """{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"text","text":"I look first."},{"type":"tool_use","id":"toolu_1","name":"list_files","input":{"folder":"reports"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":100,"output_tokens":20}}""";

    public const string SecondReply =
        """{"id":"msg_2","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"text","text":"It is done."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":150,"output_tokens":10}}""";

    private const string Tools = """[{"name":"list_files","description":"Lists files.","input_schema":{"type":"object","properties":{"folder":{"type":"string"}}}}]""";

    /// <summary>Plays a run of two steps with one tool call; gives the task's id.</summary>
    public static async Task<string> PlayAsync(RunningProxy proxy, string task = Task, params (string Name, string Value)[] headers)
    {
        proxy.Upstream.AnswerInTurn((FirstReply, "application/json"), (SecondReply, "application/json"));
        using var first = await proxy.PostAsync("/anthropic/v1/messages", Request(task, ""), headers);
        Assert.True(first.IsSuccessStatusCode, await first.Content.ReadAsStringAsync());
        using var second = await proxy.PostAsync(
            "/anthropic/v1/messages",
            Request(task, """,""" + """{"role":"assistant","content":[{"type":"text","text":"I look first."},{"type":"tool_use","id":"toolu_1","name":"list_files","input":{"folder":"reports"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"q3.pdf"}]}"""),
            headers);
        Assert.True(second.IsSuccessStatusCode, await second.Content.ReadAsStringAsync());
        await proxy.SettleAsync();
        return first.Headers.GetValues("LlmProxy-Task").Single();
    }

    /// <summary>The same, and completed by the API.</summary>
    public static async Task<string> PlayToTheEndAsync(RunningProxy proxy, string task = Task)
    {
        var id = await PlayAsync(proxy, task);
        using var answer = await proxy.PostAsync($"/_llmproxy/tasks/{id}/complete", """{"success":true}""");
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return id;
    }

    public static async Task<JsonNode> JsonAsync(this HttpResponseMessage answer) => JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;

    public static async Task<JsonNode> GetJsonAsync(this RunningProxy proxy, string path)
    {
        using var answer = await proxy.Client.GetAsync(new Uri(proxy.Address, path));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {text}");
        return JsonNode.Parse(text)!;
    }

    /// <summary>The names of an object's members, in order.</summary>
    public static string Names(this JsonNode? node) => string.Join(' ', node!.AsObject().Select(member => member.Key));

    private static string Request(string task, string further) =>
        $$"""{"model":"claude-sonnet-4-6","max_tokens":1000,"system":"You keep files in order.","tools":{{Tools}},"messages":[{"role":"user","content":{{JsonSerializer.Serialize(task)}}}{{further}}]}""";
}
