using System.Globalization;
using System.Text.Json;
using LlmProxy.Wire.Gemini;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Reads a request of Gemini for translation, in camel case or snake case.</summary>
internal static class GeminiRequests
{
    public static void Read(JsonElement root, string path, TranslationRequest request)
    {
        var (route, query) = path.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at ? (path[..at], path[at..]) : (path, "");
        request.Model = GeminiPath.Model(route);
        request.IsStream = GeminiPath.IsStream(route.AsSpan().TrimEnd('/'));
        request.IsArray = request.IsStream && !query.Contains("alt=sse", StringComparison.OrdinalIgnoreCase);
        if (!root.Get("contents"u8).Exists())
        {
            request.Refuse("The request has no 'contents'.");
            return;
        }

        var calls = new CallNumbers();
        foreach (var (name, value) in root.Members())
        {
            ReadMember(name, value, calls, request);
        }
    }

    private static IEnumerable<JsonElement> Many(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.String ? [value] : value.Items();

    private static void ReadMember(string name, JsonElement value, CallNumbers calls, TranslationRequest request)
    {
        switch (name)
        {
            case "contents":
                foreach (var content in Many(value))
                {
                    ReadContent(content, calls, request);
                }

                break;
            case "systemInstruction" or "system_instruction":
                request.System.AddRange(value.Text() is { } whole ? [whole] : Many(value.Get("parts"u8)).Select(part => part.Text("text"u8)).OfType<string>());
                break;
            case "tools":
                foreach (var tool in Many(value))
                {
                    ReadTool(tool, request);
                }

                break;
            case "toolConfig" or "tool_config":
                ReadChoice(value.Get("functionCallingConfig"u8, "function_calling_config"u8), request);
                break;
            case "generationConfig" or "generation_config" when value.ValueKind == JsonValueKind.Object:
                foreach (var (setting, given) in value.Members())
                {
                    ReadSetting(setting, given, value, request);
                }

                break;
            case "cachedContent" or "cached_content" when value.Text() is { Length: > 0 }:
                request.Refuse("The request continues content that is cached at Google ('cachedContent'). Send the content itself.");
                break;
            case "model" or "cachedContent" or "cached_content" or "generationConfig" or "generation_config":
                break;
            default:
                if (value.Exists())
                {
                    request.Lose(name, "request", "Only Gemini takes it.");
                }

                break;
        }
    }

    private static void ReadSetting(string name, JsonElement value, JsonElement config, TranslationRequest request)
    {
        switch (name)
        {
            case "maxOutputTokens" or "max_output_tokens":
                request.MaxTokens = config.Number("maxOutputTokens"u8) ?? config.Number("max_output_tokens"u8);
                break;
            case "temperature":
                request.Temperature = config.Real("temperature"u8);
                break;
            case "topP" or "top_p":
                request.TopP = config.Real("topP"u8) ?? config.Real("top_p"u8);
                break;
            case "topK" or "top_k":
                request.TopK = config.Number("topK"u8) ?? config.Number("top_k"u8);
                break;
            case "presencePenalty" or "presence_penalty":
                request.PresencePenalty = config.Real("presencePenalty"u8) ?? config.Real("presence_penalty"u8);
                break;
            case "frequencyPenalty" or "frequency_penalty":
                request.FrequencyPenalty = config.Real("frequencyPenalty"u8) ?? config.Real("frequency_penalty"u8);
                break;
            case "seed":
                request.Seed = config.Number("seed"u8);
                break;
            case "stopSequences" or "stop_sequences":
                request.Stop.AddRange(value.Texts());
                break;
            case "responseMimeType" or "response_mime_type":
                request.WantsJson |= value.Text() == "application/json";
                break;
            case "responseSchema" or "response_schema" or "responseJsonSchema" or "response_json_schema" when value.ValueKind == JsonValueKind.Object:
                request.Shape = new OutputShape("output", value, null);
                break;
            case "thinkingConfig" or "thinking_config":
                var budget = value.Number("thinkingBudget"u8) ?? value.Number("thinking_budget"u8);
                var level = value.Get("thinkingLevel"u8, "thinking_level"u8).Text()?.ToLowerInvariant();
                request.Effort = budget is null && level is null ? null : new Effort(level, budget);
                break;
            case "candidateCount" or "candidate_count" when (config.Number("candidateCount"u8) ?? config.Number("candidate_count"u8)) is not (null or 1):
                request.Lose("candidateCount", "request", "The target gives one answer.");
                break;
            case "responseModalities" or "response_modalities" when value.Texts().Any(mode => !mode.Equals("text", StringComparison.OrdinalIgnoreCase)):
                request.Refuse("The request asks for images or sound ('responseModalities'), which the target's dialect cannot give. Ask for text alone.");
                break;
            case "candidateCount" or "candidate_count" or "responseModalities" or "response_modalities":
                break;
            default:
                if (value.Exists())
                {
                    request.Lose(name, "request", "Only Gemini takes it.");
                }

                break;
        }
    }

    private static void ReadChoice(JsonElement config, TranslationRequest request)
    {
        request.Choice = config.Text("mode"u8)?.ToUpperInvariant() switch
        {
            "ANY" => ChoiceKind.Any,
            "NONE" => ChoiceKind.None,
            "AUTO" or "VALIDATED" => ChoiceKind.Auto,
            _ => request.Choice,
        };
        var names = config.Get("allowedFunctionNames"u8, "allowed_function_names"u8).Texts().ToList();
        if (names.Count == 1 && request.Choice == ChoiceKind.Any)
        {
            (request.Choice, request.ChosenTool) = (ChoiceKind.One, names[0]);
        }
        else if (names.Count > 0)
        {
            request.AllowedTools = names;
        }
    }

    private static void ReadTool(JsonElement tool, TranslationRequest request)
    {
        foreach (var (kind, value) in tool.Members())
        {
            switch (kind)
            {
                case "functionDeclarations" or "function_declarations":
                    foreach (var function in Many(value))
                    {
                        var schema = function.Get("parametersJsonSchema"u8, "parameters_json_schema"u8);
                        request.Tools.Add(new OfferedTool(function.Text("name"u8) ?? "", function.Text("description"u8) ?? "") { Schema = schema.Exists() ? schema : function.Get("parameters"u8) });
                    }

                    break;
                case "googleSearch" or "google_search" or "googleSearchRetrieval" or "google_search_retrieval":
                    request.SearchesWeb = true;
                    break;
                case var other when value.Exists():
                    request.ForeignTools.Add(other);
                    break;
                default:
                    break;
            }
        }
    }

    private static void ReadContent(JsonElement content, CallNumbers calls, TranslationRequest request)
    {
        if (content.Text() is { } text)
        {
            request.Add(TurnRole.User, new TurnText(text));
            return;
        }

        var role = content.Text("role"u8) == "model" ? TurnRole.Assistant : TurnRole.User;
        foreach (var part in Many(content.Get("parts"u8)))
        {
            ReadPart(part, role, calls, request);
        }
    }

    private static void ReadPart(JsonElement part, TurnRole role, CallNumbers calls, TranslationRequest request)
    {
        var call = part.Get("functionCall"u8, "function_call"u8);
        var result = part.Get("functionResponse"u8, "function_response"u8);
        var signature = part.Get("thoughtSignature"u8, "thought_signature"u8).Text();
        if (part.Get("thought"u8).ValueKind == JsonValueKind.True)
        {
            request.Lose("thinking", "history", "Thinking is valid for the model that wrote it alone.");
        }
        else if (call.ValueKind == JsonValueKind.Object)
        {
            var name = call.Text("name"u8) ?? "";
            var args = call.Get("args"u8);
            request.Add(TurnRole.Assistant, new TurnCall(calls.Call(call.Text("id"u8), name), name, args.Text() ?? (args.Exists() ? RawJson.Clean(args) : "{}")) { Signature = signature });
        }
        else if (result.ValueKind == JsonValueKind.Object)
        {
            var name = result.Text("name"u8) ?? "";
            request.Add(TurnRole.User, ResultOf(result, name, calls.Result(result.Text("id"u8), name), request));
        }
        else if (MediaOf(part) is { } media)
        {
            request.Add(role, media);
        }
        else if ((part.Text("text"u8) ?? part.Text()) is { } text)
        {
            if (text.Length > 0)
            {
                request.Add(role, new TurnText(text));
            }
        }
        else if (part.Get("executableCode"u8, "executable_code"u8).Exists() || part.Get("codeExecutionResult"u8, "code_execution_result"u8).Exists() || part.Get("toolCall"u8).Exists() || part.Get("toolResponse"u8).Exists())
        {
            request.Lose("codeExecution", "history", "The provider ran the tool; its call and result are left out.");
        }
        else if (part.ValueKind == JsonValueKind.Object && part.EnumerateObject().Any(property => !property.NameText().StartsWith("thought", StringComparison.Ordinal)))
        {
            request.Refuse("A part of 'contents' has no counterpart in the target's dialect. Remove it, or send the request to a cluster that speaks gemini.");
        }
    }

    private static TurnResult ResultOf(JsonElement result, string name, string id, TranslationRequest request)
    {
        var response = result.Get("response"u8);
        var error = response.Get("error"u8);
        var members = response.ValueKind == JsonValueKind.Object ? response.EnumerateObject().Count() : 0;
        var output = error.Exists() ? error : response.Get("output"u8, "result"u8);
        var content = response.Get("content"u8);
        if (!output.Exists() && content.Exists() && members == 2 && response.Get("name"u8).Exists())
        {
            // The Vercel AI SDK writes {"name": the function's, "content": the result}.
            (output, members) = (content, 1);
        }

        var essence = output.Exists() && members == 1 ? output : response;
        var parts = new List<TurnPart> { new TurnText(essence.Text() ?? (essence.Exists() ? RawJson.Clean(essence) : "")) };
        foreach (var part in result.Get("parts"u8).Items())
        {
            if (MediaOf(part) is { } media)
            {
                parts.Add(media);
            }
            else
            {
                request.Lose("functionResponse.parts", "history", "A part of a tool result is neither data nor an address.");
            }
        }

        return new TurnResult(id, parts, error.Exists()) { Name = name };
    }

    private static TurnMedia? MediaOf(JsonElement part)
    {
        var inline = part.Get("inlineData"u8, "inline_data"u8);
        if (inline.ValueKind == JsonValueKind.Object)
        {
            return new TurnMedia(inline.Get("mimeType"u8, "mime_type"u8).Text() ?? "application/octet-stream", inline.Text("data"u8) ?? "", null);
        }

        var file = part.Get("fileData"u8, "file_data"u8);
        return file.ValueKind == JsonValueKind.Object
            ? new TurnMedia(file.Get("mimeType"u8, "mime_type"u8).Text() ?? "application/octet-stream", null, file.Get("fileUri"u8, "file_uri"u8).Text() ?? "")
            : null;
    }

    /// <summary>Numbers calls without ids by their place in the history, and gives each result the first open call of its name.</summary>
    private sealed class CallNumbers
    {
        private readonly List<(string Name, string Id)> _open = [];
        private int _count;

        public string Call(string? id, string name)
        {
            _count++;
            var known = string.IsNullOrEmpty(id) ? string.Create(CultureInfo.InvariantCulture, $"{name}#{_count}") : id;
            _open.Add((name, known));
            return known;
        }

        public string Result(string? id, string name)
        {
            var at = string.IsNullOrEmpty(id) ? -1 : _open.FindIndex(open => open.Id == id);
            at = at >= 0 ? at : _open.FindIndex(open => open.Name == name);
            if (at < 0)
            {
                return id ?? "";
            }

            var found = _open[at].Id;
            _open.RemoveAt(at);
            return found;
        }
    }
}
