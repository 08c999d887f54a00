using System.Globalization;
using System.Numerics;
using System.Text.Json;

using LlmProxy.Prompts;
using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Tests.Prompts;

/// <summary>The folder of recorded cases: LLMPROXY_SCRIBAN_CASES, or ../shared/scriban beside the repository.</summary>
internal static class ScribanCases
{
    public static string? Folder { get; } = Find();

    public static IEnumerable<ScribanCase> Read(string file) =>
        File.ReadLines(Path.Combine(Folder!, file)).Where(line => line.Length > 0).Select(line => new ScribanCase(JsonDocument.Parse(line).RootElement));

    private static string? Find()
    {
        var folder = Environment.GetEnvironmentVariable("LLMPROXY_SCRIBAN_CASES");
        if (string.IsNullOrEmpty(folder) && SharedData.Root is { } root)
        {
            folder = Path.Combine(root, "scriban");
        }

        return Directory.Exists(folder) ? folder : null;
    }
}

/// <summary>A test that reads the recorded cases.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ScribanFactAttribute : FactAttribute
{
    public ScribanFactAttribute()
    {
        if (ScribanCases.Folder is null)
        {
            Skip = "needs the recorded template cases in ../shared/scriban beside the repository, or LLMPROXY_SCRIBAN_CASES";
        }
    }
}

/// <summary>One recorded template with what Scriban made of it.</summary>
internal sealed class ScribanCase(JsonElement json)
{
    public string Id { get; } = json.GetProperty("id").GetString()!;

    public IReadOnlyList<string> Tags { get; } = [.. json.GetProperty("tags").EnumerateArray().Select(t => t.GetString()!)];

    public string Text { get; } = json.GetProperty("template").GetString()!;

    public bool HasExactMessage => !Tags.Contains("impl-name") && !Tags.Contains("dotnet-message");

    /// <summary>What the case gives here, and null if that is what was recorded.</summary>
    public string? Run(bool decimalModel)
    {
        if (decimalModel && json.TryGetProperty("model", out var model) && !FitsDecimal(model))
        {
            return null;
        }

        var outcome = Render(decimalModel);
        var (expectedOutput, expectedErrors) = Expected(decimalModel);
        if (expectedOutput is not null)
        {
            return outcome.Output == expectedOutput ? null : $"expected {Show(expectedOutput)}, got {Show(outcome)}";
        }

        var first = expectedErrors!.Value[0];
        var expected = new Error(
            first.GetProperty("phase").GetString()!,
            first.GetProperty("file").GetString()!,
            first.GetProperty("line").GetInt32(),
            first.GetProperty("column").GetInt32(),
            first.GetProperty("message").GetString()!);
        var actual = outcome.Error;
        // The text may name the kind of a number, which is another one in the decimal model.
        if (actual is not null && (!HasExactMessage || (decimalModel && !json.TryGetProperty("expected_errors_decimal_model", out _))))
        {
            expected = expected with { Message = actual.Message };
        }

        return expected == actual ? null : $"expected {expected}, got {Show(outcome)}";
    }

    public Template Parse()
    {
        var parserOptions = new ParserOptions
        {
            ExpressionDepthLimit = Option("expression_depth_limit")?.GetInt32() ?? 250,
            Mode = Option("mode")?.GetString() switch
            {
                "script" => ScriptMode.ScriptOnly,
                "frontmatter" => ScriptMode.FrontMatterAndContent,
                _ => ScriptMode.Default,
            },
        };
        return Template.Parse(Text, Option("source_path")?.GetString(), parserOptions);
    }

    private (string? Output, JsonElement? Errors) Expected(bool decimalModel)
    {
        if (decimalModel)
        {
            if (json.TryGetProperty("expected_output_decimal_model", out var output))
            {
                return (output.GetString(), null);
            }

            if (json.TryGetProperty("expected_errors_decimal_model", out var errors))
            {
                return (null, errors);
            }
        }

        return json.TryGetProperty("expected_output", out var usual)
            ? (usual.GetString(), null)
            : (null, json.GetProperty("expected_errors"));
    }

