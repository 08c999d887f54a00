using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation;

/// <summary>A request as a target gets it: only what the target takes, with the target's names and ids.</summary>
internal sealed class TargetRequest
{
    private readonly TranslationRequest _request;

    private TargetRequest(TranslationRequest request, DialectKind source, TranslationTarget target)
    {
        _request = request;
        Source = source;
        Kind = target.Dialect;
        Model = target.Model;
        Rules = target.Rules ?? ModelRules.For(target.Dialect, target.Model);
        Names = new ToolNames(target.Dialect);
    }

    public DialectKind Source { get; }

    public DialectKind Kind { get; }

    public string Model { get; }

    public ModelRules Rules { get; }

    public ToolNames Names { get; }

    /// <summary>The rest of the request, as read.</summary>
    public TranslationRequest Said => _request;

    public List<(OfferedTool Tool, string Name)> Tools { get; } = [];

    public bool SearchesWeb { get; private set; }

    /// <summary>Whether the model must search the web.</summary>
    public bool MustSearch { get; private set; }

    public ChoiceKind? Choice { get; private set; }

    public string? ChosenTool { get; private set; }

    public static TargetRequest? Prepare(TranslationRequest request, DialectKind source, TranslationTarget target)
    {
        var prepared = new TargetRequest(request, source, target);
        prepared.PrepareTools();
        prepared.PrepareChoice();
        prepared.PrepareHistory();
        return request.Refusal is null ? prepared : null;
    }

    /// <summary>The target's name of a called tool.</summary>
    public string NameOf(TurnCall call) => call.Namespace is null ? Names.Find(call.Name) : Names.Map(call.Name, call.Namespace, call.IsFreeText);

    public string IdOf(string id) => ToolIds.ToTarget(id, Source, Kind);

    public void Lose(string what, string where, string why) => _request.Lose(what, where, why);

    /// <summary>Whether calls of the tool carry free text in the target's form.</summary>
    public bool IsFreeText(TurnCall call) => call.IsFreeText && Rules.TakesFreeText && Kind is DialectKind.OpenAiChat or DialectKind.OpenAiResponses;

    public bool IsFreeText(OfferedTool tool) => tool.IsFreeText && Rules.TakesFreeText && Kind is DialectKind.OpenAiChat or DialectKind.OpenAiResponses;

    /// <summary>The arguments of a call as a JSON object.</summary>
    public static string ArgumentsOf(TurnCall call) => call.IsFreeText ? FreeText.Wrap(RawJson.Clean(call.Input)) : Clean(Values.AsObject(call.Input));

    /// <summary>A text of a result, with a word for failure where the dialect has no flag.</summary>
    public static string Mark(string text, bool isError) =>
        isError && !text.StartsWith("error", StringComparison.OrdinalIgnoreCase) ? $"ERROR: {text}" : text;

    public void WriteSchema(Utf8JsonWriter json, OfferedTool tool, SchemaSubset subset)
    {
        if (tool.IsFreeText)
        {
            FreeText.WriteSchema(json);
            return;
        }

        var reducer = new SchemaReducer(subset, tool.Schema);
        reducer.Write(json, isTool: true);
        if (reducer.HasLost)
        {
            Lose("schema", "tools", "Parts of a tool's schema are outside the subset that the target takes.");
        }
    }

    public void WriteShape(Utf8JsonWriter json, OutputShape shape, SchemaSubset subset)
    {
        var reducer = new SchemaReducer(subset, shape.Schema);
        reducer.Write(json, isTool: false);
        if (reducer.HasLost)
        {
            Lose("schema", "request", "Parts of the output's schema are outside the subset that the target takes.");
        }
    }

    /// <summary>Texts of the system prompt, none of them empty.</summary>
    public IEnumerable<string> SystemTexts()
    {
        foreach (var text in _request.System.Where(text => !string.IsNullOrWhiteSpace(text)))
        {
            yield return RawJson.Clean(text);
        }

        if (Instruction() is { } instruction)
        {
            yield return instruction;
        }
    }

    /// <summary>The output limit for the target, or null.</summary>
    public long? Limit(long? fallback)
    {
        var limit = _request.MaxTokens is > 0 ? _request.MaxTokens : fallback;
        if (limit > Rules.MaxTokens)
        {
            if (_request.MaxTokens is not null)
            {
                Lose("max_tokens", "request", $"The model's limit is {Rules.MaxTokens}.");
            }

            limit = Rules.MaxTokens;
        }

        return limit;
    }

