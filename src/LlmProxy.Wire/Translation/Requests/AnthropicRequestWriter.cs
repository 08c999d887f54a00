using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Writes a request of the Messages API (platform.claude.com, "Messages").</summary>
internal sealed class AnthropicRequestWriter(TargetRequest request)
{
    private const long SmallestBudget = 1024;

    private static readonly string[] ImageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"];

    private readonly List<TurnBlocks> _turns = TurnBlocks.Of(request);

    public static string Path => "/v1/messages";

    public void Write(Utf8JsonWriter json)
    {
        var said = request.Said;
        var limit = Math.Max(1, request.Limit(request.Rules.DefaultMaxTokens) ?? request.Rules.DefaultMaxTokens);
        json.WriteString("model", request.Model);
        json.WriteNumber("max_tokens", limit);
        if (said.IsStream)
        {
            json.WriteBoolean("stream", true);
        }

        WriteSystem(json);
        WriteTools(json);
        WriteChoice(json);
        var thinks = WriteThinking(json, limit);
        WriteSampling(json, thinks);
        var stops = request.Stops(int.MaxValue, takesBlank: false);
        if (stops.Count > 0)
        {
            json.WriteArray("stop_sequences", stops, json.WriteStringValue);
        }

        WriteTurns(json);
    }

    private void WriteSystem(Utf8JsonWriter json)
    {
        var texts = request.SystemTexts().ToList();
        if (texts.Count == 0)
        {
            return;
        }

        json.WriteStartArray("system");
        for (var i = 0; i < texts.Count; i++)
        {
            WriteText(json, texts[i], isMarked: i == texts.Count - 1);
        }

        json.WriteEndArray();
    }

    private static void WriteMark(Utf8JsonWriter json, bool isMarked)
    {
        if (isMarked)
        {
            json.WriteObject("cache_control", ("type", "ephemeral"));
        }
    }

    private void WriteTools(Utf8JsonWriter json)
    {
        if (request.Tools.Count == 0 && !request.SearchesWeb)
        {
            return;
        }

        json.WriteStartArray("tools");
        for (var i = 0; i < request.Tools.Count; i++)
        {
            var (tool, name) = request.Tools[i];
            json.WriteStartObject();
            json.WriteString("name", name);
            if (FreeText.Describe(tool) is { Length: > 0 } description)
            {
                json.WriteString("description", RawJson.Clean(description));
            }

            json.WritePropertyName("input_schema");
            request.WriteSchema(json, tool, SchemaSubset.Tool);
            WriteMark(json, i == request.Tools.Count - 1);
            json.WriteEndObject();
        }

        if (request.SearchesWeb)
        {
            json.WriteObject(("type", "web_search_20250305"), ("name", "web_search"));
        }

        json.WriteEndArray();
    }

    private void WriteChoice(Utf8JsonWriter json)
    {
        var isSerial = request.Said.CallsInParallel == false && request.Tools.Count > 0 && request.Choice != ChoiceKind.None;
        if (request.Choice is null && !isSerial)
        {
            return;
        }

        json.WriteStartObject("tool_choice");
        switch (request.Choice)
        {
            case ChoiceKind.One:
                json.WriteString("type", "tool");
                json.WriteString("name", request.MustSearch ? "web_search" : request.ChosenTool);
                break;
            default:
                json.WriteString("type", request.Choice switch { ChoiceKind.Any => "any", ChoiceKind.None => "none", _ => "auto" });
                break;
        }

        if (isSerial)
        {
            json.WriteBoolean("disable_parallel_tool_use", true);
        }

        json.WriteEndObject();
    }

