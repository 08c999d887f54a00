using LlmProxy.Wire;

namespace LlmProxy.Tests.Dialects;

public sealed class GeminiTests
{
    private const DialectKind Kind = DialectKind.Gemini;

    private const string Path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent";

    private const string Request = """
        {"systemInstruction":{"role":"user","parts":[{"text":"You are terse."},{"text":"# Tools"}]},
         "tools":[{"functionDeclarations":[{"name":"weather","description":"Weather of a city","parameters":{"type":"OBJECT"}}]},{"googleSearch":{}}],
         "contents":[
          {"role":"user","parts":[{"text":"Weather in Berlin?"},{"inlineData":{"mimeType":"image/png","data":"iVBO"}}]},
          {"role":"model","parts":[{"thought":true,"text":"I need the tool."},{"text":"Let me look."},{"functionCall":{"id":"google_1_weather","name":"weather","args":{"days":2,"city":"Berlin"}},"thoughtSignature":"c2ln"}]},
          {"role":"user","parts":[{"functionResponse":{"id":"google_1_weather","name":"weather","response":{"error":"no network"}}}]},
          {"parts":[{"text":"Try again."}]}]}
        """;

    private const string Json = """
        {"candidates":[{"content":{"role":"model","parts":[{"text":"I need the tool.","thought":true},{"text":"Let me look."},{"functionCall":{"name":"weather","args":{"city":"Berlin","days":2.0}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP","index":0}],
         "usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":35,"totalTokenCount":142,"cachedContentTokenCount":64,"thoughtsTokenCount":7},"modelVersion":"gemini-2.5-pro","responseId":"r1"}
        """;

    private const string First = """{"candidates":[{"content":{"role":"model","parts":[{"text":"I need ","thought":true}]}}],"usageMetadata":{"promptTokenCount":100},"modelVersion":"gemini-2.5-pro","responseId":"r1"}""";

    private const string Second = """{"candidates":[{"content":{"role":"model","parts":[{"text":"the tool.","thought":true},{"text":"Let me"}]}}],"usageMetadata":{"promptTokenCount":100}}""";

    private const string Third = """{"candidates":[{"content":{"role":"model","parts":[{"text":" look."},{"functionCall":{"name":"weather","args":{"city":"Berlin","days":2}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":35,"cachedContentTokenCount":64,"thoughtsTokenCount":7}}""";

    public static TheoryData<string> Answers =>
    [
        Json,
        $"data: {First}\r\n\r\ndata: {Second}\r\n\r\ndata: {Third}\r\n\r\n",
        $"[{First}\r\n,\r\n{Second},{Third}\n]",
    ];

    [Theory]
    [InlineData("""{"name":"weather","content":"12 degrees"}""", "12 degrees")]
    [InlineData("""{"name":"weather","content":{"degrees":12}}""", """{"degrees":12}""")]
    [InlineData("""{"name":"weather","content":"12 degrees","unit":"C"}""", """{"name":"weather","content":"12 degrees","unit":"C"}""")]
    [InlineData("""{"content":"12 degrees"}""", """{"content":"12 degrees"}""")]
    public void A_result_under_the_functions_name_is_its_content(string response, string text)
    {
        var request = Request.Replace("""{"error":"no network"}""", response, StringComparison.Ordinal);

        var result = Assert.Single(DialectCatalog.Get(Kind).ReadContent(System.Text.Encoding.UTF8.GetBytes(request))!.Messages.SelectMany(message => message.ToolResults));

        Assert.Equal((text, false), (result.Content, result.IsError));
    }

