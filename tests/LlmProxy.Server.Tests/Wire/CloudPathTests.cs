using System.Buffers.Binary;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Wire;

/// <summary>Paths of clouds and of other APIs: recorded as their dialect; enhanced where their requests may be changed.</summary>
public sealed class CloudPathTests
{
    private const string BedrockPath = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/";
    private const string ClaudeTools = """[{"name":"get_weather","description":"Tells it","input_schema":{"type":"object"}}]""";
    private const string ClaudeCall = """{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{"city":"Bergen"}}""";
    private const string ClaudeFirst = """{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"tools":""" + ClaudeTools + ""","messages":[{"role":"user","content":"What is the weather?"}]}""";
    private const string ClaudeSecond = """{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"tools":""" + ClaudeTools + ""","messages":[{"role":"user","content":"What is the weather?"},{"role":"assistant","content":[""" + ClaudeCall + """]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"Rain \u00e9"}]}]}""";
    private const string ConverseTools = """{"tools":[{"toolSpec":{"name":"get_weather","description":"Tells it","inputSchema":{"json":{"type":"object"}}}}]}""";
    private const string ConverseFirst = """{"system":[{"text":"Be brief."},{"cachePoint":{"type":"default"}}],"toolConfig":""" + ConverseTools + ""","messages":[{"role":"user","content":[{"text":"What is the weather?"}]}]}""";
    private const string ConverseSecond = """{"system":[{"text":"Be brief."}],"toolConfig":""" + ConverseTools + ""","messages":[{"role":"user","content":[{"text":"What is the weather?"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"toolu_1","name":"get_weather","input":{"city":"Bergen"}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"toolu_1","status":"success","content":[{"text":"Rain \u00e9"}]}}]}]}""";
    private const string OllamaTools = """[{"type":"function","function":{"name":"get_weather","description":"Tells it","parameters":{"type":"object"}}}]""";
    private const string OllamaFirst = """{"model":"claude-like","options":{"num_ctx":4096},"tools":""" + OllamaTools + ""","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is the weather?"}]}""";
    private const string OllamaSecond = """{"model":"claude-like","tools":""" + OllamaTools + ""","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is the weather?"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"get_weather","arguments":{"city":"Bergen","day":1}}}]},{"role":"tool","tool_name":"get_weather","content":"Rain \u00e9"}]}""";
    private const string InteractionFirst = """{"model":"gemini-3.8-pro","system_instruction":"Be brief.","tools":[{"type":"function","name":"get_weather","description":"Tells it","parameters":{"type":"object"}}],"input":"What is the weather?"}""";
    private const string InteractionSecond = """{"model":"gemini-3.8-pro","previous_interaction_id":"int_1","stream":true,"input":[{"type":"function_result","call_id":"fc_1","name":"get_weather","result":"Rain \u00e9"}]}""";