    private bool WriteThinking(Utf8JsonWriter json, long limit)
    {
        var said = request.Said;
        var shape = said.Shape is not null && request.Rules.TakesSchema && said.Shape.Schema.ValueKind == JsonValueKind.Object ? said.Shape : null;
        var isForced = request.Choice is ChoiceKind.Any or ChoiceKind.One;
        var thinks = false;
        string? word = null;
        if (said.Effort is { IsOff: false } effort)
        {
            var inLoop = _turns[^1].Parts.Exists(part => part is TurnResult);
            switch (request.Rules.Thinking)
            {
                case ThinkingControl.Effort:
                    word = effort.WordFor(request.Rules.Efforts, out var isClamped);
                    thinks = !isForced;
                    LoseIf(isClamped, "effort", $"The nearest word that the model takes is '{word}'.");
                    break;
                case ThinkingControl.Budget when isForced || inLoop || limit <= SmallestBudget:
                    LoseIf(true, "thinking", isForced ? "A demanded tool call excludes thinking." : inLoop ? "A tool loop that began without the model's own thinking goes without it." : "The output limit is below the smallest budget.");
                    break;
                case ThinkingControl.Budget:
                    var budget = effort.BudgetFor() is > 0 and var tokens ? tokens : 10_240;
                    var clamped = Math.Min(Math.Max(budget, SmallestBudget), limit - 1);
                    LoseIf(clamped != budget, "effort", "The budget is brought between 1024 and the output limit.");
                    json.WriteStartObject("thinking");
                    json.WriteString("type", "enabled");
                    json.WriteNumber("budget_tokens", clamped);
                    json.WriteEndObject();
                    thinks = true;
                    break;
                default:
                    LoseIf(true, "effort", "The model does not think on demand.");
                    break;
            }
        }

        if (thinks && request.Rules.Thinking == ThinkingControl.Effort)
        {
            json.WriteObject("thinking", ("type", "adaptive"));
        }

        WriteOutput(json, word, shape);
        return thinks;
    }

