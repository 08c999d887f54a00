using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Writes a request of Chat Completions (OpenAI API reference, "Chat").</summary>
internal sealed class ChatRequestWriter(TargetRequest request)
{
    public static string Path => "/v1/chat/completions";

    public void Write(Utf8JsonWriter json)
    {
        var said = request.Said;
        json.WriteString("model", request.Model);
        if (said.IsStream)
        {
            json.WriteBoolean("stream", true);
            json.WriteObject("stream_options", options => options.WriteBoolean("include_usage", true));
        }

        if (request.Limit(null) is { } limit)
        {
            json.WriteNumber(request.Rules.NamesCompletionLimit ? "max_completion_tokens" : "max_tokens", limit);
        }

        WriteTools(json);
        OpenAiSettings.WriteSampling(json, request);
        if (said.Seed is { } seed)
        {
            json.WriteNumber("seed", seed);
        }

        OpenAiSettings.WritePenalty(json, "frequency_penalty", said.FrequencyPenalty, request);
        OpenAiSettings.WritePenalty(json, "presence_penalty", said.PresencePenalty, request);
        var stops = request.Stops(4, takesBlank: true);
        if (stops.Count > 0)
        {
            json.WriteArray("stop", stops, json.WriteStringValue);
        }

        if (OpenAiSettings.EffortOf(request) is { } effort)
        {
            json.WriteString("reasoning_effort", effort);
        }

        WriteFormat(json);
        json.WriteStartArray("messages");
        foreach (var text in request.SystemTexts())
        {
            json.WriteObject(("role", "system"), ("content", text));
        }

        foreach (var turn in said.Turns)
        {
            WriteTurn(json, turn);
        }

        if (said.Turns.Count == 0)
        {
            json.WriteObject(("role", "user"), ("content", "Continue."));
        }

        json.WriteEndArray();
    }

