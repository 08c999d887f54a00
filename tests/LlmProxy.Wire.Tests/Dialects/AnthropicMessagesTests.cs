using LlmProxy.Wire;

namespace LlmProxy.Tests.Dialects;

public sealed class AnthropicMessagesTests
{
    private const DialectKind Kind = DialectKind.AnthropicMessages;

    private const string Request = """
        {"model":"claude-sonnet-4-5","max_tokens":1024,"stream":true,
         "metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"9f0c\"}"},
         "system":[{"type":"text","text":"You are terse."},{"type":"text","text":"# Tools\nUse them.","cache_control":{"type":"ephemeral"}}],
         "tools":[{"name":"weather","description":"Weather of a city","input_schema":{"type":"object","properties":{"cache_control":{"type":"string"}}},"cache_control":{"type":"ephemeral"}}],
         "messages":[
          {"role":"user","content":"Weather in Berlin?"},
          {"role":"system","content":"Reminder: be kind."},
          {"role":"assistant","content":[
            {"type":"thinking","thinking":"I need the tool.","signature":"c2ln"},
            {"type":"text","text":"Let me look."},
            {"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Berlin"}}]},
          {"role":"user","content":[
            {"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":[{"type":"text","text":"Error: no network"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}}]},
            {"cache_control":{"type":"ephemeral"},"type":"text","text":"Try again."}]}]}
        """;

    private const string Json = """
        {"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929",
         "content":[{"type":"thinking","thinking":"I need the tool.","signature":"c2ln"},
          {"type":"text","text":"Let me look.","citations":null},
          {"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Berlin"},"caller":{"type":"direct"}}],
         "stop_reason":"tool_use","stop_sequence":null,
         "usage":{"input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,"output_tokens":42,"output_tokens_details":{"thinking_tokens":7}}}
        """;

    private const string Events = """
        event: message_start
        data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,"output_tokens":1}}}

        event: content_block_start
        data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

        event: ping
        data: {"type": "ping"}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"I need "}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"the tool."}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}

        event: content_block_start
        data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Let me"}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":" look."}}

        event: content_block_start
        data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":" \"Berlin\"}"}}

        event: something_new
        data: {"type":"something_new","value":1}

        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":42,"output_tokens_details":{"thinking_tokens":7}}}

        event: message_stop
        data: {"type":"message_stop"}


        """;

    [Fact]
    public void A_request_is_read()
    {
        var reading = Wire.Read(Kind, Request);

        Assert.Equal("claude-sonnet-4-5", reading.Model);
        Assert.True(reading.Stream);
        Assert.True(reading.OffersTools);
        Assert.True(reading.IsContinuation);
        Assert.Equal("9f0c", reading.SessionHint);
        Assert.Equal(["toolu_1"], reading.ToolCallIds);
        Assert.Equal([false, true, false], reading.Messages.Select(message => message.IsAssistant));
        Assert.Equal(2, reading.SystemTexts.Count);
        Assert.Equal(1, reading.DefaultSystemText);
        Assert.Null(reading.Insertion);
        Assert.Equal("# Tools\nUse them.", PromptSplicer.ReadText(reading.Body, reading.SystemTexts[1].Literal));
        Assert.Equal(new ToolOffer("weather", "Weather of a city"), Assert.Single(reading.ReadTools()));
        Assert.Equal("Weather in Berlin?", reading.ReadFirstUserText());
        Assert.Equal("Weather in Berlin?", reading.ReadLastUserText());
    }