    /// <summary>Stop sequences, as many as the target takes.</summary>
    public List<string> Stops(int most, bool takesBlank)
    {
        var all = _request.Stop.Where(stop => stop.Length > 0).Select(RawJson.Clean).ToList();
        var kept = Rules.TakesStop ? all.Where(stop => takesBlank || !string.IsNullOrWhiteSpace(stop)).Take(most).ToList() : [];
        if (kept.Count < all.Count)
        {
            Lose("stop", "request", $"The model takes {(Rules.TakesStop ? most.ToString(global::System.Globalization.CultureInfo.InvariantCulture) : "no")} stop sequences of this kind.");
        }

        return kept;
    }

    private static string Clean(string json) => global::System.Text.Encoding.UTF8.GetString(RawJson.Clean(global::System.Text.Encoding.UTF8.GetBytes(json)));

    /// <summary>What the system prompt demands of the output where the target has no setting for it.</summary>
    private string? Instruction()
    {
        var needsWords = Kind == DialectKind.AnthropicMessages ? _request.WantsJson || (_request.Shape is not null && !Rules.TakesSchema) : _request.Shape is not null && !Rules.TakesSchema;
        if (!needsWords || (_request.Shape is not null && Rules.TakesSchema))
        {
            return null;
        }

        Lose("response_format", "request", "The target has no such setting; the system prompt demands the form.");
        return _request.Shape is { } shape && shape.Schema.Exists()
            ? $"Respond with a single JSON value that follows this JSON schema, and with no other text:\n{RawJson.Clean(shape.Schema)}"
            : "Respond with a single JSON object and no other text.";
    }

    private void PrepareTools()
    {
        var offered = _request.AllowedTools is { } allowed && Kind != DialectKind.Gemini ? _request.Tools.Where(tool => allowed.Contains(tool.Name)).ToList() : _request.Tools;
        if (offered.Count < _request.Tools.Count)
        {
            Lose("allowed_tools", "request", "Tools that may not be called are left out.");
        }

        foreach (var tool in offered)
        {
            var name = Names.Map(tool.Name, tool.Namespace, tool.IsFreeText);
            if (tool.Name.Length == 0 || Tools.Exists(known => known.Name == name))
            {
                Lose("tools", "tools", "A tool without a name of its own is left out.");
                continue;
            }

            Tools.Add((tool, name));
        }

        var takesSearch = Kind is DialectKind.AnthropicMessages or DialectKind.OpenAiResponses || (Kind == DialectKind.Gemini && Tools.Count == 0);
        SearchesWeb = _request.SearchesWeb && takesSearch;
        foreach (var foreign in _request.SearchesWeb && !takesSearch ? _request.ForeignTools.Append("web_search") : _request.ForeignTools)
        {
            // Without what it is to look up, the model would answer something else; without a place to run code it answers by itself.
            if (Tools.Count == 0 && !SearchesWeb && (LooksUp(foreign) || _request.Choice is ChoiceKind.Any))
            {
                _request.Refuse($"The request offers the tool '{RawJson.Clean(foreign)}' alone, which the target's provider does not run. Send it to a cluster that has the tool, or offer a function.");
            }

            Lose(RawJson.Clean(foreign), "tools", "The provider of the client's dialect runs the tool; the target does not.");
        }
    }

    private static bool LooksUp(string tool) =>
        Array.Exists(["search", "fetch", "mcp", "retriev", "computer", "image", "urlContext", "googleMaps"], word => tool.Contains(word, StringComparison.OrdinalIgnoreCase));

    private void PrepareChoice()
    {
        if (_request.ChosenTool is { } chosen && _request.Choice == ChoiceKind.One)
        {
            MustSearch = chosen == "web_search" && SearchesWeb;
            var name = Tools.Find(offer => offer.Tool.Name == chosen).Name;
            if (name is null && !MustSearch)
            {
                _request.Refuse($"The request demands the tool '{RawJson.Clean(chosen)}', which it does not offer or the target does not run. Set 'tool_choice' to auto.");
            }

            ChosenTool = name;
        }

        Choice = Tools.Count == 0 && !MustSearch ? null : _request.Choice;
    }

    private void PrepareHistory()
    {
        HistoryOrder.Apply(_request);
        foreach (var turn in _request.Turns)
        {
            if (turn.Role == TurnRole.Assistant && turn.Parts.RemoveAll(part => part is TurnMedia) > 0)
            {
                Lose("media", "history", "An image that a model made cannot be part of its turn in the target's dialect.");
            }
        }

        _request.Turns.RemoveAll(turn => turn.Parts.TrueForAll(part => part is TurnText { Text.Length: 0 }));
        if (!_request.Turns.Exists(turn => turn.Role != TurnRole.System) && _request.System.Count == 0 && _request.Turns.Count == 0)
        {
            _request.Refuse("The request holds no message. Send at least one.");
        }
    }
}
