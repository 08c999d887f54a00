using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Wire;
using LlmProxy.Wire.Translation;
using static LlmProxy.Tests.Translation.Translations;

namespace LlmProxy.Tests.Translation;

public sealed class RequestTranslationTests
{
    private const DialectKind Anthropic = DialectKind.AnthropicMessages;
    private const DialectKind Chat = DialectKind.OpenAiChat;
    private const DialectKind Responses = DialectKind.OpenAiResponses;
    private const DialectKind Gemini = DialectKind.Gemini;

    [Fact]
    public void A_request_of_Claude_Code_for_Chat_Completions()
    {
        const string Body = """
            {"model":"claude-x","max_tokens":32000,"stream":true,"temperature":1,"metadata":{"user_id":"u"},
            "system":[{"type":"text","text":"You are"},{"type":"text","text":"careful","cache_control":{"type":"ephemeral"}}],
            "tools":[{"name":"Bash","description":"runs","input_schema":{"type":"object","properties":{"command":{"type":"string"}},"required":["command"],"additionalProperties":false,"$schema":"x"}}],
            "messages":[{"role":"user","content":[{"type":"text","text":"fix it"}]},
            {"role":"system","content":"reminder"},
            {"role":"assistant","content":[{"type":"text","text":"I look"},{"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"ls"}},{"type":"tool_use","id":"toolu_2","name":"Bash","input":{"command":"pwd"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_2","content":[{"type":"text","text":"/"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":"denied"},{"type":"text","text":"continue","cache_control":{"type":"ephemeral"}}]}]}
            """;
        var translation = Request(Anthropic, Body, Chat);
        Assert.Equal("/v1/chat/completions", translation.Path);
        Assert.True(translation.IsStream);
        AssertJson(
            """
            {"model":"gpt-4.1","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":32000,
            "tools":[{"type":"function","function":{"name":"Bash","description":"runs","parameters":{"type":"object","properties":{"command":{"type":"string"}},"required":["command"],"additionalProperties":false}}}],
            "temperature":1,
            "messages":[{"role":"system","content":"You are"},{"role":"system","content":"careful"},{"role":"user","content":"fix it"},{"role":"system","content":"reminder"},
            {"role":"assistant","content":"I look","tool_calls":[{"id":"call_xa_toolu_1","type":"function","function":{"name":"Bash","arguments":"{\"command\":\"ls\"}"}},{"id":"call_xa_toolu_2","type":"function","function":{"name":"Bash","arguments":"{\"command\":\"pwd\"}"}}]},
            {"role":"tool","tool_call_id":"call_xa_toolu_1","content":"ERROR: denied"},{"role":"tool","tool_call_id":"call_xa_toolu_2","content":"/"},
            {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"text","text":"continue"}]}]}
            """,
            translation);
        Assert.Equal(["media", "metadata"], translation.Losses.Select(loss => loss.What).Order());
    }

