using LlmProxy.Wire;

namespace LlmProxy.Tests.Dialects;

public sealed class OpenAiResponsesTests
{
    private const DialectKind Kind = DialectKind.OpenAiResponses;

    private const string Request = """
        {"model":"gpt-5.1-codex","stream":true,"store":false,"prompt_cache_key":"019a",
         "input":[
          {"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"main","tools":[{"type":"custom","name":"exec","description":"Runs JavaScript"}]}]},
          {"type":"message","role":"developer","content":[{"type":"input_text","text":"You are Codex."},{"type":"input_text","text":"Sandbox."}]},
          {"type":"message","role":"user","content":[{"type":"input_text","text":"List the files"}]},
          {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"},
          {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Let me look."}]},
          {"type":"custom_tool_call","call_id":"call_1","name":"exec","input":"ls()"},
          {"type":"custom_tool_call_output","call_id":"call_1","output":[{"type":"input_text","text":"a.txt"},{"type":"input_image","image_url":"data:image/png;base64,iVBO"}]}]}
        """;

    private const string Output = """[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"I need the tool."}],"encrypted_content":"gAAA"},{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Let me look.","annotations":[],"logprobs":[]}]},{"type":"custom_tool_call","id":"ctc_1","status":"completed","call_id":"call_1","name":"exec","input":"ls()"}]""";

    private const string Json = $$$"""
        {"id":"resp_1","object":"response","status":"completed","model":"gpt-5.1-codex-2025","error":null,"incomplete_details":null,"output":{{{Output}}},
         "usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":64},"output_tokens":42,"output_tokens_details":{"reasoning_tokens":7},"total_tokens":142}}
        """;

    private const string Start = """
        event: response.created
        data: {"type":"response.created","response":{"id":"resp_1","status":"in_progress","model":"gpt-5.1-codex-2025","output":[]},"sequence_number":0}

        event: response.output_item.added
        data: {"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}

        event: response.reasoning_summary_text.delta
        data: {"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"I need the tool."}

        event: response.output_item.added
        data: {"type":"response.output_item.added","output_index":1,"item":{"type":"message","id":"msg_1","role":"assistant","status":"in_progress","content":[]}}

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Let me "}

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"look."}

        event: response.output_item.added
        data: {"type":"response.output_item.added","output_index":2,"item":{"type":"custom_tool_call","id":"ctc_1","status":"in_progress","call_id":"call_1","name":"exec","input":""}}

        event: response.custom_tool_call_input.delta
        data: {"type":"response.custom_tool_call_input.delta","output_index":2,"delta":"ls()"}


        """;

    private static readonly string Events = Start + $"event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{Json.ReplaceLineEndings("")}}}\n\n";

    public static TheoryData<string> Answers => [Json, Events];

    [Fact]
    public void A_request_is_read()
    {
        var reading = Wire.Read(Kind, Request);

        Assert.True(reading.Stream);
        Assert.True(reading.OffersTools);
        Assert.Equal("019a", reading.SessionHint);
        Assert.Equal(["call_1"], reading.ToolCallIds);
        Assert.Equal([false, true, false], reading.Messages.Select(message => message.IsAssistant));
        Assert.Equal(1, reading.DefaultSystemText);
        Assert.Equal(new ToolOffer("exec", "Runs JavaScript"), Assert.Single(reading.ReadTools()));
        Assert.Equal("List the files", reading.ReadFirstUserText());
    }

