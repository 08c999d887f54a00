using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Validation;
using LlmProxy.Wire;
using static LlmProxy.Tests.Export.ExportLab;

namespace LlmProxy.Tests.Export;

/// <summary>Rules by which consumers refused real files: the check names them, and what is exported keeps them.</summary>
public sealed class ConsumerRuleTests
{
    private const string Look = """{"type":"function","function":{"name":"look","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}""";
    private const string Called = """{"role":"user","content":"u"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":ARGUMENTS}}]},{"role":"tool","tool_call_id":"c1","content":"r"},{"role":"assistant","content":"done"}""";
    private const string TrlCalled = """{"role":"user","content":"u"},{"role":"assistant","content":"","tool_calls":[{"type":"function","function":{"name":"look","arguments":{}}}]},{"role":"tool","name":"look","content":"r"},{"role":"assistant","content":"done"}""";
    private const string GeminiCalled = """{"role":"user","parts":[{"text":"u"}]},{"role":"model","parts":[{"functionCall":{"name":"look","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"output":"r"}}}]},{"role":"model","parts":[{"text":"done"}]}""";

    public static TheoryData<string, string, string> Lines()
    {
        var good = Called.Replace("ARGUMENTS", "\"{}\"", StringComparison.Ordinal);
        var many = string.Join(',', Enumerable.Range(0, 129).Select(i => Look.Replace("\"look\"", i == 0 ? "\"look\"" : $"\"t{i}\"", StringComparison.Ordinal)));
        var quoted = System.Text.Json.JsonSerializer.Serialize($"[{Look}]");
        return new TheoryData<string, string, string>
        {
            { "openai", "", $$"""{"messages":[{{good}}],"tools":[{{Look}}]}""" },
            { "openai", "calls-without-tools", $$"""{"messages":[{{good}}]}""" },
            { "openai", "undeclared-tool", $$"""{"messages":[{{good}}],"tools":[{{Look.Replace("look", "see", StringComparison.Ordinal)}}]}""" },
            { "openai", "parallel-tool-calls", """{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"parallel_tool_calls":true}""" },
            { "openai", "too-many-tools", $$"""{"messages":[{{good}}],"tools":[{{many}}]}""" },
            { "openai", "arguments-encoded-twice", $$"""{"messages":[{{Called.Replace("ARGUMENTS", "\"\\\"{}\\\"\"", StringComparison.Ordinal)}}],"tools":[{{Look}}]}""" },
            { "openai", "arguments-json", $$"""{"messages":[{{Called.Replace("ARGUMENTS", "\"[1]\"", StringComparison.Ordinal)}}],"tools":[{{Look}}]}""" },
            { "openai", "assistant-twice", """{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]}""" },
            { "trl", "", $$"""{"messages":[{{TrlCalled}}],"tools":[{{Look}}]}""" },
            { "trl", "", $$"""{"messages":[{{TrlCalled}}],"tools":{{quoted}}}""" },
            { "trl", "tools-type", $$"""{"messages":[{{TrlCalled}}],"tools":"look"}""" },
            { "trl", "calls-without-tools", $$"""{"messages":[{{TrlCalled}}]}""" },
            { "trl", "undeclared-tool", $$"""{"messages":[{{TrlCalled}}],"tools":[{{Look.Replace("look", "see", StringComparison.Ordinal)}}]}""" },
            { "trl", "", """{"prompt":[{"role":"user","content":"u"}],"completion":[{"role":"assistant","content":"a"}]}""" },
            { "trl", "prompt-end", """{"prompt":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"completion":[{"role":"user","content":"a"},{"role":"assistant","content":"a"}]}""" },
            { "trl", "missing-completion", """{"prompt":[{"role":"user","content":"u"}]}""" },
            { "gemini", "", Gemini("""{"type":"OBJECT","properties":{"a":{"type":"STRING","format":"date-time"}},"required":["a"]}""") },
            { "gemini", "tool-schema", Gemini("""{"type":"OBJECT","properties":{"a":{"type":"STRING","format":"uri"}}}""") },
            { "gemini", "tool-schema", Gemini("""{"type":"OBJECT","properties":{"a":{"type":"OBJECT"}}}""") },
            { "gemini", "tool-schema", Gemini("""{"type":"OBJECT","properties":{"a":{"anyOf":[{"type":"OBJECT","properties":{}},{"type":"STRING"}]}}}""") },
            { "gemini", "tool-schema", Gemini("""{"type":"OBJECT","properties":{"a":{"type":"STRING"}},"required":["a","b"]}""") },
            { "gemini", "tool-schema", Gemini("""{"type":"OBJECT","properties":{"a":{"type":"STRING","properties":{"b":{"type":"STRING"}}}}}""") },
            { "gemini", "unknown-role", Gemini("""{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}""").Replace("""{"role":"user","parts":[{"functionResponse""", """{"role":"function","parts":[{"functionResponse""", StringComparison.Ordinal) },
            { "gemini", "calls-without-tools", $$"""{"contents":[{{GeminiCalled}}]}""" },
            { "gemini", "undeclared-tool", Gemini("""{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}""").Replace("""[{"name":"look","description""", """[{"name":"see","description""", StringComparison.Ordinal) },
            { "sharegpt", "", """{"conversations":[{"from":"human","value":"u"},{"from":"gpt","value":"a","train":false},{"from":"tool","value":"r"},{"from":"gpt","value":"b"}]}""" },
            { "sharegpt", "alternation", """{"conversations":[{"from":"human","value":"u"},{"from":"gpt","value":"a"},{"from":"tool","value":"r"},{"from":"human","value":"u"},{"from":"gpt","value":"b"}]}""" },
            { "sharegpt", "train-value", """{"conversations":[{"from":"human","value":"u"},{"from":"gpt","value":"a","train":0}]}""" },
        };
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task A_rule_of_a_consumer_is_checked(string format, string rule, string line)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(line + "\n"));
        var report = await FormatCheck.CheckAsync(stream, ExportFormats.Parse(format)!.Value, null, isTraining: false, CancellationToken.None);
        var rules = report.Problems.Where(p => p.Line > 0).Select(p => p.Rule).ToList();
        if (rule.Length == 0)
        {
            Assert.True(rules.Count == 0, string.Join('\n', report.Problems));
        }
        else
        {
            Assert.Equal(rule, rules.FirstOrDefault());
        }
    }

    [Fact]
    public async Task Geminis_schemas_have_known_formats_objects_with_properties_and_an_end()
    {
        await using var lab = await OpenAsync();
        const string Schema = """[{"name":"f","input_schema":{"type":"object","$defs":{"N":{"type":"object","properties":{"name":{"type":"string"},"next":{"$ref":"#/$defs/N"},"all":{"type":"array","items":{"$ref":"#/$defs/N"}}}}},"properties":{"u":{"type":"string","format":"uri"},"t":{"type":"string","format":"date-time"},"o":{"type":"object"},"c":{"anyOf":[{"type":"object","properties":{}},{"type":"string"}]},"n":{"$ref":"#/$defs/N"}}}}]""";
        await lab.SaveAsync(Run("a", "Go"), DialectKind.AnthropicMessages, null, Schema, (0, [User("Go")], Assistant("Done.")));

        var parameters = JsonNode.Parse(await lab.LineAsync(ExportFormat.Gemini))!["tools"]![0]!["functionDeclarations"]![0]!["parameters"]!;

        Assert.Equal(
            """{"type":"OBJECT","properties":{"u":{"type":"STRING"},"t":{"type":"STRING","format":"date-time"},"o":{"type":"OBJECT","properties":{"value":{"type":"STRING"}}},"c":{"anyOf":[{"type":"OBJECT","properties":{"value":{"type":"STRING"}}},{"type":"STRING"}]},"n":{"type":"OBJECT","properties":{"name":{"type":"STRING"},"next":{"type":"OBJECT","properties":{"value":{"type":"STRING"}}},"all":{"type":"ARRAY","items":{"type":"OBJECT","properties":{"value":{"type":"STRING"}}}}}}}}""",
            parameters.ToJsonString());
    }

    [Fact]
    public async Task Tools_that_were_not_recorded_get_the_parameters_that_their_calls_gave()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAsync(
            Run("a", "Go"), DialectKind.AnthropicMessages, null, null,
            (0, [User("Go")], Use("c1", "edit", """{"path":"a","line":1,"opts":{"dry":true},"tags":["x"]}""")),
            (2, [Result("c1", "\"ok\"")], Use("c2", "edit", """{"path":"b","line":2.5}""")),
            (4, [Result("c2", "\"ok\"")], Use("c3", "stop", "{}")),
            (6, [Result("c3", "\"ok\"")], Assistant("Done.")));

        var (lines, summary, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormat.OpenAi));

        var tools = JsonNode.Parse(Assert.Single(lines).Json.Span)!["tools"]!.AsArray();
        Assert.Equal(
            """{"type":"object","properties":{"path":{"type":"string"},"line":{"type":"number"},"opts":{"type":"object","properties":{"dry":{"type":"boolean"}},"required":["dry"]},"tags":{"type":"array","items":{"type":"string"}}},"required":["path","line"]}""",
            tools[0]!["function"]!["parameters"]!.ToJsonString());
        Assert.Equal("""{"type":"object","properties":{}}""", tools[1]!["function"]!["parameters"]!.ToJsonString());
        Assert.Equal(1, summary.Notes["lines without the client's definition of a called tool: its schema is inferred from recorded arguments"]);
    }

    private static string Gemini(string parameters) => $$$"""{"contents":[{{{GeminiCalled}}}],"tools":[{"functionDeclarations":[{"name":"look","description":"d","parameters":{{{parameters}}}}]}]}""";
}