    [Fact]
    public void A_request_of_Codex_for_Anthropic_keeps_its_custom_tools_and_namespaces()
    {
        const string Body = """
            {"model":"gpt-5.1-codex","stream":true,"store":false,"instructions":"be brief","reasoning":{"effort":"medium"},"parallel_tool_calls":false,"prompt_cache_key":"k","include":["reasoning.encrypted_content"],
            "input":[{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"mcp","tools":[{"type":"function","name":"find","parameters":{"type":"object","properties":{}}}]},{"type":"custom","name":"exec","description":"runs JavaScript","format":{"type":"grammar","syntax":"lark","definition":"start: /.+/"}}]},
            {"type":"message","role":"developer","content":[{"type":"input_text","text":"rules"}]},{"role":"user","content":[{"type":"input_text","text":"go"}]},
            {"type":"reasoning","summary":[],"encrypted_content":"SECRET"},
            {"type":"custom_tool_call","call_id":"call_1","name":"exec","input":"1 + \"1\""},{"type":"custom_tool_call_output","call_id":"call_1","output":[{"type":"input_text","text":"11"}]},
            {"type":"function_call","call_id":"call_2","namespace":"mcp","name":"find","arguments":"{}"},{"type":"function_call_output","call_id":"call_2","output":"none"}]}
            """;
        var translation = Request(Responses, Body, Anthropic, model: "claude-opus-4-7");
        AssertJson(
            """
            {"model":"claude-opus-4-7","max_tokens":32000,"stream":true,
            "system":[{"type":"text","text":"be brief"},{"type":"text","text":"rules","cache_control":{"type":"ephemeral"}}],
            "tools":[{"name":"mcp__find","input_schema":{"type":"object","properties":{}}},{"name":"exec","description":"runs JavaScript\n\nThe input follows this lark grammar:\nstart: /.+/","input_schema":{"type":"object","properties":{"input":{"type":"string","description":"The whole input of the tool, as it is."}},"required":["input"]},"cache_control":{"type":"ephemeral"}}],
            "tool_choice":{"type":"auto","disable_parallel_tool_use":true},"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"},
            "messages":[{"role":"user","content":[{"type":"text","text":"go"}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"toolu_xr_call_1","name":"exec","input":{"input":"1 + \"1\""}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_xr_call_1","content":"11","cache_control":{"type":"ephemeral"}}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"toolu_xr_call_2","name":"mcp__find","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_xr_call_2","content":"none","cache_control":{"type":"ephemeral"}}]}]}
            """,
            translation);

        // And back: free text arrives as it grows, the namespace is the client's.
        const string Upstream = """
            data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}

            data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_9","name":"exec","input":{}}}

            data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"inp"}}

            data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"ut\": \"a\\n\\u00"}}

            data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"fc\\\"\"}"}}

            data: {"type":"content_block_stop","index":0}

            data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_8","name":"mcp__find","input":{}}}

            data: {"type":"content_block_stop","index":1}

            data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":2}}

            data: {"type":"message_stop"}


            """;
        var heard = Reply(translation, Upstream);
        Assert.Contains("""
            "delta":"a\n"
            """.Trim(), heard, StringComparison.Ordinal);
        var output = JsonNode.Parse(heard.Split("data: ")[^1])!["response"]!["output"]!.AsArray();
        Assert.Equal("custom_tool_call exec a\nü\"", $"{output[0]!["type"]} {output[0]!["name"]} {output[0]!["input"]}");
        Assert.Equal("function_call find mcp {}", $"{output[1]!["type"]} {output[1]!["name"]} {output[1]!["namespace"]} {output[1]!["arguments"]}");
    }

    [Fact]
    public void A_request_of_Gemini_for_Responses()
    {
        const string Body = """
            {"systemInstruction":{"parts":[{"text":"be kind"}]},"generationConfig":{"temperature":0.2,"maxOutputTokens":5,"topK":3,"thinkingConfig":{"thinkingBudget":0},"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"n":{"type":"INTEGER","nullable":true}},"propertyOrdering":["n"]}},
            "tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{"a":{"type":"ARRAY"}}}}]},{"googleSearch":{}}],
            "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
            "contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":[1]}}},{"functionCall":{"name":"f","args":{"a":[2]}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"one"}}},{"functionResponse":{"name":"f","response":{"error":"two"}}}]}]}
            """;
        var translation = Request(Gemini, Body, Responses);
        AssertJson(
            """
            {"model":"gpt-5.1","store":false,"max_output_tokens":16,"instructions":"be kind",
            "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"array","items":{}}}},"strict":false},{"type":"web_search"}],
            "tool_choice":{"type":"function","name":"f"},"reasoning":{"effort":"none"},"include":["reasoning.encrypted_content"],
            "text":{"format":{"type":"json_schema","name":"output","schema":{"type":"object","properties":{"n":{"type":["integer","null"]}}},"strict":false}},
            "input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]},
            {"type":"function_call","call_id":"call_xg_f-231","name":"f","arguments":"{\"a\":[1]}"},{"type":"function_call","call_id":"call_xg_f-232","name":"f","arguments":"{\"a\":[2]}"},
            {"type":"function_call_output","call_id":"call_xg_f-231","output":"one"},{"type":"function_call_output","call_id":"call_xg_f-232","output":"ERROR: two"}]}
            """,
            translation);
        Assert.Equal(["max_tokens", "temperature", "top_k"], translation.Losses.Select(loss => loss.What).Order());
    }

