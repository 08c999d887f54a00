using System.Text;
using System.Text.Json;
using LlmProxy.Core.Retrieval;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Validation;

namespace LlmProxy.Tests.Export;

/// <summary>Broken files, one for each rule of a consumer: the validator names the line and the rule.</summary>
public sealed class ValidatorTests
{
    private const string Call = """{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"a\":1}"}}""";
    private const string Tool = """{"type":"function","function":{"name":"look","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}""";

    private static readonly Dictionary<string, string> Good = new(StringComparer.Ordinal)
    {
        ["openai"] = $$$"""{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":null,"tool_calls":[{{{Call}}}]},{"role":"tool","tool_call_id":"c1","content":"r"},{"role":"assistant","content":"note","weight":0},{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]},{"role":"assistant","content":"done"}],"tools":[{{{Tool}}}],"parallel_tool_calls":false}""",
        ["openai-dpo"] = $$$"""{"input":{"messages":[{"role":"user","content":"u"}],"tools":[{{{Tool}}}],"parallel_tool_calls":true},"preferred_output":[{"role":"assistant","content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}""",
        ["gemini"] = """{"systemInstruction":{"role":"system","parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"u"},{"fileData":{"mimeType":"image/png","fileUri":"gs://b/x.png"}}]},{"role":"model","parts":[{"functionCall":{"name":"look","args":{"a":1}}}]},{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"output":"r"}}}]},{"role":"model","parts":[{"text":"done"}]}],"tools":[{"functionDeclarations":[{"name":"look","description":"d","parameters":{"type":"OBJECT","properties":{"a":{"type":"INTEGER"}}}}]}]}""",
        ["gemini-dpo"] = """{"system_instruction":{"role":"system","parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"u"}]}],"completions":[{"score":1,"completion":{"role":"model","parts":[{"text":"a"}]}},{"score":0,"completion":{"role":"model","parts":[{"text":"b"}]}}]}""",
        ["anthropic"] = """{"model":"claude-sonnet-4-5","system":[{"type":"text","text":"s"}],"tools":[{"name":"look","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"u"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"look","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},{"role":"assistant","content":[{"type":"text","text":"done"}]}]}""",
        ["trl"] = $$$$"""{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"","tool_calls":[{"type":"function","function":{"name":"look","arguments":{"a":1}}}]},{"role":"tool","name":"look","content":"r"},{"role":"assistant","content":"done"}],"tools":[{{{{Tool}}}}]}""",
        ["trl-dpo"] = """{"prompt":[{"role":"user","content":"u"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}""",
        ["sharegpt"] = """{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"u"},{"from":"gpt","value":"call"},{"from":"tool","value":"r"},{"from":"gpt","value":"done"}]}""",
    };

    /// <summary>A line of a format that its consumer takes.</summary>
    internal static string GoodLine(string format) => Good[format];

