using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Api;

namespace LlmProxy.Tests.Wire;

/// <summary>Answers as compatible servers send them, and what they count for.</summary>
public sealed class OddAnswerTests
{
    private const string Chat = "/proxy/v1/chat/completions";
    private const string Messages = "/anthropic/v1/messages";
    private const string Call = """{"id":"call_1","type":"function","function":{"name":"sort","arguments":"{}"}}""";

    [Theory]
    [InlineData("\"stop\"", "\"content\":\"All is sorted.\"", true)]
    [InlineData("\"end_turn\"", "\"content\":\"All is sorted.\"", true)]
    [InlineData("\"eos\"", "\"content\":\"All is sorted.\"", true)]
    [InlineData("\"end\"", "\"content\":\"All is sorted.\"", true)]
    [InlineData("\"STOP\"", "\"content\":\"All is sorted.\"", true)]
    [InlineData("\"stop_sequence\"", "\"content\":\"All is sorted.\"", true)]
    [InlineData("\"COMPLETE\"", "\"content\":\"All is sorted.\"", true)]
    [InlineData("null", "\"content\":\"All is sorted.\"", true)]
    [InlineData("\"length\"", "\"content\":\"All is so\"", false)]
    [InlineData("\"max_tokens\"", "\"content\":\"All is so\"", false)]
    [InlineData("\"content_filter\"", "\"content\":\"All is so\"", false)]
    [InlineData("\"a_word_that_nobody_knows\"", "\"content\":\"All is sorted.\"", false)]
    [InlineData("\"stop\"", "\"content\":\"\"", false)]
    [InlineData("\"stop\"", "\"content\":null", false)]
    [InlineData("\"stop\"", "\"content\":\" \\n\"", false)]
    [InlineData("\"stop\"", "\"content\":null,\"reasoning\":\"I think of it.\"", false)]
    [InlineData("\"stop\"", "\"content\":null,\"refusal\":\"I cannot help with that.\"", false)]
    [InlineData("\"stop\",\"native_finish_reason\":\"network_error\"", "\"content\":\"All is so\"", false)]
    [InlineData("\"stop\",\"native_finish_reason\":\"end_turn\"", "\"content\":\"All is sorted.\"", true)]
    public async Task A_last_answer_is_a_probable_success_if_it_ended_of_its_own_accord_and_says_something(string finish, string message, bool isProbable)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerInTurn(
            ($$"""{"id":"c1","model":"claude-sonnet-4-6","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{{Call}}]},"finish_reason":"tool_calls"}]}""", "application/json"),
            ($$"""data: {"id":"c2","model":"claude-sonnet-4-6","choices":[{"index":0,"delta":{"role":"assistant",{{message}}},"finish_reason":{{finish}}}]}""" + "\n\ndata: [DONE]\n\n", "text/event-stream"));
        const string Task = """{"role":"user","content":"Sort the letters"}""";
        using var first = await proxy.PostAsync(Chat, $$"""{"model":"claude-sonnet-4-6","messages":[{{Task}}]}""");

        var run = await PlayAsync(proxy, Chat, $$"""{"model":"claude-sonnet-4-6","stream":true,"messages":[{{Task}},{"role":"assistant","content":null,"tool_calls":[{{Call}}]},{"role":"tool","tool_call_id":"call_1","content":"sorted"}]}""");

