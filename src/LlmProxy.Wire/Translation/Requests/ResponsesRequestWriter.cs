using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Writes a request of Responses (OpenAI API reference, "Responses").</summary>
internal sealed class ResponsesRequestWriter(TargetRequest request)
{
    private const long SmallestLimit = 16;

    public static string Path => "/v1/responses";

    public void Write(Utf8JsonWriter json)
    {
        var said = request.Said;
        json.WriteString("model", request.Model);
        json.WriteBoolean("store", false);
        if (said.IsStream)
        {
            json.WriteBoolean("stream", true);
        }

        if (request.Limit(null) is { } limit)
        {
            json.WriteNumber("max_output_tokens", Math.Max(SmallestLimit, limit));
            LoseIf(limit < SmallestLimit, "max_tokens", "The smallest limit is 16.");
        }

        var system = request.SystemTexts().ToList();
        if (system.Count == 1)
        {
            json.WriteString("instructions", system[0]);
        }

        WriteTools(json);
        OpenAiSettings.WriteSampling(json, request);
        LoseIf(said.Seed is not null, "seed", "Responses does not take it.");
        LoseIf(said.FrequencyPenalty is not (null or 0), "frequency_penalty", "Responses does not take it.");
        LoseIf(said.PresencePenalty is not (null or 0), "presence_penalty", "Responses does not take it.");
        LoseIf(said.Stop.Count > 0, "stop", "Responses does not take it.");
        if (OpenAiSettings.EffortOf(request) is { } effort)
        {
            json.WriteObject("reasoning", ("effort", effort));
        }

        if (request.Rules.Thinking == ThinkingControl.Effort)
        {
            json.WriteArray("include", ["reasoning.encrypted_content"], json.WriteStringValue);
        }

        WriteFormat(json);
        json.WriteStartArray("input");
        foreach (var text in system.Count > 1 ? system : [])
        {
            WriteMessage(json, "developer", [new TurnText(text)]);
        }

        foreach (var turn in said.Turns)
        {
            WriteTurn(json, turn);
        }

        if (said.Turns.Count == 0)
        {
            WriteMessage(json, "user", [new TurnText("Continue.")]);
        }

        json.WriteEndArray();
    }

    private void LoseIf(bool isLost, string what, string why)
    {
        if (isLost)
        {
            request.Lose(what, "request", why);
        }
    }

    private void WriteTools(Utf8JsonWriter json)
    {
        if (request.Tools.Count == 0 && !request.SearchesWeb)
        {
            return;
        }

        json.WriteStartArray("tools");
        foreach (var (tool, name) in request.Tools)
        {
            var isFreeText = request.IsFreeText(tool);
            json.WriteStartObject();
            json.WriteString("type", isFreeText ? "custom" : "function");
            OpenAiSettings.WriteTool(json, tool, name, isFreeText, request, isNested: false);
            json.WriteEndObject();
        }

        if (request.SearchesWeb)
        {
            json.WriteObject(("type", "web_search"));
        }

        json.WriteEndArray();
        if (request.Choice == ChoiceKind.One)
        {
            var isFreeText = !request.MustSearch && request.IsFreeText(request.Tools.Find(offer => offer.Name == request.ChosenTool).Tool);
            json.WriteStartObject("tool_choice");
            json.WriteString("type", request.MustSearch ? "web_search" : isFreeText ? "custom" : "function");
            if (!request.MustSearch)
            {
                json.WriteString("name", request.ChosenTool);
            }

            json.WriteEndObject();
        }
        else if (request.Choice is { } choice)
        {
            json.WriteString("tool_choice", OpenAiSettings.WordOf(choice));
        }

        if (request.Said.CallsInParallel is { } isParallel)
        {
            json.WriteBoolean("parallel_tool_calls", isParallel);
        }
    }