    private Outcome Render(bool decimalModel)
    {
        var template = Parse();
        if (template.HasErrors)
        {
            var message = template.Messages[0];
            return new Outcome(null, ErrorAt("parse", message.Span, message.Message));
        }

        var context = new TemplateContext
        {
            StrictVariables = Flag("strict_variables", false),
            LoopLimit = Option("loop_limit")?.GetInt32() ?? 1000,
            RecursiveLimit = Option("recursive_limit")?.GetInt32() ?? 100,
            ObjectRecursionLimit = Option("object_recursion_limit")?.GetInt32() ?? 20,
            LimitToString = Option("limit_to_string")?.GetInt32() ?? 1048576,
            AutoIndent = Flag("auto_indent", true),
            IndentOnEmptyLines = Flag("indent_on_empty_lines", true),
            EnableRelaxedTargetAccess = Flag("enable_relaxed_target_access", false),
            EnableRelaxedMemberAccess = Flag("enable_relaxed_member_access", true),
            EnableRelaxedFunctionAccess = Flag("enable_relaxed_function_access", false),
            EnableRelaxedIndexerAccess = Flag("enable_relaxed_indexer_access", true),
            EnableNullIndexer = Flag("enable_null_indexer", false),
            Clock = static () => new DateTimeOffset(2026, 11, 22, 0, 0, 0, TimeSpan.Zero),
            TemplateLoader = Option("loader")?.GetString() == "none" ? null : new Loader(json, Option("missing_include")?.GetString()),
        };
        if (json.TryGetProperty("model", out var model))
        {
            context.PushGlobal((ScriptObject)Value(model, decimalModel)!);
        }

        try
        {
            return new Outcome(template.Render(context), null);
        }
        catch (ScriptRuntimeException problem)
        {
            return new Outcome(null, ErrorAt("render", problem.Span, problem.OriginalMessage));
        }
    }

    private static bool FitsDecimal(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().All(m => FitsDecimal(m.Value)),
        JsonValueKind.Array => element.EnumerateArray().All(FitsDecimal),
        JsonValueKind.Number => element.TryGetDecimal(out _),
        _ => true,
    };

    private bool Flag(string name, bool usual) => Option(name)?.GetBoolean() ?? usual;

    private JsonElement? Option(string name) =>
        json.TryGetProperty("options", out var options) && options.TryGetProperty(name, out var value) ? value : null;

    private static Error ErrorAt(string phase, SourceSpan span, string message) =>
        new(phase, span.FileName, span.Start.Line + 1, span.Start.Column + 1, message);

    private static object? Value(JsonElement element, bool decimals)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var members = new ScriptObject();
                foreach (var member in element.EnumerateObject())
                {
                    members[member.Name] = Value(member.Value, decimals);
                }

                return members;
            case JsonValueKind.Array:
                return new ScriptArray(element.EnumerateArray().Select(item => Value(item, decimals)));
            case JsonValueKind.String:
                return element.GetString();
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            case JsonValueKind.Number:
                return Number(element, decimals);
            default:
                return null;
        }
    }

    private static object Number(JsonElement element, bool decimals)
    {
        var text = element.GetRawText();
        if (decimals && element.TryGetDecimal(out var exact))
        {
            return exact;
        }

        if (text.IndexOfAny(['.', 'e', 'E']) >= 0)
        {
            return element.GetDouble();
        }

        if (element.TryGetInt32(out var small))
        {
            return small;
        }

        return element.TryGetInt64(out var large) ? large : (object)BigInteger.Parse(text, CultureInfo.InvariantCulture);
    }

    private static string Show(string text) => JsonSerializer.Serialize(text);

    private static string Show(Outcome outcome) => outcome.Output is { } text ? Show(text) : outcome.Error!.ToString();

    private sealed record Error(string Phase, string File, int Line, int Column, string Message)
    {
        public override string ToString() => $"{Phase} {File}({Line},{Column}) {Message}";
    }

    private sealed record Outcome(string? Output, Error? Error);

    private sealed class Loader(JsonElement json, string? missing) : ITemplateLoader
    {
        public string? GetPath(TemplateContext context, SourceSpan callerSpan, string templateName) =>
            missing == "null_path" && Find(templateName) is null ? null : templateName;

        public string? Load(TemplateContext context, SourceSpan callerSpan, string templatePath) =>
            Find(templatePath) ?? missing switch
            {
                "throw" => throw new InvalidOperationException("No such template."),
                "echo" => templatePath,
                _ => null,
            };

        private string? Find(string name) =>
            json.TryGetProperty("includes", out var includes) && includes.TryGetProperty(name, out var text) ? text.GetString() : null;
    }
}
