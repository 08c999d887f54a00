using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Reads a request of Responses for translation.</summary>
internal static class ResponsesRequests
{
    public static void Read(JsonElement root, TranslationRequest request)
    {
        var input = root.Get("input"u8);
        if (root.Text("previous_response_id"u8) is { Length: > 0 } || root.Get("conversation"u8).Exists())
        {
            request.Refuse("The history of the request is stored at OpenAI ('previous_response_id' or 'conversation'). Send the whole history in 'input' with \"store\": false.");
        }

        if (!input.Exists())
        {
            request.Refuse("The request has no 'input'.");
        }

        // Instructions come before the texts of the input, wherever the member is.
        if (root.Text("instructions"u8) is { Length: > 0 } instructions)
        {
            request.System.Add(instructions);
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
            case "max_output_tokens":
                request.MaxTokens = root.Number("max_output_tokens"u8);
                break;
            case "input" when value.Text() is { } text:
                request.Add(TurnRole.User, new TurnText(text));
                break;
            case "input":
                foreach (var item in value.Items())
                {
                    ReadItem(item, request);
                }

                break;
            case "tools":
                foreach (var tool in value.Items())
                {
                    OpenAiTools.Read(tool, request);
                }

                break;
            case "tool_choice":
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
            case "reasoning":
                request.Effort = value.Text("effort"u8) is { } effort ? new Effort(effort, null) : null;
                break;
            case "text":
                ReadFormat(value.Get("format"u8), request);
                if (value.Get("verbosity"u8).Exists())
                {
                    request.Lose("verbosity", "request", "Only OpenAI takes it.");
                }

                break;
            case "background" when value.ValueKind == JsonValueKind.True:
                request.Refuse("The request asks for a response in the background, which exists at OpenAI alone. Set 'background' to false.");
                break;
            case "background" or "instructions" or "store" or "include" or "stream_options" or "previous_response_id" or "conversation":
                // All of them concern what OpenAI stores and how it streams.
                break;
            default:
                if (value.Exists())
                {
                    request.Lose(name, "request", "Only OpenAI takes it.");
                }

                break;
        }
    }

    private static void ReadFormat(JsonElement format, TranslationRequest request)
    {
        if (format.Get("type"u8).Is("json_schema"u8))
        {
            request.Shape = new OutputShape(format.Text("name"u8) ?? "output", format.Get("schema"u8), format.Flag("strict"u8)) { Description = format.Text("description"u8) };
        }

        request.WantsJson |= format.Get("type"u8).Is("json_object"u8);
    }

    private static void ReadItem(JsonElement item, TranslationRequest request)
    {
        var type = item.Text("type"u8);
        switch (type)
        {
            case "message" or null:
                ReadMessage(item, request);
                break;
            case "function_call" or "custom_tool_call":
                var isFreeText = type == "custom_tool_call";
                request.Add(TurnRole.Assistant, new TurnCall(IdOf(item), item.Text("name"u8) ?? "", item.Text(isFreeText ? "input"u8 : "arguments"u8) ?? "") { IsFreeText = isFreeText, Namespace = item.Text("namespace"u8) });
                break;
            case "function_call_output" or "custom_tool_call_output":
                AddResult(item, request);
                break;
            case "reasoning":
                request.Lose("thinking", "history", "Thinking is valid for the model that wrote it alone.");
                break;
            case "additional_tools":
                foreach (var tool in item.Get("tools"u8).Items())
                {
                    OpenAiTools.Read(tool, request);
                }

                break;
            case "local_shell_call" or "shell_call" or "computer_call" or "apply_patch_call" or "tool_search_call" when item.Text("call_id"u8) is { Length: > 0 }:
                var action = item.Get("action"u8);
                action = action.Exists() ? action : item.Get("operation"u8);
                action = action.Exists() ? action : item.Get("arguments"u8);
                request.Add(TurnRole.Assistant, new TurnCall(IdOf(item), type[..^"_call".Length], action.ValueKind == JsonValueKind.Object ? RawJson.Clean(action) : "{}"));
                request.Lose(type, "history", "The call is sent as one of a function.");
                break;
            case { } result when result.EndsWith("_call_output", StringComparison.Ordinal) || result == "tool_search_output":
                AddResult(item, request);
                break;
            case { } hosted when hosted.EndsWith("_call", StringComparison.Ordinal) || hosted.StartsWith("mcp_", StringComparison.Ordinal) || hosted.StartsWith("program", StringComparison.Ordinal):
                request.Lose(hosted, "history", "The provider ran the tool; its call and result are left out.");
                break;
            case "item_reference" or "compaction" or "compaction_summary" or "context_compaction":
                request.Refuse($"The item '{type}' of 'input' refers to what OpenAI alone can read. Send the whole history in 'input'.");
                break;
            default:
                request.Refuse($"The item '{RawJson.Clean(type)}' of 'input' has no counterpart in the target's dialect. Remove it, or send the request to a cluster that speaks openai-responses.");
                break;
        }
    }

    private static void AddResult(JsonElement item, TranslationRequest request)
    {
        var parts = new List<TurnPart>();
        var output = item.Get("output"u8);
        output = output.Exists() ? output : item.Get("tools"u8);
        if (output.ValueKind == JsonValueKind.Object && output.Text("type"u8) is not null)
        {
            // A screenshot comes as one part.
            using var list = LenientJson.Parse((byte[])[(byte)'[', .. output.Raw(), (byte)']']);
            OpenAiParts.Read(list?.RootElement ?? default, parts.Add, request, isResult: true);
        }
        else
        {
            OpenAiParts.Read(output, parts.Add, request, isResult: true);
        }

        request.Add(TurnRole.User, new TurnResult(IdOf(item), parts, item.Get("status"u8).Is("failed"u8)));
    }

    private static string IdOf(JsonElement item) => item.Text("call_id"u8) ?? item.Text("id"u8) ?? "";

    private static void ReadMessage(JsonElement item, TranslationRequest request)
    {
        var content = item.Get("content"u8);
        switch (item.Text("role"u8))
        {
            case "system" or "developer" when request.Turns.Count == 0:
                request.System.AddRange(OpenAiParts.Texts(content));
                break;
            case "system" or "developer":
                foreach (var text in OpenAiParts.Texts(content))
                {
                    request.Add(TurnRole.System, new TurnText(text));
                }

                break;
            case "assistant":
                OpenAiParts.Read(content, part => request.Add(TurnRole.Assistant, part), request);
                break;
            default:
                OpenAiParts.Read(content, part => request.Add(TurnRole.User, part), request);
                break;
        }
    }
}
