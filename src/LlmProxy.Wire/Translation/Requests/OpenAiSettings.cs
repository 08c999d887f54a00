using System.Text.Json;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Settings that OpenAI's two dialects share.</summary>
internal static class OpenAiSettings
{
    public static string WordOf(ChoiceKind choice) => choice switch
    {
        ChoiceKind.Any => "required",
        ChoiceKind.None => "none",
        _ => "auto",
    };

    public static void WriteSampling(Utf8JsonWriter json, TargetRequest request)
    {
        var said = request.Said;
        if (request.Rules.TakesSampling)
        {
            if (said.Temperature is { } temperature)
            {
                json.WriteNumber("temperature", Math.Clamp(temperature, 0, 2));
            }

            if (said.TopP is { } topP)
            {
                json.WriteNumber("top_p", Math.Clamp(topP, 0, 1));
            }
        }
        else
        {
            LoseIf(said.Temperature is not null, "temperature", request);
            LoseIf(said.TopP is not null, "top_p", request);
        }

        LoseIf(said.TopK is not null, "top_k", request);
    }

    public static void WritePenalty(Utf8JsonWriter json, string name, double? value, TargetRequest request)
    {
        if (value is not { } penalty || penalty == 0)
        {
            return;
        }

        if (request.Rules.TakesSampling)
        {
            json.WriteNumber(name, Math.Clamp(penalty, -2, 2));
        }
        else
        {
            LoseIf(true, name, request);
        }
    }

    public static string? EffortOf(TargetRequest request)
    {
        if (request.Said.Effort is not { } effort)
        {
            return null;
        }

        if (request.Rules.Thinking != ThinkingControl.Effort)
        {
            if (!effort.IsOff)
            {
                request.Lose("effort", "request", "The model does not think on demand.");
            }

            return null;
        }

        var word = effort.WordFor(request.Rules.Efforts, out var isClamped);
        if (isClamped)
        {
            request.Lose("effort", "request", $"The nearest word that the model takes is '{word}'.");
        }

        return word;
    }

    /// <summary>Writes the members of a tool; Chat Completions nests a grammar once more.</summary>
    public static void WriteTool(Utf8JsonWriter json, OfferedTool tool, string name, bool isFreeText, TargetRequest request, bool isNested)
    {
        json.WriteString("name", name);
        var description = RawJson.Clean(isFreeText ? tool.Description : FreeText.Describe(tool));
        if (description.Length > 0)
        {
            json.WriteString("description", description);
        }

        if (!isFreeText)
        {
            json.WritePropertyName("parameters");
            request.WriteSchema(json, tool, SchemaSubset.Tool);
            WriteStrict(json, tool.IsStrict, request, isNested);
            return;
        }

        if (tool.Grammar is not { } grammar)
        {
            return;
        }

        json.WriteStartObject("format");
        json.WriteString("type", "grammar");
        if (isNested)
        {
            json.WriteStartObject("grammar");
        }

        json.WriteString("syntax", RawJson.Clean(grammar.Syntax));
        json.WriteString("definition", RawJson.Clean(grammar.Definition));
        if (isNested)
        {
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    public static void WriteShape(Utf8JsonWriter json, OutputShape shape, TargetRequest request)
    {
        var name = string.Concat(shape.Name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' ? letter : '_'));
        json.WriteString("name", name.Length == 0 ? "output" : name[..Math.Min(64, name.Length)]);
        if (shape.Description is { } description)
        {
            json.WriteString("description", RawJson.Clean(description));
        }

        json.WritePropertyName("schema");
        request.WriteShape(json, shape, SchemaSubset.Tool);
        json.WriteBoolean("strict", shape.IsStrict == true && IsOpenAi(request.Source));
    }

    private static bool IsOpenAi(DialectKind kind) => kind is DialectKind.OpenAiChat or DialectKind.OpenAiResponses;

    /// <summary>Strict schemas of other providers may have optional properties, which OpenAI's may not. Responses is strict unless the tool says otherwise.</summary>
    private static void WriteStrict(Utf8JsonWriter json, bool? isStrict, TargetRequest request, bool isNested)
    {
        var strict = isStrict == true && IsOpenAi(request.Source);
        if (isStrict == true && !strict)
        {
            request.Lose("strict", "tools", "What a strict schema must state differs between providers.");
        }

        if (strict || !isNested)
        {
            json.WriteBoolean("strict", strict);
        }
    }

    private static void LoseIf(bool isLost, string what, TargetRequest request)
    {
        if (isLost)
        {
            request.Lose(what, "request", "The model does not take it.");
        }
    }
}