    private void WriteTools(Utf8JsonWriter json)
    {
        if (request.Tools.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tools");
        foreach (var (tool, name) in request.Tools)
        {
            var isFreeText = request.IsFreeText(tool);
            json.WriteStartObject();
            json.WriteString("type", isFreeText ? "custom" : "function");
            json.WriteStartObject(isFreeText ? "custom" : "function");
            OpenAiSettings.WriteTool(json, tool, name, isFreeText, request, isNested: true);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (request.Choice == ChoiceKind.One)
        {
            var isFreeText = request.IsFreeText(request.Tools.Find(offer => offer.Name == request.ChosenTool).Tool);
            json.WriteStartObject("tool_choice");
            json.WriteString("type", isFreeText ? "custom" : "function");
            json.WriteObject(isFreeText ? "custom" : "function", ("name", request.ChosenTool));
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
            json.WriteStartObject("response_format");
            json.WriteString("type", "json_schema");
            json.WriteStartObject("json_schema");
            OpenAiSettings.WriteShape(json, shape, request);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        else if (request.Said.WantsJson || request.Said.Shape is not null)
        {
            json.WriteObject("response_format", ("type", "json_object"));
        }
    }

    private void WriteTurn(Utf8JsonWriter json, Turn turn)
    {
        switch (turn.Role)
        {
            case TurnRole.System:
                foreach (var text in turn.Parts.OfType<TurnText>())
                {
                    json.WriteObject(("role", "system"), ("content", RawJson.Clean(text.Text)));
                }

                break;
            case TurnRole.Assistant:
                WriteAssistant(json, turn);
                break;
            default:
                WriteUser(json, turn);
                break;
        }
    }

    private void WriteAssistant(Utf8JsonWriter json, Turn turn)
    {
        var texts = turn.Parts.OfType<TurnText>().Where(text => text.Text.Length > 0).ToList();
        var refusal = string.Concat(turn.Parts.OfType<TurnRefusal>().Select(part => part.Text));
        var calls = turn.Parts.OfType<TurnCall>().ToList();
        json.WriteStartObject();
        json.WriteString("role", "assistant");
        if (texts.Count > 0 || (calls.Count == 0 && refusal.Length == 0))
        {
            json.WriteString("content", RawJson.Clean(string.Concat(texts.Select(text => text.Text))));
        }
        else
        {
            json.WriteNull("content");
        }

        if (refusal.Length > 0)
        {
            json.WriteString("refusal", RawJson.Clean(refusal));
        }

        if (calls.Count > 0)
        {
            json.WriteArray("tool_calls", calls, call => WriteCall(json, call));
        }

        json.WriteEndObject();
    }

    private void WriteCall(Utf8JsonWriter json, TurnCall call)
    {
        var isFreeText = request.IsFreeText(call);
        json.WriteStartObject();
        json.WriteString("id", request.IdOf(call.Id));
        json.WriteString("type", isFreeText ? "custom" : "function");
        json.WriteObject(
            isFreeText ? "custom" : "function",
            ("name", request.NameOf(call)),
            (isFreeText ? "input" : "arguments", isFreeText ? RawJson.Clean(call.Input) : TargetRequest.ArgumentsOf(call)));
        json.WriteEndObject();
    }

    private void WriteUser(Utf8JsonWriter json, Turn turn)
    {
        var results = turn.Parts.OfType<TurnResult>().ToList();
        foreach (var result in results)
        {
            json.WriteObject(
                ("role", "tool"),
                ("tool_call_id", request.IdOf(result.CallId)),
                ("content", TargetRequest.Mark(RawJson.Clean(TextOf(result)), result.IsError)));
        }

        // Messages of tools hold text alone: their images follow in the user's message.
        List<TurnPart> parts = [.. results.SelectMany(result => result.Parts.OfType<TurnMedia>()), .. turn.Parts.Where(part => part is TurnText { Text.Length: > 0 } or TurnMedia)];
        if (parts.Count == 0)
        {
            if (results.Count == 0)
            {
                json.WriteObject(("role", "user"), ("content", ""));
            }

            return;
        }

        json.WriteStartObject();
        json.WriteString("role", "user");
        if (parts is [TurnText only])
        {
            json.WriteString("content", RawJson.Clean(only.Text));
        }
        else
        {
            json.WriteArray("content", parts, part => WritePart(json, part));
        }

        json.WriteEndObject();
    }

    private string TextOf(TurnResult result)
    {
        if (!result.Parts.Exists(part => part is TurnMedia))
        {
            return result.Text;
        }

        request.Lose("media", "history", "Images of tool results follow as a message of the user.");
        return result.Text.Length > 0 ? result.Text : ImageSource.Mark;
    }

    private void WritePart(Utf8JsonWriter json, TurnPart part)
    {
        json.WriteStartObject();
        if (part is TurnText text)
        {
            json.WriteString("type", "text");
            json.WriteString("text", RawJson.Clean(text.Text));
        }
        else if (part is TurnMedia media)
        {
            WriteMedia(json, media);
        }

        json.WriteEndObject();
    }

    private void WriteMedia(Utf8JsonWriter json, TurnMedia media)
    {
        var isWeb = media.Url?.StartsWith("http", StringComparison.OrdinalIgnoreCase) != false;
        if (media.IsImage && isWeb)
        {
            json.WriteString("type", "image_url");
            json.WriteObject("image_url", ("url", RawJson.Clean(media.DataUrl)));
        }
        else if (media.Base64 is not null && media.MimeType is "audio/wav" or "audio/x-wav" or "audio/mp3" or "audio/mpeg")
        {
            json.WriteString("type", "input_audio");
            json.WriteObject("input_audio", ("data", RawJson.Clean(media.Base64!)), ("format", media.MimeType.EndsWith("wav", StringComparison.Ordinal) ? "wav" : "mp3"));
        }
        else if (media is { Base64: not null, MimeType: "application/pdf" })
        {
            json.WriteString("type", "file");
            json.WriteObject("file", ("filename", RawJson.Clean(media.Name ?? "document.pdf")), ("file_data", RawJson.Clean(media.DataUrl)));
        }
        else if (media.Base64 is not null && (media.MimeType.StartsWith("text/", StringComparison.Ordinal) || media.MimeType == "application/json"))
        {
            request.Lose("file", "history", "A text file is sent as text.");
            json.WriteString("type", "text");
            json.WriteString("text", RawJson.Clean(MediaText.Decode(media.Base64)));
        }
        else
        {
            request.Said.Refuse($"Content of type '{RawJson.Clean(media.MimeType)}'{(media.Url is null ? "" : " at an address")} cannot be sent in Chat Completions. It takes images, WAV, MP3, PDF and text as base64 data.");
        }
    }
}