    [Fact]
    public void A_request_of_Chat_for_Gemini()
    {
        const string Body = """
            {"model":"gpt-4.1","temperature":0.5,"max_tokens":100,"stop":["a","b"],"reasoning_effort":"medium","tool_choice":"required",
            "tools":[{"type":"function","function":{"name":"1st.tool","parameters":{"type":"object","properties":{"a":{"anyOf":[{"type":"string","format":"email"},{"type":"null"}]},"b":{"$ref":"#/$defs/B"},"c":{"type":["integer","string"]}},"required":["a","gone"],"additionalProperties":false,"$defs":{"B":{"type":"object","properties":{"x":{"const":"y"}}}}}}},{"type":"function","function":{"name":"empty"}}],
            "messages":[{"role":"user","content":[{"type":"text","text":"q"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]},{"role":"assistant","content":"hm","tool_calls":[{"id":"call_1","type":"function","function":{"name":"1st.tool","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"r"},{"role":"system","content":"now short"}]}
            """;
        var translation = Request(Chat, Body, Gemini, stream: false);
        Assert.Equal("/v1beta/models/gemini-3-pro-preview:generateContent", translation.Path);
        var name = JsonNode.Parse(BodyOf(translation))!["tools"]![0]!["functionDeclarations"]![0]!["name"]!.GetValue<string>();
        Assert.Matches("^_1st_tool_[0-9a-f]{8}$", name);
        AssertJson(
            """
            {"tools":[{"functionDeclarations":[{"name":"NAME","description":"","parameters":{"type":"object","properties":{"a":{"nullable":true,"anyOf":[{"type":"string"}]},"b":{"type":"object","properties":{"x":{"type":"string","enum":["y"]}}},"c":{"anyOf":[{"type":"integer"},{"type":"string"}]}},"required":["a"]}},{"name":"empty","description":""}]}],
            "toolConfig":{"functionCallingConfig":{"mode":"ANY"}},
            "contents":[{"role":"user","parts":[{"text":"q"},{"fileData":{"mimeType":"image/png","fileUri":"https://example.com/a.png"}}]},
            {"role":"model","parts":[{"text":"hm"},{"functionCall":{"id":"fc_xc_call_1","name":"NAME","args":{}},"thoughtSignature":"skip_thought_signature_validator"}]},
            {"role":"user","parts":[{"functionResponse":{"id":"fc_xc_call_1","name":"NAME","response":{"output":"r"}}},{"text":"<system>\nnow short\n</system>"}]}],
            "generationConfig":{"maxOutputTokens":100,"temperature":0.5,"stopSequences":["a","b"],"thinkingConfig":{"thinkingLevel":"high"}}}
            """.Replace("NAME", name, StringComparison.Ordinal),
            translation);

        // The client's own name comes back.
        const string Upstream = """{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"NAME","args":{"a":"x"}}}]},"finishReason":"STOP"}],"responseId":"r","modelVersion":"g"}""";
        var call = Assert.Single(Assemble(Chat, Reply(translation, Upstream.Replace("NAME", name, StringComparison.Ordinal))).Message.ToolCalls);
        Assert.Equal("1st.tool", call.Name);
    }

    [Theory]
    [InlineData("low", 4096)]
    [InlineData("medium", 10240)]
    [InlineData("high", 24576)]
    [InlineData("none", null)]
    public void Effort_becomes_a_budget_within_the_output_limit(string effort, int? budget)
    {
        var root = JsonNode.Parse(BodyOf(Request(Chat, $$"""{"model":"g","reasoning_effort":"{{effort}}","temperature":0.3,"messages":[{"role":"user","content":"q"}]}""", Anthropic)))!;
        Assert.Equal(budget, root["thinking"]?["budget_tokens"]?.GetValue<int>());
        Assert.Equal(budget is null, root["temperature"] is not null);
        var clamped = Request(Chat, $$"""{"model":"g","reasoning_effort":"{{effort}}","max_tokens":2000,"messages":[{"role":"user","content":"q"}]}""", Anthropic);
        Assert.Equal(budget is null ? null : 1999, JsonNode.Parse(BodyOf(clamped))!["thinking"]?["budget_tokens"]?.GetValue<int>());
        Assert.Equal(budget is not null, clamped.Losses.Any(loss => loss.What == "effort"));
    }

