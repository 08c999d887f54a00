namespace LlmProxy.Tests.Wire;

/// <summary>One tool loop of two steps in one dialect: whole requests and whole answers, as they go over the wire.</summary>
internal sealed record ToolLoop(string Name, string Path, string First, string FirstAnswer, string Second, string SecondAnswer, string ContentType)
{
    private const string Json = "application/json";
    private const string Events = "text/event-stream; charset=utf-8";

    private const string AnthropicHead = """{"model":"MODEL","max_tokens":1024,STREAM"system":[{"type":"text","text":"You are a weather clerk.","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"get_weather","description":"Looks the weather up","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}],"messages":[{"role":"user","content":"What should I wear in Oslo today?"}""";
    private const string AnthropicSecond = AnthropicHead + """,{"role":"assistant","content":[{"type":"text","text":"I look it up."},{"type":"tool_use","id":"ID","name":"get_weather","input":{"city":"Oslo"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"ID","content":"4 degrees, rain","is_error":false}]}]}""";

    private const string ChatHead = """{"model":"MODEL",STREAM"messages":[{"role":"system","content":"You are a weather clerk."},{"role":"user","content":"What should I wear in Oslo today?"}""";
    private const string ChatTools = ""","tools":[{"type":"function","function":{"name":"get_weather","description":"Looks the weather up","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]}""";
    private const string ChatSecond = ChatHead + """,{"role":"assistant","content":"I look it up.","tool_calls":[{"id":"ID","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]},{"role":"tool","tool_call_id":"ID","content":"4 degrees, rain"}]""" + ChatTools;

    private const string ResponsesHead = """{"model":"MODEL",STREAM"instructions":"You are a weather clerk.","tools":[{"type":"function","name":"get_weather","description":"Looks the weather up","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}],"input":[{"role":"user","content":"What should I wear in Oslo today?"}""";
    private const string ResponsesSecond = ResponsesHead + """,{"type":"message","role":"assistant","content":[{"type":"output_text","text":"I look it up."}]},{"type":"function_call","call_id":"ID","name":"get_weather","arguments":"{\"city\":\"Oslo\"}"},{"type":"function_call_output","call_id":"ID","output":"4 degrees, rain"}]}""";
    private const string ResponsesFirstAnswer = """{"id":"resp_1","object":"response","status":"completed","model":"MODEL","output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"I look it up.","annotations":[]}]},{"type":"function_call","id":"fc_1","call_id":"ID","name":"get_weather","arguments":"{\"city\":\"Oslo\"}","status":"completed"}],"usage":{"input_tokens":50,"input_tokens_details":{"cached_tokens":10},"output_tokens":12,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":62}}""";
    private const string ResponsesSecondAnswer = """{"id":"resp_2","object":"response","status":"completed","model":"MODEL","output":[{"type":"message","id":"msg_2","role":"assistant","status":"completed","content":[{"type":"output_text","text":"A raincoat.","annotations":[]}]}],"usage":{"input_tokens":70,"output_tokens":5,"total_tokens":75}}""";

    private const string GeminiHead = """{"systemInstruction":{"parts":[{"text":"You are a weather clerk."}]},"tools":[{"functionDeclarations":[{"name":"get_weather","description":"Looks the weather up","parameters":{"type":"OBJECT","properties":{"city":{"type":"STRING"}}}}]}],"contents":[{"role":"user","parts":[{"text":"What should I wear in Oslo today?"}]}""";
    private const string GeminiSecond = GeminiHead + """,{"role":"model","parts":[{"text":"I look it up."},{"functionCall":{"name":"get_weather","args":{"city":"Oslo"}}}]},{"role":"user","parts":[{"functionResponse":{"name":"get_weather","response":{"output":"4 degrees, rain"}}}]}]}""";

