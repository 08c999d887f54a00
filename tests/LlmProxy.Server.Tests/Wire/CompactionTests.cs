using System.Text.Json.Nodes;

namespace LlmProxy.Tests.Wire;

/// <summary>Histories that the server compacted into an opaque item: what continues them is the same trajectory.</summary>
public sealed class CompactionTests
{
    private const string Item = """{"type":"compaction","id":"cmp_1","status":"completed","encrypted_content":"gAAAAencrypted"}""";
    private const string ItemWithoutId = """{"type":"compaction","encrypted_content":"gAAAAencrypted"}""";
    private const string Message = """{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"All tests pass now."}]}""";
    private const string User = """{"type":"message","role":"user","content":[{"type":"input_text","text":"Make the tests pass"}]}""";

    public static TheoryData<string, string, string, string> Compactions() => new()
    {
        { "/openai/v1/responses", ",{\"type\":\"compaction_trigger\"}", Reply("resp_2", Item), ItemWithoutId },
        { "/openai/v1/responses", ",{\"type\":\"compaction_trigger\"}", Reply("resp_2", Item), Item },
        { "/openai/v1/responses/compact", "", $$"""{"id":"resp_2","object":"response.compaction","output":[{{User}},{{Item}}],"usage":{"input_tokens":90000,"output_tokens":2000} }""", ItemWithoutId },
        { "/codex/responses/compact", "", $$"""{"id":"resp_2","object":"response.compaction","output":[{{User}},{{ItemWithoutId}}],"usage":{"input_tokens":90000,"output_tokens":2000} }""", """{"type":"compaction_summary","encrypted_content":"gAAAAencrypted"}""" },
    };

    [Theory]
    [MemberData(nameof(Compactions))]
    public async Task A_compaction_is_a_side_call_and_what_continues_it_is_the_same_trajectory(string path, string trigger, string compacted, string kept)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "anthropic,openai"), ("LlmProxy:Prompts:Enabled", "false"));
        proxy.Upstream.AnswerInTurn((Reply("resp_1", Call(1)), "application/json"), (compacted, "application/json"), (Reply("resp_3", Call(2)), "application/json"), (Reply("resp_4", Message), "application/json"));
        var compact = Body($"{User},{Call(1)},{Result(1)}{trigger}");

        using var first = await proxy.PostAsync("/openai/v1/responses", Body(User));
        using var compaction = await proxy.PostAsync(path, compact);
        using var rest = await proxy.PostAsync("/openai/v1/responses", Body($"{User},{kept}"));
        using var last = await proxy.PostAsync("/openai/v1/responses", Body($"{User},{kept},{Call(2)},{Result(2)}"));

        Assert.Equal(compact, proxy.Upstream.Received.ElementAt(1).Text);
        var run = await proxy.FindRunAsync(last);
        Assert.All(new[] { first, compaction, rest }, answer => Assert.Equal(run.TaskId, answer.Headers.GetValues("LlmProxy-Task").Single()));
        Assert.Equal(("Make the tests pass", 3, 2), (run.TaskDescription, run.IterationCount, run.ToolCallsCount));
        Assert.Equal("All tests pass now.", (await proxy.ReadStepsAsync(run))[^1].Reply!.Text);
    }

    [Fact]
    public async Task A_compaction_that_was_not_recorded_continues_no_other_conversation()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "openai"));
        proxy.Upstream.AnswerInTurn((Reply("resp_1", Call(1)), "application/json"), (Reply("resp_2", Item), "application/json"), (Reply("resp_3", Call(2)), "application/json"));

        using var first = await proxy.PostAsync("/openai/v1/responses", Body(User));
        using var compaction = await proxy.PostAsync("/openai/v1/responses", Body($$"""{{User}},{{Call(1)}},{{Result(1)}},{"type":"compaction_trigger"}"""));
        using var other = await proxy.PostAsync("/openai/v1/responses", Body($$"""{{User.Replace("Make the tests pass", "Write the docs", StringComparison.Ordinal)}},{"type":"compaction","encrypted_content":"another"}"""));

        Assert.NotEqual(first.Headers.GetValues("LlmProxy-Task"), other.Headers.GetValues("LlmProxy-Task"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pause_after_compaction_with_only_the_compaction_block_kept_is_the_same_trajectory(bool isStream)
    {
        await using var proxy = await RunningProxy.StartAsync();
        const string Block = """{"type":"compaction","content":"1. Make the tests pass \u00e9\n2. Two of them fail"}""";
        var compaction = isStream
            ? string.Concat(new[]
            {
                """{"type":"message_start","message":{"id":"msg_2","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}""",
                """{"type":"content_block_start","index":0,"content_block":{"type":"compaction","content":null}}""",
                """{"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"1. Make the tests pass \u00e9\n2. Two of them fail"}}""",
                """{"type":"content_block_stop","index":0}""",
                """{"type":"message_delta","delta":{"stop_reason":"compaction"},"usage":{"output_tokens":2}}""",
                """{"type":"message_stop"}""",
            }.Select(data => $"event: {JsonNode.Parse(data)!["type"]}\ndata: {data}\n\n"))
            : Claude(Block, "compaction");
        proxy.Upstream.AnswerInTurn(
            (Claude("""{"type":"tool_use","id":"toolu_1","name":"shell","input":{"cmd":"make"}}""", "tool_use"), "application/json"),
            (compaction, isStream ? "text/event-stream" : "application/json"),
            (Claude("""{"type":"text","text":"All tests pass now."}""", "end_turn"), "application/json"));
        const string Task = """{"role":"user","content":"Make the tests pass"}""";

        using var first = await proxy.PostAsync(DialectCalls.Anthropic, ClaudeBody(Task));
        using var second = await proxy.PostAsync(DialectCalls.Anthropic, ClaudeBody(Task + """,{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"shell","input":{"cmd":"make"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"2 failed"}]}"""));
        using var last = await proxy.PostAsync(DialectCalls.Anthropic, ClaudeBody($$"""{"role":"assistant","content":[{{Block}}]},{"role":"user","content":"Please continue."}"""));

        var run = await proxy.FindRunAsync(last);
        Assert.Equal(("Make the tests pass", 3), (run.TaskDescription, run.IterationCount));
        Assert.Equal(first.Headers.GetValues("LlmProxy-Task"), last.Headers.GetValues("LlmProxy-Task"));
    }

    private static string Body(string items) =>
        $$"""{"model":"gpt-5.3-codex","instructions":"You are Codex.","store":false,"tools":[{"type":"function","name":"shell","parameters":{"type":"object"} }],"input":[{{items}}]}""";

    private static string Call(int number) => $$"""{"type":"function_call","call_id":"call_{{number}}","name":"shell","arguments":"{\"cmd\":\"make test\"}"}""";

    private static string Result(int number) => $$"""{"type":"function_call_output","call_id":"call_{{number}}","output":"2 failed"}""";

    private static string Reply(string id, string item) =>
        $$$"""{"id":"{{{id}}}","object":"response","model":"gpt-5.3-codex","status":"completed","output":[{{{item}}}],"usage":{"input_tokens":10,"output_tokens":2 } }""";

    private static string ClaudeBody(string messages) =>
        $$"""{"model":"claude-sonnet-4-5","max_tokens":100,"tools":[{"name":"shell","input_schema":{"type":"object"} }],"messages":[{{messages}}]}""";

    private static string Claude(string block, string stop) =>
        $$$"""{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{{{block}}}],"stop_reason":"{{{stop}}}","usage":{"input_tokens":10,"output_tokens":2 } }""";
}
