using System.Text.Json.Nodes;
using LlmProxy.Wire;
using static LlmProxy.Tests.Translation.Translations;

namespace LlmProxy.Tests.Translation;

/// <summary>Kinds of failures that users of other translation layers report.</summary>
public sealed class KnownFailuresTests
{
    private const DialectKind Anthropic = DialectKind.AnthropicMessages;
    private const DialectKind Chat = DialectKind.OpenAiChat;
    private const DialectKind Responses = DialectKind.OpenAiResponses;
    private const DialectKind Gemini = DialectKind.Gemini;

    private const string ClaudeHistory = """
        {"model":"c","max_tokens":100,"tools":[{"name":"t","input_schema":{"type":"object"}}],"messages":[
        {"role":"user","content":"question"},
        {"role":"assistant","content":[{"type":"thinking","thinking":"SECRET-THOUGHT","signature":"SIG"},{"type":"redacted_thinking","data":"SECRET-DATA"},{"type":"text","text":"before"},{"type":"tool_use","id":"toolu_1","name":"t","input":{"a":1}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"result"}]}]}
        """;

    private const string ChatLoop = """
        {"model":"g","reasoning_effort":"high","tools":[{"type":"function","function":{"name":"t","parameters":{"type":"object","properties":{}}}}],"messages":[
        {"role":"user","content":"question"},
        {"role":"assistant","content":null,"reasoning_content":"SECRET-THOUGHT","tool_calls":[{"id":"call_1","type":"function","function":{"name":"t","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"call_1","content":"result"}]}
        """;

    public static TheoryData<DialectKind, DialectKind> Pairs
    {
        get
        {
            var pairs = new TheoryData<DialectKind, DialectKind>();
            foreach (var source in (DialectKind[])[Anthropic, Chat, Responses, Gemini])
            {
                foreach (var target in (DialectKind[])[Anthropic, Chat, Responses, Gemini])
                {
                    if (source != target)
                    {
                        pairs.Add(source, target);
                    }
                }
            }

            return pairs;
        }
    }

    [Theory]
    [InlineData(Chat)]
    [InlineData(Responses)]
    [InlineData(Gemini)]
    public void Signed_thinking_is_left_out_when_the_model_changes_and_the_rest_stays_in_order(DialectKind target)
    {
        var translation = Request(Anthropic, ClaudeHistory, target);
        var body = BodyOf(translation);
        Assert.DoesNotContain("SECRET", body, StringComparison.Ordinal);
        Assert.DoesNotContain("\"SIG\"", body, StringComparison.Ordinal);
        Assert.True(body.IndexOf("question", StringComparison.Ordinal) < body.IndexOf("before", StringComparison.Ordinal));
        Assert.True(body.IndexOf("before", StringComparison.Ordinal) < body.IndexOf("result", StringComparison.Ordinal));
        Assert.Contains(translation.Losses, loss => loss is { What: "thinking", Where: "history" });
    }