    [Fact]
    public void The_end_of_a_thought_signature_marks_an_answer_and_the_history_that_holds_it()
    {
        var signature = string.Concat(Enumerable.Range(10, 20).Select(i => $"Abc{i}"));
        var answer = """{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"SIGNATURE=="}]},"finishReason":"STOP"}]}""".Replace("SIGNATURE", signature, StringComparison.Ordinal);
        var request = """{"contents":[{"role":"user","parts":[{"text":"x"}]},{"role":"model","parts":[{"thoughtSignature":"SIGNATURE\u003d\u003d","functionCall":{"name":"f","args":{}}},{"text":"y","thought_signature":"skip_thought_signature_validator"}]}]}""".Replace("SIGNATURE", signature, StringComparison.Ordinal);

        var mark = Assert.Single(Wire.Assemble(Kind, answer).Marks);

        Assert.Equal(signature[^48..], mark);
        Assert.Equal([mark], Wire.Read(Kind, request).ToolCallIds);
    }

    [Fact]
    public void A_request_is_read()
    {
        var reading = Wire.Read(Kind, Request, Path);

        Assert.Equal("gemini-2.5-pro", reading.Model);
        Assert.True(reading.Stream);
        Assert.True(reading.OffersTools);
        Assert.Empty(reading.ToolCallIds);
        Assert.Equal([false, true, false, false], reading.Messages.Select(message => message.IsAssistant));
        Assert.Equal(1, reading.DefaultSystemText);
        Assert.Equal(["weather", "googleSearch"], reading.ReadTools().Select(tool => tool.Name));
        Assert.Equal("Try again.", reading.ReadLastUserText());
    }

