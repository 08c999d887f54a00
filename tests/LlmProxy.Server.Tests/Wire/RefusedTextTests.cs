using System.Text;
using LlmProxy.Testing.Replay;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Cli;

namespace LlmProxy.Tests.Wire;

/// <summary>JSON that readers or writers refuse: half of a surrogate pair, nesting deeper than 64. One bad run harms neither itself nor others.</summary>
public sealed class RefusedTextTests
{
    private const string Half = "\\ud83d";
    private static readonly string Deep = string.Concat(Enumerable.Repeat("{\"a\":", 100)) + "1" + new string('}', 100);

    public static TheoryData<string, string, string> Places => new()
    {
        { "arguments", "{\"cmd\":\"cat " + Half + "\"}", "I read it." },
        { "name of an argument", "{\"" + Half + "\":1}", "I read it." },
        { "answer", "{}", "I read " + Half + " it." },
        { "deep arguments", Deep, "I read it." },
    };

    [Theory]
    [MemberData(nameof(Places))]
    public async Task Every_view_of_such_a_run_works_and_the_others_are_found(string place, string arguments, string text)
    {
        await using var proxy = await RunningProxy.StartAsync();
        await PlayAsync(proxy, "Summarise the notes of April", "{}", "I read it.");
        var task = await PlayAsync(proxy, "Summarise the notes of May", arguments, text);

        foreach (var path in (string[])["trajectories", $"trajectories/{task}", $"trajectories/{task}/steps/1", $"trajectories/{task}/recording", "examples", "statistics", "export?format=openai", "export?format=anthropic", "export?format=trl"])
        {
            using var answer = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/" + path));
            Assert.True(answer.IsSuccessStatusCode, $"{place}: {path} {answer.StatusCode}");
        }

        using var search = await proxy.PostAsync("/_llmproxy/search", """{"taskDescription":"Summarise the notes of June","minSimilarity":0.05,"topK":5}""");
        Assert.Contains("Summarise the notes of April", (await search.JsonAsync())["items"]!.AsArray().Select(item => (string)item!["taskDescription"]!));

        var recording = RecordedTrajectoryFile.Read((await proxy.GetJsonAsync($"/_llmproxy/trajectories/{task}/recording")).ToJsonString());
        var message = Encoding.UTF8.GetString(recording.Calls[0].Answer.Reply!.Message.Json.Span);
        Assert.Contains(arguments, message, StringComparison.Ordinal);
        Assert.Contains(text, message, StringComparison.Ordinal);
        Assert.Equal(RecordedTrajectoryFile.Write(recording), RecordedTrajectoryFile.Write(RecordedTrajectoryFile.Read(RecordedTrajectoryFile.Write(recording))));

        foreach (var flavor in (string[])["recorded", "wiremock", "wiremock.net"])
        {
            var output = Path.Combine(proxy.Folder, flavor);
            var exported = await Llmproxy.RunAsync(proxy, "replay", "export", "--task", task, "--flavor", flavor, "--output", output);
            Assert.True(exported.Code == 0, exported.Output + exported.Error);
        }
    }

    private static async Task<string> PlayAsync(RunningProxy proxy, string task, string arguments, string text)
    {
        proxy.Upstream.AnswerInTurn(
            ("""{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"text","text":"TEXT"},{"type":"tool_use","id":"toolu_1","name":"bash","input":ARGUMENTS}],"stop_reason":"tool_use","usage":{"input_tokens":5,"output_tokens":5}}""".Replace("ARGUMENTS", arguments, StringComparison.Ordinal).Replace("TEXT", text, StringComparison.Ordinal), "application/json"),
            ("""{"id":"msg_2","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"text","text":"The notes are summarised."}],"stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":5}}""", "application/json"));
        var asked = $$"""{"role":"user","content":"{{task}}"}""";
        const string Tools = """ "tools":[{"name":"bash","input_schema":{"type":"object"}}],""";
        using var first = await proxy.PostAsync("/anthropic/v1/messages", $$"""{"model":"claude-sonnet-4-6","max_tokens":9,{{Tools}}"messages":[{{asked}}]}""");
        var id = first.Headers.GetValues("LlmProxy-Task").Single();
        var reply = """{"role":"assistant","content":[{"type":"text","text":"TEXT"},{"type":"tool_use","id":"toolu_1","name":"bash","input":ARGUMENTS}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"the notes"}]}""".Replace("ARGUMENTS", arguments, StringComparison.Ordinal).Replace("TEXT", text, StringComparison.Ordinal);
        using var second = await proxy.PostAsync("/anthropic/v1/messages", $$"""{"model":"claude-sonnet-4-6","max_tokens":9,{{Tools}}"messages":[{{asked}},{{reply}}]}""", ("LlmProxy-Task", id));
        using var done = await proxy.PostAsync($"/_llmproxy/tasks/{id}/complete", """{"success":true}""");
        Assert.True(done.IsSuccessStatusCode);
        await proxy.SettleAsync();
        return id;
    }
}
