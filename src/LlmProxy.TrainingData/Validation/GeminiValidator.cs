using System.Text.Json;
using LlmProxy.TrainingData.Formats;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Validation;

/// <summary>The rules of Google's agent platform for a supervised line of Gemini.</summary>
internal class GeminiValidator(FormatLimits limits) : LineValidator(limits)
{
    private static readonly string[] SchemaKeywords =
    [
        "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required", "minProperties", "maxProperties",
        "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering", "default", "items", "minimum", "maximum",
    ];

    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "systemInstruction", "system_instruction", "contents", "tools", "toolConfig", "generationConfig", "labels");
        CheckSystem(line, findings);
        var contents = List(line, "contents", "the line", findings);
        CheckContents(contents, findings, textOnly: false);
        findings.AddIf(!EndsWith(contents, "model"), "last-content", "the last content must be the model's");
        CheckTools(line, findings);
        CheckDeclared(
            contents.SelectMany(c => Get(c, "parts").Items()).Select(p => TextOf(Get(p, "functionCall"), "name")),
            Get(line, "tools").Items().SelectMany(t => Get(t, "functionDeclarations").Items()).Select(f => TextOf(f, "name")),
            findings);
    }

    /// <summary>The system instruction.</summary>
    protected static void CheckSystem(JsonElement line, LineFindings findings)
    {
        var system = Get(line, "systemInstruction");
        var other = Get(line, "system_instruction");
        findings.AddIf(system.Exists() && other.Exists(), "system-twice", "there are both systemInstruction and system_instruction");
        system = system.Exists() ? system : other;
        findings.AddIf(
            system.Exists() && (Get(system, "parts").ValueKind != JsonValueKind.Array || !Get(system, "parts").EnumerateArray().All(p => IsText(Get(p, "text")))),
            "system-parts", "a system instruction must hold parts that are text");
    }

    /// <summary>Contents one by one and in their order.</summary>
    protected void CheckContents(IReadOnlyList<JsonElement> contents, LineFindings findings, bool textOnly)
    {
        var calls = new List<string>();
        string? last = null;
        for (var i = 0; i < contents.Count; i++)
        {
            var where = FormattableString.Invariant($"content {i + 1}");
            var role = TextOf(contents[i], "role");
            if (role is not ("user" or "model"))
            {
                findings.Add(role is null ? "missing-role" : "unknown-role", $"{where} has the role \"{role}\"; it must be user or model");
                continue;
            }

            findings.AddIf(i == 0 && role == "model", "first-content", "the first content must be the user's");
            findings.AddIf(role == last, "alternation", $"{where} has the same role as the one before it");
            last = role;
            CheckKeys(contents[i], where, findings, "role", "parts");
            var answers = new List<string>();
            var asked = new List<string>();
            foreach (var part in List(contents[i], "parts", where, findings))
            {
                CheckPart(part, role, where, findings, textOnly, asked, answers);
            }

            CheckAnswers(calls, answers, where, findings);
            calls = asked;
        }
    }

    private static void CheckAnswers(List<string> calls, List<string> answers, string where, LineFindings findings)
    {
        findings.AddIf(answers.Count > 0 && calls.Count == 0, "response-without-call", $"{where} answers {answers[0]}, which the content before it does not call");
        findings.AddIf(
            calls.Count > 0 && !calls.Order(StringComparer.Ordinal).SequenceEqual(answers.Order(StringComparer.Ordinal)),
            "call-unanswered", $"{where} must answer each function call of the content before it, and nothing else");
    }

    private void CheckPart(JsonElement part, string role, string where, LineFindings findings, bool textOnly, List<string> calls, List<string> answers)
    {
        if (findings.AddIf(part.ValueKind != JsonValueKind.Object, "part-type", $"a part of {where} must be an object")
            || findings.AddIf(
                Get(part, "thought").ValueKind == JsonValueKind.True || Get(part, "thoughtSignature").Exists(),
                "thought", $"{where} holds thinking, which tuning leaves out"))
        {
            return;
        }

        var kinds = part.EnumerateObject().Select(p => p.NameText()).ToList();
        switch (kinds)
        {
            case ["text"]:
                findings.AddIf(Get(part, "text").Text() is not { Length: > 0 }, "empty-text", $"a text part of {where} is empty");
                break;
            case var _ when textOnly:
                findings.Add("text-only", $"{where} holds something other than text");
                break;
            case ["fileData"]:
                CheckFile(Get(part, "fileData"), role, where, findings);
                break;
            case ["functionCall"]:
                CheckCall(Get(part, "functionCall"), role, where, findings, calls);
                break;
            case ["functionResponse"]:
                CheckResponse(Get(part, "functionResponse"), role, where, findings, answers);
                break;
            case var _ when kinds.Contains("inlineData"):
                findings.Add("inline-data", $"{where} holds inline data; tuning takes files by their address");
                break;
            default:
                findings.Add("part-kind", $"a part of {where} must hold one of text, fileData, functionCall, functionResponse, not {string.Join(", ", kinds)}");
                break;
        }
    }

    private static void CheckFile(JsonElement file, string role, string where, LineFindings findings)
    {
        findings.Images++;
        var uri = TextOf(file, "fileUri");
        findings.AddIf(role == "model", "image-role", $"{where} is the model's and holds an image");
        findings.AddIf(
            uri?.StartsWith("gs://", StringComparison.Ordinal) != true && !LineFormat.IsWebAddress(uri),
            "file-uri", $"a file of {where} must have a gs:// or http(s) address");
        findings.AddIf(string.IsNullOrEmpty(TextOf(file, "mimeType")), "mime-type", $"a file of {where} has no mimeType");
    }

    private static void CheckCall(JsonElement call, string role, string where, LineFindings findings, List<string> calls)
    {
        var name = TextOf(call, "name");
        CheckName(name, findings);
        calls.Add(name ?? "");
        findings.AddIf(role != "model", "call-role", $"{where} calls a function and is not the model's");
        findings.AddIf(
            Get(call, "args").ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined),
            "args-type", $"args of a function call of {where} must be an object");
    }

    private static void CheckResponse(JsonElement response, string role, string where, LineFindings findings, List<string> answers)
    {
        var name = TextOf(response, "name");
        CheckName(name, findings);
        answers.Add(name ?? "");
        findings.AddIf(role == "model", "response-role", $"{where} is the model's and answers a function call");
        findings.AddIf(
            Get(response, "response").ValueKind != JsonValueKind.Object,
            "response-type", $"the response of a function response of {where} must be an object");
    }

    private static void CheckTools(JsonElement line, LineFindings findings)
    {
        foreach (var tool in OptionalList(line, "tools", findings))
        {
            foreach (var function in List(tool, "functionDeclarations", "a tool", findings))
            {
                var name = TextOf(function, "name");
                CheckName(name, findings);
                var parameters = Get(function, "parameters");
                if (parameters.Exists() && (TextOf(parameters, "type") != "OBJECT" ? "its type must be OBJECT" : SchemaProblem(parameters)) is { } problem)
                {
                    findings.Add("tool-schema", $"parameters of the function \"{name}\": {problem}");
                }
            }
        }
    }

    private static string? SchemaProblem(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return "a schema must be an object";
        }

        foreach (var property in schema.EnumerateObject())
        {
            if (!SchemaKeywords.Contains(property.NameText(), StringComparer.Ordinal))
            {
                return $"\"{property.NameText()}\" is not a keyword of Gemini's schemas";
            }
        }

        var type = Get(schema, "type");
        if (type.Exists() && type.Text() is not ("STRING" or "NUMBER" or "INTEGER" or "BOOLEAN" or "ARRAY" or "OBJECT"))
        {
            return $"{type.GetRawText()} is not a type: STRING, NUMBER, INTEGER, BOOLEAN, ARRAY, OBJECT";
        }

        var properties = Get(schema, "properties");
        if (properties.Exists() && properties.ValueKind != JsonValueKind.Object)
        {
            return "\"properties\" must be an object";
        }

        if (type.Text() != "OBJECT" && type.Exists() && properties.Exists())
        {
            return $"\"properties\" belongs to an OBJECT, not to {type.GetRawText()}";
        }

        if (type.Text() == "OBJECT" && (properties.ValueKind != JsonValueKind.Object || !properties.EnumerateObject().Any()))
        {
            return "an OBJECT must have properties";
        }

        if (type.Text() == "STRING" && Get(schema, "format").Exists() && TextOf(schema, "format") is not ("enum" or "date-time"))
        {
            return $"the format of a STRING must be enum or date-time, not {Get(schema, "format").GetRawText()}";
        }

        if (Get(schema, "required").Items().Select(r => r.Text()).FirstOrDefault(r => r is null || !Get(properties, r).Exists()) is { } missing)
        {
            return $"\"{missing}\" is required and is not in \"properties\"";
        }

        var inner = properties.ValueKind == JsonValueKind.Object ? properties.EnumerateObject().Select(p => p.Value) : [];
        inner = Get(schema, "items").Exists() ? inner.Append(Get(schema, "items")) : inner;
        inner = inner.Concat(Get(schema, "anyOf").Items());
        return inner.Select(SchemaProblem).FirstOrDefault(problem => problem is not null);
    }

    private static void CheckName(string? name, LineFindings findings)
    {
        findings.AddIf(
            name is not { Length: >= 1 and <= 64 } || !(char.IsAsciiLetter(name[0]) || name[0] == '_') || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'),
            "function-name", $"\"{name}\" is not a function name: a letter or _, then up to 63 letters, digits, _, - and .");
    }
}

