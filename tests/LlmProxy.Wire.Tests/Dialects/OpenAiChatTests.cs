using LlmProxy.Wire;

namespace LlmProxy.Tests.Dialects;

public sealed class OpenAiChatTests
{
    private const DialectKind Kind = DialectKind.OpenAiChat;

    private const string Request = """
        {"model":"gpt-4.1","stream":true,"prompt_cache_key":"run-7",
         "messages":[
          {"role":"developer","content":[{"type":"text","text":"You are terse."},{"type":"text","text":"# Tools\nUse them."}]},
          {"role":"user","content":[{"type":"text","text":"Weather in Berlin and Rome?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO"}}]},
          {"role":"assistant","content":"Let me look.","refusal":null,"annotations":[],"tool_calls":[
            {"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Berlin\"}"}},
            {"id":"call_2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},
          {"role":"tool","tool_call_id":"call_1","content":"Error: no network"},
          {"role":"tool","tool_call_id":"call_2","content":"sunny"},
          {"role":"system","content":"Second prompt."}],
         "tools":[{"type":"function","function":{"name":"weather","description":"Weather of a city","parameters":{"type":"object"}}}]}
        """;

    private const string Json = """
        {"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4.1-2025-04-14","choices":[{"index":0,"message":{"role":"assistant",
         "content":"Let me look.","refusal":null,"annotations":[],"tool_calls":[
         {"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Berlin\"}"}},
         {"id":"call_2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],
         "usage":{"prompt_tokens":100,"completion_tokens":42,"total_tokens":142,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":7}}}
        """;

    private const string Events = """
        : a comment, as OpenRouter sends it

        data: {"id":"","object":"chat.completion.chunk","model":"","choices":[],"prompt_filter_results":[]}

        data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4.1-2025-04-14","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}]}

        data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4.1-2025-04-14","choices":[{"index":0,"delta":{"content":"Let me look."},"finish_reason":null}]}

        data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]},"finish_reason":null}]}

        data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]},"finish_reason":null}]}

        data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},"finish_reason":null}]}

        data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Berlin\"}"}}]},"finish_reason":null}]}

        data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

        data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":42,"total_tokens":142,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":7}}}

        data: [DONE]


        """;

    [Fact]
    public void A_request_is_read()
    {
        var reading = Wire.Read(Kind, Request);

        Assert.Equal("gpt-4.1", reading.Model);
        Assert.True(reading.Stream);
        Assert.True(reading.OffersTools);
        Assert.Equal("run-7", reading.SessionHint);
        Assert.Equal(["call_1", "call_2"], reading.ToolCallIds);
        Assert.Equal([false, true, false, false], reading.Messages.Select(message => message.IsAssistant));
        Assert.Equal([0, 0, 1], reading.SystemTexts.Select(text => text.Message));
        Assert.Equal(1, reading.DefaultSystemText);
        Assert.Equal(new ToolOffer("weather", "Weather of a city"), Assert.Single(reading.ReadTools()));
        Assert.Equal("Weather in Berlin and Rome?", reading.ReadLastUserText());
    }

    [Fact]
    public void The_record_keeps_the_conversation()
    {
        var content = DialectCatalog.Get(Kind).ReadContent(Wire.Bytes(Request))!;

        Assert.Equal("You are terse.\n\n# Tools\nUse them.\n\nSecond prompt.", content.SystemPrompt);
        Assert.Equal(["call_1", "call_2"], content.Messages[1].ToolCalls.Select(call => call.Id));
        Assert.Equal(new ToolResult("call_1", "Error: no network", null, false), Assert.Single(content.Messages[2].ToolResults));
        Assert.Equal("tool", content.Messages[2].Role);
    }

    [Theory]
    [InlineData(Json)]
    [InlineData(Events)]
    public void An_answer_is_assembled(string answer)
    {
        var reply = Wire.Assemble(Kind, answer);

        Assert.Equal("chatcmpl-1", reply.ResponseId);
        Assert.Equal("gpt-4.1-2025-04-14", reply.Model);
        Assert.Equal("tool_calls", reply.StopReason);
        Assert.Equal("Let me look.", reply.Message.Text);
        Assert.Equal(["{\"city\":\"Berlin\"}", "{\"city\":\"Rome\"}"], reply.Message.ToolCalls.Select(call => call.Arguments));
        Assert.Equal(new TokenUsage(100, 42, 64, 0, 7), reply.Usage);
        Assert.True(reply.IsComplete);
        Assert.False(reply.EndedTurn);
        Assert.Equal(Wire.Read(Kind, Request).Messages[1].Key, Wire.Key(reply));
        Assert.Equal(
            """{"role":"assistant","content":"Let me look.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Berlin\"}"}},{"id":"call_2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]}""",
            Wire.Text(reply.Message.Json));
    }

    [Fact]
    public void The_turn_is_known_with_its_finish_reason_before_the_last_bytes()
    {
        var assembler = DialectCatalog.Get(Kind).CreateAssembler("text/event-stream", true);
        var finish = Events.IndexOf("data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\"", StringComparison.Ordinal);
        var usage = Events.IndexOf("data: {\"id\":\"chatcmpl-1\",\"choices\":[],", StringComparison.Ordinal);
        assembler.Append(Wire.Bytes(Events[..finish]));
        Assert.False(assembler.HasEnded);
        assembler.Append(Wire.Bytes(Events[finish..usage]));
        Assert.True(assembler.HasEnded);
        Assert.False(assembler.ToReply().HasUsage);
        assembler.Append(Wire.Bytes(Events[usage..]));
        Assert.Equal(142, assembler.ToReply().Usage.Total);
    }