    [Fact]
    public void The_record_keeps_messages_without_cache_marks_and_else_as_they_were()
    {
        var content = DialectCatalog.Get(Kind).ReadContent(Wire.Bytes(Request))!;

        Assert.Equal("You are terse.\n\n# Tools\nUse them.\n\nReminder: be kind.", content.SystemPrompt);
        Assert.Equal("""[{"name":"weather","description":"Weather of a city","input_schema":{"type":"object","properties":{"cache_control":{"type":"string"}}}}]""", Wire.Text(content.ToolsJson!.Value));
        Assert.Equal("I need the tool.", content.Messages[1].Reasoning);
        Assert.Equal("Let me look.", content.Messages[1].Text);
        Assert.Equal(new ToolCall("toolu_1", "weather", """{"city":"Berlin"}"""), Assert.Single(content.Messages[1].ToolCalls));
        Assert.Equal(new ToolResult("toolu_1", "Error: no network\n[image]", true, true), Assert.Single(content.Messages[2].ToolResults));
        Assert.EndsWith("""{"type":"text","text":"Try again."}]}""", Wire.Text(content.Messages[2].Json), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Json)]
    [InlineData(Events)]
    public void An_answer_is_assembled(string answer)
    {
        var reply = Wire.Assemble(Kind, answer);

        Assert.Equal("msg_1", reply.ResponseId);
        Assert.Equal("claude-sonnet-4-5-20250929", reply.Model);
        Assert.Equal("tool_use", reply.StopReason);
        Assert.Equal("Let me look.", reply.Message.Text);
        Assert.Equal("I need the tool.", reply.Message.Reasoning);
        Assert.Equal(new TokenUsage(3210, 42, 3000, 200, 7), reply.Usage);
        Assert.True(reply.IsComplete);
        Assert.False(reply.EndedTurn);
        Assert.Equal(["toolu_1"], reply.CallKeys);
        Assert.Contains("\"signature\":\"c2ln\"", Wire.Text(reply.Message.Json), StringComparison.Ordinal);
        Assert.Equal(Wire.Read(Kind, Request).Messages[1].Key, Wire.Key(reply));
    }

    [Fact]
    public void An_event_of_an_unknown_type_is_kept()
        => Assert.Equal(["""{"type":"something_new","value":1}"""], Wire.Assemble(Kind, Events).Unknown);

    [Fact]
    public void The_end_is_seen_with_the_chunk_that_ends_the_answer_and_not_before()
    {
        var assembler = DialectCatalog.Get(Kind).CreateAssembler("text/event-stream", true);
        var end = Events.IndexOf("event: message_stop", StringComparison.Ordinal);
        assembler.Append(Wire.Bytes(Events[..end]));
        Assert.False(assembler.HasEnded);
        Assert.False(assembler.ToReply().IsComplete);
        assembler.Append(Wire.Bytes(Events[end..]));
        Assert.True(assembler.HasEnded);
    }

    [Fact]
    public void An_error_inside_of_a_stream_makes_the_answer_incomplete()
    {
        var reply = Wire.Assemble(Kind, Events[..Events.IndexOf("event: message_delta", StringComparison.Ordinal)]
            + "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n");

        Assert.Equal("overloaded_error: Overloaded", reply.Error);
        Assert.False(reply.IsComplete);
        Assert.Equal("Let me look.", reply.Message.Text);
    }

    [Fact]
    public void Arguments_that_broke_off_stay_readable()
    {
        var reply = Wire.Assemble(Kind, Events[..Events.IndexOf("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\" ", StringComparison.Ordinal)]);

        Assert.Equal("{\"city\":", Assert.Single(reply.Message.ToolCalls).Arguments);
        Assert.False(reply.IsComplete);
    }

    [Theory]
    [InlineData("""{"role":"assistant","content":[{"type":"text","text":"Let me"},{"type":"text","text":" look."},{"id":"toolu_1","type":"tool_use","name":"weather","input":{}}]}""")]
    [InlineData("""{"content":[{"text":"\n Let \u006de look. ","type":"text","citations":[]},{"type":"tool_use","input":{"a":[1]},"name":"weather","id":"toolu_1","cache_control":{"type":"ephemeral"}}],"role":"assistant"}""")]
    public void Ways_to_send_an_answer_back_have_its_key(string echo)
    {
        var reading = Wire.Read(Kind, $$"""{"messages":[{{echo}}]}""");

        Assert.Equal(Wire.Key(Wire.Assemble(Kind, Json)), reading.Messages[0].Key);
    }

