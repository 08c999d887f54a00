using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Writes a request of Gemini (ai.google.dev/api/generate-content).</summary>
internal sealed class GeminiRequestWriter(TargetRequest request)
{
    /// <summary>Takes the place of a signature that another model could not give (ai.google.dev, "Thought signatures").</summary>
    private const string NoSignature = "skip_thought_signature_validator";

    public static string Path(string model, bool isStream) =>
        $"/v1beta/models/{Uri.EscapeDataString(RawJson.Clean(model))}:{(isStream ? "streamGenerateContent?alt=sse" : "generateContent")}";

    public void Write(Utf8JsonWriter json)
    {
        var system = request.SystemTexts().ToList();
        if (system.Count > 0)
        {
            json.WriteStartObject("systemInstruction");
            json.WriteArray("parts", system, text => json.WriteObject(("text", text)));
            json.WriteEndObject();
        }

        WriteTools(json);
        json.WriteStartArray("contents");
        foreach (var turn in TurnBlocks.Of(request))
        {
            json.WriteStartObject();
            json.WriteString("role", turn.IsUser ? "user" : "model");
            json.WriteStartArray("parts");
            var needsSignature = request.Rules.SignsCalls;
            foreach (var part in turn.Parts)
            {
                WritePart(json, part, ref needsSignature);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteConfig(json);
    }

    private void WriteTools(Utf8JsonWriter json)
    {
        if (request.Tools.Count == 0)
        {
            if (request.SearchesWeb)
            {
                json.WriteStartArray("tools");
                json.WriteStartObject();
                json.WriteObject("googleSearch");
                json.WriteEndObject();
                json.WriteEndArray();
            }

            return;
        }

        json.WriteStartArray("tools");
        json.WriteStartObject();
        json.WriteArray("functionDeclarations", request.Tools, offer =>
        {
            json.WriteStartObject();
            json.WriteString("name", offer.Name);
            json.WriteString("description", RawJson.Clean(FreeText.Describe(offer.Tool)));
            if (HasParameters(offer.Tool))
            {
                json.WritePropertyName("parameters");
                request.WriteSchema(json, offer.Tool, SchemaSubset.Gemini);
            }

            json.WriteEndObject();
        });
        json.WriteEndObject();
        json.WriteEndArray();
        WriteChoice(json);
    }

    /// <summary>Gemini refuses an object without properties as the parameters of a function.</summary>
    private static bool HasParameters(OfferedTool tool)
    {
        if (tool.IsFreeText)
        {
            return true;
        }

        var json = ReplyJson.Object(members =>
        {
            members.WritePropertyName("schema");
            new SchemaReducer(SchemaSubset.Gemini, tool.Schema).Write(members, isTool: true);
        });
        using var document = LenientJson.Parse(json);
        return (document?.RootElement ?? default).Get("schema"u8).Get("properties"u8).Exists();
    }

    private void WriteChoice(Utf8JsonWriter json)
    {
        if (request.Said.CallsInParallel == false)
        {
            request.Lose("parallel_tool_calls", "request", "Gemini cannot be kept from calling tools in parallel.");
        }

        var allowed = request.Choice == ChoiceKind.One ? [request.ChosenTool!]
            : request.Said.AllowedTools is { } names ? request.Tools.Where(offer => names.Contains(offer.Tool.Name)).Select(offer => offer.Name).ToList()
            : [];
        if (request.Choice is null && allowed.Count == 0)
        {
            return;
        }

        json.WriteStartObject("toolConfig");
        json.WriteStartObject("functionCallingConfig");
        json.WriteString("mode", request.Choice switch
        {
            ChoiceKind.None => "NONE",
            ChoiceKind.Any or ChoiceKind.One => "ANY",
            _ => allowed.Count > 0 ? "VALIDATED" : "AUTO",
        });
        if (allowed.Count > 0 && request.Choice != ChoiceKind.None)
        {
            json.WriteArray("allowedFunctionNames", allowed, json.WriteStringValue);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WritePart(Utf8JsonWriter json, TurnPart part, ref bool needsSignature)
    {
        switch (part)
        {
            case TurnText text:
                json.WriteObject(("text", RawJson.Clean(text.Text)));
                break;
            case TurnRefusal refusal:
                json.WriteObject(("text", RawJson.Clean(refusal.Text)));
                break;
            case TurnMedia media:
                json.WriteStartObject();
                WriteMedia(json, media);
                json.WriteEndObject();
                break;
            case TurnCall call:
                json.WriteStartObject();
                json.WriteStartObject("functionCall");
                WriteId(json, call.Id);
                json.WriteString("name", request.NameOf(call));
                json.WritePropertyName("args");
                json.WriteRaw(Encoding.UTF8.GetBytes(TargetRequest.ArgumentsOf(call)));
                json.WriteEndObject();
                if (call.Signature is { Length: > 0 } signature)
                {
                    json.WriteString("thoughtSignature", RawJson.Clean(signature));
                }
                else if (needsSignature)
                {
                    json.WriteString("thoughtSignature", NoSignature);
                }

                // Only the first of parallel calls has one.
                needsSignature = false;
                json.WriteEndObject();
                break;
            case TurnResult result:
                WriteResult(json, result);
                break;
            default:
                break;
        }
    }

    private void WriteId(Utf8JsonWriter json, string id)
    {
        if (request.Rules.SignsCalls)
        {
            json.WriteString("id", request.IdOf(id));
        }
    }

    private void WriteResult(Utf8JsonWriter json, TurnResult result)
    {
        var media = result.Parts.OfType<TurnMedia>().ToList();
        json.WriteStartObject();
        json.WriteStartObject("functionResponse");
        WriteId(json, result.CallId);
        json.WriteString("name", request.NameOf(new TurnCall(result.CallId, result.Name ?? "", "") { Namespace = result.Namespace }));
        json.WriteObject("response", (result.IsError ? "error" : "output", RawJson.Clean(result.Text)));
        if (media.Count > 0 && request.Rules.SignsCalls)
        {
            json.WriteArray("parts", media, part =>
            {
                json.WriteStartObject();
                WriteMedia(json, part);
                json.WriteEndObject();
            });
        }

        json.WriteEndObject();
        json.WriteEndObject();
        foreach (var part in request.Rules.SignsCalls ? [] : media)
        {
            json.WriteStartObject();
            WriteMedia(json, part);
            json.WriteEndObject();
        }
    }

    private void WriteMedia(Utf8JsonWriter json, TurnMedia media)
    {
        if (media.Base64 is not null)
        {
            json.WriteObject("inlineData", ("mimeType", RawJson.Clean(media.MimeType)), ("data", RawJson.Clean(media.Base64)));
            return;
        }

        json.WriteObject("fileData", ("mimeType", media.MimeType == "image/*" ? TypeOf(media.Url!) : RawJson.Clean(media.MimeType)), ("fileUri", RawJson.Clean(media.Url!)));
    }

    private static string TypeOf(string url)
    {
        var path = url.Split('?', '#')[0].ToLowerInvariant();
        return path.EndsWith(".png", StringComparison.Ordinal) ? "image/png"
            : path.EndsWith(".webp", StringComparison.Ordinal) ? "image/webp"
            : path.EndsWith(".gif", StringComparison.Ordinal) ? "image/gif"
            : "image/jpeg";
    }

    private void WriteConfig(Utf8JsonWriter json)
    {
        var said = request.Said;
        json.WriteStartObject("generationConfig");
        if (request.Limit(null) is { } limit)
        {
            json.WriteNumber("maxOutputTokens", limit);
        }

        if (said.Temperature is { } temperature)
        {
            json.WriteNumber("temperature", Math.Clamp(temperature, 0, 2));
        }

        if (said.TopP is { } topP)
        {
            json.WriteNumber("topP", Math.Clamp(topP, 0, 1));
        }

        if (said.TopK is > 0 and var topK)
        {
            json.WriteNumber("topK", Math.Min(topK, int.MaxValue));
        }

        if (said.Seed is { } seed)
        {
            json.WriteNumber("seed", (int)(seed & int.MaxValue));
        }

        WritePenalty(json, "presencePenalty", said.PresencePenalty);
        WritePenalty(json, "frequencyPenalty", said.FrequencyPenalty);
        var stops = request.Stops(5, takesBlank: true);
        if (stops.Count > 0)
        {
            json.WriteArray("stopSequences", stops, json.WriteStringValue);
        }

        WriteFormat(json);
        WriteThinking(json);
        json.WriteEndObject();
    }

    private static void WritePenalty(Utf8JsonWriter json, string name, double? penalty)
    {
        if (penalty is { } value && value != 0)
        {
            json.WriteNumber(name, Math.Clamp(value, -2, 1.99));
        }
    }

    private void WriteFormat(Utf8JsonWriter json)
    {
        var shape = request.Said.Shape;
        if (shape is null && !request.Said.WantsJson)
        {
            return;
        }

        if (request.Tools.Count > 0 && !request.Rules.SignsCalls)
        {
            request.Lose("response_format", "request", "The model does not take a form of its output next to functions.");
            return;
        }

        json.WriteString("responseMimeType", "application/json");
        if (shape is { Schema.ValueKind: JsonValueKind.Object })
        {
            json.WritePropertyName("responseSchema");
            request.WriteShape(json, shape, SchemaSubset.Gemini);
        }
    }

    private void WriteThinking(Utf8JsonWriter json)
    {
        if (request.Said.Effort is not { } effort)
        {
            return;
        }

        switch (request.Rules.Thinking)
        {
            case ThinkingControl.Budget when effort.BudgetFor() is { } budget:
                // 2.5 Pro cannot be kept from thinking; its least is 128, its most 32768, that of the others 24576.
                var isPro = request.Model.Contains("pro", StringComparison.OrdinalIgnoreCase);
                var clamped = budget < 0 ? -1 : Math.Clamp(budget, isPro ? 128 : 0, isPro ? 32_768 : 24_576);
                LoseIf(clamped != budget, "The budget is brought into the model's range.");
                json.WriteObject("thinkingConfig", config => config.WriteNumber("thinkingBudget", clamped));
                break;
            case ThinkingControl.Effort when effort.WordFor(request.Rules.Efforts, out var isClamped) is { } word:
                LoseIf(isClamped, $"The nearest word that the model takes is '{word}'.");
                json.WriteObject("thinkingConfig", ("thinkingLevel", word));
                break;
            case ThinkingControl.None:
                LoseIf(!effort.IsOff, "The model does not think on demand.");
                break;
            default:
                break;
        }
    }

    private void LoseIf(bool isLost, string why)
    {
        if (isLost)
        {
            request.Lose("effort", "request", why);
        }
    }
}