    [Theory]
    [InlineData("""{"role":"assistant","content":null,"tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{}"}}]}""")]
    [InlineData("""{"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{ }"},"index":0,"type":"function"}],"refusal":null}""")]
    [InlineData("""{"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}],"role":"assistant"}""")]
    [InlineData("""{"role":"assistant","content":[],"reasoning_content":"hidden","tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{}"}}]}""")]
    [InlineData("""{"role":"assistant","content":"<think>\nhidden\n</think>\n\n","tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{}"}}]}""")]
    [InlineData("""{"role":"user","role":"assistant","content":"old","content":null,"tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{}"}}]}""")]
    public void Ways_to_send_an_answer_back_have_its_key(string echo)
    {
        var reply = Wire.Assemble(Kind, """{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}""");

        Assert.Equal(Wire.Key(reply), Wire.Read(Kind, $$"""{"messages":[{{echo}}]}""").Messages[0].Key);
    }

    [Theory]
    [InlineData("{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}", "{\"tool_calls\":[{\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}")]
    [InlineData("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}", "{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}}]}", "{\"tool_calls\":[{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}")]
    [InlineData("{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}", "{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}")]
    [InlineData("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}},{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\"}}]}", "{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}},{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}")]
    public void Tool_calls_are_told_apart_as_compatible_servers_send_them(params string[] deltas)
    {
        var reply = Wire.Assemble(Kind, string.Concat(deltas.Select(delta => $"data: {{\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\r\n\r\n")));

        Assert.Equal(["f", "g"], reply.Message.ToolCalls.Select(call => call.Name));
        Assert.All(reply.Message.ToolCalls, call => Assert.Equal("{}", call.Arguments));
    }

    [Fact]
    public void The_old_function_call_is_a_call_known_by_name_and_arguments()
    {
        var reply = Wire.Assemble(Kind, """{"choices":[{"message":{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"b\":1,\"a\":2.0}"}},"finish_reason":"function_call"}]}""");
        var echo = Wire.Read(Kind, """{"functions":[{"name":"f"}],"messages":[{"role":"assistant","content":null,"function_call":{"arguments":"{\"a\": 2, \"b\": 1}","name":"f"}}]}""");

        Assert.Equal("f#1", Assert.Single(reply.Message.ToolCalls).Id);
        Assert.Equal(Wire.Key(reply), echo.Messages[0].Key);
        Assert.True(echo.OffersTools);
    }

    [Fact]
    public void An_error_in_a_choice_and_a_line_that_is_no_event_are_seen()
    {
        Assert.Equal("500: broken", Wire.Assemble(Kind, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"error\":{\"code\":500,\"message\":\"broken\"}}]}\n\n").Error);
        Assert.Equal("error: broken", Wire.Assemble(Kind, "data: {\"choices\":[]}\n\nerror: {\"error\":{\"message\":\"broken\"}}\n\n").Error);
        Assert.Equal("rate_limit_error: slow down", Wire.Assemble(Kind, "{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow down\"}}").Error);
    }

    [Fact]
    public void A_stream_that_was_cut_is_incomplete_and_one_without_done_is_not()
    {
        Assert.False(Wire.Assemble(Kind, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n").IsComplete);
        var reply = Wire.Assemble(Kind, "\uFEFFdata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x 😀\"},\"finish_reason\":\"stop\"}]}");
        Assert.True(reply.IsComplete);
        Assert.True(reply.EndedTurn);
        Assert.Equal("x 😀", reply.Message.Text);
    }

    [Fact]
    public void A_message_so_far_beside_a_delta_is_not_added_twice()
    {
        Assert.Equal("ab", Wire.Assemble(Kind, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"message\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"message\":{\"content\":\"ab\"}}]}\n\n").Message.Text);
        Assert.Equal("ab", Wire.Assemble(Kind, """{"choices":[{"index":0,"delta":{"content":""},"message":{"content":"ab"}}]}""").Message.Text);
    }

    [Fact]
    public void The_first_of_several_choices_is_the_message()
    {
        var assembler = DialectCatalog.Get(Kind).CreateAssembler(null, true);
        assembler.Append("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"u8);
        Assert.False(assembler.HasEnded);
        assembler.Append("data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"u8);
        Assert.True(assembler.HasEnded);
        Assert.Equal("a", assembler.ToReply().Message.Text);
    }

    [Theory]
    [InlineData("""{"messages":[]}""", """{"messages":[{"role":"system","content":"NEW"}]}""")]
    [InlineData("""{"messages":[ {"role":"user","content":"x"}]}""", """{"messages":[{"role":"system","content":"NEW"}, {"role":"user","content":"x"}]}""")]
    [InlineData("""{"messages":[{"role":"system","content":""}]}""", """{"messages":[{"role":"system","content":"NEW"}]}""")]
    [InlineData("""{"messages":[{"content":[{"text":"a","type":"text"},{"type":"text","text":"b"}],"role":"developer"},{"role":"system","content":"c"}]}""", """{"messages":[{"content":[{"text":"a","type":"text"},{"type":"text","text":"NEW"}],"role":"developer"},{"role":"system","content":"c"}]}""")]
    public void The_system_prompt_is_replaced_or_added_and_nothing_else_changes(string before, string after)
        => Assert.Equal(after, Wire.Rewrite(Wire.Read(Kind, before), "NEW"));
}