    [Theory]
    [InlineData(5000, "medium")]
    [InlineData(1024, "low")]
    [InlineData(60000, "high")]
    public void A_budget_becomes_the_nearest_word(int budget, string effort) =>
        Assert.Equal(effort, JsonNode.Parse(BodyOf(Request(Anthropic, $$$"""{"model":"c","max_tokens":64000,"thinking":{"type":"enabled","budget_tokens":{{{budget}}}},"messages":[{"role":"user","content":"q"}]}""", Responses)))!["reasoning"]!["effort"]!.GetValue<string>());

    [Theory]
    [InlineData(Chat, """{"model":"g","messages":[{"role":"user","content":"q"}],"tools":[{"type":"mcp","server_label":"x"}]}""", Anthropic, "mcp")]
    [InlineData(Responses, """{"model":"g","input":"q","previous_response_id":"resp_1"}""", Anthropic, "previous_response_id")]
    [InlineData(Responses, """{"model":"g","input":[{"type":"item_reference","id":"x"}]}""", Chat, "item_reference")]
    [InlineData(Responses, """{"model":"g","input":"q","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"file_search"}}""", Chat, "file_search")]
    [InlineData(Anthropic, """{"model":"c","max_tokens":1,"messages":[{"role":"user","content":[{"type":"hologram"}]}]}""", Chat, "hologram")]
    [InlineData(Anthropic, """{"model":"c","max_tokens":1,"tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user","content":"q"}]}""", Chat, "web_search")]
    [InlineData(Anthropic, """{"model":"c","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}""", Chat, "base64")]
    [InlineData(Gemini, """{"cachedContent":"c","contents":[{"parts":[{"text":"q"}]}]}""", Chat, "cachedContent")]
    [InlineData(Gemini, """{"contents":[{"parts":[{"inlineData":{"mimeType":"video/mp4","data":"AAAA"}}]}]}""", Anthropic, "video/mp4")]
    [InlineData(Chat, "not json", Anthropic, "JSON")]
    [InlineData(Chat, """{"messages":[]}""", Anthropic, "message")]
    public void What_would_change_the_meaning_is_refused_by_name(DialectKind source, string body, DialectKind target, string named)
    {
        var translation = Request(source, body, target);
        Assert.True(translation.IsRefused);
        Assert.Contains(named, translation.Refusal, StringComparison.Ordinal);
        Assert.True(translation.Body.IsEmpty);
        Assert.Throws<InvalidOperationException>(() => translation.CreateReply(200, null));
    }

