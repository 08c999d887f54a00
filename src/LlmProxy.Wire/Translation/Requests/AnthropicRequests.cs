using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Reads a request of the Messages API for translation.</summary>
internal static class AnthropicRequests
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
            ReadMember(name, value, request);
        }
    }

    private static void ReadMember(string name, JsonElement value, TranslationRequest request)
    {
        switch (name)
        {
            case "model":
                request.Model = value.Text();
                break;
            case "stream":
                request.IsStream = value.ValueKind == JsonValueKind.True;
                break;
            case "max_tokens":
                request.MaxTokens = Whole(value);
                break;
            case "system":
                request.MarksCache |= value.Items().Any(IsMarked);
                request.System.AddRange(value.Text() is { } text ? [text] : value.Items().Select(block => block.Text("text"u8)).OfType<string>());
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
                    ReadTool(tool, request);
                }

                break;
            case "tool_choice":
                ReadChoice(value, request);
                break;
            case "temperature" or "top_p":
                var real = value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number : (double?)null;
                (request.Temperature, request.TopP) = name == "top_p" ? (request.Temperature, real) : (real, request.TopP);
                break;
            case "top_k":
                request.TopK = Whole(value);
                break;
            case "stop_sequences":
                request.Stop.AddRange(value.Texts());
                break;
            case "thinking":
                ReadThinking(value, request);
                break;
            case "output_config" or "output_format":
                ReadOutput(name == "output_format" ? value : value.Get("format"u8), request);
                request.Effort = value.Text("effort"u8) is { } effort ? new Effort(effort, request.Effort?.IsOff == true ? 0 : null) : request.Effort;
                break;
            case "mcp_servers" when value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0:
                request.ForeignTools.Add("mcp_servers");
                break;
            case "cache_control":
                request.MarksCache = true;
                break;
            case "mcp_servers":
                break;
            default:
                if (value.Exists())
                {
                    request.Lose(name, "request", "Only Anthropic takes it.");
                }

                break;
        }
    }

    private static long? Whole(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    private static bool IsMarked(JsonElement block) => block.Get("cache_control"u8).Exists();

    private static void ReadThinking(JsonElement thinking, TranslationRequest request) =>
        request.Effort = thinking.Text("type"u8) switch
        {
            "disabled" => Effort.Off,
            "enabled" => new Effort(request.Effort?.Word, thinking.Number("budget_tokens"u8)),
            "adaptive" => new Effort(request.Effort?.Word, request.Effort?.Word is null ? -1 : null),
            _ => request.Effort,
        };

    private static void ReadOutput(JsonElement format, TranslationRequest request)
    {
        if (format.Get("type"u8).Is("json_schema"u8))
        {
            request.Shape = new OutputShape(format.Text("name"u8) ?? "output", format.Get("schema"u8), true);
        }
    }

    private static void ReadChoice(JsonElement choice, TranslationRequest request)
    {
        (request.Choice, request.ChosenTool) = choice.Text("type"u8) switch
        {
            "any" => (ChoiceKind.Any, null),
            "none" => (ChoiceKind.None, null),
            "tool" => (ChoiceKind.One, choice.Text("name"u8)),
            _ => ((ChoiceKind?)ChoiceKind.Auto, (string?)null),
        };
        request.CallsInParallel = choice.Flag("disable_parallel_tool_use"u8) is { } disabled ? !disabled : null;
    }

    private static void ReadTool(JsonElement tool, TranslationRequest request)
    {
        request.MarksCache |= IsMarked(tool);
        var type = tool.Text("type"u8);
        var name = tool.Text("name"u8) ?? "";
        if (type is null or "custom")
        {
            request.Tools.Add(new OfferedTool(name, tool.Text("description"u8) ?? "") { Schema = tool.Get("input_schema"u8), IsStrict = tool.Flag("strict"u8) });
        }
        else if (type.StartsWith("web_search", StringComparison.Ordinal))
        {
            request.SearchesWeb = true;
        }
        else if (KnownTools.Find(type, name) is { } known)
        {
            request.Tools.Add(known);
            request.Lose(type, "tools", "The tool's definition is Anthropic's; it is offered as a function with the same arguments.");
        }
        else
        {
            request.ForeignTools.Add(type);
        }
    }

    private static void ReadMessage(JsonElement message, TranslationRequest request)
    {
        var role = message.Text("role"u8) switch
        {
            "assistant" => TurnRole.Assistant,
            "system" => TurnRole.System,
            _ => TurnRole.User,
        };
        var content = message.Get("content"u8);
        if (content.Text() is { } text)
        {
            request.Add(role, new TurnText(text));
        }

        foreach (var block in content.Items())
        {
            request.MarksCache |= IsMarked(block);
            ReadBlock(block, role, request);
        }
    }

    private static void ReadBlock(JsonElement block, TurnRole role, TranslationRequest request)
    {
        switch (block.Text("type"u8))
        {
            case "text" or null when block.Text("text"u8) is { } text:
                request.Add(role, new TurnText(text));
                if (block.Get("citations"u8) is { ValueKind: JsonValueKind.Array } citations && citations.GetArrayLength() > 0)
                {
                    request.Lose("citations", "history", "Citations point into documents of another provider.");
                }

                break;
            case "image" or "document":
                ReadMedia(block, part => request.Add(role, part), request);
                break;
            case "tool_use":
                var input = block.Get("input"u8);
                request.Add(TurnRole.Assistant, new TurnCall(block.Text("id"u8) ?? "", block.Text("name"u8) ?? "", input.Text() ?? (input.Exists() ? RawJson.Clean(input) : "{}")));
                break;
            case "tool_result":
                var parts = new List<TurnPart>();
                ReadResult(block.Get("content"u8), parts, request);
                request.Add(TurnRole.User, new TurnResult(block.Text("tool_use_id"u8) ?? "", parts, block.Flag("is_error"u8) == true));
                break;
            case "thinking" or "redacted_thinking":
                request.Lose("thinking", "history", "Thinking is valid for the model that wrote it alone.");
                break;
            case "server_tool_use" or "mcp_tool_use":
                request.Lose(block.Text("name"u8) ?? "server_tool_use", "history", "The provider ran the tool; its call and result are left out.");
                break;
            case "search_result":
                ReadResult(block, part => request.Add(role, part));
                break;
            case { } type when type.EndsWith("_tool_result", StringComparison.Ordinal):
                request.Lose(type, "history", "The provider ran the tool; its call and result are left out.");
                break;
            case "compaction" when block.Text("content"u8) is { } summary:
                request.Add(TurnRole.Assistant, new TurnText(summary));
                break;
            case "container_upload" or "tool_reference" or "fallback" or "mid_conv_system" or "tool_addition" or "tool_removal" or "compaction":
                request.Lose(block.Text("type"u8)!, "history", "Only Anthropic takes it.");
                break;
            case "text" or null:
                break;
            case var type:
                request.Refuse($"Content of type '{type}' in 'messages' has no counterpart in the target's dialect. Remove it, or send the request to a cluster that speaks anthropic-messages.");
                break;
        }
    }

    private static void ReadResult(JsonElement block, Action<TurnPart> add) =>
        add(new TurnText(string.Join('\n', new[] { block.Text("title"u8), block.Text("source"u8) }.Concat(block.Get("content"u8).Items().Select(part => part.Text("text"u8))).Where(line => !string.IsNullOrEmpty(line)))));

    private static void ReadResult(JsonElement content, List<TurnPart> parts, TranslationRequest request)
    {
        if (content.Text() is { } text)
        {
            parts.Add(new TurnText(text));
        }

        foreach (var block in content.Items())
        {
            switch (block.Text("type"u8))
            {
                case "image" or "document":
                    ReadMedia(block, parts.Add, request);
                    break;
                case "search_result":
                    ReadResult(block, parts.Add);
                    break;
                default:
                    parts.Add(new TurnText(block.Text("text"u8) ?? block.Text() ?? RawJson.Clean(block)));
                    break;
            }
        }
    }

    private static void ReadMedia(JsonElement block, Action<TurnPart> add, TranslationRequest request)
    {
        var source = block.Get("source"u8);
        var isImage = block.Get("type"u8).Is("image"u8);
        var type = source.Text("media_type"u8);
        var name = block.Text("title"u8);
        switch (source.Text("type"u8))
        {
            case "text":
                add(new TurnText(source.Text("data"u8) ?? ""));
                break;
            case "content":
                foreach (var inner in source.Get("content"u8).Items())
                {
                    if (inner.Text("text"u8) is { } text)
                    {
                        add(new TurnText(text));
                    }
                    else
                    {
                        ReadMedia(inner, add, request);
                    }
                }

                if (source.Get("content"u8).Text() is { } whole)
                {
                    add(new TurnText(whole));
                }

                break;
            case "url":
                add(new TurnMedia(type ?? (isImage ? "image/*" : "application/pdf"), null, source.Text("url"u8) ?? "") { Name = name });
                break;
            case "base64" or null when source.Text("data"u8) is { } data:
                add(new TurnMedia(type ?? (isImage ? "image/png" : "application/pdf"), data, null) { Name = name });
                break;
            case var kind:
                request.Refuse($"{(isImage ? "An image" : "A document")} with a source of type '{kind}' exists at Anthropic alone. Send it as base64 data.");
                break;
        }
    }
}