    /// <summary>What in the good line is replaced by what, and the rule that it breaks.</summary>
    private static readonly (string Format, string Rule, string From, string To)[] Broken =
    [
        ("openai", "not-json", """{"messages":""", """{"messages" """),
        ("openai", "not-object", "WHOLE", "[1]"),
        ("openai", "missing-messages", "\"messages\"", "\"tools\":[],\"functions\""),
        ("openai", "messages-empty", "WHOLE", """{"messages":[]}"""),
        ("openai", "unknown-key", "\"parallel_tool_calls\"", "\"metadata\""),
        ("openai", "unknown-key", "\"weight\":0", "\"train\":false"),
        ("openai", "missing-role", """{"role":"system","content":"s"}""", """{"content":"s"}"""),
        ("openai", "unknown-role", "\"role\":\"system\"", "\"role\":\"developer\""),
        ("openai", "assistant-empty", "\"content\":\"done\"", "\"content\":null"),
        ("openai", "assistant-empty", "\"content\":\"done\"", "\"content\":\"\""),
        ("openai", "empty-content", "\"content\":\"u\"", "\"content\":\"\""),
        ("openai", "missing-content", ",\"content\":\"u\"", ""),
        ("openai", "content-type", "\"content\":\"u\"", "\"content\":5"),
        ("openai", "last-message", ",{\"role\":\"assistant\",\"content\":\"done\"}", ""),
        ("openai", "no-assistant", "WHOLE", """{"messages":[{"role":"user","content":"u"}]}"""),
        ("openai", "nothing-trained", "\"content\":null,", "\"content\":null,\"weight\":0,\"refusal\":null,"),
        ("openai", "weight-value", "\"weight\":0", "\"weight\":0.5"),
        ("openai", "weight-role", "\"role\":\"system\",", "\"role\":\"system\",\"weight\":0,"),
        ("openai", "tool-without-call", "\"tool_call_id\":\"c1\"", "\"tool_call_id\":\"c2\""),
        ("openai", "tool-call-unanswered", "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r\"},", ""),
        ("openai", "missing-tool-call-id", "\"tool_call_id\":\"c1\",", ""),
        ("openai", "missing-call-id", "\"id\":\"c1\",", ""),
        ("openai", "call-id-twice", "[" + Call + "]", "[" + Call + "," + Call + "]"),
        ("openai", "call-type", "\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\"", "\"function\":{\"name\":\"look\",\"arguments\""),
        ("openai", "arguments-type", "\"{\\\"a\\\":1}\"", "{\"a\":1}"),
        ("openai", "arguments-json", "{\\\"a\\\":1}", "{\\\"a\\\":"),
        ("openai", "function-name", "{\"name\":\"look\",\"arguments\"", "{\"name\":\"look at\",\"arguments\""),
        ("openai", "tools-type", "\"tools\":[" + Tool + "]", "\"tools\":{}"),
        ("openai", "tool-type", "\"tools\":[{\"type\":\"function\"", "\"tools\":[{\"type\":\"web_search\""),
        ("openai", "tool-twice", "[" + Tool + "]", "[" + Tool + "," + Tool + "]"),
        ("openai", "tool-schema", "\"parameters\":{\"type\":\"object\"", "\"parameters\":{\"type\":\"OBJECT\""),
        ("openai", "tool-schema", "{\"type\":\"integer\"}", "{\"type\":\"whole\"}"),
        ("openai", "parallel-tool-calls", "\"parallel_tool_calls\":false", "\"parallel_tool_calls\":\"no\""),
        ("openai", "image-role", "\"role\":\"system\",\"content\":\"s\"", "\"role\":\"system\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e.org/x.png\"}}]"),
        ("openai", "image-url", "data:image/png;base64,AAAA", "file:///x.png"),
        ("openai", "image-kind", "data:image/png", "data:image/gif"),
        ("openai", "image-detail", "\"detail\":\"low\"", "\"detail\":\"best\""),
        ("openai", "content-part", "{\"type\":\"text\",\"text\":\"see\"}", "{\"type\":\"input_audio\"}"),
        ("openai", "image-count", "{\"type\":\"text\",\"text\":\"see\"}", string.Join(',', Enumerable.Repeat("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e.org/x.png\"}}", 10))),
        ("openai", "image-size", "base64,AAAA", "base64,LARGE"),
        ("openai", "token-limit", "\"content\":\"u\"", "\"content\":\"MANY\""),
        ("openai-dpo", "unknown-key", "\"preferred_output\"", "\"x\":1,\"preferred_output\""),
        ("openai-dpo", "missing-input", "\"input\":{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],\"tools\":[" + Tool + "],\"parallel_tool_calls\":true},", ""),
        ("openai-dpo", "missing-preferred_output", "\"preferred_output\":[{\"role\":\"assistant\",\"content\":\"a\"}],", ""),
        ("openai-dpo", "output-role", "{\"role\":\"assistant\",\"content\":\"a\"}", "{\"role\":\"user\",\"content\":\"a\"}"),
        ("openai-dpo", "no-assistant", "{\"role\":\"assistant\",\"content\":\"a\"}", "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"a\"}"),
        ("openai-dpo", "input-end", "{\"role\":\"user\",\"content\":\"u\"}", "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"v\"}"),
        ("openai-dpo", "image-role", "\"content\":\"u\"", "\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e.org/x.png\"}}]"),
        ("openai-dpo", "outputs-equal", "\"content\":\"b\"", "\"content\":\"a\""),
        ("gemini", "unknown-key", "\"contents\"", "\"messages\":[],\"contents\""),
        ("gemini", "missing-contents", "\"contents\"", "\"labels\""),
        ("gemini", "unknown-role", "{\"role\":\"model\",\"parts\":[{\"text\":\"done\"}]}", "{\"role\":\"assistant\",\"parts\":[{\"text\":\"done\"}]}"),
        ("gemini", "last-content", ",{\"role\":\"model\",\"parts\":[{\"text\":\"done\"}]}", ""),
        ("gemini", "first-content", "\"contents\":[", "\"contents\":[{\"role\":\"model\",\"parts\":[{\"text\":\"hi\"}]},"),
        ("gemini", "alternation", "\"contents\":[", "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]},"),
        ("gemini", "parts-empty", "[{\"text\":\"done\"}]", "[]"),
        ("gemini", "empty-text", "{\"text\":\"done\"}", "{\"text\":\"\"}"),
        ("gemini", "inline-data", "{\"text\":\"u\"}", "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}}"),
        ("gemini", "part-kind", "{\"text\":\"u\"}", "{\"executableCode\":{}}"),
        ("gemini", "thought", "{\"text\":\"done\"}", "{\"text\":\"hm\",\"thought\":true}"),
        ("gemini", "file-uri", "gs://b/x.png", "x.png"),
        ("gemini", "mime-type", "\"mimeType\":\"image/png\",", ""),
        ("gemini", "image-role", "{\"text\":\"done\"}", "{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"gs://b/x.png\"}}"),
        ("gemini", "image-count", "{\"text\":\"u\"}", string.Join(',', Enumerable.Repeat("{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"gs://b/x.png\"}}", 30))),
        ("gemini", "args-type", "\"args\":{\"a\":1}", "\"args\":\"{}\""),
        ("gemini", "response-type", "\"response\":{\"output\":\"r\"}", "\"response\":\"r\""),
        ("gemini", "response-without-call", "{\"functionCall\":{\"name\":\"look\",\"args\":{\"a\":1}}}", "{\"text\":\"no\"}"),
        ("gemini", "call-unanswered", "{\"functionResponse\":{\"name\":\"look\",\"response\":{\"output\":\"r\"}}}", "{\"text\":\"and\"}"),
        ("gemini", "call-role", "{\"text\":\"u\"}", "{\"functionCall\":{\"name\":\"look\",\"args\":{}}}"),
        ("gemini", "function-name", "{\"name\":\"look\",\"description\"", "{\"name\":\"7look\",\"description\""),
        ("gemini", "tool-schema", "{\"type\":\"INTEGER\"}", "{\"type\":\"integer\"}"),
        ("gemini", "tool-schema", "{\"type\":\"INTEGER\"}", "{\"type\":\"INTEGER\",\"$ref\":\"x\"}"),
        ("gemini", "system-parts", "\"parts\":[{\"text\":\"s\"}]", "\"parts\":[{\"fileData\":{}}]"),
        ("gemini", "system-twice", "\"contents\"", "\"system_instruction\":{\"parts\":[{\"text\":\"t\"}]},\"contents\""),
        ("gemini-dpo", "last-content", "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"u\"}]}]", "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"u\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"v\"}]}]"),
        ("gemini-dpo", "completion-count", ",{\"score\":0,\"completion\":{\"role\":\"model\",\"parts\":[{\"text\":\"b\"}]}}", ""),
        ("gemini-dpo", "score-value", "\"score\":1", "\"score\":0.9"),
        ("gemini-dpo", "score-pair", "\"score\":1", "\"score\":0"),
        ("gemini-dpo", "completion-role", "{\"role\":\"model\",\"parts\":[{\"text\":\"a\"}]}", "{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]}"),
        ("gemini-dpo", "text-only", "[{\"text\":\"a\"}]", "[{\"functionCall\":{\"name\":\"look\"}}]"),
        ("gemini-dpo", "text-only", "[{\"text\":\"u\"}]", "[{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"gs://b/x.png\"}}]"),
        ("anthropic", "unknown-key", "\"model\"", "\"metadata\":{},\"model\""),
        ("anthropic", "missing-model", "\"model\":\"claude-sonnet-4-5\",", ""),
        ("anthropic", "first-message", "{\"role\":\"user\",\"content\":\"u\"},", ""),
        ("anthropic", "last-message", ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"done\"}]}", ""),
        ("anthropic", "unknown-role", "{\"role\":\"user\",\"content\":\"u\"}", "{\"role\":\"tool\",\"content\":\"u\"}"),
        ("anthropic", "empty-content", "\"content\":\"u\"", "\"content\":\"\""),
        ("anthropic", "empty-text", "\"text\":\"done\"", "\"text\":\" \""),
        ("anthropic", "thinking", "{\"type\":\"text\",\"text\":\"done\"}", "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"x\"},{\"type\":\"text\",\"text\":\"done\"}"),
        ("anthropic", "cache-control", "{\"type\":\"text\",\"text\":\"s\"}", "{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}}"),
        ("anthropic", "result-without-call", "\"tool_use_id\":\"c1\"", "\"tool_use_id\":\"c9\""),
        ("anthropic", "call-unanswered", "{\"type\":\"tool_result\",\"tool_use_id\":\"c1\",\"content\":\"r\"},", ""),
        ("anthropic", "input-type", "\"input\":{\"a\":1}", "\"input\":\"{}\""),
        ("anthropic", "image-source", "\"media_type\":\"image/png\"", "\"media_type\":\"image/bmp\""),
        ("anthropic", "tool-schema", "\"input_schema\":{\"type\":\"object\"}", "\"description\":\"d\""),
        ("trl", "arguments-type", "\"arguments\":{\"a\":1}", "\"arguments\":\"{}\""),
        ("trl", "alternation", "{\"role\":\"user\",\"content\":\"u\"}", "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"user\",\"content\":\"v\"}"),
        ("trl", "tool-name", "\"name\":\"look\",\"content\"", "\"content\""),
        ("trl", "last-message", ",{\"role\":\"assistant\",\"content\":\"done\"}", ""),
        ("trl", "unknown-key", "\"tools\"", "\"weights\":[],\"tools\""),
        ("trl", "images-column", "\"tools\"", "\"images\":[\"x.png\"],\"tools\""),
        ("trl", "system-place", "{\"role\":\"assistant\",\"content\":\"done\"}", "{\"role\":\"system\",\"content\":\"t\"},{\"role\":\"assistant\",\"content\":\"done\"}"),
        ("trl-dpo", "prompt-end", "{\"role\":\"user\",\"content\":\"u\"}", "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"v\"}"),
        ("trl-dpo", "missing-rejected", "\"rejected\"", "\"tools\":[],\"prompt_id\""),
        ("trl-dpo", "completion-start", "{\"role\":\"assistant\",\"content\":\"a\"}", "{\"role\":\"user\",\"content\":\"a\"}"),
        ("trl-dpo", "outputs-equal", "\"content\":\"b\"", "\"content\":\"a\""),
        ("sharegpt", "unknown-role", "\"from\":\"human\"", "\"from\":\"user\""),
        ("sharegpt", "empty-value", "\"value\":\"done\"", "\"value\":\"\""),
        ("sharegpt", "first-message", "{\"from\":\"human\",\"value\":\"u\"},", ""),
        ("sharegpt", "last-message", ",{\"from\":\"gpt\",\"value\":\"done\"}", ""),
        ("sharegpt", "alternation", "{\"from\":\"human\",\"value\":\"u\"}", "{\"from\":\"human\",\"value\":\"u\"},{\"from\":\"human\",\"value\":\"v\"}"),
        ("sharegpt", "tool-place", "{\"from\":\"gpt\",\"value\":\"call\"}", "{\"from\":\"gpt\",\"value\":\"call\"},{\"from\":\"human\",\"value\":\"v\"}"),
        ("sharegpt", "system-place", "{\"from\":\"gpt\",\"value\":\"done\"}", "{\"from\":\"system\",\"value\":\"s\"},{\"from\":\"gpt\",\"value\":\"done\"}"),
        ("sharegpt", "unknown-key", "\"conversations\"", "\"id\":1,\"conversations\""),
    ];

    public static TheoryData<string> Formats() => [.. ExportFormats.Names];

    public static TheoryData<int, string, string> BrokenFiles()
    {
        var data = new TheoryData<int, string, string>();
        for (var i = 0; i < Broken.Length; i++)
        {
            data.Add(i, Broken[i].Format, Broken[i].Rule);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task A_good_file_is_taken(string format)
    {
        var report = await CheckAsync(format, string.Join('\n', Enumerable.Repeat(Good[format], 12)) + "\n");

        Assert.True(report.IsValid, string.Join('\n', report.Problems));
        Assert.Equal(12, report.Lines);
        Assert.True(report.Tokens > 12);
    }

    [Fact]
    public async Task Tokens_are_those_of_OpenAIs_tokenizer_in_its_formats_and_an_estimate_in_others()
    {
        const string Spaces = "\n\n                                                                \n";

        Assert.Equal(2, OpenAiTokens.OfText("hello world"));
        Assert.InRange(OpenAiTokens.OfText(Spaces), 1, 6);
        Assert.InRange(TokenEstimate.OfText(Spaces), 15, 20);
        var line = Good["openai"].Replace("\"content\":\"u\"", $"\"content\":{JsonSerializer.Serialize(Spaces)}", StringComparison.Ordinal);
        Assert.NotEqual(line, Good["openai"]);
        var (small, large) = (await CheckAsync("openai", Good["openai"] + "\n"), await CheckAsync("openai", line + "\n"));
        Assert.Equal(OpenAiTokens.OfText(Spaces) - OpenAiTokens.OfText("u"), large.Tokens - small.Tokens);
    }

    [Fact]
    public void Tokens_of_a_large_file_are_scaled_by_what_its_beginning_counted_exactly()
    {
        var tokens = new OpenAiTokens();
        var texts = Enumerable.Range(0, 60).Select(i => string.Concat(Enumerable.Range(0, 5_000).Select(n => $"entry {i * n} of the ledger; "))).ToArray();

        var counted = texts.Select(text => (long)tokens.Count(text)).ToArray();

        var exact = texts.Select(text => (long)OpenAiTokens.OfText(text)).ToArray();
        Assert.Equal(exact[0], counted[0]);
        Assert.NotEqual(exact[^1], counted[^1]);
        Assert.InRange((double)counted.Sum() / exact.Sum(), 0.98, 1.02);
        Assert.True((double)texts.Sum(text => (long)TokenEstimate.OfText(text)) / exact.Sum() is < 0.95 or > 1.05, "the estimate alone is as good: choose other texts");
    }

    [Theory]
    [MemberData(nameof(BrokenFiles))]
    public async Task A_broken_line_is_named_with_its_rule(int index, string format, string rule)
    {
        var (_, _, from, to) = Broken[index];
        var good = Good[format];
        to = to.Replace("LARGE", new string('A', 15 << 20), StringComparison.Ordinal).Replace("MANY", string.Concat(Enumerable.Repeat("word and more ", 30_000)), StringComparison.Ordinal);
        var broken = from == "WHOLE" ? to : good.Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual(good, broken);
        if (rule == "nothing-trained")
        {
            broken = broken.Replace("\"content\":\"done\"", "\"content\":\"done\",\"weight\":0", StringComparison.Ordinal);
        }

        // Between good lines, the seventh.
        var report = await CheckAsync(format, string.Join('\n', [.. Enumerable.Repeat(good, 6), broken, .. Enumerable.Repeat(good, 5)]));

        Assert.False(report.IsValid);
        Assert.All(report.Problems, problem => Assert.Equal(7, problem.Line));
        Assert.Contains(rule, report.Problems.Select(p => p.Rule));
        Assert.All(report.Problems, problem => Assert.NotEmpty(problem.Reason));
    }

    [Fact]
    public async Task What_is_wrong_with_a_file_as_a_whole_is_told_beside_its_lines()
    {
        Assert.Contains(new FormatProblem(0, "empty-file", "the file holds no example"), (await CheckAsync("openai", "")).Problems);
        Assert.Equal((0L, "too-few-examples"), Only(await CheckAsync("openai", string.Join('\n', Enumerable.Repeat(Good["openai"], 9)))));
        Assert.Equal((1L, "byte-order-mark"), Only(await CheckAsync("trl", "\uFEFF" + Good["trl"])));
        Assert.Equal((2L, "empty-line"), Only(await CheckAsync("trl", Good["trl"] + "\n\n" + Good["trl"])));
        using var latin = new MemoryStream([.. Encoding.UTF8.GetBytes(Good["trl"] + "\n"), .. Encoding.Latin1.GetBytes(Good["trl"].Replace("done", "à", StringComparison.Ordinal))]);
        Assert.Equal((2L, "not-utf8"), Only(await FormatCheck.CheckAsync(latin, ExportFormat.Trl, null, true, CancellationToken.None)));
    }

    [Theory]
    [InlineData("openai", 10, null, 512L << 20, 50_000L, null)]
    [InlineData("openai-dpo", 10, null, 512L << 20, null, null)]
    [InlineData("gemini", null, 10_000_000L, 1L << 30, 300_000L, 5_000L)]
    [InlineData("gemini-dpo", null, 10_000_000L, 1L << 30, null, null)]
    [InlineData("anthropic", null, null, null, null, null)]
    [InlineData("trl", null, null, null, null, null)]
    [InlineData("trl-dpo", null, null, null, null, null)]
    [InlineData("sharegpt", null, null, null, null, null)]
    public async Task Limits_of_a_whole_file_are_its_consumers(string name, int? least, long? lines, long? bytes, long? withImages, long? validation)
    {
        // 1. The limits themselves.
        var format = ExportFormats.Parse(name)!.Value;
        var limits = format.Limits();
        Assert.Equal((least, lines, bytes, withImages, validation), (limits.MinLines, limits.MaxLines, limits.MaxBytes, limits.MaxLinesWithImages, limits.MaxValidationLines));

        // 2. What becomes of a file at each of them, and of one just above; with small numbers in place of millions.
        var line = Good[name];
        var size = (Encoding.UTF8.GetByteCount(line) + 1) * 4;
        await HoldsAsync("too-few-examples", limits with { MinLines = 4 }, isTraining: true, taken: 4, refused: 3, line);
        await HoldsAsync("too-many-examples", limits with { MaxLines = 4, MinLines = null }, isTraining: true, taken: 4, refused: 5, line);
        await HoldsAsync("file-size", limits with { MaxBytes = size, MinLines = null }, isTraining: true, taken: 4, refused: 5, line);
        await HoldsAsync("too-many-validation-examples", limits with { MaxValidationLines = 4 }, isTraining: false, taken: 4, refused: 5, line);
        if (withImages is not null)
        {
            Assert.True((await CheckAsync(name, line)).Images > 0);
            await HoldsAsync("too-many-image-examples", limits with { MaxLinesWithImages = 4, MinLines = null }, isTraining: true, taken: 4, refused: 5, line);
        }

        async Task HoldsAsync(string rule, FormatLimits small, bool isTraining, int taken, int refused, string example)
        {
            Assert.True((await CheckLimitsAsync(taken)).IsValid);
            Assert.Equal((0L, rule), Only(await CheckLimitsAsync(refused)));

            async Task<FormatReport> CheckLimitsAsync(int count)
            {
                using var stream = new MemoryStream(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(example + "\n", count))));
                return await FormatCheck.CheckAsync(stream, format, small, null, isTraining, CancellationToken.None);
            }
        }
    }

    [Theory]
    [InlineData("gemini", 1_000, 1_000, true)]
    [InlineData("gemini", 1_001, 3_337, true)]
    [InlineData("gemini", 1_001, 3_336, false)]
    [InlineData("openai", 5_000, 10, true)]
    public void A_large_validation_file_is_held_against_its_training_file(string name, long validation, long training, bool isTaken)
    {
        FormatReport Of(long lines) => new(ExportFormats.Parse(name)!.Value, lines, 0, 0, 0, 0, 0, 0, []);

        var report = FormatCheck.CheckValidationShare(Of(validation), Of(training));

        Assert.Equal(isTaken, report.IsValid);
        Assert.All(report.Problems, problem => Assert.Equal("validation-share", problem.Rule));
    }

    [Fact]
    public async Task Azures_limit_of_images_can_be_asked_for()
    {
        var line = Good["openai"].Replace("{\"type\":\"text\",\"text\":\"see\"}", string.Join(',', Enumerable.Repeat("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e.org/x.png\"}}", 40)), StringComparison.Ordinal);
        using var file = new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', Enumerable.Repeat(line, 10))));

        Assert.True((await FormatCheck.CheckAsync(file, ExportFormat.OpenAi, 64, true, CancellationToken.None)).IsValid);
        file.Position = 0;
        Assert.False((await FormatCheck.CheckAsync(file, ExportFormat.OpenAi, null, true, CancellationToken.None)).IsValid);
    }

    private static (long Line, string Rule) Only(FormatReport report)
    {
        var problem = Assert.Single(report.Problems);
        return (problem.Line, problem.Rule);
    }

    private static async Task<FormatReport> CheckAsync(string format, string text)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
        return await FormatCheck.CheckAsync(stream, ExportFormats.Parse(format)!.Value, null, isTraining: true, CancellationToken.None);
    }
}