    [Fact]
    public void The_record_keeps_a_turn_of_several_items_as_a_list()
    {
        var content = DialectCatalog.Get(Kind).ReadContent(Wire.Bytes(Request))!;

        Assert.Equal("You are Codex.\n\nSandbox.", content.SystemPrompt);
        var turn = content.Messages[1];
        Assert.StartsWith("[{\"type\":\"reasoning\"", Wire.Text(turn.Json), StringComparison.Ordinal);
        Assert.Equal("Let me look.", turn.Text);
        Assert.Equal(new ToolCall("call_1", "exec", "ls()"), Assert.Single(turn.ToolCalls));
        Assert.Equal(new ToolResult("call_1", "a.txt\n[image]", null, true), Assert.Single(content.Messages[2].ToolResults));
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public void An_answer_is_assembled(string answer)
    {
        var reply = Wire.Assemble(Kind, answer);

        Assert.Equal("resp_1", reply.ResponseId);
        Assert.Equal("completed", reply.StopReason);
        Assert.Equal("Let me look.", reply.Message.Text);
        Assert.Equal("I need the tool.", reply.Message.Reasoning);
        Assert.Equal(new TokenUsage(100, 42, 64, 0, 7), reply.Usage);
        Assert.True(reply.IsComplete);
        Assert.False(reply.EndedTurn);
        Assert.Equal(Output, Wire.Text(reply.Message.Json));
        Assert.Equal(Wire.Read(Kind, Request).Messages[1].Key, Wire.Key(reply));
    }

    [Fact]
    public void A_stream_that_was_cut_gives_what_came()
    {
        var reply = Wire.Assemble(Kind, Start);

        Assert.False(reply.IsComplete);
        Assert.Equal("Let me look.", reply.Message.Text);
        Assert.Equal("I need the tool.", reply.Message.Reasoning);
        Assert.Equal(new ToolCall("call_1", "exec", "ls()"), Assert.Single(reply.Message.ToolCalls));
    }

    [Fact]
    public void A_last_event_without_output_leaves_what_items_said()
    {
        var reply = Wire.Assemble(Kind, Start + "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[]}}\n\n");

        Assert.True(reply.IsComplete);
        Assert.Equal(["call_1"], reply.CallKeys);
    }

    [Theory]
    [InlineData("""{"role":"assistant","content":"Let me look."},{"type":"custom_tool_call","call_id":"call_1","name":"exec","input":"ls()"}""")]
    [InlineData("""{"content":[{"text":"Let me ","type":"output_text"},{"text":"look.","type":"output_text","annotations":[]}],"role":"assistant","type":"message","id":"m","status":"completed"},{"name":"exec","input":"ls()","call_id":"call_1","type":"custom_tool_call"}""")]
    [InlineData("""{"type":"web_search_call","id":"ws_1","status":"completed"},{"role":"assistant","content":"Let me look."},{"type":"reasoning","content":[{"type":"reasoning_text","text":"no"}]},{"type":"custom_tool_call","call_id":"call_1","name":"exec","input":"ls()"}""")]
    public void Ways_to_send_an_answer_back_have_its_key(string echo)
    {
        var reading = Wire.Read(Kind, $$"""{"input":[{"role":"user","content":"List"},{{echo}},{"type":"custom_tool_call_output","call_id":"call_1","output":"x"}]}""");

        Assert.Equal(3, reading.Messages.Count);
        Assert.Equal(Wire.Key(Wire.Assemble(Kind, Json)), reading.Messages[1].Key);
    }

    [Theory]
    [InlineData("""{"input":"Hi"}""", """{"input":[{"role":"user","content":"Hi"}]}""")]
    [InlineData("""{"input":"Hi"}""", """{"input":[{"id":"msg_1","status":"completed","content":[{"text":"Hi","type":"input_text"}],"role":"user","type":"message"}]}""")]
    [InlineData("""{"input":[{"type":"function_call_output","call_id":"c","output":"x"}]}""", """{"input":[{"output":[{"type":"input_text","text":"x"}],"call_id":"c","id":"fco_1","type":"function_call_output"}]}""")]
    public void Messages_that_mean_the_same_have_one_key(string left, string right)
        => Assert.Equal(Wire.Read(Kind, left).Messages[0].Key, Wire.Read(Kind, right).Messages[0].Key);

    [Fact]
    public void A_plain_string_is_a_user_message()
    {
        var message = Assert.Single(DialectCatalog.Get(Kind).ReadContent("""{"input":"Hi \"you\""}"""u8.ToArray())!.Messages);

        Assert.Equal("Hi \"you\"", message.Text);
        Assert.Equal("user", message.Role);
        Assert.Equal("""{"role":"user","content":"Hi \"you\""}""", Wire.Text(message.Json));
    }

    [Theory]
    [InlineData("""{"model":"m","input":"x"}""", """{"instructions":"NEW","model":"m","input":"x"}""")]
    [InlineData("""{"instructions":null,"input":"x"}""", """{"instructions":"NEW","input":"x"}""")]
    [InlineData("""{"input":[{"role":"developer","content":"dev"}],"instructions":"old"}""", """{"input":[{"role":"developer","content":"dev"}],"instructions":"NEW"}""")]
    [InlineData("""{"input":[{"role":"system","content":"old"}]}""", """{"input":[{"role":"system","content":"NEW"}]}""")]
    [InlineData("""{"input":[{"role":"system","content":"kept"}],"previous_response_id":"resp_0"}""", """{"instructions":"NEW","input":[{"role":"system","content":"kept"}],"previous_response_id":"resp_0"}""")]
    public void The_system_prompt_is_replaced_or_added_and_nothing_else_changes(string before, string after)
        => Assert.Equal(after, Wire.Rewrite(Wire.Read(Kind, before), "NEW"));

    [Fact]
    public void Server_side_history_is_a_continuation()
    {
        Assert.Equal("resp_0", Wire.Read(Kind, """{"input":"go on","previous_response_id":"resp_0"}""").PreviousResponseId);
        Assert.Equal("conv_1", Wire.Read(Kind, """{"input":"go on","conversation":{"id":"conv_1"}}""").ServerConversationId);
        Assert.True(Wire.Read(Kind, """{"input":"go on","conversation":"conv_1"}""").IsContinuation);
        Assert.False(Wire.Read(Kind, """{"input":"go on","previous_response_id":null}""").IsContinuation);
    }

    [Theory]
    [InlineData("""[{"type":"message","role":"assistant","content":[]}]""", "completed", true)]
    [InlineData("""[{"type":"web_search_call","id":"ws_1"},{"type":"message","role":"assistant","content":[]}]""", "completed", true)]
    [InlineData("""[{"type":"shell_call","call_id":"s"},{"type":"shell_call_output","call_id":"s"}]""", "completed", true)]
    [InlineData("""[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]""", "completed", false)]
    [InlineData("""[{"type":"message","role":"assistant","content":[]}]""", "incomplete", false)]
    public void A_turn_ends_when_the_client_has_nothing_to_answer(string items, string status, bool ended)
        => Assert.Equal(ended, Wire.Assemble(Kind, $$"""{"object":"response","status":"{{status}}","output":{{items}}}""").EndedTurn);

    [Fact]
    public void Errors_are_seen_wherever_they_stand()
    {
        Assert.Equal("server_error: broken", Wire.Assemble(Kind, "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"broken\"}}}\n\n").Error);
        Assert.Equal("rate_limit_exceeded: slow", Wire.Assemble(Kind, "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}\n\n").Error);
        Assert.Equal("max_output_tokens", Wire.Assemble(Kind, """{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}""").StopReason);
        Assert.False(Wire.Assemble(Kind, """{"object":"response","status":"queued","output":[]}""").IsComplete);
        Assert.Equal("I cannot", Wire.Assemble(Kind, """{"object":"response","status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"I cannot"}]}]}""").Refusal);
    }
}