    private void WriteOutput(Utf8JsonWriter json, string? word, OutputShape? shape)
    {
        if (word is null && shape is null)
        {
            return;
        }

        json.WriteStartObject("output_config");
        if (word is not null)
        {
            json.WriteString("effort", word);
        }

        if (shape is not null)
        {
            json.WriteStartObject("format");
            json.WriteString("type", "json_schema");
            json.WritePropertyName("schema");
            request.WriteShape(json, shape, SchemaSubset.Closed);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private void LoseIf(bool isLost, string what, string why)
    {
        if (isLost)
        {
            request.Lose(what, "request", why);
        }
    }

    private void WriteSampling(Utf8JsonWriter json, bool thinks)
    {
        var said = request.Said;
        var takes = request.Rules.TakesSampling && !thinks;
        if (takes && said.Temperature is { } temperature)
        {
            LoseIf(temperature is < 0 or > 1, "temperature", "Anthropic takes 0 to 1.");
            json.WriteNumber("temperature", Math.Clamp(temperature, 0, 1));
        }

        var takesTopP = takes && said.Temperature is null;
        if (takesTopP && said.TopP is { } topP)
        {
            json.WriteNumber("top_p", Math.Clamp(topP, 0, 1));
        }

        if (takes && said.TopK is > 0 and var topK)
        {
            json.WriteNumber("top_k", topK);
        }

        const string Why = "The model does not take it, or not next to the other settings.";
        LoseIf(!takes && said.Temperature is not null, "temperature", Why);
        LoseIf(!takesTopP && said.TopP is not null, "top_p", Why);
        LoseIf(!takes && said.TopK is not null, "top_k", Why);
        LoseIf(said.Seed is not null, "seed", "Anthropic does not take it.");
        LoseIf(said.FrequencyPenalty is not (null or 0), "frequency_penalty", "Anthropic does not take it.");
        LoseIf(said.PresencePenalty is not (null or 0), "presence_penalty", "Anthropic does not take it.");
    }

    private void WriteTurns(Utf8JsonWriter json)
    {
        var turns = _turns;
        var marked = turns.Select((turn, i) => (turn.IsUser, i)).Where(turn => turn.IsUser).TakeLast(2).Select(turn => turn.i).ToHashSet();
        json.WriteStartArray("messages");
        for (var i = 0; i < turns.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("role", turns[i].IsUser ? "user" : "assistant");
            json.WriteStartArray("content");
            var parts = turns[i].Parts;
            for (var n = 0; n < parts.Count; n++)
            {
                WritePart(json, parts[n], isMarked: n == parts.Count - 1 && marked.Contains(i));
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteText(Utf8JsonWriter json, string text, bool isMarked)
    {
        json.WriteStartObject();
        json.WriteString("type", "text");
        json.WriteString("text", text);
        WriteMark(json, isMarked);
        json.WriteEndObject();
    }

    private void WritePart(Utf8JsonWriter json, TurnPart part, bool isMarked)
    {
        switch (part)
        {
            case TurnText text:
                WriteText(json, RawJson.Clean(text.Text), isMarked);
                break;
            case TurnRefusal refusal:
                WriteText(json, RawJson.Clean(refusal.Text), isMarked);
                break;
            case TurnMedia media:
                WriteMedia(json, media, isMarked);
                break;
            case TurnCall call:
                json.WriteStartObject();
                json.WriteString("type", "tool_use");
                json.WriteString("id", request.IdOf(call.Id));
                json.WriteString("name", request.NameOf(call));
                json.WritePropertyName("input");
                json.WriteRaw(Encoding.UTF8.GetBytes(TargetRequest.ArgumentsOf(call)));
                json.WriteEndObject();
                break;
            case TurnResult result:
                WriteResult(json, result, isMarked);
                break;
            default:
                break;
        }
    }

    private void WriteResult(Utf8JsonWriter json, TurnResult result, bool isMarked)
    {
        json.WriteStartObject();
        json.WriteString("type", "tool_result");
        json.WriteString("tool_use_id", request.IdOf(result.CallId));
        // An empty text block is refused, a result without content is not.
        var parts = result.Parts.Where(part => part is TurnMedia || (part is TurnText text && !string.IsNullOrWhiteSpace(text.Text))).ToList();
        if (parts is [TurnText only])
        {
            json.WriteString("content", RawJson.Clean(only.Text));
        }
        else if (parts.Count > 0)
        {
            json.WriteArray("content", parts, part => WritePart(json, part, isMarked: false));
        }

        if (result.IsError)
        {
            json.WriteBoolean("is_error", true);
        }

        WriteMark(json, isMarked);
        json.WriteEndObject();
    }

    private void WriteMedia(Utf8JsonWriter json, TurnMedia media, bool isMarked)
    {
        var type = media.MimeType == "image/jpg" ? "image/jpeg" : media.MimeType;
        var isWeb = media.Url is null || media.Url.StartsWith("http", StringComparison.OrdinalIgnoreCase);
        var isText = media.Url is null && (type.StartsWith("text/", StringComparison.Ordinal) || type == "application/json");
        if (!isWeb || !(isText || type == "application/pdf" || (media.IsImage && (media.Url is not null || ImageTypes.Contains(type)))))
        {
            request.Said.Refuse($"Content of type '{RawJson.Clean(type)}' {(isWeb ? "" : "at an address of another provider ")}cannot be sent to Anthropic. It takes JPEG, PNG, GIF, WebP, PDF and text as base64 data.");
            json.WriteNullValue();
            return;
        }

        json.WriteStartObject();
        json.WriteString("type", media.IsImage ? "image" : "document");
        json.WriteStartObject("source");
        json.WriteString("type", isText ? "text" : media.Url is null ? "base64" : "url");
        if (media.Url is not null)
        {
            json.WriteString("url", RawJson.Clean(media.Url));
        }
        else
        {
            json.WriteString("media_type", isText ? "text/plain" : type);
            json.WriteString("data", isText ? MediaText.Decode(media.Base64) : RawJson.Clean(media.Base64 ?? ""));
        }

        json.WriteEndObject();
        if (!media.IsImage && media.Name is { Length: > 0 } name)
        {
            json.WriteString("title", RawJson.Clean(name));
        }

        WriteMark(json, isMarked);
        json.WriteEndObject();
    }
}