    /// <summary>All four dialects, streamed and not.</summary>
    public static IReadOnlyList<ToolLoop> All(string model, string prefix = "") =>
    [
        new("anthropic", prefix + "/anthropic/v1/messages", Fill(AnthropicHead + "]}", model), Fill("""{"id":"msg_1","type":"message","role":"assistant","model":"MODEL","content":[{"type":"text","text":"I look it up."},{"type":"tool_use","id":"ID","name":"get_weather","input":{"city":"Oslo"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":40,"cache_read_input_tokens":10,"cache_creation_input_tokens":0,"output_tokens":12}}""", model), Fill(AnthropicSecond, model), Fill("""{"id":"msg_2","type":"message","role":"assistant","model":"MODEL","content":[{"type":"text","text":"A raincoat."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":70,"output_tokens":5}}""", model), Json),
        new("anthropic streamed", prefix + "/anthropic/v1/messages", Fill(AnthropicHead + "]}", model, stream: true), Fill("""
            event: message_start
            data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"MODEL","content":[],"stop_reason":null,"usage":{"input_tokens":40,"cache_read_input_tokens":10,"cache_creation_input_tokens":0,"output_tokens":1}}}

            event: content_block_start
            data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

            event: ping
            data: {"type":"ping"}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I look "}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"it up."}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":0}

            event: content_block_start
            data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"ID","name":"get_weather","input":{}}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"Oslo\"}"}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":1}

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":12}}

            event: message_stop
            data: {"type":"message_stop"}


            """, model), Fill(AnthropicSecond, model, stream: true), Fill("""
            event: message_start
            data: {"type":"message_start","message":{"id":"msg_2","type":"message","role":"assistant","model":"MODEL","content":[],"stop_reason":null,"usage":{"input_tokens":70,"output_tokens":1}}}

            event: content_block_start
            data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"A raincoat."}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":0}

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}

            event: message_stop
            data: {"type":"message_stop"}


            """, model), Events),
        new("chat", prefix + "/openai/v1/chat/completions", Fill(ChatHead + "]" + ChatTools, model), Fill("""{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"MODEL","choices":[{"index":0,"message":{"role":"assistant","content":"I look it up.","tool_calls":[{"id":"ID","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":50,"completion_tokens":12,"total_tokens":62,"prompt_tokens_details":{"cached_tokens":10}}}""", model), Fill(ChatSecond, model), Fill("""{"id":"chatcmpl-2","object":"chat.completion","created":2,"model":"MODEL","choices":[{"index":0,"message":{"role":"assistant","content":"A raincoat."},"finish_reason":"stop"}],"usage":{"prompt_tokens":70,"completion_tokens":5,"total_tokens":75}}""", model), Json),
        new("chat streamed", prefix + "/openai/v1/chat/completions", Fill(ChatHead + "]" + ChatTools, model, stream: true), Fill("""
            data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"MODEL","choices":[{"index":0,"delta":{"role":"assistant","content":"I look"},"finish_reason":null}]}

            data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"MODEL","choices":[{"index":0,"delta":{"content":" it up."},"finish_reason":null}]}

            data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"MODEL","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"ID","type":"function","function":{"name":"get_weather","arguments":""}}]},"finish_reason":null}]}

            data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"MODEL","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Oslo\"}"}}]},"finish_reason":null}]}

            data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"MODEL","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

            data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"MODEL","choices":[],"usage":{"prompt_tokens":50,"completion_tokens":12,"total_tokens":62,"prompt_tokens_details":{"cached_tokens":10}}}

            data: [DONE]


            """, model), Fill(ChatSecond, model, stream: true), Fill("""
            data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":2,"model":"MODEL","choices":[{"index":0,"delta":{"role":"assistant","content":"A raincoat."},"finish_reason":null}]}

            data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":2,"model":"MODEL","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

            data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":2,"model":"MODEL","choices":[],"usage":{"prompt_tokens":70,"completion_tokens":5,"total_tokens":75}}

            data: [DONE]


            """, model), Events),
        new("responses", prefix + "/openai/v1/responses", Fill(ResponsesHead + "]}", model), Fill(ResponsesFirstAnswer, model), Fill(ResponsesSecond, model), Fill(ResponsesSecondAnswer, model), Json),
        new("responses streamed", prefix + "/openai/v1/responses", Fill(ResponsesHead + "]}", model, stream: true), ResponsesStream(Fill(ResponsesFirstAnswer, model), "I look it up."), Fill(ResponsesSecond, model, stream: true), ResponsesStream(Fill(ResponsesSecondAnswer, model), "A raincoat."), Events),
        new("gemini", prefix + $"/gemini/v1beta/models/{model}:generateContent", Fill(GeminiHead + "]}", model), Fill("""{"candidates":[{"content":{"role":"model","parts":[{"text":"I look it up."},{"functionCall":{"name":"get_weather","args":{"city":"Oslo"}}}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":50,"cachedContentTokenCount":10,"candidatesTokenCount":8,"thoughtsTokenCount":4,"totalTokenCount":62},"modelVersion":"MODEL","responseId":"g1"}""", model), Fill(GeminiSecond, model), Fill("""{"candidates":[{"content":{"role":"model","parts":[{"text":"A raincoat."}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":70,"candidatesTokenCount":5,"totalTokenCount":75},"modelVersion":"MODEL","responseId":"g2"}""", model), Json),
        new("gemini streamed", prefix + $"/gemini/v1beta/models/{model}:streamGenerateContent?alt=sse", Fill(GeminiHead + "]}", model), Fill("""
            data: {"candidates":[{"content":{"role":"model","parts":[{"text":"I look "}]},"index":0}],"usageMetadata":{"promptTokenCount":50,"totalTokenCount":50},"modelVersion":"MODEL","responseId":"g1"}

            data: {"candidates":[{"content":{"role":"model","parts":[{"text":"it up."},{"functionCall":{"name":"get_weather","args":{"city":"Oslo"}}}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":50,"cachedContentTokenCount":10,"candidatesTokenCount":8,"thoughtsTokenCount":4,"totalTokenCount":62},"modelVersion":"MODEL","responseId":"g1"}


            """, model).ReplaceLineEndings("\r\n"), Fill(GeminiSecond, model), Fill("""
            data: {"candidates":[{"content":{"role":"model","parts":[{"text":"A raincoat."}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":70,"candidatesTokenCount":5,"totalTokenCount":75},"modelVersion":"MODEL","responseId":"g2"}


            """, model).ReplaceLineEndings("\r\n"), Events),
    ];

    public override string ToString() => Name;

    private static string ResponsesStream(string response, string text) => """
        event: response.created
        data: {"type":"response.created","sequence_number":0,"response":{"id":"resp","status":"in_progress","output":[]}}

        event: response.output_item.added
        data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"message","id":"m","role":"assistant","content":[]}}

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","sequence_number":2,"output_index":0,"content_index":0,"item_id":"m","delta":"TEXT"}

        event: response.completed
        data: {"type":"response.completed","sequence_number":3,"response":RESPONSE}


        """.Replace("TEXT", text, StringComparison.Ordinal).Replace("RESPONSE", response, StringComparison.Ordinal);

    private static string Fill(string text, string model, bool stream = false) => text
        .Replace("MODEL", model, StringComparison.Ordinal)
        .Replace("STREAM", stream ? "\"stream\":true," : "", StringComparison.Ordinal)
        .Replace("\"ID\"", "\"call_oslo_1\"", StringComparison.Ordinal);
}