    private static readonly Dictionary<string, (string Path, string First, byte[] FirstAnswer, string Second, byte[] SecondAnswer, string Type)> Runs = new(StringComparer.Ordinal)
    {
        ["bedrock invoke"] = (BedrockPath + "invoke", ClaudeFirst, Utf8(Claude(ClaudeCall, "tool_use")), ClaudeSecond, Utf8(Claude("""{"type":"text","text":"It rains."}""", "end_turn")), "application/json"),
        ["bedrock invoke stream"] = (BedrockPath + "invoke-with-response-stream", ClaudeFirst, Chunks(ClaudeCallEvents), ClaudeSecond, Chunks(ClaudeTextEvents), "application/vnd.amazon.eventstream"),
        ["bedrock converse"] = (
            BedrockPath + "converse",
            ConverseFirst,
            Utf8("""{"output":{"message":{"role":"assistant","content":[{"toolUse":{"toolUseId":"toolu_1","name":"get_weather","input":{"city":"Bergen"}}}]}},"stopReason":"tool_use","usage":{"inputTokens":10,"outputTokens":2,"totalTokens":12}}"""),
            ConverseSecond,
            Utf8("""{"output":{"message":{"role":"assistant","content":[{"text":"It rains."}]}},"stopReason":"end_turn","usage":{"inputTokens":10,"outputTokens":2,"totalTokens":12}}"""),
            "application/json"),
        ["bedrock converse stream"] = (
            BedrockPath + "converse-stream",
            ConverseFirst,
            EventStream(
                ("messageStart", """{"role":"assistant"}"""),
                ("contentBlockStart", """{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"toolu_1","name":"get_weather"}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"city\":"}}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"toolUse":{"input":"\"Bergen\"}"}}}"""),
                ("contentBlockStop", """{"contentBlockIndex":0}"""),
                ("messageStop", """{"stopReason":"tool_use"}"""),
                ("metadata", """{"usage":{"inputTokens":10,"outputTokens":2,"totalTokens":12}}""")),
            ConverseSecond,
            EventStream(
                ("messageStart", """{"role":"assistant"}"""),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"text":"It "}}"""),
                ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"text":"rains."}}"""),
                ("contentBlockStop", """{"contentBlockIndex":0}"""),
                ("messageStop", """{"stopReason":"end_turn"}"""),
                ("metadata", """{"usage":{"inputTokens":10,"outputTokens":2,"totalTokens":12}}""")),
            "application/vnd.amazon.eventstream"),
        ["ollama"] = (
            "/proxy/api/chat",
            OllamaFirst,
            Utf8("""{"model":"claude-like","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"get_weather","arguments":{"day":1,"city":"Bergen"}}}]},"done":false}""" + "\n" + """{"model":"claude-like","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":10,"eval_count":2}""" + "\n"),
            OllamaSecond,
            Utf8("""{"model":"claude-like","message":{"role":"assistant","content":"It "},"done":false}""" + "\n" + """{"model":"claude-like","message":{"role":"assistant","content":"rains."},"done":false}""" + "\n" + """{"model":"claude-like","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":10,"eval_count":2}""" + "\n"),
            "application/x-ndjson"),
        ["interactions"] = (
            "/gemini/v1beta/interactions",
            InteractionFirst,
            Utf8("""{"id":"int_1","model":"gemini-3.8-pro","status":"requires_action","outputs":[{"type":"thought","summary":[{"type":"text","text":"Hm."}]},{"type":"function_call","id":"fc_1","name":"get_weather","arguments":{"city":"Bergen"}}],"usage":{"total_input_tokens":10,"total_output_tokens":2}}"""),
            InteractionSecond,
            Utf8(string.Concat(new[]
            {
                """{"event_type":"interaction.created","interaction":{"id":"int_2","model":"gemini-3.8-pro","status":"in_progress"}}""",
                """{"event_type":"step.start","index":0,"step":{"type":"text"}}""",
                """{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"It "}}""",
                """{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"rains."}}""",
                """{"event_type":"step.stop","index":0}""",
                """{"event_type":"interaction.completed","interaction":{"id":"int_2","model":"gemini-3.8-pro","status":"completed","usage":{"total_input_tokens":10,"total_output_tokens":2}}}""",
            }.Select(data => $"event: {JsonNode.Parse(data)!["event_type"]}\ndata: {data}\n\n"))),
            "text/event-stream"),
    };

    private static string[] ClaudeCallEvents =>
    [
        """{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[],"usage":{"input_tokens":10,"output_tokens":1}}}""",
        """{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{}}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"city\":\"Bergen\"}"}}""",
        """{"type":"content_block_stop","index":0}""",
        """{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":2}}""",
        """{"type":"message_stop"}""",
    ];

    private static string[] ClaudeTextEvents =>
    [
        """{"type":"message_start","message":{"id":"msg_2","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[],"usage":{"input_tokens":10,"output_tokens":1}}}""",
        """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"It rains."}}""",
        """{"type":"content_block_stop","index":0}""",
        """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}""",
        """{"type":"message_stop"}""",
    ];

    public static TheoryData<string> Names() => [.. Runs.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Apis_that_are_only_recorded_give_one_trajectory_and_pass_byte_for_byte(string name)
    {
        var run = Runs[name];
        await using var proxy = await StartAsync();
        var answers = new Queue<byte[]>([run.FirstAnswer, run.SecondAnswer]);
        proxy.Upstream.Answer = (context, _) => WriteInPiecesAsync(context, answers.Dequeue(), run.Type);

        using var first = await proxy.PostAsync(run.Path, run.First);
        using var second = await proxy.PostAsync(run.Path, run.Second);

        Assert.Equal([run.First, run.Second], proxy.Upstream.Received.Select(request => request.Text));
        Assert.Equal(run.FirstAnswer, await first.Content.ReadAsByteArrayAsync());
        Assert.Equal(run.SecondAnswer, await second.Content.ReadAsByteArrayAsync());
        var recorded = await proxy.FindRunAsync(second);
        Assert.Equal(first.Headers.GetValues("LlmProxy-Task"), second.Headers.GetValues("LlmProxy-Task"));
        Assert.Equal(("What is the weather?", 2, 1, 20L, 4L), (recorded.TaskDescription, recorded.IterationCount, recorded.ToolCallsCount, recorded.TokenUsage!.Input, recorded.TokenUsage.Output));
        Assert.Equal(name.StartsWith("bedrock", StringComparison.Ordinal) ? "us.anthropic.claude-sonnet-4-5-20250929-v1:0" : (string)JsonNode.Parse(run.First)!["model"]!, recorded.Model);
        var steps = await proxy.ReadStepsAsync(recorded);
        var call = Assert.Single(steps[0].Reply!.ToolCalls);
        Assert.Equal(("get_weather", "Bergen"), (call.Name, (string?)JsonNode.Parse(call.Arguments)!["city"]));
        Assert.Equal((call.Id, "Rain é"), (steps[1].Messages[^1].Message.ToolResults.Single().Id, steps[1].Messages[^1].Message.ToolResults.Single().Content));
        Assert.Equal("It rains.", steps[1].Reply!.Text);
        Assert.Equal(TrajectoryStatus.Completed, recorded.Status);
    }

    [Fact]
    public async Task A_signed_request_keeps_its_host_and_every_header()
    {
        await using var proxy = await StartAsync(("LlmProxy:Auth:AllowedHosts", "bedrock-runtime.eu-west-1.amazonaws.com"));
        var answer = Encoding.Latin1.GetString(Utf8(Claude("""{"type":"text","text":"It rains."}""", "end_turn")));
        proxy.Upstream.AnswerWith(answer);
        string[] headers = ["Host: bedrock-runtime.eu-west-1.amazonaws.com", "Authorization: AWS4-HMAC-SHA256 Credential=A/20261130/eu-west-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "X-Amz-Date: 20261130T000000Z", "Accept: application/vnd.amazon.eventstream"];

        var response = await proxy.SendRawAsync($"POST {BedrockPath}invoke HTTP/1.1\r\n{string.Join("\r\n", headers)}\r\nContent-Length: {ClaudeFirst.Length}\r\nConnection: close\r\n\r\n{ClaudeFirst}");

        Assert.StartsWith("HTTP/1.1 200", response, StringComparison.Ordinal);
        Assert.EndsWith(answer, response, StringComparison.Ordinal);
        Assert.Equal((BedrockPath + "invoke", ClaudeFirst), (proxy.Upstream.Last.Target, proxy.Upstream.Last.Text));
        Assert.All(headers, header => Assert.Equal(header[(header.IndexOf(' ', StringComparison.Ordinal) + 1)..], proxy.Upstream.Last.Headers[header[..header.IndexOf(':', StringComparison.Ordinal)]].Single()));
        Assert.Equal(headers.Length + 1, proxy.Upstream.Last.Headers.Count);
    }

    [Theory]
    [InlineData("ThrottlingException", "Too many tokens")]
    [InlineData("modelStreamErrorException", "It broke")]
    public async Task An_exception_in_an_event_stream_is_the_steps_error(string type, string message)
    {
        await using var proxy = await StartAsync(("LlmProxy:Recording:Failures", "true"));
        var body = EventStream(("messageStart", """{"role":"assistant"}"""), (type, $$"""{"message":"{{message}}"}"""));
        proxy.Upstream.Answer = (context, _) => WriteInPiecesAsync(context, body, "application/vnd.amazon.eventstream");

        using var answer = await proxy.PostAsync(BedrockPath + "converse-stream", ConverseFirst);

        Assert.Equal(body, await answer.Content.ReadAsByteArrayAsync());
        var step = Assert.Single(await proxy.ReadStepsAsync(await proxy.FindRunAsync(answer)));
        Assert.Equal(StepStatus.UpstreamError, step.Step.Status);
    }

    [Theory]
    [InlineData("/vertex/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict")]
    [InlineData("/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict")]
    public async Task Claude_on_vertex_is_recorded_and_never_rewritten(string path)
    {
        await using var proxy = await StartAsync();
        proxy.Upstream.AnswerWith(Claude("""{"type":"text","text":"It rains."}""", "end_turn"));

        using var answer = await proxy.PostAsync(path, ClaudeFirst);

        Assert.Equal((path.Replace("/vertex", "", StringComparison.Ordinal), ClaudeFirst), (proxy.Upstream.Last.Target, proxy.Upstream.Last.Text));
        var run = await proxy.FindRunAsync(answer);
        Assert.Equal(("anthropic", "claude-sonnet-4-5@20250929", "What is the weather?"), (run.Provider, run.Model, run.TaskDescription));
    }

    [Theory]
    [InlineData("/azure/openai/deployments/gpt-4o/chat/completions?api-version=2025-01-01", "chat")]
    [InlineData("/azure/openai/v1/chat/completions", "chat")]
    [InlineData("/azure/openai/responses?api-version=preview", "responses")]
    [InlineData("/azure/openai/v1/responses", "responses")]
    [InlineData("/vertex/v1/projects/p/locations/global/publishers/google/models/gpt-4o:generateContent", "gemini")]
    [InlineData("/v1beta1/projects/p/locations/global/publishers/google/models/gpt-4o:generateContent", "gemini")]
    public async Task Other_models_on_azure_and_vertex_are_recorded_and_enhanced(string path, string dialect)
    {
        await using var proxy = await StartAsync();
        var loop = ToolLoop.All("gpt-4o").Single(l => l.Name == dialect);
        proxy.Upstream.AnswerInTurn((loop.FirstAnswer, loop.ContentType), (loop.SecondAnswer, loop.ContentType));

        using var first = await proxy.PostAsync(path, loop.First);
        using var second = await proxy.PostAsync(path, loop.Second);

        Assert.All(proxy.Upstream.Received, request => Assert.Contains("Working Method", request.Text, StringComparison.Ordinal));
        Assert.Equal(2, (await proxy.FindRunAsync(second)).IterationCount);
    }

    [Theory]
    [InlineData("/azure/anthropic/v1/messages")]
    [InlineData("/azure/openai/../anthropic/v1/messages")]
    public async Task Claude_on_foundry_is_recorded_and_never_rewritten(string path)
    {
        await using var proxy = await StartAsync();
        proxy.Upstream.AnswerWith(Claude("""{"type":"text","text":"It rains."}""", "end_turn"));
        var body = ClaudeFirst.Replace("\"anthropic_version\":\"bedrock-2023-05-31\"", "\"model\":\"claude-sonnet-4-5\"", StringComparison.Ordinal);

        using var answer = await proxy.PostAsync(path, body);

        Assert.Equal(body, proxy.Upstream.Last.Text);
        Assert.Equal("anthropic", (await proxy.FindRunAsync(answer)).Provider);
    }

    [Theory]
    [InlineData("/openai/v1/embeddings", """{"unknown-path":1}""")]
    [InlineData("/model/meta.llama3-70b-instruct-v1%3A0/invoke", """{"unreadable-request":1}""")]
    public async Task What_passes_unrecorded_is_counted_with_its_reason(string path, string counts)
    {
        await using var proxy = await StartAsync();
        proxy.Upstream.AnswerWith("{}");

        using var answer = await proxy.PostAsync(path, """{"prompt":"Hello"}""");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var status = JsonNode.Parse(await proxy.Client.GetStringAsync(new Uri(proxy.Address, "/_llmproxy/status")))!;
        Assert.Equal(counts, status["recording"]!["notRecorded"]!.ToJsonString());
    }

    private static async Task<RunningProxy> StartAsync(params (string Key, string Value)[] settings)
    {
        var upstream = await ScriptedUpstream.StartAsync();
        return await RunningProxy.StartAsync(
            upstream,
            [
                ("LlmProxy:Recording:Providers", "anthropic,openai,gemini,proxy"),
                .. ((string[])["azure", "vertex", "bedrock"]).Select(cluster => ($"ReverseProxy:Clusters:{cluster}:Destinations:default:Address", upstream.Address.ToString())),
                .. settings,
            ]);
    }

    private static string Claude(string block, string stop) =>
        $$$"""{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[{{{block}}}],"stop_reason":"{{{stop}}}","usage":{"input_tokens":10,"output_tokens":2 } }""";

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Chunks(IEnumerable<string> events) =>
        EventStream([.. events.Select(json => ("chunk", $$"""{"bytes":"{{Convert.ToBase64String(Utf8(json))}}","p":"abc"}"""))]);

    /// <summary>Messages of an AWS event stream; the checksums are not what the proxy looks at.</summary>
    private static byte[] EventStream(params (string Type, string Payload)[] events)
    {
        using var stream = new MemoryStream();
        foreach (var (type, payload) in events)
        {
            var isException = type.EndsWith("Exception", StringComparison.Ordinal);
            byte[] headers = [.. Header(":message-type", isException ? "exception" : "event"), .. Header(":content-type", "application/json"), .. Header(isException ? ":exception-type" : ":event-type", type)];
            var body = Utf8(payload);
            var prelude = new byte[12];
            BinaryPrimitives.WriteInt32BigEndian(prelude, 16 + headers.Length + body.Length);
            BinaryPrimitives.WriteInt32BigEndian(prelude.AsSpan(4), headers.Length);
            stream.Write([.. prelude, .. headers, .. body, 0, 0, 0, 0]);
        }

        return stream.ToArray();
    }

    private static byte[] Header(string name, string value) => [(byte)name.Length, .. Utf8(name), 7, 0, (byte)value.Length, .. Utf8(value)];

    private static async Task WriteInPiecesAsync(Microsoft.AspNetCore.Http.HttpContext context, byte[] body, string type)
    {
        context.Response.ContentType = type;
        foreach (var piece in body.Chunk(37))
        {
            await context.Response.Body.WriteAsync(piece);
            await context.Response.Body.FlushAsync();
        }
    }
}
