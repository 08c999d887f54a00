using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using LlmProxy.Core.Retrieval;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Validation;

/// <summary>What is wrong with a line, and how large it is.</summary>
internal sealed class LineFindings
{
    /// <summary>Rule and reason of each problem.</summary>
    public List<(string Rule, string Reason)> Problems { get; } = [];

    /// <summary>Estimated tokens.</summary>
    public int Tokens { get; set; }

    /// <summary>Images in the line.</summary>
    public int Images { get; set; }

    /// <summary>Adds a problem.</summary>
    public void Add(string rule, string reason) => Problems.Add((rule, reason));

    /// <summary>Adds a problem if its rule is broken; the reason is formatted only then.</summary>
    /// <returns>Whether the rule is broken; <c>||</c> adds the first problem of several.</returns>
    public bool AddIf(bool isBroken, string rule, [InterpolatedStringHandlerArgument(nameof(isBroken))] ref ReasonText reason) =>
        isBroken && AddIf(true, rule, reason.ToStringAndClear());

    /// <summary>Adds a problem if its rule is broken.</summary>
    /// <returns>Whether the rule is broken.</returns>
    public bool AddIf(bool isBroken, string rule, string reason)
    {
        if (isBroken)
        {
            Add(rule, reason);
        }

        return isBroken;
    }
}

/// <summary>A reason in the invariant culture, formatted only if it is needed.</summary>
[InterpolatedStringHandler]
internal ref struct ReasonText
{
    private DefaultInterpolatedStringHandler _text;

    public ReasonText(int literalLength, int formattedCount, bool isNeeded, out bool isFormatted)
    {
        isFormatted = isNeeded;
        _text = isNeeded ? new(literalLength, formattedCount, CultureInfo.InvariantCulture) : default;
    }

    public void AppendLiteral(string value) => _text.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public string ToStringAndClear() => _text.ToStringAndClear();
}

/// <summary>Checks lines of one format by the rules that its consumer applies. Holds no state.</summary>
internal abstract class LineValidator(FormatLimits limits)
{
    /// <summary>How lines are read.</summary>
    public static JsonDocumentOptions Reading { get; } = new() { MaxDepth = 1000 };

    /// <summary>The format's limits.</summary>
    protected FormatLimits Limits { get; } = limits;

    /// <summary>The validator of a format.</summary>
    /// <param name="format">The format.</param>
    /// <param name="maxImages">Images of an example in place of the format's own limit: Azure takes 64 where OpenAI takes 10.</param>
    public static LineValidator Of(ExportFormat format, int? maxImages = null)
    {
        var limits = format.Limits();
        limits = maxImages > limits.MaxImages && limits.MaxImages > 0 ? limits with { MaxImages = maxImages } : limits;
        return format switch
        {
            ExportFormat.OpenAi => new OpenAiValidator(limits),
            ExportFormat.OpenAiDpo => new OpenAiDpoValidator(limits),
            ExportFormat.Gemini => new GeminiValidator(limits),
            ExportFormat.GeminiDpo => new GeminiDpoValidator(limits),
            ExportFormat.Anthropic => new AnthropicValidator(limits),
            ExportFormat.Trl => new TrlValidator(limits),
            ExportFormat.TrlDpo => new TrlDpoValidator(limits),
            ExportFormat.ShareGpt => new ShareGptValidator(limits),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
        };
    }

    /// <summary>Checks a line.</summary>
    public void Check(JsonElement line, LineFindings findings)
    {
        findings.Tokens = LineTokens.OfLine(line, CountTokens);
        if (findings.Tokens > Limits.MaxTokens / 2)
        {
            findings.Tokens = LineTokens.OfLine(line, CountTokensExactly);
        }

        if (line.ValueKind != JsonValueKind.Object)
        {
            findings.Add("not-object", "a line must be a JSON object");
            return;
        }

        CheckObject(line, findings);
        findings.AddIf(
            findings.Tokens > Limits.MaxTokens,
            "token-limit", $"about {findings.Tokens} tokens; {Limits.Source} takes {Limits.MaxTokens} in an example");
        findings.AddIf(
            findings.Images > Limits.MaxImages,
            "image-count", $"{findings.Images} images; {Limits.Source} takes {Limits.MaxImages} in an example");
    }