/// <summary>The rules for a preference line of Gemini.</summary>
internal sealed class GeminiDpoValidator(FormatLimits limits) : GeminiValidator(limits)
{
    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "systemInstruction", "system_instruction", "contents", "completions");
        CheckSystem(line, findings);
        var contents = List(line, "contents", "the line", findings);
        CheckContents(contents, findings, textOnly: true);
        findings.AddIf(!EndsWith(contents, "user"), "last-content", "the last content must be the user's");
        var completions = List(line, "completions", "the line", findings);
        findings.AddIf(completions.Count is not (0 or 2), "completion-count", "there must be two completions");
        foreach (var completion in completions)
        {
            CheckKeys(completion, "a completion", findings, "score", "completion");
            var score = Get(completion, "score");
            findings.AddIf(
                score.ValueKind != JsonValueKind.Number || score.GetRawText() is not ("0" or "1"),
                "score-value", "a completion's score must be 0 or 1");
            var content = Get(completion, "completion");
            findings.AddIf(TextOf(content, "role") != "model", "completion-role", "a completion must have the role model");
            foreach (var part in List(content.ValueKind == JsonValueKind.Object ? content : default, "parts", findings))
            {
                findings.AddIf(
                    part.ValueKind != JsonValueKind.Object || part.EnumerateObject().Count() != 1 || !IsText(Get(part, "text")),
                    "text-only", "a completion must hold text alone");
            }
        }

        findings.AddIf(
            completions.Count == 2 && Get(completions[0], "score").ValueKind == JsonValueKind.Number && Get(completions[0], "score").IsSameAs(Get(completions[1], "score")),
            "score-pair", "one completion must have score 1 and the other 0");
    }

    private static List<JsonElement> List(JsonElement value, string name, LineFindings findings)
    {
        if (value.ValueKind == JsonValueKind.Object)
        {
            return List(value, name, "a completion", findings);
        }

        findings.Add("completion-type", "a completion must hold a content");
        return [];
    }
}