    [Theory]
    [InlineData("""{"role":"assistant","content":[{"type":"text","text":"Let me look!"},{"id":"toolu_1","type":"tool_use","name":"weather","input":{}}]}""")]
    [InlineData("""{"role":"assistant","content":[{"type":"text","text":"Let me look."},{"id":"toolu_2","type":"tool_use","name":"weather","input":{}}]}""")]
    [InlineData("""{"role":"user","content":[{"type":"text","text":"Let me look."},{"id":"toolu_1","type":"tool_use","name":"weather","input":{}}]}""")]
    public void Another_turn_has_another_key(string other)
        => Assert.NotEqual(Wire.Key(Wire.Assemble(Kind, Json)), Wire.Read(Kind, $$"""{"messages":[{{other}}]}""").Messages[0].Key);

    [Theory]
    [InlineData("""{"role":"user","content":"Hi"}""", """{"content":[{"text":"H\u0069","type":"text","cache_control":{"type":"ephemeral"}}],"role":"user"}""", true)]
    [InlineData("""{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"ok"}]}""", """{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"ok"}],"tool_use_id":"t","is_error":null}]}""", true)]
    [InlineData("""{"role":"user","content":"Hi"}""", """{"role":"user","content":"Ho"}""", false)]
    [InlineData("""{"role":"user","content":[{"type":"image","source":{"data":"AAAA"}}]}""", """{"role":"user","content":[{"type":"image","source":{"data":"AAAB"}}]}""", false)]
    public void Messages_that_mean_the_same_have_one_key(string left, string right, bool same)
    {
        var a = Wire.Read(Kind, $$"""{"messages":[{{left}}]}""").Messages[0];
        var b = Wire.Read(Kind, $$"""{"messages":[{{right}}]}""").Messages[0];
        Assert.Equal(same, a.Key == b.Key);
        Assert.Equal(same, a.Chain == b.Chain);
    }

    [Theory]
    [InlineData("""{"model":"m","messages":[]}""", """{"system":"NEW","model":"m","messages":[]}""")]
    [InlineData("""{"model":"m","system":null,"messages":[]}""", """{"model":"m","system":"NEW","messages":[]}""")]
    [InlineData("""{"model":"m","system":"","messages":[]}""", """{"model":"m","system":"NEW","messages":[]}""")]
    [InlineData("""{"system":[{"type":"text","text":"a"},{"text":"b\"","type":"text","cache_control":{}}],"messages":[]}""", """{"system":[{"type":"text","text":"a"},{"text":"NEW","type":"text","cache_control":{}}],"messages":[]}""")]
    [InlineData("""{"messages":[{"role":"system","content":"inner"}]}""", """{"system":"NEW","messages":[{"role":"system","content":"inner"}]}""")]
    public void The_system_prompt_is_replaced_or_added_and_nothing_else_changes(string before, string after)
        => Assert.Equal(after, Wire.Rewrite(Wire.Read(Kind, before), "NEW"));

    [Theory]
    [InlineData("user_1_account__session_5b1c-22", "5b1c-22")]
    [InlineData("just-a-user", null)]
    public void The_session_stands_in_the_user_id(string userId, string? session)
        => Assert.Equal(session, Wire.Read(Kind, $$"""{"metadata":{"user_id":"{{userId}}"},"messages":[]}""").SessionHint);

    [Fact]
    public void A_continued_thread_names_the_message_before()
    {
        var reading = Wire.Read(Kind, """{"thread":{"id":"thr_1","previous_message_id":"msg_1"},"messages":[{"role":"user","content":"go on"}]}""");

        Assert.Equal("thr_1", reading.ServerConversationId);
        Assert.Equal("msg_1", reading.PreviousResponseId);
        Assert.True(reading.IsContinuation);
        Assert.Null(reading.Insertion);
    }

    [Theory]
    [InlineData("end_turn", true)]
    [InlineData("stop_sequence", true)]
    [InlineData("max_tokens", false)]
    [InlineData("pause_turn", false)]
    public void A_turn_ends_by_the_models_own_will(string reason, bool ended)
        => Assert.Equal(ended, Wire.Assemble(Kind, $$"""{"type":"message","content":[{"type":"text","text":"x"}],"stop_reason":"{{reason}}"}""").EndedTurn);
}