    /// <summary>Tokens of a text for the models that the format is for; an estimate if their tokenizer is not published.</summary>
    protected virtual int CountTokens(string text) => TokenEstimate.OfText(text);

    /// <summary>Tokens of a text of a line that may be too large, as exactly as they can be counted.</summary>
    protected virtual int CountTokensExactly(string text) => CountTokens(text);

    /// <summary>Checks a line that is an object.</summary>
    protected abstract void CheckObject(JsonElement line, LineFindings findings);

    /// <summary>Names keys that are not allowed.</summary>
    protected static void CheckKeys(JsonElement value, string where, LineFindings findings, params ReadOnlySpan<string> allowed)
    {
        foreach (var property in value.EnumerateObject())
        {
            var name = property.NameText();
            findings.AddIf(!allowed.Contains(name), "unknown-key", $"{where} has the key \"{name}\", which the format does not know");
        }
    }

    /// <summary>The items of a list that must be there and hold something.</summary>
    protected static List<JsonElement> List(JsonElement value, string name, string where, LineFindings findings)
    {
        var list = Get(value, name);
        List<JsonElement> items = [.. list.Items()];
        _ = findings.AddIf(list.ValueKind == JsonValueKind.Undefined, "missing-" + name, $"{where} has no \"{name}\"")
            || findings.AddIf(list.ValueKind != JsonValueKind.Array, name + "-type", $"\"{name}\" of {where} must be a list")
            || findings.AddIf(items.Count == 0, name + "-empty", $"\"{name}\" of {where} is empty");
        return items;
    }

    /// <summary>Whether the last message has one of the roles; an empty list has no last message.</summary>
    protected static bool EndsWith(IReadOnlyList<JsonElement> messages, params ReadOnlySpan<string?> roles) =>
        messages.Count == 0 || roles.Contains(TextOf(messages[^1], "role"));

    /// <summary>Notes the id of a tool call or result.</summary>
    protected static void TakeId(JsonElement holder, string name, string what, List<string> ids, LineFindings findings)
    {
        if (TextOf(holder, name) is { Length: > 0 } id)
        {
            ids.Add(id);
        }
        else
        {
            findings.Add("missing-call-id", $"{what} has no {name}");
        }
    }

