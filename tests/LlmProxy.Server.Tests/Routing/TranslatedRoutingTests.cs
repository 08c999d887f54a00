using System.Text.Json.Nodes;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Routing;

/// <summary>Calls of one dialect on upstreams of another.</summary>
public sealed class TranslatedRoutingTests
{
    private const string FirstChat = """
        data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-5.1-2026","choices":[{"index":0,"delta":{"role":"assistant","content":"I look."},"finish_reason":null}]}

        data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-5.1-2026","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"list_files","arguments":""}}]},"finish_reason":null}]}

        data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-5.1-2026","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"folder\":\"reports\"}"}}]},"finish_reason":null}]}

        data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-5.1-2026","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"list_files","arguments":"{\"folder\":\"archive\"}"}}]},"finish_reason":null}]}

        data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-5.1-2026","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

        data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-5.1-2026","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":40}}}

        data: [DONE]


        """;

    private const string LastChat = """
        data: {"id":"c2","object":"chat.completion.chunk","created":1,"model":"gpt-5.1-2026","choices":[{"index":0,"delta":{"role":"assistant","content":"Both are there."},"finish_reason":null}]}

        data: {"id":"c2","object":"chat.completion.chunk","created":1,"model":"gpt-5.1-2026","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

        data: [DONE]


        """;

    private const string Tools = """[{"name":"list_files","description":"Lists a folder","input_schema":{"type":"object","properties":{"folder":{"type":"string"}},"required":["folder"]}}]""";

    [Fact]
    public async Task An_agent_of_Messages_runs_a_tool_loop_on_a_Chat_upstream_with_examples_of_Claude_and_is_one_trajectory()
    {
        await using var gpt = await ScriptedUpstream.StartAsync();
        gpt.AnswerInTurn((FirstChat, "text/event-stream"), (LastChat, "text/event-stream"));
        await using var proxy = await RunningProxy.StartAsync(null, [.. RoutingTests.Rule("claude-haiku-*", "openai", "openai-chat", "gpt-5.1"), .. RoutingTests.At("openai", gpt)]);
        await ApiTestRuns.PlayToTheEndAsync(proxy, "List the reports folder and the archive folder");

        using var first = await proxy.PostAsync("/anthropic/v1/messages", Request("""[{"role":"user","content":"List the reports folder and the archive folder"}]"""), ("x-api-key", "sk-ant-client"));
        var stream = await first.Content.ReadAsStringAsync();
        var ids = stream.Split('\n').Where(line => line.Contains("\"tool_use\"", StringComparison.Ordinal) && line.Contains("content_block_start", StringComparison.Ordinal) && line.StartsWith("data: ", StringComparison.Ordinal))
            .Select(line => (string)JsonNode.Parse(line[6..])!["content_block"]!["id"]!).ToList();
        using var second = await proxy.PostAsync(
            "/anthropic/v1/messages",
            Request($$"""
                [{"role":"user","content":"List the reports folder and the archive folder"},
                 {"role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"{{ids[0]}}","name":"list_files","input":{"folder":"reports"} },{"type":"tool_use","id":"{{ids[1]}}","name":"list_files","input":{"folder":"archive"} }]},
                 {"role":"user","content":[{"type":"tool_result","tool_use_id":"{{ids[0]}}","content":"q3.pdf"},{"type":"tool_result","tool_use_id":"{{ids[1]}}","content":"q2.pdf"}]}]
                """));
        var end = await second.Content.ReadAsStringAsync();

        // What the agent hears is its own dialect.
        Assert.Equal("text/event-stream", first.Content.Headers.ContentType!.MediaType);
        Assert.StartsWith("event: message_start\ndata: {", stream, StringComparison.Ordinal);
        Assert.Contains("\"stop_reason\":\"tool_use\"", stream, StringComparison.Ordinal);
        Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", stream, StringComparison.Ordinal);
        Assert.Contains("Both are there.", end, StringComparison.Ordinal);
        Assert.StartsWith("openai-chat", first.Headers.GetValues("LlmProxy-Translated").Single(), StringComparison.Ordinal);
        Assert.Equal(2, ids.Distinct().Count());

        // What the upstream hears is Chat, with an example, and the second call begins as the first did.
        Assert.All(gpt.Received, request => Assert.Equal("/v1/chat/completions", request.Target));
        Assert.All(gpt.Received, request => Assert.DoesNotContain("sk-ant-client", request.Text + string.Join(',', request.Headers.SelectMany(header => header.Value)), StringComparison.Ordinal));
        var sent = gpt.Received.Select(request => JsonNode.Parse(request.Text)!).ToList();
        Assert.Equal("gpt-5.1", (string?)sent[0]["model"]);
        Assert.Contains("Similar Tasks Completed Successfully", (string?)sent[0]["messages"]![0]!["content"], StringComparison.Ordinal);
        var (before, after) = (sent[0]["messages"]!.AsArray(), sent[1]["messages"]!.AsArray());
        Assert.Equal(before.Select(message => message!.ToJsonString()), after.Take(before.Count).Select(message => message!.ToJsonString()));
        Assert.Equal(["call_a", "call_b"], after.Where(message => (string?)message!["role"] == "tool").Select(message => (string)message!["tool_call_id"]!));
        Assert.Equal("injected=1", first.Headers.GetValues("LlmProxy-Few-Shot-Result").Single());

        // The record reads like the agent's run, and names who answered.
        var run = await proxy.FindRunAsync(second);
        Assert.Equal((2, 2, "openai"), (run.IterationCount, run.ToolCallsCount, run.Provider));
        Assert.Equal("gpt-5.1-2026", Assert.Single(run.AnsweredBy).Model);
        var steps = await proxy.ReadStepsAsync(run);
        Assert.Equal(ids, steps[0].Reply!.ToolCalls.Select(call => call.Id));
        Assert.Equal((100, 20, 40), (steps[0].Step.TokenUsage!.Input, steps[0].Step.TokenUsage!.Output, steps[0].Step.TokenUsage!.CacheRead));
    }