    [Fact]
    public void The_record_keeps_the_conversation()
    {
        var content = DialectCatalog.Get(Kind).ReadContent(Wire.Bytes(Request))!;

        Assert.Equal("You are terse.\n\n# Tools", content.SystemPrompt);
        Assert.Equal("I need the tool.", content.Messages[1].Reasoning);
        Assert.Equal(new ToolCall("weather#1", "weather", """{"days":2,"city":"Berlin"}"""), Assert.Single(content.Messages[1].ToolCalls));
        Assert.Equal(new ToolResult("weather", "no network", true, false), Assert.Single(content.Messages[2].ToolResults));
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public void An_answer_is_assembled(string answer)
    {
        var reply = Wire.Assemble(Kind, answer);

        Assert.Equal("r1", reply.ResponseId);
        Assert.Equal("STOP", reply.StopReason);
        Assert.Equal("Let me look.", reply.Message.Text);
        Assert.Equal("I need the tool.", reply.Message.Reasoning);
        Assert.Equal(new TokenUsage(100, 42, 64, 0, 7), reply.Usage);
        Assert.True(reply.IsComplete);
        Assert.False(reply.EndedTurn);
        Assert.Contains("\"thoughtSignature\":\"c2ln\"", Wire.Text(reply.Message.Json), StringComparison.Ordinal);
        Assert.Equal(Wire.Read(Kind, Request, Path).Messages[1].Key, Wire.Key(reply));
    }

    [Theory]
    [InlineData("""{"parts":[{"text":"Let me look."},{"function_call":{"args":{"city":"Berlin","days":2},"name":"weather"}}],"role":"model"}""", true)]
    [InlineData("""{"parts":[{"text":"Let me "},{"text":"look."},{"functionCall":{"id":"made-up","args":{"city":"B\u0065rlin","days":2e0},"name":"weather"}}],"role":"model"}""", true)]
    [InlineData("""{"parts":[{"text":"Let me look."},{"functionCall":{"args":{"city":"Rome","days":2},"name":"weather"}}],"role":"model"}""", false)]
    public void Ways_to_send_an_answer_back_have_its_key(string echo, bool same)
        => Assert.Equal(same, Wire.Key(Wire.Assemble(Kind, Json)) == Wire.Read(Kind, $$"""{"contents":[{{echo}}]}""").Messages[0].Key);

    [Theory]
    [InlineData("""{"role":"model","parts":[{"thought":true,"text":"I need the tool."}]}, {"parts":[{"text":"Let me"}],"role":"model"},{"role":"model","parts":{"text":" look."}},{"role":"model","parts":[{"functionCall":{"name":"weather","args":{"city":"Berlin","days":2}}}]}""")]
    [InlineData("""{"role":"model","parts":[{"text":"Let me look."}]},{"role":"model","parts":[{"text":"?"}],"parts":[{"functionCall":{"name":"weather","args":{"city":"Berlin","days":2}}}]},{"role":"model"}""")]
    public void Contents_of_the_model_that_follow_each_other_are_one_turn(string turn)
    {
        const string Asks = """{"role":"user","parts":[{"text":"Weather in Berlin?"}]}""";
        const string Goes = """{"role":"model","parts":[{"text":"not his words"}],"role":"user"}""";
        foreach (var (body, messages) in new[] { ($"{Asks},{turn}", 2), ($"{Asks},{turn},{Goes}", 3), ($"{Asks},{turn},\"odd\",{turn},{Asks}", 5) })
        {
            var reading = Wire.Read(Kind, $$"""{"contents":[{{body}}]}""");

            Assert.Equal(messages, reading.Messages.Count);
            Assert.Equal(Wire.Key(Wire.Assemble(Kind, Json)), reading.Messages[1].Key);
            var message = reading.ReadMessage(1);
            Assert.Equal(("Let me look.", "assistant", true), (message.Text, message.Role, message.IsAssistant));
            Assert.Equal("""{"days":2,"city":"Berlin"}""".Length, Assert.Single(message.ToolCalls).Arguments.Length);
            using var keys = new TurnKeys(Wire.Secret);
            Assert.Equal(reading.Messages[1].Key, DialectCatalog.Get(Kind).KeyOf(message.Json, keys));
        }
    }

    [Theory]
    [InlineData("""{"contents":[]}""", """{"systemInstruction":{"parts":[{"text":"NEW"}]},"contents":[]}""")]
    [InlineData("""{"system_instruction":"old","contents":[]}""", """{"system_instruction":"NEW","contents":[]}""")]
    [InlineData("""{"systemInstruction":null,"contents":[]}""", """{"systemInstruction":{"parts":[{"text":"NEW"}]},"contents":[]}""")]
    [InlineData("""{"systemInstruction":{"parts":{"text":"old"}},"contents":[]}""", """{"systemInstruction":{"parts":{"text":"NEW"}},"contents":[]}""")]
    [InlineData("""{"contents":[],"systemInstruction":{"parts":[{"text":"a"},{"text":"b"}],"role":"system"}}""", """{"contents":[],"systemInstruction":{"parts":[{"text":"a"},{"text":"NEW"}],"role":"system"}}""")]
    public void The_system_prompt_is_replaced_or_added_and_nothing_else_changes(string before, string after)
        => Assert.Equal(after, Wire.Rewrite(Wire.Read(Kind, before), "NEW"));

    [Fact]
    public void A_call_with_cached_content_gets_no_prompt()
        => Assert.Null(Wire.Read(Kind, """{"contents":[],"cachedContent":"cachedContents/1"}""").Insertion);

    [Fact]
    public void A_blocked_prompt_ends_the_answer()
    {
        var reply = Wire.Assemble(Kind, """{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":5}}""");

        Assert.True(reply.IsComplete);
        Assert.Equal("SAFETY", reply.StopReason);
        Assert.Equal("SAFETY", reply.Refusal);
        Assert.False(reply.EndedTurn);
    }

    [Fact]
    public void An_array_that_was_cut_gives_what_came()
    {
        var reply = Wire.Assemble(Kind, $"[{First},{Second},{{\"candidates\":[{{\"cont");

        Assert.False(reply.IsComplete);
        Assert.Equal("Let me", reply.Message.Text);
    }

    [Fact]
    public void An_error_in_a_list_is_seen()
        => Assert.Equal("RESOURCE_EXHAUSTED: quota", Wire.Assemble(Kind, """[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]""").Error);

    [Theory]
    [InlineData("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", false)]
    [InlineData("/v1/projects/p/locations/l/publishers/google/models/gemini-3%3AstreamGenerateContent", "gemini-3", true)]
    public void Model_and_stream_stand_in_the_path(string path, string model, bool stream)
    {
        var reading = Wire.Read(Kind, """{"contents":[]}""", path);
        Assert.Equal(model, reading.Model);
        Assert.Equal(stream, reading.Stream);
    }
}