    /// <summary>The items of a list that may be missing.</summary>
    protected static IEnumerable<JsonElement> OptionalList(JsonElement value, string name, LineFindings findings)
    {
        var list = Get(value, name);
        findings.AddIf(list.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Array), name + "-type", $"\"{name}\" must be a list");
        return list.Items();
    }

    /// <summary>Whether a value is a text that is not blank.</summary>
    protected static bool IsText(JsonElement value) => value.ValueKind == JsonValueKind.String && !string.IsNullOrWhiteSpace(value.Text());

    /// <summary>A property, or an undefined value.</summary>
    protected static JsonElement Get(JsonElement value, string name) =>
        value.Get(Encoding.UTF8.GetBytes(name));

    /// <summary>A text property, or null.</summary>
    protected static string? TextOf(JsonElement value, string name) => Get(value, name).Text();

    /// <summary>Checks a list of functions in OpenAI's form.</summary>
    protected static void CheckOpenAiTools(JsonElement holder, LineFindings findings) => CheckOpenAiTools(OptionalList(holder, "tools", findings), findings);

    /// <summary>Checks functions in OpenAI's form.</summary>
    protected static void CheckOpenAiTools(IEnumerable<JsonElement> tools, LineFindings findings)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tool in tools)
        {
            var function = Get(tool, "function");
            if (TextOf(tool, "type") != "function" || function.ValueKind != JsonValueKind.Object)
            {
                findings.Add("tool-type", "a tool must be {\"type\": \"function\", \"function\": {…}}");
                continue;
            }

            var name = TextOf(function, "name");
            CheckFunctionName(name, findings);
            findings.AddIf(name is not null && !names.Add(name), "tool-twice", $"the tool \"{name}\" is defined twice");
            var parameters = Get(function, "parameters");
            if (parameters.ValueKind is not JsonValueKind.Undefined && JsonSchemaProblem(parameters) is { } problem)
            {
                findings.Add("tool-schema", $"parameters of the tool \"{name}\": {problem}");
            }
        }
    }

    /// <summary>Calls must be of tools that the line declares.</summary>
    protected static void CheckDeclared(IEnumerable<string?> called, IEnumerable<string?> declared, LineFindings findings)
    {
        var known = declared.ToHashSet(StringComparer.Ordinal);
        if (called.FirstOrDefault(name => name is not null && !known.Contains(name)) is { } unknown)
        {
            findings.Add(known.Count == 0 ? "calls-without-tools" : "undeclared-tool", $"the tool \"{unknown}\" is called and is not in \"tools\"");
        }
    }

    /// <summary>The tools that messages in OpenAI's form call.</summary>
    protected static IEnumerable<string?> CalledBy(IEnumerable<JsonElement> messages) =>
        messages.SelectMany(m => Get(m, "tool_calls").Items()).Select(c => TextOf(Get(c, "function"), "name"));

    /// <summary>The tools that a line in OpenAI's form declares.</summary>
    protected static IEnumerable<string?> DeclaredIn(JsonElement tools) => tools.Items().Select(t => TextOf(Get(t, "function"), "name"));

    /// <summary>Checks a function's name.</summary>
    protected static void CheckFunctionName(string? name, LineFindings findings)
    {
        findings.AddIf(!ConsumerNames.Takes(name), "function-name", $"\"{name}\" is not a function name: 1 to 64 letters, digits, _ and -");
    }

    /// <summary>What is wrong with a JSON schema of parameters, or null.</summary>
    protected static string? JsonSchemaProblem(JsonElement schema) =>
        schema.ValueKind != JsonValueKind.Object ? "a schema must be an object"
        : TextOf(schema, "type") != "object" ? "the schema's type must be \"object\""
        : SchemaPartProblem(schema, 0);

    private static string? SchemaPartProblem(JsonElement schema, int depth)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False || depth > 100)
        {
            return null;
        }

        if (schema.ValueKind != JsonValueKind.Object)
        {
            return "a schema must be an object";
        }

        var type = Get(schema, "type");
        if (type.ValueKind is not JsonValueKind.Undefined
            && !(type.Text() is { } one ? IsType(one) : type.ValueKind == JsonValueKind.Array && type.EnumerateArray().All(t => t.Text() is { } many && IsType(many))))
        {
            return $"{type.GetRawText()} is not a type of JSON schema";
        }

        var properties = Get(schema, "properties");
        if (properties.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Object))
        {
            return "\"properties\" must be an object";
        }

        var required = Get(schema, "required");
        if (required.ValueKind is not JsonValueKind.Undefined && (required.ValueKind != JsonValueKind.Array || required.EnumerateArray().Any(r => r.ValueKind != JsonValueKind.String)))
        {
            return "\"required\" must be a list of names";
        }

        var inner = properties.ValueKind == JsonValueKind.Object ? properties.EnumerateObject().Select(p => p.Value) : [];
        var items = Get(schema, "items");
        inner = items.ValueKind is JsonValueKind.Undefined or JsonValueKind.Array ? inner : inner.Append(items);
        return inner.Select(part => SchemaPartProblem(part, depth + 1)).FirstOrDefault(problem => problem is not null);
    }

    private static bool IsType(string type) => type is "object" or "array" or "string" or "number" or "integer" or "boolean" or "null";
}