    private void WriteFormat(Utf8JsonWriter json)
    {
        if (request.Said.Shape is { } shape && request.Rules.TakesSchema && shape.Schema.ValueKind == JsonValueKind.Object)
        {
            json.WriteStartObject("text");
            json.WriteStartObject("format");
            json.WriteString("type", "json_schema");
            OpenAiSettings.WriteShape(json, shape, request);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        else if (request.Said.WantsJson || request.Said.Shape is not null)
        {
            json.WriteStartObject("text");
            json.WriteObject("format", ("type", "json_object"));
            json.WriteEndObject();
        }
    }

    private void WriteTurn(Utf8JsonWriter json, Turn turn)
    {
        var role = turn.Role switch { TurnRole.System => "developer", TurnRole.Assistant => "assistant", _ => "user" };
        var pending = new List<TurnPart>();
        foreach (var part in turn.Parts)
        {
            if (part is TurnCall or TurnResult)
            {
                WriteMessage(json, role, pending);
                pending.Clear();
                WriteItem(json, part);
            }
            else if (part is not TurnText { Text.Length: 0 })
            {
                pending.Add(part);
            }
        }

        WriteMessage(json, role, pending);
    }

    private void WriteMessage(Utf8JsonWriter json, string role, List<TurnPart> parts)
    {
        if (parts.Count == 0)
        {
            return;
        }

        json.WriteStartObject();
        json.WriteString("type", "message");
        json.WriteString("role", role);
        json.WriteArray("content", parts, part => WritePart(json, part, role == "assistant"));
        json.WriteEndObject();
    }

    private void WriteItem(Utf8JsonWriter json, TurnPart part)
    {
        json.WriteStartObject();
        if (part is TurnCall call)
        {
            var isFreeText = request.IsFreeText(call);
            json.WriteString("type", isFreeText ? "custom_tool_call" : "function_call");
            json.WriteString("call_id", request.IdOf(call.Id));
            json.WriteString("name", request.NameOf(call));
            json.WriteString(isFreeText ? "input" : "arguments", isFreeText ? RawJson.Clean(call.Input) : TargetRequest.ArgumentsOf(call));
        }
        else if (part is TurnResult result)
        {
            json.WriteString("type", IsAnswerToFreeText(result) ? "custom_tool_call_output" : "function_call_output");
            json.WriteString("call_id", request.IdOf(result.CallId));
            if (result.Parts.Exists(inner => inner is TurnMedia))
            {
                json.WriteArray("output", result.Parts.Where(inner => inner is not TurnText { Text.Length: 0 }), inner => WritePart(json, inner, isModel: false));
            }
            else
            {
                json.WriteString("output", TargetRequest.Mark(RawJson.Clean(result.Text), result.IsError));
            }
        }

        json.WriteEndObject();
    }

    private bool IsAnswerToFreeText(TurnResult result) =>
        request.Said.Turns.Exists(turn => turn.Parts.Exists(part => part is TurnCall call && call.Id == result.CallId && request.IsFreeText(call)));

    private void WritePart(Utf8JsonWriter json, TurnPart part, bool isModel)
    {
        json.WriteStartObject();
        switch (part)
        {
            case TurnText text:
                json.WriteString("type", isModel ? "output_text" : "input_text");
                json.WriteString("text", RawJson.Clean(text.Text));
                if (isModel)
                {
                    json.WriteEmptyArray("annotations");
                }

                break;
            case TurnRefusal refusal:
                json.WriteString("type", isModel ? "refusal" : "input_text");
                json.WriteString(isModel ? "refusal" : "text", RawJson.Clean(refusal.Text));
                break;
            case TurnMedia media:
                WriteMedia(json, media);
                break;
            default:
                break;
        }

        json.WriteEndObject();
    }

    private void WriteMedia(Utf8JsonWriter json, TurnMedia media)
    {
        var isWeb = media.Url?.StartsWith("http", StringComparison.OrdinalIgnoreCase) != false;
        if (media.IsImage && isWeb)
        {
            json.WriteString("type", "input_image");
            json.WriteString("image_url", RawJson.Clean(media.DataUrl));
        }
        else if (media.MimeType == "application/pdf" && isWeb)
        {
            json.WriteString("type", "input_file");
            if (media.Url is not null)
            {
                json.WriteString("file_url", RawJson.Clean(media.Url));
            }
            else
            {
                json.WriteString("filename", RawJson.Clean(media.Name ?? "document.pdf"));
                json.WriteString("file_data", RawJson.Clean(media.DataUrl));
            }
        }
        else if (media.Base64 is not null && (media.MimeType.StartsWith("text/", StringComparison.Ordinal) || media.MimeType == "application/json"))
        {
            request.Lose("file", "history", "A text file is sent as text.");
            json.WriteString("type", "input_text");
            json.WriteString("text", RawJson.Clean(MediaText.Decode(media.Base64)));
        }
        else
        {
            request.Said.Refuse($"Content of type '{RawJson.Clean(media.MimeType)}' cannot be sent in Responses. It takes images, PDF and text.");
        }
    }
}