    [Theory]
    [InlineData(Anthropic)]
    [InlineData(Chat)]
    [InlineData(Responses)]
    public void Signatures_of_one_model_are_not_sent_to_another(DialectKind target)
    {
        const string Body = """{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"text":"SECRET","thought":true},{"functionCall":{"name":"t","args":{}},"thoughtSignature":"SIGNATURE"}]},{"role":"user","parts":[{"functionResponse":{"name":"t","response":{"output":"r"}}}]}]}""";
        var body = BodyOf(Request(Gemini, Body, target));
        Assert.DoesNotContain("SIGNATURE", body, StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", body, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tool_loop_that_another_model_began_continues_without_thinking_and_the_next_turn_thinks_again()
    {
        var inLoop = Request(Chat, ChatLoop, Anthropic);
        Assert.Null(JsonNode.Parse(BodyOf(inLoop))!["thinking"]);
        Assert.Contains(inLoop.Losses, loss => loss.What == "thinking" && loss.Where == "request");
        var reminded = ChatLoop.Replace("\"content\":\"result\"}]", "\"content\":\"result\"},{\"role\":\"system\",\"content\":\"be quick\"}]", StringComparison.Ordinal);
        Assert.Null(JsonNode.Parse(BodyOf(Request(Chat, reminded, Anthropic)))!["thinking"]);
        var nextTurn = ChatLoop.Replace("\"content\":\"result\"}]", "\"content\":\"result\"},{\"role\":\"assistant\",\"content\":\"done\"},{\"role\":\"user\",\"content\":\"more\"}]", StringComparison.Ordinal);
        Assert.Equal("enabled", JsonNode.Parse(BodyOf(Request(Chat, nextTurn, Anthropic)))!["thinking"]!["type"]!.GetValue<string>());
    }

    [Theory]
    [InlineData(Responses, "gpt-5.1", "\"effort\":\"high\"")]
    [InlineData(Gemini, "gemini-3-pro-preview", "\"thinkingLevel\":\"high\"")]
    [InlineData(Anthropic, "claude-opus-4-7", "\"effort\":\"high\"")]
    public void Effort_is_asked_for_in_each_step_of_a_loop(DialectKind target, string model, string expected) =>
        Assert.Contains(expected, BodyOf(Request(Chat, ChatLoop, target, model: model)), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Unsigned_thinking_never_becomes_text(DialectKind source, DialectKind target)
    {
        var reply = source switch
        {
            Anthropic => """{"type":"message","id":"m","model":"c","role":"assistant","content":[{"type":"thinking","thinking":"SECRET","signature":"s"},{"type":"text","text":"said"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}""",
            Chat => """{"id":"c","model":"g","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"SECRET","content":"said"},"finish_reason":"stop"}]}""",
            Responses => """{"id":"r","object":"response","model":"g","status":"completed","output":[{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"SECRET"}]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"said"}]}]}""",
            _ => """{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"SECRET","thought":true},{"text":"said"}]},"finishReason":"STOP"}],"modelVersion":"g","responseId":"x"}""",
        };
        foreach (var stream in (bool[])[true, false])
        {
            var client = Reply(Request(target, Minimal(target, stream), source, stream), reply);
            Assert.DoesNotContain("SECRET", client, StringComparison.Ordinal);
            Assert.Equal("said", Assemble(target, client).Message.Text);
        }

        if (source == Chat)
        {
            Assert.DoesNotContain("SECRET", BodyOf(Request(Chat, ChatLoop, target)), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(Anthropic)]
    [InlineData(Responses)]
    [InlineData(Gemini)]
    public void A_later_call_begins_with_what_the_earlier_one_sent(DialectKind target)
    {
        var later = ChatLoop.Replace("\"content\":\"result\"}]", "\"content\":\"result\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"t\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"again\"}]", StringComparison.Ordinal);
        var (first, second) = (Turns(target, ChatLoop), Turns(target, later));
        Assert.Equal(first.Count + 2, second.Count);
        Assert.Equal(first, second.Take(first.Count));
        Assert.Equal(second.Count, second.Distinct().Count());

        static List<string> Turns(DialectKind target, string body)
        {
            // Cache marks move; the provider does not count them as a part of the prefix.
            var text = BodyOf(Request(Chat, body, target)).Replace(",\"cache_control\":{\"type\":\"ephemeral\"}", "", StringComparison.Ordinal);
            return [.. (JsonNode.Parse(text)!["messages"] ?? JsonNode.Parse(text)!["input"] ?? JsonNode.Parse(text)!["contents"])!.AsArray().Select(turn => turn!.ToJsonString())];
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Tools_arrive_in_their_order_with_name_description_and_schema(DialectKind source, DialectKind target)
    {
        const string Schema = """{"type":"object","properties":{"city":{"type":"string","description":"the place"}},"required":["city"]}""";
        string[] names = ["zeta", "alpha", "mid"];
        var body = source switch
        {
            Anthropic => $$"""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{{string.Join(',', names.Select(name => $$"""{"name":"{{name}}","description":"does {{name}}","input_schema":{{Schema}}}"""))}}]}""",
            Chat => $$"""{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{{string.Join(',', names.Select(name => $$$"""{"type":"function","function":{"name":"{{{name}}}","description":"does {{{name}}}","parameters":{{{Schema}}}}}"""))}}]}""",
            Responses => $$"""{"model":"m","input":"x","tools":[{{string.Join(',', names.Select(name => $$"""{"type":"function","name":"{{name}}","description":"does {{name}}","parameters":{{Schema}}}"""))}}]}""",
            _ => $$"""{"contents":[{"role":"user","parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{{string.Join(',', names.Select(name => $$"""{"name":"{{name}}","description":"does {{name}}","parameters":{{Schema.Replace("object", "OBJECT", StringComparison.Ordinal).Replace("string", "STRING", StringComparison.Ordinal)}}}"""))}}]}]}""",
        };
        var translated = Request(source, body, target);
        var root = JsonNode.Parse(BodyOf(translated))!;
        var tools = target == Gemini ? root["tools"]![0]!["functionDeclarations"]!.AsArray() : root["tools"]!.AsArray();
        var functions = tools.Select(tool => target == Chat ? tool!["function"]! : tool!).ToList();
        Assert.Equal(names, functions.Select(tool => tool["name"]!.GetValue<string>()));
        Assert.All(functions, tool => Assert.Equal($"does {tool["name"]}", tool["description"]!.GetValue<string>()));
        Assert.All(functions, tool => Assert.Equal("string", (tool["input_schema"] ?? tool["parameters"])!["properties"]!["city"]!["type"]!.GetValue<string>()));
        Assert.Equal(BodyOf(translated), BodyOf(Request(source, body, target)));
    }

    [Theory]
    [InlineData(Anthropic)]
    [InlineData(Responses)]
    [InlineData(Gemini)]
    public void All_calls_of_a_stream_arrive_though_their_fragments_are_mixed(DialectKind client)
    {
        const string Upstream = """
            data: {"id":"c1","model":"g","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"one","arguments":"{\"x\":"}}]}}]}

            data: {"id":"c1","model":"g","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"two","arguments":"{\"y\":"}}]}}]}

            data: {"id":"c1","model":"g","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}},{"index":1,"function":{"arguments":"2}"}},{"index":2,"id":"call_c","type":"function","function":{"name":"three","arguments":""}}]}}]}

            data: {"id":"c1","model":"g","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

            data: [DONE]


            """;
        var reply = Assemble(client, Reply(Request(client, Minimal(client, true), Chat, true), Upstream));
        Assert.Equal(["one {\"x\":1}", "two {\"y\":2}", "three {}"], reply.Message.ToolCalls.Select(call => $"{call.Name} {call.Arguments}"));
        Assert.True(reply.IsComplete);
    }

    [Theory]
    [InlineData(Anthropic)]
    [InlineData(Chat)]
    [InlineData(Gemini)]
    public void Arguments_that_only_the_done_event_brings_arrive(DialectKind client)
    {
        const string Upstream = """
            event: response.created
            data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"g","status":"in_progress","output":[]}}

            event: response.output_item.added
            data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"t","arguments":""}}

            event: response.function_call_arguments.done
            data: {"type":"response.function_call_arguments.done","sequence_number":2,"output_index":0,"item_id":"fc_1","arguments":"{\"a\":1}"}

            event: response.completed
            data: {"type":"response.completed","sequence_number":3,"response":{"id":"resp_1","model":"g","status":"completed","output":[]}}


            """;
        var call = Assert.Single(Assemble(client, Reply(Request(client, Minimal(client, true), Responses, true), Upstream)).Message.ToolCalls);
        Assert.Equal("{\"a\":1}", call.Arguments);
    }

    [Theory]
    [InlineData(Anthropic)]
    [InlineData(Chat)]
    [InlineData(Gemini)]
    public void An_empty_argument_delta_is_no_error(DialectKind client)
    {
        const string Upstream = """
            data: {"type":"response.created","response":{"id":"resp_1","model":"g","status":"in_progress","output":[]}}

            data: {"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"t","arguments":""}}

            data: {"type":"response.function_call_arguments.delta","output_index":0,"item_id":"fc_1","delta":""}

            data: {"type":"response.function_call_arguments.done","output_index":0,"item_id":"fc_1","arguments":""}

            data: {"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"t","arguments":""}}

            data: {"type":"response.completed","response":{"id":"resp_1","model":"g","status":"completed","output":[]}}


            """;
        var reply = Assemble(client, Reply(Request(client, Minimal(client, true), Responses, true), Upstream));
        Assert.Equal("{}", Assert.Single(reply.Message.ToolCalls).Arguments);
        Assert.Null(reply.Error);
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Cached_tokens_and_cache_writes_are_counted_as_the_client_counts(DialectKind upstream, DialectKind client)
    {
        var reply = upstream switch
        {
            Anthropic => """{"type":"message","id":"m","model":"c","role":"assistant","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"cache_read_input_tokens":70,"cache_creation_input_tokens":20,"output_tokens":5}}""",
            Chat => """{"id":"c","model":"g","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":5,"total_tokens":105,"prompt_tokens_details":{"cached_tokens":70,"cache_write_tokens":20}}}""",
            Responses => """{"id":"r","object":"response","model":"g","status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"x"}]}],"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":70,"cache_write_tokens":20},"output_tokens":5,"total_tokens":105}}""",
            _ => """{"candidates":[{"content":{"role":"model","parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":70,"candidatesTokenCount":5,"totalTokenCount":105}}""",
        };
        foreach (var stream in (bool[])[true, false])
        {
            var usage = Assemble(client, Reply(Request(client, Minimal(client, stream), upstream, stream), reply)).Usage;
            Assert.Equal((100, 5, 70), (usage.Input, usage.Output, usage.CacheRead));
            Assert.Equal(upstream == Gemini || client == Gemini ? 0 : 20, usage.CacheWrite);
        }
    }

    [Theory]
    [InlineData(Anthropic)]
    [InlineData(Chat)]
    [InlineData(Gemini)]
    public void Name_and_arguments_on_two_indexes_are_one_call(DialectKind client)
    {
        const string Upstream = """
            data: {"type":"response.created","response":{"id":"resp_1","model":"g","status":"in_progress","output":[]}}

            data: {"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"t","arguments":""}}

            data: {"type":"response.function_call_arguments.delta","output_index":1,"item_id":"call_1","delta":"{\"a\":1}"}

            data: {"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"t","arguments":"{\"a\":1}"}}

            data: {"type":"response.completed","response":{"id":"resp_1","model":"g","status":"completed","output":[]}}


            """;
        var call = Assert.Single(Assemble(client, Reply(Request(client, Minimal(client, true), Responses, true), Upstream)).Message.ToolCalls);
        Assert.Equal(("t", "{\"a\":1}"), (call.Name, call.Arguments));
    }

    [Theory]
    [InlineData(Anthropic)]
    [InlineData(Responses)]
    [InlineData(Gemini)]
    public void A_call_without_an_id_gets_one_and_its_result_finds_it(DialectKind client)
    {
        const string Upstream = """
            data: {"id":"c1","model":"g","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"","type":"function","function":{"name":"one","arguments":"{\"x\":1}"}}]}}]}

            data: {"id":"c1","model":"g","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"","type":"function","function":{"name":"two","arguments":"{\"x\":"}}]},"finish_reason":null}]}

            data: {"id":"c1","model":"g","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"2}"}}]},"finish_reason":"tool_calls"}]}

            data: [DONE]


            """;
        var request = Request(client, Minimal(client, true), Chat, true);
        var calls = Assemble(client, Reply(request, Upstream)).Message.ToolCalls;
        Assert.Equal(["{\"x\":1}", "{\"x\":2}"], calls.Select(call => call.Arguments));
        Assert.Equal(2, calls.Select(call => call.Id).Distinct().Count());
        Assert.All(calls, call => Assert.NotEqual("", call.Id));

        // A history whose calls have no ids at all.
        const string History = """{"model":"g","messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"","type":"function","function":{"name":"t","arguments":"{}"}}]},{"role":"tool","tool_call_id":"","content":"kept"}]}""";
        var body = Request(Chat, History, client);
        Assert.Contains("kept", BodyOf(body), StringComparison.Ordinal);
        Assert.Empty(TargetValidator.Check(client, body.Body, Models[client]));
    }

    [Fact]
    public void A_reasoning_item_is_not_sent_without_the_item_that_follows_it()
    {
        const string History = """{"model":"g","store":false,"input":[{"role":"user","content":"q"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"SECRET"},{"type":"function_call","call_id":"call_1","name":"t","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"r"},{"type":"reasoning","id":"rs_2","summary":[]}]}""";
        foreach (var target in (DialectKind[])[Anthropic, Chat, Gemini, Responses])
        {
            var body = BodyOf(Request(Responses, History, target));
            Assert.DoesNotContain("rs_", body, StringComparison.Ordinal);
            Assert.DoesNotContain("SECRET", body, StringComparison.Ordinal);
            Assert.Empty(TargetValidator.Check(target, System.Text.Encoding.UTF8.GetBytes(body), Models[target]));
        }
    }

    [Fact]
    public void A_thought_signature_is_beside_its_call_and_a_foreign_history_gets_the_documented_one()
    {
        const string Calls = """{"model":"g","messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"a","arguments":"{}"}SIGNED},{"id":"call_2","type":"function","function":{"name":"b","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"1"},{"role":"tool","tool_call_id":"call_2","content":"2"}]}""";
        var own = Parts(Calls.Replace("SIGNED", ",\"extra_content\":{\"google\":{\"thought_signature\":\"REAL\"}}", StringComparison.Ordinal));
        Assert.Equal("REAL", own[0]!["thoughtSignature"]!.GetValue<string>());
        Assert.Null(own[0]!["functionCall"]!["thoughtSignature"]);
        Assert.Null(own[1]!["thoughtSignature"]);
        var foreign = Parts(Calls.Replace("SIGNED", "", StringComparison.Ordinal));
        Assert.Equal("skip_thought_signature_validator", foreign[0]!["thoughtSignature"]!.GetValue<string>());
        Assert.Null(foreign[1]!["thoughtSignature"]);

        // And the way back: a Chat client gets the signature in the place that Google documents, and sends it again.
        const string Reply = """{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"a","args":{}},"thoughtSignature":"REAL"}]},"finishReason":"STOP"}],"responseId":"x","modelVersion":"g"}""";
        Assert.Contains("\"extra_content\":{\"google\":{\"thought_signature\":\"REAL\"}}", Translations.Reply(Request(Chat, Minimal(Chat, true), Gemini), Reply), StringComparison.Ordinal);

        static JsonArray Parts(string body) => JsonNode.Parse(BodyOf(Request(Chat, body, Gemini)))!["contents"]![1]!["parts"]!.AsArray();
    }

    [Theory]
    [InlineData(Chat)]
    [InlineData(Responses)]
    [InlineData(Gemini)]
    public void A_call_without_a_result_gets_one_and_a_result_without_a_call_is_dropped(DialectKind target)
    {
        const string Body = """{"model":"c","max_tokens":99,"messages":[{"role":"user","content":[{"type":"text","text":"q"},{"type":"tool_result","tool_use_id":"toolu_gone","content":"STRAY"}]},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"t","input":{}},{"type":"tool_use","id":"toolu_2","name":"t","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_2","content":"second"},{"type":"text","text":"go on"}]},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_3","name":"t","input":{}}]}]}""";
        var translation = Request(Anthropic, Body, target);
        Assert.Empty(TargetValidator.Check(target, translation.Body, Models[target]));
        Assert.DoesNotContain("STRAY", BodyOf(translation), StringComparison.Ordinal);
        Assert.Equal(["missing tool_result", "tool_result"], translation.Losses.Select(loss => loss.What).Order());
    }

    [Theory]
    [InlineData(Chat)]
    [InlineData(Responses)]
    [InlineData(Gemini)]
    public void Images_between_results_follow_them(DialectKind source)
    {
        var body = source switch
        {
            Chat => """{"model":"g","messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"a","arguments":"{}"}},{"id":"call_2","type":"function","function":{"name":"b","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"1"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},{"role":"tool","tool_call_id":"call_2","content":"2"}]}""",
            Responses => """{"model":"g","input":[{"role":"user","content":"q"},{"type":"function_call","call_id":"call_1","name":"a","arguments":"{}"},{"type":"function_call","call_id":"call_2","name":"b","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"1"},{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]},{"type":"function_call_output","call_id":"call_2","output":"2"}]}""",
            _ => """{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"functionCall":{"name":"a","args":{}}},{"functionCall":{"name":"b","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"a","response":{"output":"1"}}},{"inlineData":{"mimeType":"image/png","data":"AAAA"}},{"functionResponse":{"name":"b","response":{"output":"2"}}}]}]}""",
        };
        var translation = Request(source, body, Anthropic);
        Assert.Empty(TargetValidator.Check(Anthropic, translation.Body, Models[Anthropic]));
        Assert.Equal(["tool_result", "tool_result", "image"], JsonNode.Parse(BodyOf(translation))!["messages"]![2]!["content"]!.AsArray().Select(block => block!["type"]!.GetValue<string>()));
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Ids_of_the_target_come_back_to_it_as_they_were_and_clients_see_ids_of_their_own_form(DialectKind client, DialectKind target)
    {
        if (target == Gemini)
        {
            return;
        }

        var minted = target == Anthropic ? "toolu_01Ab" : "call_Zz9";
        var reply = target switch
        {
            Anthropic => $$$$"""{"type":"message","id":"m","model":"c","role":"assistant","content":[{"type":"tool_use","id":"{{{{minted}}}}","name":"t","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}""",
            Chat => $$$"""{"id":"c","model":"g","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"{{{minted}}}","type":"function","function":{"name":"t","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}""",
            _ => $$"""{"id":"r","object":"response","model":"g","status":"completed","output":[{"type":"function_call","id":"fc_1","call_id":"{{minted}}","name":"t","arguments":"{}"}]}""",
        };
        var heard = JsonNode.Parse(Reply(Request(client, Minimal(client, false), target), reply))!;
        var id = (client switch
        {
            Anthropic => heard["content"]![0]!["id"],
            Chat => heard["choices"]![0]!["message"]!["tool_calls"]![0]!["id"],
            Responses => heard["output"]![0]!["call_id"],
            _ => heard["candidates"]![0]!["content"]!["parts"]![0]!["functionCall"]!["id"],
        })!.GetValue<string>();
        Assert.StartsWith(client switch { Anthropic => "toolu_", Gemini => "fc_", _ => "call_" }, id, StringComparison.Ordinal);
        var next = client switch
        {
            Anthropic => $$$$"""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"{{{{id}}}}","name":"t","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"{{{{id}}}}","content":"r"}]}]}""",
            Chat => $$$"""{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"{{{id}}}","type":"function","function":{"name":"t","arguments":"{}"}}]},{"role":"tool","tool_call_id":"{{{id}}}","content":"r"}]}""",
            Responses => $$"""{"model":"m","input":[{"role":"user","content":"q"},{"type":"function_call","call_id":"{{id}}","name":"t","arguments":"{}"},{"type":"function_call_output","call_id":"{{id}}","output":"r"}]}""",
            _ => $$$$"""{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"functionCall":{"id":"{{{{id}}}}","name":"t","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"id":"{{{{id}}}}","name":"t","response":{"output":"r"}}}]}]}""",
        };
        var body = BodyOf(Request(client, next, target));
        Assert.Equal(3, body.Split($"\"{minted}\"").Length);
    }
}
