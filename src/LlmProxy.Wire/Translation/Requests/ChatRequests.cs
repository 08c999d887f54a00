using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Reads a request of Chat Completions for translation.</summary>
internal static class ChatRequests
{
    public static void Read(JsonElement root, TranslationRequest request)
    {
        if (root.Get("messages"u8).ValueKind != JsonValueKind.Array)
        {
            request.Refuse("The request has no 'messages' array.");
            return;
        }

        foreach (var (name, value) in root.Members())
        {
            ReadMember(name, value, root, request);
        }
    }

    private static void ReadMember(string name, JsonElement value, JsonElement root, TranslationRequest request)
    {
        switch (name)
        {
            case "model":
                request.Model = value.Text();
                break;
            case "stream":
                request.IsStream = value.ValueKind == JsonValueKind.True;
                break;
            case "stream_options":
                request.IncludesUsage = value.Flag("include_usage"u8) == true;
                break;
            case "max_tokens" or "max_completion_tokens":
                request.MaxTokens = root.Number("max_completion_tokens"u8) ?? root.Number("max_tokens"u8);
                break;
            case "messages":
                foreach (var message in value.Items())
                {
                    ReadMessage(message, request);
                }

                break;
            case "tools":
                foreach (var tool in value.Items())
                {
                    OpenAiTools.Read(tool, request);
                }

                break;
            case "functions":
                foreach (var function in value.Items())
                {
                    request.Tools.Add(OpenAiTools.Function(function));
                }

                break;
            case "tool_choice" or "function_call":
                OpenAiTools.ReadChoice(value, request);
                break;
            case "parallel_tool_calls":
                request.CallsInParallel = root.Flag("parallel_tool_calls"u8);
                break;
            case "temperature":
                request.Temperature = root.Real("temperature"u8);
                break;
            case "top_p":
                request.TopP = root.Real("top_p"u8);
                break;
            case "top_k":
                request.TopK = root.Number("top_k"u8);
                break;
            case "frequency_penalty":
                request.FrequencyPenalty = root.Real("frequency_penalty"u8);
                break;
            case "presence_penalty":
                request.PresencePenalty = root.Real("presence_penalty"u8);
                break;
            case "seed":
                request.Seed = root.Number("seed"u8);
                break;
            case "stop":
                request.Stop.AddRange(value.Texts());
                break;
            case "reasoning_effort":
                request.Effort = value.Text() is { } effort ? new Effort(effort, null) : request.Effort;
                break;
            case "response_format":
                ReadFormat(value, request);
                break;
            case "web_search_options":
                request.SearchesWeb = value.Exists();
                break;
            case "n" when root.Number("n"u8) is not (null or 1):
                request.Lose("n", "request", "The target gives one answer.");
                break;
            case "modalities" when value.Texts().Any(mode => mode != "text"):
                request.Refuse("The request asks for sound ('modalities'), which the target's dialect cannot give. Ask for text alone.");
                break;
            case "n" or "modalities":
                break;
            default:
                if (value.Exists())
                {
                    request.Lose(name, "request", "It has no counterpart in the target's dialect.");
                }

                break;
        }
    }

    private static void ReadFormat(JsonElement format, TranslationRequest request)
    {
        var schema = format.Get("json_schema"u8);
        if (format.Get("type"u8).Is("json_schema"u8) && schema.Exists())
        {
            request.Shape = new OutputShape(schema.Text("name"u8) ?? "output", schema.Get("schema"u8), schema.Flag("strict"u8)) { Description = schema.Text("description"u8) };
        }

        request.WantsJson |= format.Get("type"u8).Is("json_object"u8);
    }

    private static void ReadMessage(JsonElement message, TranslationRequest request)
    {
        var role = message.Text("role"u8);
        var content = message.Get("content"u8);
        switch (role)
        {
            case "system" or "developer":
                foreach (var text in OpenAiParts.Texts(content))
                {
                    if (request.Turns.Count == 0)
                    {
                        request.System.Add(text);
                    }
                    else
                    {
                        request.Add(TurnRole.System, new TurnText(text));
                    }
                }

                break;
            case "tool" or "function":
                var parts = new List<TurnPart>();
                OpenAiParts.Read(content, parts.Add, request, isResult: true);
                var id = message.Text("tool_call_id"u8) ?? (role == "function" ? LegacyId(message.Text("name"u8)) : "");
                request.Add(TurnRole.User, new TurnResult(id, parts, IsError: false) { Name = message.Text("name"u8) });
                break;
            case "assistant":
                ReadAssistant(message, content, request);
                break;
            default:
                OpenAiParts.Read(content, part => request.Add(TurnRole.User, part), request);
                break;
        }
    }

    private static void ReadAssistant(JsonElement message, JsonElement content, TranslationRequest request)
    {
        OpenAiParts.Read(content, part => request.Add(TurnRole.Assistant, part), request);
        if (message.Text("refusal"u8) is { Length: > 0 } refusal)
        {
            request.Add(TurnRole.Assistant, new TurnRefusal(refusal));
        }

        foreach (var name in (ReadOnlySpan<string>)["reasoning_content", "reasoning", "reasoning_details", "thinking_blocks"])
        {
            if (message.Get(global::System.Text.Encoding.ASCII.GetBytes(name)).Exists())
            {
                request.Lose("thinking", "history", "Thinking is valid for the model that wrote it alone.");
            }
        }

        foreach (var name in (ReadOnlySpan<string>)["annotations", "audio", "executed_tools"])
        {
            var value = message.Get(global::System.Text.Encoding.ASCII.GetBytes(name));
            if (value.ValueKind == JsonValueKind.Object || (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0))
            {
                request.Lose(name, "history", "It has no counterpart in the target's dialect.");
            }
        }

        foreach (var call in message.Get("tool_calls"u8).Items())
        {
            var function = call.Get("function"u8);
            var custom = call.Get("custom"u8);
            var isCustom = function.ValueKind != JsonValueKind.Object && custom.ValueKind == JsonValueKind.Object;
            function = isCustom ? custom : function;
            var input = function.Get(isCustom ? "input"u8 : "arguments"u8);
            request.Add(TurnRole.Assistant, new TurnCall(call.Text("id"u8) ?? "", function.Text("name"u8) ?? "", input.Text() ?? (input.Exists() ? RawJson.Clean(input) : ""))
            {
                IsFreeText = isCustom,
                Signature = call.Get("extra_content"u8).Get("google"u8).Text("thought_signature"u8),
            });
        }

        var legacy = message.Get("function_call"u8);
        if (legacy.Text("name"u8) is { Length: > 0 } called)
        {
            request.Add(TurnRole.Assistant, new TurnCall(LegacyId(called), called, legacy.Text("arguments"u8) ?? ""));
        }
    }

    private static string LegacyId(string? name) => $"function:{name}";
}