        Assert.Equal((2, null, isProbable), (run["steps"]!.AsArray().Count, (bool?)run["success"], run["qualityScore"] is not null));
        if (message.Contains("refusal", StringComparison.Ordinal))
        {
            Assert.Equal("I cannot help with that.", (string?)run["steps"]![1]!["response"]!["text"]);
        }
    }

    [Theory]
    [InlineData("""{"index":0,"delta":{"content":"I sort."}}|{"index":1,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"sort","arguments":"{}"}}]}}|{"index":0,"delta":{},"finish_reason":"tool_calls"}|{"index":1,"delta":{},"finish_reason":"tool_calls"}""", "a sort {}", "I sort.")]
    [InlineData("""{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"sort","arguments":"{}"}}]}}|{"index":1,"delta":{"content":"I sort."}}|{"index":1,"delta":{},"finish_reason":"tool_calls"}|{"index":0,"delta":{},"finish_reason":"tool_calls"}""", "a sort {}", "I sort.")]
    [InlineData("""{"index":0,"delta":{"content":"I sort."}}|{"index":1,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"sort","arguments":"{}"}}]}}|{"index":0,"delta":{},"finish_reason":"stop"}|{"index":1,"delta":{},"finish_reason":"tool_calls"}""", "", "I sort.")]
    [InlineData("""{"index":0,"delta":{"tool_calls":[{"index":0,"id":"r1","function":{"name":"sort","arguments":""}}]}}|{"index":0,"delta":{"tool_calls":[{"index":0,"id":"r2","function":{"arguments":"{\"p\":"}}]}}|{"index":0,"delta":{"tool_calls":[{"index":0,"id":"r3","function":{"name":"sort","arguments":"1}"}}]},"finish_reason":"tool_calls"}""", "r1 sort {\"p\":1}", "")]
    [InlineData("""{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"sort","arguments":"{}"}}]}}|{"index":0,"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"sort","arguments":"{}"}}]},"finish_reason":"tool_calls"}""", "a sort {} b sort {}", "")]
    public async Task Calls_are_put_together_however_choices_and_ids_are_spread(string choices, string calls, string text)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var events = string.Concat(choices.Split('|').Select(choice => "data: {\"id\":\"c\",\"model\":\"claude-sonnet-4-6\",\"choices\":[" + choice + "]}\n\n"));
        proxy.Upstream.AnswerWith(events + "data: [DONE]\n\n", contentType: "text/event-stream");

        var run = await PlayAsync(proxy, Chat, """{"model":"claude-sonnet-4-6","stream":true,"messages":[{"role":"user","content":"Sort the letters"}]}""");

        var step = run["steps"]![0]!;
        Assert.Equal(calls, string.Join(' ', step["toolCalls"]!.AsArray().Select(call => $"{call!["id"]} {call["name"]} {call["arguments"]!.ToJsonString()}")));
        Assert.Equal(text, (string?)step["response"]!["text"]);
    }

    [Theory]
    [InlineData("""start 0 text|text 0 One, |start 0 tool|json 0 {"a":1}|text 0 two.|stop 0|stop 0""")]
    [InlineData("""start 0 text|text 0 One, two.|stop 0|start 0 tool|json 0 {"a":1}|stop 0""")]
    [InlineData("""start 0 tool|json 0 {"a":|json 0 1}|stop 0|start 0 text|text 0 One, two.|stop 0""")]
    [InlineData("""start 0 text|start 1 tool|text 0 One, |json 1 {"a":1}|text 0 two.|stop 0|stop 1""")]
    public async Task Blocks_that_share_or_overlap_an_index_are_told_apart(string events)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var stream = new List<string> { """{"type":"message_start","message":{"id":"msg_1","role":"assistant","model":"claude-sonnet-4-6","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}""" };
        foreach (var parts in events.Split('|').Select(line => line.Split(' ', 3)))
        {
            stream.Add(parts[0] switch
            {
                "start" => $$"""{"type":"content_block_start","index":{{parts[1]}},"content_block":{{(parts[2] == "text" ? """{"type":"text","text":""}""" : """{"type":"tool_use","id":"toolu_1","name":"sort","input":{}}""")}} }""",
                "text" => $$"""{"type":"content_block_delta","index":{{parts[1]}},"delta":{"type":"text_delta","text":"{{parts[2]}}"} }""",
                "json" => $$"""{"type":"content_block_delta","index":{{parts[1]}},"delta":{"type":"input_json_delta","partial_json":{{JsonValue.Create(parts[2]).ToJsonString()}} } }""",
                _ => $$"""{"type":"content_block_stop","index":{{parts[1]}} }""",
            });
        }

        stream.Add("""{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}""");
        stream.Add("""{"type":"message_stop"}""");
        proxy.Upstream.AnswerWith(string.Concat(stream.Select(data => $"data: {data}\n\n")), contentType: "text/event-stream");

        var run = await PlayAsync(proxy, Messages, """{"model":"claude-sonnet-4-6","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Sort the letters"}]}""");

        var step = run["steps"]![0]!;
        Assert.Equal("One, two.", (string?)step["response"]!["text"]);
        Assert.Equal("""{"a":1}""", Assert.Single(step["toolCalls"]!.AsArray())!["arguments"]!.ToJsonString());
    }

    [Theory]
    [InlineData(Messages, """{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"server_tool_use","id":"srv_1","name":"web_search","input":{"query":"x"}},{"type":"web_search_tool_result","tool_use_id":"srv_1","content":[{"type":"web_search_result","url":"https://example.org","title":"Found","encrypted_content":"RUM="}]},{"type":"text","text":"It is sorted."}],"stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":5}}""", "srv_1 web_search", "Found https://example.org", false)]
    [InlineData(Messages, """{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"server_tool_use","id":"srv_1","name":"code_execution","input":{"code":"1"}},{"type":"code_execution_tool_result","tool_use_id":"srv_1","content":{"type":"code_execution_tool_result_error","error_code":"unavailable"}},{"type":"text","text":"It is sorted."}],"stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":5}}""", "srv_1 code_execution", "unavailable", true)]
    [InlineData(Messages, """{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"mcp_tool_use","id":"mcp_1","name":"lookup","server_name":"s","input":{}},{"type":"mcp_tool_result","tool_use_id":"mcp_1","is_error":false,"content":[{"type":"text","text":"the row"}]},{"type":"text","text":"It is sorted."}],"stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":5}}""", "mcp_1 lookup", "the row", false)]
    [InlineData(Messages, """{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"server_tool_use","id":"adv_1","name":"advisor","input":{}},{"type":"advisor_tool_result","tool_use_id":"adv_1","content":{"type":"advisor_result","text":"sort by date"}},{"type":"text","text":"It is sorted."}],"stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":5}}""", "adv_1 advisor", "sort by date", false)]
    [InlineData("/openai/v1/responses", """{"id":"resp_1","object":"response","model":"claude-sonnet-4-6","status":"completed","output":[{"type":"code_interpreter_call","id":"ci_1","code":"print(1)","outputs":[{"type":"logs","logs":"1"}],"status":"completed"},{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"It is sorted."}]}]}""", "ci_1 code_interpreter", "\"logs\":\"1\"", false)]
    [InlineData("/openai/v1/responses", """{"id":"resp_1","object":"response","model":"claude-sonnet-4-6","status":"completed","output":[{"type":"mcp_call","id":"mcp_1","name":"lookup","server_label":"s","arguments":"{}","output":null,"error":"no such row"},{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"It is sorted."}]}]}""", "mcp_1 lookup", "no such row", true)]
    [InlineData("/openai/v1/responses", """{"id":"resp_1","object":"response","model":"claude-sonnet-4-6","status":"completed","output":[{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"x"}},{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"It is sorted."}]}]}""", "ws_1 web_search", null, false)]
    [InlineData("/gemini/v1beta/models/claude-sonnet-4-6:generateContent", """{"candidates":[{"content":{"role":"model","parts":[{"executableCode":{"language":"PYTHON","code":"print(1)"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}},{"text":"It is sorted."}]},"finishReason":"STOP","index":0}]}""", "code_execution#1 code_execution", "1", false)]
    [InlineData(Chat, """{"id":"c","model":"claude-sonnet-4-6","choices":[{"index":0,"message":{"role":"assistant","content":"It is sorted.","executed_tools":[{"index":0,"type":"search","arguments":"{}","output":"a page"}]},"finish_reason":"stop"}]}""", "search#0 search", "a page", false)]
    public async Task Tools_that_the_provider_runs_are_calls_with_results_in_steps_and_counts(string path, string answer, string call, string? result, bool failed)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith(answer);
        var body = path.Contains("gemini", StringComparison.Ordinal) ? """{"contents":[{"role":"user","parts":[{"text":"Sort the letters"}]}]}"""
            : path.EndsWith("/responses", StringComparison.Ordinal) ? """{"model":"claude-sonnet-4-6","input":"Sort the letters"}"""
            : """{"model":"claude-sonnet-4-6","max_tokens":9,"messages":[{"role":"user","content":"Sort the letters"}]}""";

        var run = await PlayAsync(proxy, path, body);

        Assert.Equal((1, null, failed ? 1.0 : 0.0), ((int)run["toolCallsCount"]!, (bool?)run["success"], (double)run["errorRate"]!));
        var step = run["steps"]![0]!;
        var made = Assert.Single(step["toolCalls"]!.AsArray())!;
        Assert.Equal(call, $"{made["id"]} {made["name"]}");
        if (result is null)
        {
            Assert.Empty(step["toolResults"]!.AsArray());
            return;
        }

        var given = Assert.Single(step["toolResults"]!.AsArray())!;
        Assert.Equal(((string)made["id"]!, failed), ((string)given["id"]!, (bool?)given["isError"] == true));
        Assert.Contains(result, (string)given["content"]!, StringComparison.Ordinal);
        Assert.DoesNotContain("RUM=", (string)given["content"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_without_a_finish_reason_is_incomplete_and_its_run_not_failed()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "gemini"));
        proxy.Upstream.AnswerWith("""data: {"candidates":[{"content":{"role":"model","parts":[{"text":"It is sorted."}]},"index":0}]}""" + "\r\n\r\n", contentType: "text/event-stream");

        var run = await PlayAsync(proxy, "/gemini/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse", """{"contents":[{"role":"user","parts":[{"text":"Sort the letters"}]}]}""");

        Assert.Equal((null, "incomplete", "It is sorted."), ((bool?)run["success"], (string)run["steps"]![0]!["status"]!, (string)run["steps"]![0]!["response"]!["text"]!));
        Assert.False(StepStatus.Incomplete.IsFailure());
    }

    private static async Task<JsonNode> PlayAsync(RunningProxy proxy, string path, string body)
    {
        using var answer = await proxy.PostAsync(path, body);
        await answer.Content.ReadAsByteArrayAsync();
        await proxy.SettleAsync();
        return await proxy.GetJsonAsync("/_llmproxy/trajectories/" + answer.Headers.GetValues("LlmProxy-Task").Single());
    }
}