    [Theory]
    [InlineData("openai-responses", "/v1/responses", """{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"gpt-5.1","output":[{"type":"message","id":"m","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello","annotations":[]}]}],"usage":{"input_tokens":5,"output_tokens":1,"total_tokens":6}}""")]
    [InlineData("gemini", "/v1beta/models/other:generateContent", """{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1,"totalTokenCount":6},"modelVersion":"other"}""")]
    [InlineData("anthropic-messages", "/v1/messages", """{"id":"msg_1","type":"message","role":"assistant","model":"other","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":1}}""")]
    public async Task An_agent_of_Chat_gets_a_whole_reply_of_every_dialect_in_its_own(string dialect, string target, string reply)
    {
        await using var other = await ScriptedUpstream.StartAsync();
        other.AnswerWith(reply);
        await using var proxy = await RunningProxy.StartAsync(null, [.. RoutingTests.Rule("gpt-*", "proxy", dialect, "other"), .. RoutingTests.At("proxy", other)]);

        using var answer = await proxy.PostAsync("/openai/v1/chat/completions", """{"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Say hello"}]}""");
        var json = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;

        Assert.Equal(target, other.Last.Target);
        Assert.Equal(("Hello", "stop", 5, 1), ((string?)json["choices"]![0]!["message"]!["content"], (string?)json["choices"]![0]!["finish_reason"], (int)json["usage"]!["prompt_tokens"]!, (int)json["usage"]!["completion_tokens"]!));
        Assert.StartsWith(dialect, answer.Headers.GetValues("LlmProxy-Translated").Single(), StringComparison.Ordinal);
        Assert.Contains("Be brief.", other.Last.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_of_the_upstream_is_one_of_the_clients_dialect()
    {
        await using var other = await ScriptedUpstream.StartAsync();
        other.AnswerWith("""{"error":{"message":"You exceeded your quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}""", 429);
        await using var proxy = await RunningProxy.StartAsync(null, [.. RoutingTests.Rule("claude-*", "openai", "openai-chat", "gpt-5.1"), .. RoutingTests.At("openai", other)]);

        using var answer = await proxy.PostAsync("/anthropic/v1/messages", Request("""[{"role":"user","content":"Hi"}]""", stream: true));
        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;

        Assert.Equal((429, "application/json"), ((int)answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
        Assert.Equal(("error", "rate_limit_error"), ((string?)error["type"], (string?)error["error"]!["type"]));
        Assert.Contains("You exceeded your quota", (string?)error["error"]!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_that_breaks_ends_with_an_error_event_of_the_clients_dialect()
    {
        await using var other = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            const string Event = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-5.1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Half\"},\"finish_reason\":null}]}\n\n";
            await connection.WriteAsync($"{Event.Length:x}\r\n{Event}\r\n");
        });
        await using var proxy = await RunningProxy.StartAsync(null,
            [.. RoutingTests.Rule("claude-*", "openai", "openai-chat", "gpt-5.1"), .. other.Settings.Where(setting => setting.Key.Contains(":openai:", StringComparison.Ordinal)).Select(setting => (setting.Key, setting.Value!))]);

        using var answer = await proxy.PostAsync("/anthropic/v1/messages", Request("""[{"role":"user","content":"Hi"}]""", stream: true));
        var stream = await answer.Content.ReadAsStringAsync();

        Assert.Contains("Half", stream, StringComparison.Ordinal);
        Assert.Contains("event: error\ndata: {\"type\":\"error\"", stream, StringComparison.Ordinal);
        Assert.Contains("upstream 'openai' closed the connection", stream, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_fallback_to_another_dialect_takes_over_before_the_first_byte_and_the_task_stays()
    {
        await using var gpt = await ScriptedUpstream.StartAsync();
        gpt.AnswerInTurn((FirstChat, "text/event-stream"), (LastChat, "text/event-stream"));
        await using var proxy = await RunningProxy.StartAsync(null, [.. RoutingTests.Fallback("anthropic", "openai", "openai-chat", "gpt-5.1"), .. RoutingTests.At("openai", gpt)]);
        proxy.Upstream.AnswerWith("""{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""", 529);

        using var first = await proxy.PostAsync("/anthropic/v1/messages", Request("""[{"role":"user","content":"List both"}]"""), ("LlmProxy-Task", "t"));
        using var second = await proxy.PostAsync("/anthropic/v1/messages", Request("""[{"role":"user","content":"List both"},{"role":"assistant","content":"I look."},{"role":"user","content":"And?"}]"""), ("LlmProxy-Task", "t"));

        Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", await first.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("Both are there.", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Single(proxy.Upstream.Received);
        Assert.Equal(2, gpt.Received.Count);
    }

    [Fact]
    public async Task What_has_no_form_in_the_target_is_refused_before_anything_is_sent()
    {
        await using var other = await ScriptedUpstream.StartAsync();
        await using var proxy = await RunningProxy.StartAsync(null, [.. RoutingTests.Rule("gpt-*", "proxy", "anthropic-messages", "claude-local"), .. RoutingTests.At("proxy", other)]);

        using var answer = await proxy.PostAsync("/openai/v1/responses", """{"model":"gpt-5.1","previous_response_id":"resp_1","input":"And?"}""");
        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;

        Assert.Equal(400, (int)answer.StatusCode);
        Assert.Contains("previous_response_id", (string?)error["error"]!["message"], StringComparison.Ordinal);
        Assert.Empty(other.Received);
    }

    [Fact]
    public async Task Tokens_of_a_routed_model_are_estimated_and_those_of_others_are_the_upstreams()
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. RoutingTests.Rule("claude-haiku-*", "proxy", "openai-chat", "local")]);
        proxy.Upstream.AnswerWith("""{"input_tokens":7}""");
        const string Body = """{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"Say hello to everyone in the hall"}]}""";

        using var routed = await proxy.PostAsync("/anthropic/v1/messages/count_tokens", Body);
        using var native = await proxy.PostAsync("/anthropic/v1/messages/count_tokens", Body.Replace("haiku", "opus", StringComparison.Ordinal));

        Assert.InRange((int)JsonNode.Parse(await routed.Content.ReadAsStringAsync())!["input_tokens"]!, 10, 60);
        Assert.Equal("openai-chat; estimate", routed.Headers.GetValues("LlmProxy-Translated").Single());
        Assert.Equal("""{"input_tokens":7}""", await native.Content.ReadAsStringAsync());
        Assert.Equal(Body.Replace("haiku", "opus", StringComparison.Ordinal), Assert.Single(proxy.Upstream.Received).Text);
    }

    [Theory]
    [InlineData("claude-code", "gpt-5.1", "\"match\": { \"client\": \"claude-code\" }, \"to\": { \"cluster\": \"openai\", \"model\": \"gpt-5.1\" }", "\"ApiKeyEnv\": \"OPENAI_API_KEY\"")]
    [InlineData("codex", "claude-sonnet-4-6", "\"cluster\": \"anthropic\"", "ANTHROPIC_API_KEY")]
    [InlineData("sdk", "qwen3", "\"match\": {}, \"to\": { \"cluster\": \"proxy\"", "LiteLLM, Ollama, vLLM")]
    public async Task Connect_prints_the_rule_for_a_model(string client, string model, string rule, string key)
    {
        var printed = await Cli.Llmproxy.RunAsync("connect", client, "--model", model);

        Assert.Contains(rule, printed.Output, StringComparison.Ordinal);
        Assert.Contains(key, printed.Output, StringComparison.Ordinal);
    }

    private static string Request(string messages, bool stream = true) =>
        $$"""{"model":"claude-haiku-4-5","max_tokens":1000,"stream":{{(stream ? "true" : "false")}},"system":"You work with files.\n\nOPERATING PRINCIPLES\n\nBe careful.","tools":{{Tools}},"messages":{{messages}}}""";
}
