using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Translation;

/// <summary>
/// What each provider's documentation demands of a request, checked without any code of the translators. Stricter than the
/// providers in one point: turns must alternate.
/// </summary>
internal sealed partial class TargetValidator
{
    private readonly List<string> _problems = [];

    public static List<string> Check(DialectKind kind, ReadOnlyMemory<byte> body, string model)
    {
        var validator = new TargetValidator();
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(body.Span, null, new JsonDocumentOptions { MaxDepth = 10_000 });
            // Reading all strings finds broken UTF-8 and half surrogate pairs; doubled names are found where objects are read.
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 10_000 });
            Walk(document.RootElement);
            Check(validator, kind, (JsonObject)root!, model);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            return [$"no JSON: {error.Message}"];
        }

        return validator._problems;
    }

    private static void Check(TargetValidator validator, DialectKind kind, JsonObject root, string model)
    {
        switch (kind)
        {
            case DialectKind.AnthropicMessages:
                validator.Anthropic(root);
                break;
            case DialectKind.OpenAiChat:
                validator.Chat(root);
                break;
            case DialectKind.OpenAiResponses:
                validator.Responses(root);
                break;
            default:
                validator.Gemini(root, model);
                break;
        }
    }

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,64}$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Name64();

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,128}$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Name128();

    [GeneratedRegex("^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex GeminiName();

    private static void Walk(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in value.EnumerateObject())
                {
                    _ = property.Name;
                    Walk(property.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Walk(item);
                }

                break;
            case JsonValueKind.String:
                _ = value.GetString();
                break;
            default:
                break;
        }
    }

    private static string Str(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";

    private static IEnumerable<JsonObject> List(JsonNode? node) => (node as JsonArray)?.OfType<JsonObject>() ?? [];

    private static double? Num(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number ? double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture) : null;

    private void Demand(bool holds, string problem)
    {
        if (!holds)
        {
            _problems.Add(problem);
        }
    }

    private void Keys(JsonObject holder, string where, string allowed)
    {
        foreach (var (name, _) in holder)
        {
            Demand(allowed.Split(' ').Contains(name), $"{where}: unknown member {name}");
        }
    }

    private void Anthropic(JsonObject root)
    {
        Keys(root, "request", "model max_tokens stream system tools tool_choice thinking output_config temperature top_p top_k stop_sequences messages");
        Demand(Str(root["model"]).Length > 0, "no model");
        var limit = Num(root["max_tokens"]) ?? 0;
        Demand(limit >= 1, "max_tokens below 1");
        Demand(Num(root["temperature"]) is null or (>= 0 and <= 1), "temperature");
        Demand(root["temperature"] is null || root["top_p"] is null, "temperature and top_p");
        Demand(List(root["system"]).All(block => Str(block["text"]).Trim().Length > 0), "empty system text");
        Demand((root["stop_sequences"] as JsonArray)?.All(stop => Str(stop).Trim().Length > 0) != false, "blank stop sequence");
        var thinks = Str(root["thinking"]?["type"]);
        Demand(thinks is "" or "enabled" or "adaptive", "thinking type");
        Demand(thinks != "enabled" || (Num(root["thinking"]!["budget_tokens"]) is >= 1024 and var budget && budget < limit), "budget");
        Demand(thinks == "" || (root["temperature"] is null && root["top_k"] is null), "sampling with thinking");
        Demand(thinks == "" || Str(root["tool_choice"]?["type"]) is not ("any" or "tool"), "demanded tool with thinking");
        Demand(root["tool_choice"] is null || List(root["tools"]).Any(), "tool_choice without tools");
        var marks = CountMarks(root);
        Demand(marks is > 0 and <= 4, $"{marks} cache marks");
        var tools = List(root["tools"]).ToList();
        Demand(tools.Select(tool => Str(tool["name"])).Distinct().Count() == tools.Count, "tool names are not unique");
        foreach (var tool in tools.Where(tool => tool["type"] is null))
        {
            Demand(Name128().IsMatch(Str(tool["name"])), $"tool name {tool["name"]}");
            ObjectSchema(tool["input_schema"], "input_schema");
        }

        AnthropicMessages(List(root["messages"]).ToList(), thinks);
    }

    private static int CountMarks(JsonNode? node) => node switch
    {
        JsonObject members => members.Sum(member => member.Key == "cache_control" && Str(member.Value?["type"]) == "ephemeral" ? 1 : member.Key is "input" or "input_schema" or "schema" ? 0 : CountMarks(member.Value)),
        JsonArray items => items.Sum(CountMarks),
        _ => 0,
    };

    private void AnthropicMessages(List<JsonObject> messages, string thinks)
    {
        Demand(messages.Count > 0, "no messages");
        var open = new List<string>();
        var all = new HashSet<string>();
        for (var i = 0; i < messages.Count; i++)
        {
            var role = Str(messages[i]["role"]);
            Demand(role == (i % 2 == 0 ? "user" : "assistant"), $"message {i} is of {role}");
            var blocks = List(messages[i]["content"]).ToList();
            Demand(blocks.Count > 0, $"message {i} is empty");
            var isFirst = true;
            foreach (var block in blocks)
            {
                var type = Str(block["type"]);
                Demand(type is "text" or "image" or "document" or "tool_use" or "tool_result", $"block {type}");
                Demand(type != "text" || Str(block["text"]).Trim().Length > 0, "blank text");
                Demand(type is not ("tool_result" or "image" or "document") || role == "user", $"{type} of {role}");
                Demand(type is not ("image" or "document") || Str(block["source"]?["type"]) is "base64" or "url" or "text", "source");
                if (type == "tool_result")
                {
                    Demand(isFirst, "a result after other content");
                    Demand(open.Remove(Str(block["tool_use_id"])), $"result of unknown call {block["tool_use_id"]}");
                    Demand(block["content"] is not JsonValue || Str(block["content"]).Trim().Length > 0, "blank result");
                    Demand(block["content"] is not JsonArray parts || parts.OfType<JsonObject>().All(part => Str(part["type"]) != "text" || Str(part["text"]).Trim().Length > 0), "blank text in a result");
                }
                else
                {
                    Demand(open.Count == 0, $"calls without result: {string.Join(',', open)}");
                    isFirst = false;
                }
            }

            Demand(open.Count == 0 || role == "assistant", $"calls without result: {string.Join(',', open)}");
            open.Clear();
            foreach (var call in blocks.Where(block => Str(block["type"]) == "tool_use"))
            {
                Demand(role == "assistant", "a call of the user");
                Demand(Name64().IsMatch(Str(call["id"])) && all.Add(Str(call["id"])), $"call id {call["id"]}");
                Demand(Name128().IsMatch(Str(call["name"])), $"call name {call["name"]}");
                Demand(call["input"] is JsonObject, "input is no object");
                open.Add(Str(call["id"]));
            }

            Demand(role != "assistant" || Str(blocks[^1]["text"]) == Str(blocks[^1]["text"]).TrimEnd() || i < messages.Count - 1, "white space at the end");
        }

        Demand(open.Count == 0, "the last calls have no results");
        Demand(thinks != "enabled" || messages.Count == 0 || !List(messages[^1]["content"]).Any(block => Str(block["type"]) == "tool_result"), "thinking in a loop that began without");
    }

    private void ObjectSchema(JsonNode? schema, string where)
    {
        Demand(schema is JsonObject, $"{where}: no schema");
        Demand(schema is not JsonObject || Str(schema["type"]) == "object", $"{where}: the root is no object");
        foreach (var word in (string[])["oneOf", "anyOf", "allOf", "enum", "not", "$ref"])
        {
            Demand(schema?[word] is null, $"{where}: {word} at the root");
        }

        JsonSchema(schema, where);
    }

    private void JsonSchema(JsonNode? schema, string where)
    {
        if (schema is not JsonObject node)
        {
            return;
        }

        var types = node["type"] is JsonArray several ? several.Select(Str).ToList() : [Str(node["type"])];
        Demand(types.TrueForAll(type => type is "" or "string" or "number" or "integer" or "boolean" or "array" or "object" or "null"), $"{where}: type {node["type"]?.ToJsonString()}");
        Demand(!types.Contains("object") || node["properties"] is JsonObject, $"{where}: an object without properties");
        Demand(!types.Contains("array") || node["items"] is not null || node["prefixItems"] is not null, $"{where}: an array without items");
        Demand(node["required"] is null or JsonArray, $"{where}: required");
        foreach (var (_, value) in node["properties"] as JsonObject ?? [])
        {
            JsonSchema(value, where);
        }

        JsonSchema(node["items"], where);
        foreach (var part in List(node["anyOf"]).Concat(List(node["oneOf"])))
        {
            JsonSchema(part, where);
        }
    }

    private void Chat(JsonObject root)
    {
        Keys(root, "request", "model stream stream_options max_tokens max_completion_tokens tools tool_choice parallel_tool_calls temperature top_p seed frequency_penalty presence_penalty stop reasoning_effort response_format messages");
        Demand(Str(root["model"]).Length > 0, "no model");
        Demand(root["stream"]?.GetValue<bool>() != true || root["stream_options"]?["include_usage"]?.GetValue<bool>() == true, "a stream without usage");
        Demand((root["stop"] as JsonArray)?.Count is null or (> 0 and <= 4), "stop");
        Demand(root["tool_choice"] is null || List(root["tools"]).Any(), "tool_choice without tools");
        Demand(root["parallel_tool_calls"] is null || List(root["tools"]).Any(), "parallel_tool_calls without tools");
        foreach (var tool in List(root["tools"]))
        {
            var isCustom = Str(tool["type"]) == "custom";
            var function = isCustom ? tool["custom"] : tool["function"];
            Demand(Name64().IsMatch(Str(function?["name"])), $"tool name {function?["name"]}");
            if (!isCustom)
            {
                ObjectSchema(function?["parameters"], "parameters");
            }
        }

        var messages = List(root["messages"]).ToList();
        Demand(messages.Count > 0, "no messages");
        var open = new List<string>();
        var all = new HashSet<string>();
        foreach (var message in messages)
        {
            var role = Str(message["role"]);
            Keys(message, role, role switch { "assistant" => "role content refusal tool_calls", "tool" => "role content tool_call_id", _ => "role content" });
            Demand(role is "system" or "user" or "assistant" or "tool", $"role {role}");
            Demand(role == "tool" || open.Count == 0, $"calls without result before {role}");
            Demand(role is "user" || message["content"] is null or JsonValue, $"content of {role}");
            if (role == "tool")
            {
                Demand(open.Remove(Str(message["tool_call_id"])), $"result of unknown call {message["tool_call_id"]}");
            }

            foreach (var part in List(message["content"]))
            {
                Demand(Str(part["type"]) is "text" or "image_url" or "input_audio" or "file", $"part {part["type"]}");
            }

            Demand(role != "assistant" || message["content"] is not null || message["tool_calls"] is not null || message["refusal"] is not null, "an assistant without content");
            foreach (var call in List(message["tool_calls"]))
            {
                Demand(Name64().IsMatch(Str(call["id"])) && Str(call["id"]).Length <= 40 && all.Add(Str(call["id"])), $"call id {call["id"]}");
                Demand(Str(call["type"]) == "custom" || (Name64().IsMatch(Str(call["function"]?["name"])) && IsObject(Str(call["function"]?["arguments"]))), $"call {call.ToJsonString()}");
                open.Add(Str(call["id"]));
            }
        }

        Demand(open.Count == 0, "the last calls have no results");
    }

    private static bool IsObject(string json)
    {
        try
        {
            return JsonNode.Parse(json, null, new JsonDocumentOptions { MaxDepth = 10_000 }) is JsonObject;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void Responses(JsonObject root)
    {
        Keys(root, "request", "model store stream max_output_tokens instructions tools tool_choice parallel_tool_calls temperature top_p reasoning include text input");
        Demand(Str(root["model"]).Length > 0, "no model");
        Demand(root["store"]?.GetValue<bool>() == false, "store");
        Demand(Num(root["max_output_tokens"]) is null or >= 16, "max_output_tokens");
        Demand(root["tool_choice"] is null || List(root["tools"]).Any(), "tool_choice without tools");
        foreach (var tool in List(root["tools"]))
        {
            var type = Str(tool["type"]);
            Demand(type is "function" or "custom" or "web_search", $"tool {type}");
            Demand(type == "web_search" || Name64().IsMatch(Str(tool["name"])), $"tool name {tool["name"]}");
            if (type == "function")
            {
                Demand(tool["strict"] is not null, "strict is not stated");
                ObjectSchema(tool["parameters"], "parameters");
            }
        }

        var open = new List<string>();
        var all = new HashSet<string>();
        var items = List(root["input"]).ToList();
        Demand(items.Count > 0, "no input");
        foreach (var item in items)
        {
            var type = Str(item["type"]);
            var role = Str(item["role"]);
            Demand(type is "message" or "function_call" or "function_call_output" or "custom_tool_call" or "custom_tool_call_output", $"item {type}");
            Demand(type != "message" || role is "user" or "assistant" or "developer", $"role {role}");
            Demand(type != "message" || List(item["content"]).Any(), "an empty message");
            foreach (var part in List(item["content"]))
            {
                Demand(role == "assistant" ? Str(part["type"]) is "output_text" or "refusal" : Str(part["type"]) is "input_text" or "input_image" or "input_file", $"part {part["type"]} of {role}");
            }

            if (type is "function_call" or "custom_tool_call")
            {
                Demand(Name64().IsMatch(Str(item["call_id"])) && all.Add(Str(item["call_id"])), $"call id {item["call_id"]}");
                Demand(Name64().IsMatch(Str(item["name"])), $"call name {item["name"]}");
                Demand(type == "custom_tool_call" || IsObject(Str(item["arguments"])), "arguments");
                open.Add(Str(item["call_id"]));
            }
            else if (type.EndsWith("_output", StringComparison.Ordinal))
            {
                Demand(open.Remove(Str(item["call_id"])), $"result of unknown call {item["call_id"]}");
                Demand(item["output"] is JsonValue or JsonArray { Count: > 0 }, "output");
            }
            else
            {
                Demand(open.Count == 0 || role == "assistant", $"calls without result: {string.Join(',', open)}");
            }
        }

        Demand(open.Count == 0, "the last calls have no results");
    }

    private void Gemini(JsonObject root, string model)
    {
        Keys(root, "request", "systemInstruction tools toolConfig contents generationConfig");
        Keys(root["generationConfig"] as JsonObject ?? [], "generationConfig", "maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty stopSequences responseMimeType responseSchema thinkingConfig");
        Demand((root["generationConfig"]?["stopSequences"] as JsonArray)?.Count is null or (> 0 and <= 5), "stopSequences");
        Demand(root["toolConfig"] is null || List(root["tools"]).Any(), "toolConfig without tools");
        foreach (var function in List(root["tools"]).SelectMany(tool => List(tool["functionDeclarations"])))
        {
            Keys(function, "function", "name description parameters");
            Demand(GeminiName().IsMatch(Str(function["name"])), $"function name {function["name"]}");
            if (function["parameters"] is { } parameters)
            {
                Demand(Str(parameters["type"]) == "object" && parameters["properties"] is JsonObject { Count: > 0 }, "parameters without properties");
                GeminiSchema(parameters);
            }
        }

        GeminiSchema(root["generationConfig"]?["responseSchema"]);
        var contents = List(root["contents"]).ToList();
        Demand(contents.Count > 0 && Str(contents[^1]["role"]) == "user", "the last content is not the user's");
        List<string> calls = [];
        for (var i = 0; i < contents.Count; i++)
        {
            var role = Str(contents[i]["role"]);
            Demand(role == (i % 2 == 0 ? "user" : "model"), $"content {i} is of {role}");
            var parts = List(contents[i]["parts"]).ToList();
            Demand(parts.Count > 0, "a content without parts");
            foreach (var part in parts)
            {
                Keys(part, "part", "text inlineData fileData functionCall functionResponse thoughtSignature");
                Demand(part.Count(member => member.Key != "thoughtSignature") == 1, "a part with several data");
                Demand(part["functionResponse"] is null || part["functionResponse"]!["response"] is JsonObject, "response is no object");
            }

            var responses = parts.Where(part => part["functionResponse"] is not null).Select(part => Str(part["functionResponse"]!["name"])).ToList();
            Demand(responses.SequenceEqual(calls), $"calls {string.Join(',', calls)} and responses {string.Join(',', responses)}");
            var called = parts.Where(part => part["functionCall"] is not null).ToList();
            calls = [.. called.Select(part => Str(part["functionCall"]!["name"]))];
            Demand(called.Count == 0 || role == "model", "a call of the user");
            Demand(called.TrueForAll(part => part["functionCall"]!["args"] is JsonObject && GeminiName().IsMatch(Str(part["functionCall"]!["name"]))), "call");
            Demand(called.Count == 0 || !model.StartsWith("gemini-3", StringComparison.Ordinal) || Str(called[0]["thoughtSignature"]).Length > 0, "a call without a signature");
        }
    }

    private void GeminiSchema(JsonNode? schema)
    {
        if (schema is not JsonObject node)
        {
            return;
        }

        Keys(node, "schema", "type format title description nullable enum items properties required anyOf minimum maximum minLength maxLength minItems maxItems minProperties maxProperties pattern default");
        var type = Str(node["type"]);
        Demand(node["type"] is null || type is "string" or "number" or "integer" or "boolean" or "array" or "object", $"schema type {node["type"]?.ToJsonString()}");
        Demand(node["enum"] is null || (type == "string" && ((JsonArray)node["enum"]!).All(value => Str(value).Length > 0)), "enum");
        Demand(type != "array" || node["items"] is JsonObject, "an array without items");
        Demand(node["properties"] is null or JsonObject { Count: > 0 }, "empty properties");
        Demand(node["required"] is not JsonArray required || required.All(name => node["properties"]?[Str(name)] is not null), "required names no property");
        foreach (var (_, value) in node["properties"] as JsonObject ?? [])
        {
            GeminiSchema(value);
        }

        GeminiSchema(node["items"]);
        foreach (var part in List(node["anyOf"]))
        {
            GeminiSchema(part);
        }
    }
}
