using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translation;

/// <summary>Whose a turn is.</summary>
internal enum TurnRole
{
    User,
    Assistant,
    System,
}

/// <summary>One turn of a history.</summary>
internal sealed class Turn(TurnRole role, List<TurnPart>? parts = null)
{
    public TurnRole Role { get; } = role;

    public List<TurnPart> Parts { get; } = parts ?? [];
}

/// <summary>A part of a turn.</summary>
internal abstract record TurnPart;

/// <summary>Text.</summary>
internal sealed record TurnText(string Text) : TurnPart;

/// <summary>What a model said instead of an answer, where the dialect keeps it apart.</summary>
internal sealed record TurnRefusal(string Text) : TurnPart;

/// <summary>An image, a document, a sound or a video: bytes, or an address.</summary>
internal sealed record TurnMedia(string MimeType, string? Base64, string? Url) : TurnPart
{
    public string? Name { get; init; }

    public bool IsImage => MimeType.StartsWith("image/", StringComparison.Ordinal);

    public string DataUrl => Url ?? $"data:{MimeType};base64,{Base64}";
}

/// <summary>A call of a tool that the client runs.</summary>
/// <param name="Id">Its id; empty where it was sent without one.</param>
/// <param name="Name">The tool's name.</param>
/// <param name="Input">The arguments as a JSON object, or the free text.</param>
internal sealed record TurnCall(string Id, string Name, string Input) : TurnPart
{
    public string? Namespace { get; init; }

    public bool IsFreeText { get; init; }

    /// <summary>Gemini's thought signature, or null.</summary>
    public string? Signature { get; init; }
}

/// <summary>The result of a call.</summary>
/// <param name="CallId">The call's id; empty where it was sent without one.</param>
/// <param name="Parts">Texts and media.</param>
/// <param name="IsError">Whether the tool failed.</param>
internal sealed record TurnResult(string CallId, List<TurnPart> Parts, bool IsError) : TurnPart
{
    /// <summary>The tool's name, where the result states it.</summary>
    public string? Name { get; init; }

    /// <summary>The namespace that holds the tool, or null.</summary>
    public string? Namespace { get; init; }

    public string Text => string.Join('\n', Parts.OfType<TurnText>().Select(part => part.Text));
}

/// <summary>A tool that a request offers.</summary>
internal sealed record OfferedTool(string Name, string Description)
{
    /// <summary>The JSON schema of its arguments; undefined if none is stated.</summary>
    public JsonElement Schema { get; init; }

    public string? Namespace { get; init; }

    public bool? IsStrict { get; init; }

    public bool IsFreeText { get; init; }

    /// <summary>The grammar of free text (<c>syntax</c>, <c>definition</c>), or null.</summary>
    public (string Syntax, string Definition)? Grammar { get; init; }
}

/// <summary>Which tools the model may or must call.</summary>
internal enum ChoiceKind
{
    Auto,
    None,
    Any,
    One,
}

/// <summary>The shape that the output must have.</summary>
internal sealed record OutputShape(string Name, JsonElement Schema, bool? IsStrict)
{
    public string? Description { get; init; }
}

/// <summary>A request in no dialect.</summary>
internal sealed class TranslationRequest(LossList losses)
{
    public LossList Losses { get; } = losses;

    public string? Refusal { get; private set; }

    public string? Model { get; set; }

    public bool IsStream { get; set; }

    public bool IncludesUsage { get; set; }

    public bool IsArray { get; set; }

    /// <summary>Texts of the system prompt in front of the history.</summary>
    public List<string> System { get; } = [];

    public List<Turn> Turns { get; set; } = [];

    public List<OfferedTool> Tools { get; } = [];

    public bool SearchesWeb { get; set; }

    /// <summary>Tools of the provider that have no counterpart.</summary>
    public List<string> ForeignTools { get; } = [];

    public ChoiceKind? Choice { get; set; }

    public string? ChosenTool { get; set; }

    /// <summary>The tools that may be called, if not all.</summary>
    public List<string>? AllowedTools { get; set; }

    public bool? CallsInParallel { get; set; }

    public long? MaxTokens { get; set; }

    public double? Temperature { get; set; }

    public double? TopP { get; set; }

    public long? TopK { get; set; }

    public double? FrequencyPenalty { get; set; }

    public double? PresencePenalty { get; set; }

    public long? Seed { get; set; }

    public List<string> Stop { get; } = [];

    public bool WantsJson { get; set; }

    public OutputShape? Shape { get; set; }

    /// <summary>How much the model is to think; null if the request does not say.</summary>
    public Effort? Effort { get; set; }

    /// <summary>Whether the client marks what is to be cached (Anthropic); else its provider caches by itself.</summary>
    public bool MarksCache { get; set; }

    public void Refuse(string reason) => Refusal ??= reason;

    public void Lose(string what, string where, string why) => Losses.Add(what, where, why);

    /// <summary>Adds a part to the last turn if it is of the same role, else to a new one.</summary>
    public void Add(TurnRole role, TurnPart part)
    {
        if (Turns.Count == 0 || Turns[^1].Role != role)
        {
            Turns.Add(new Turn(role));
        }

        Turns[^1].Parts.Add(part);
    }
}

/// <summary>Small readings that the four dialects share.</summary>
internal static class Values
{
    public static double? Real(this JsonElement holder, ReadOnlySpan<byte> name)
    {
        var value = holder.Get(name);
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number : null;
    }

    public static bool? Flag(this JsonElement holder, ReadOnlySpan<byte> name) => holder.Get(name).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    /// <summary>The members of an object; of equal names the last.</summary>
    public static IReadOnlyDictionary<string, JsonElement> Members(this JsonElement holder)
    {
        var members = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (holder.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in holder.EnumerateObject())
            {
                members[property.NameText()] = property.Value;
            }
        }

        return members;
    }

    /// <summary>Texts of a string or of an array of them.</summary>
    public static IEnumerable<string> Texts(this JsonElement value) =>
        value.Text() is { } text ? [text] : value.Items().Select(item => item.Text()).OfType<string>();

    /// <summary>Arguments as a JSON object: as sent, or what a broken text is wrapped into.</summary>
    public static string AsObject(string arguments)
    {
        // A byte order mark is no JSON within JSON.
        arguments = arguments.TrimStart('\uFEFF');
        if (string.IsNullOrWhiteSpace(arguments) || arguments.Trim() == "null")
        {
            return "{}";
        }

        using var document = LenientJson.Parse(global::System.Text.Encoding.UTF8.GetBytes(arguments));
        return document?.RootElement.ValueKind == JsonValueKind.Object ? arguments : FreeText.Wrap(arguments);
    }
}