    [Fact]
    public void A_web_search_is_carried_between_the_providers_that_run_one()
    {
        const string Body = """{"model":"c","max_tokens":99,"tools":[{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"tool","name":"web_search"},"messages":[{"role":"user","content":"q"}]}""";
        Assert.Contains("\"tool_choice\":{\"type\":\"web_search\"}", BodyOf(Request(Anthropic, Body, Responses)), StringComparison.Ordinal);
        Assert.Contains("\"tools\":[{\"googleSearch\":{}}]", BodyOf(Request(Anthropic, Body, Gemini)), StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_that_a_model_refuses_are_left_out_by_its_rules()
    {
        const string Body = """{"model":"g","temperature":1.7,"top_p":0.5,"seed":1,"frequency_penalty":1,"stop":["a"," "],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":"string","minLength":1}},"required":["a"]}}},"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"Sure: "}]}""";
        var older = JsonNode.Parse(BodyOf(Request(Chat, Body, Anthropic, model: "claude-3-5-haiku-latest")))!;
        Assert.Equal(1, older["temperature"]!.GetValue<double>());
        Assert.Contains("follows this JSON schema", older["system"]![0]!["text"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal("Sure:", older["messages"]![1]!["content"]![0]!["text"]!.GetValue<string>());
        var newer = Request(Chat, Body, Anthropic, model: "claude-opus-4-7");
        var root = JsonNode.Parse(BodyOf(newer))!;
        Assert.Null(root["temperature"]);
        Assert.Equal("""{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}}""", root["output_config"]!["format"]!.ToJsonString());
        Assert.Equal("user", root["messages"]![2]!["role"]!.GetValue<string>());
        Assert.Equal(["frequency_penalty", "prefill", "schema", "seed", "stop", "temperature", "top_p"], newer.Losses.Select(loss => loss.What).Order());
    }

    [Theory]
    [InlineData("", "{}")]
    [InlineData("null", "{}")]
    [InlineData("\uFEFF{}", "{}")]
    [InlineData("[1]", """{"input":"[1]"}""")]
    [InlineData("{\"a\":", """{"input":"{\"a\":"}""")]
    public void Arguments_that_are_no_object_become_one(string arguments, string input)
    {
        var body = new JsonObject
        {
            ["messages"] = new JsonArray(
                new JsonObject { ["role"] = "user", ["content"] = "q" },
                new JsonObject { ["role"] = "assistant", ["content"] = null, ["tool_calls"] = new JsonArray(new JsonObject { ["id"] = "call_1", ["type"] = "function", ["function"] = new JsonObject { ["name"] = "t", ["arguments"] = arguments } }) },
                new JsonObject { ["role"] = "tool", ["tool_call_id"] = "call_1", ["content"] = "r" }),
        };
        var sent = JsonNode.Parse(BodyOf(Request(Chat, body.ToJsonString(), Anthropic)))!["messages"]![1]!["content"]![0]!["input"];
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(input), sent), sent?.ToJsonString());
    }

    [Fact]
    public void Ids_are_mapped_injectively_whatever_they_are()
    {
        var random = new Random(11);
        foreach (var (source, target) in KnownFailuresTests.Pairs.Select(pair => ((DialectKind)pair[0], (DialectKind)pair[1])))
        {
            var ids = new HashSet<string>(["toolu_1", "call_1", "fc_1", "call_xa_toolu_1", "toolu_xc_call_1", "toolu_xc_call_xa_toolu_1", "toolu_xr_call_1", "fc_xa_toolu_1", "call_xh_00", "x", "1", "ü", "a b", "a-20b", "a.b", new string('x', 300), new string('x', 301), "call_" + new string('y', 35), "call_" + new string('y', 36)]);
            for (var i = 0; i < 300; i++)
            {
                ids.Add(string.Concat(Enumerable.Range(0, random.Next(1, 5)).Select(_ => new[] { "call_", "toolu_", "fc_", "x", "a", "c", "g", "_", "-", "-5f", "é", "h_" }[random.Next(12)])));
            }

            var body = new JsonObject { ["model"] = "m", ["max_tokens"] = 99 };
            var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "q" });
            foreach (var id in ids)
            {
                messages.Add(source == Chat
                    ? new JsonObject { ["role"] = "assistant", ["content"] = null, ["tool_calls"] = new JsonArray(new JsonObject { ["id"] = id, ["type"] = "function", ["function"] = new JsonObject { ["name"] = "t", ["arguments"] = "{}" } }) }
                    : new JsonObject { ["role"] = "assistant", ["content"] = new JsonArray(new JsonObject { ["type"] = "tool_use", ["id"] = id, ["name"] = "t", ["input"] = new JsonObject() }) });
                messages.Add(source == Chat
                    ? new JsonObject { ["role"] = "tool", ["tool_call_id"] = id, ["content"] = "r" }
                    : new JsonObject { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = id, ["content"] = "r" }) });
            }

            if (source is Chat or Anthropic)
            {
                body["messages"] = messages;
                // The validator finds ids that are not unique, too long or outside the alphabet, and results without their call.
                var translation = ConversationTranslator.Translate(source, Encoding.UTF8.GetBytes(body.ToJsonString()), PathOf(source), new TranslationTarget { Dialect = target, Model = Models[target] });
                Assert.Empty(TargetValidator.Check(target, translation.Body, Models[target]));
                Assert.DoesNotContain(translation.Losses, loss => loss.What.Contains("tool_result", StringComparison.Ordinal));
            }
        }
    }

    private static void AssertJson(string expected, RequestTranslation translation)
    {
        var (left, right) = (JsonNode.Parse(expected)!, JsonNode.Parse(BodyOf(translation))!);
        Assert.True(JsonNode.DeepEquals(left, right), $"expected\n{left.ToJsonString()}\nbut got\n{right.ToJsonString()}");
    }
}
