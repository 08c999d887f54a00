using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Server.Terminal;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace LlmProxy.Tests.Cli;

/// <summary>Recorded text holds what a page or a file put into it; a terminal must show it and obey none of it.</summary>
public sealed class VisibleOutputTests(VisibleOutputTests.HostileStore store) : IClassFixture<VisibleOutputTests.HostileStore>
{
    private static readonly JsonSerializerOptions Unescaped = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const string Hostile =
        "\u001B]0;owned\u0007 \u001B]52;c;ZXZpbA==\u0007 \u001B[2J \u001BPq\u001B\\ \u009B31m \u0008\u0008\u007F \rover \u202Eback\u202C \u2066x\u2069 \u200Bzero\u200D\uFEFF \u2028line\u2029 \u00AD \u180E \u3164 \U000E0041\U000E007F";

    public static TheoryData<string> Verbs() =>
    [
        "tasks list", "tasks show last", "tasks show last --full", "tasks list --contains owned", "tasks list --json", "tasks show last --json",
        "search \"Sort the {task}\" --top 2", "search \"Sort the {task}\" --json", "stats", "stats --json", "tasks purge --contains owned --dry-run",
        "replay export --task last --flavor recorded --output {folder}/run.json", "tasks complete last", "tasks intervene last", "templates render --provider openai --task {task}",
        "tasks show {task}", "doctor --text {task}",
    ];

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task No_verb_prints_a_character_that_a_terminal_obeys_or_hides(string verb)
    {
        using var folder = store.Copy();

        var (_, output, error) = await Llmproxy.RunAsync(Words(verb, folder));

        AssertVisible(output + error);
        if (verb.StartsWith("tasks show last", StringComparison.Ordinal))
        {
            Assert.Contains("\\u001B]52;c;ZXZpbA==\\u0007", output.Replace("\\u001b", "\\u001B", StringComparison.Ordinal), StringComparison.Ordinal);
        }

        if (verb.StartsWith("tasks list --json", StringComparison.Ordinal))
        {
            Assert.Contains("\u202Eback\u202C", (string?)JsonNode.Parse(output)!["items"]![0]!["comment"], StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("tasks list")]
    [InlineData("tasks show last")]
    public async Task No_process_prints_such_a_character_either(string verb)
    {
        using var folder = store.Copy();

        var (output, error) = await RunAsync(folder, Words(verb, folder));

        AssertVisible(output + error);
        Assert.Contains("\\u001B]", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_that_was_made_visible_means_the_same()
    {
        var json = JsonSerializer.Serialize(Hostile, Unescaped);

        var visible = VisibleText.Json(json);

        AssertVisible(visible);
        Assert.Equal(Hostile, JsonSerializer.Deserialize<string>(visible));
    }

    [Fact]
    public void Every_control_and_format_character_is_hidden_and_no_letter_digit_or_sign_is()
    {
        for (var point = 0; point <= 0x10FFFF; point++)
        {
            var category = CharUnicodeInfo.GetUnicodeCategory(point);
            var mustShow = category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate && point is not ('\t' or '\n');
            Assert.True(!mustShow || VisibleText.IsHidden(point), $"U+{point:X4}");
            var isPlain = category is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.MathSymbol or UnicodeCategory.OtherSymbol or UnicodeCategory.SpaceSeparator;
            Assert.False(isPlain && VisibleText.IsHidden(point), $"U+{point:X4}");
        }
    }

    [Theory]
    [InlineData("a\r\nb", "a\nb")]
    [InlineData("Grüße, 数えて 🎉 ❤️", "Grüße, 数えて 🎉 ❤️")]
    [InlineData("a\tb", "a\tb")]
    [InlineData("over\rwritten", "over\\u000Dwritten")]
    [InlineData("\U000E0041", "\\u{E0041}")]
    public void Ordinary_text_stays_and_the_rest_is_written_as_an_escape(string text, string expected) => Assert.Equal(expected, VisibleText.Lines(text));

    [Fact]
    public void A_line_cannot_be_broken_by_its_text() => Assert.Equal("task\\u000AStatus   completed", VisibleText.Line("task\nStatus   completed"));

    [Fact]
    public void Log_lines_are_visible_with_their_exceptions()
    {
        var formatter = new VisibleLogFormatter(new Settings(), TimeProvider.System);
        using var written = new StringWriter();
        var entry = new LogEntry<string>(LogLevel.Warning, "LlmProxy.Test", new EventId(7), Hostile, new InvalidOperationException(Hostile + "\nsecond"), static (state, _) => "Task " + state + "\nnext");

        formatter.Write(entry, null, written);

        var line = written.ToString();
        Assert.StartsWith("warn: LlmProxy.Test[7] Task \\u001B]0;owned\\u0007", line, StringComparison.Ordinal);
        AssertVisible(line);
        Assert.Equal(1, line.Count(c => c == '\n'));
    }

    [Fact]
    public async Task The_log_of_a_server_shows_what_a_client_sent()
    {
        using var folder = new TestFolder();
        using var process = LlmproxyProcess.Start(folder, ["serve", .. folder.Alone[2..], "--urls", "http://127.0.0.1:0"]);
        try
        {
            var first = "";
            while (!first.Contains(" listens on ", StringComparison.Ordinal))
            {
                first = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException(await process.StandardError.ReadToEndAsync());
            }

            var address = new Uri(first[first.IndexOf("http://", StringComparison.Ordinal)..]);
            using var client = new System.Net.Sockets.TcpClient();
            await client.ConnectAsync(address.Host, address.Port);
            await using var stream = client.GetStream();
            const string Body = """{"model":"gpt-\u001b]0;owned\u0007","messages":[{"role":"user","content":"\u009b31m Hi"}],"tools":[{"type":"function","function":{"name":"x"}}]}""";
            await stream.WriteAsync(Encoding.Latin1.GetBytes($"POST /proxy/v1/chat/completions HTTP/1.1\r\nHost: {address.Authority}\r\nLlmProxy-Task: a\u009B31mb\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(Body)}\r\nConnection: close\r\n\r\n{Body}"));
            using var reader = new StreamReader(stream);
            await reader.ReadToEndAsync();
        }
        finally
        {
            process.Kill();
        }

        var output = await process.StandardOutput.ReadToEndAsync() + await process.StandardError.ReadToEndAsync();
        AssertVisible(output);
    }

    private static void AssertVisible(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            Assert.False(VisibleText.IsHidden(rune.Value) || rune.Value == 0xFFFD, $"U+{rune.Value:X4} in: {VisibleText.Lines(text)}");
        }
    }

    /// <summary>A run whose task, reply, tool, arguments and result are hostile.</summary>
    private static async Task PlayAsync(RunningProxy proxy)
    {
        static string Json(string text) => JsonSerializer.Serialize(text);
        var first = $$$"""{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[{"type":"text","text":{{{Json("I look " + Hostile)}}}},{"type":"tool_use","id":"toolu_1","name":{{{Json("list" + Hostile)}}},"input":{"folder":{{{Json(Hostile)}}}}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":100,"output_tokens":20}}""";
        proxy.Upstream.AnswerInTurn((first, "application/json"), (ApiTestRuns.SecondReply, "application/json"));
        string Request(string further) => $$$"""{"model":{{{Json("claude" + Hostile)}}},"max_tokens":1000,"system":{{{Json("Order " + Hostile)}}},"tools":[{"name":"list","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":{{{Json("Sort the " + Hostile)}}}}{{{further}}}]}""";
        using var one = await proxy.PostAsync("/anthropic/v1/messages", Request(""), ("User-Agent", "agent"));
        Assert.True(one.IsSuccessStatusCode, await one.Content.ReadAsStringAsync());
        using var two = await proxy.PostAsync(
            "/anthropic/v1/messages",
            Request($$$""",{"role":"assistant","content":[{"type":"text","text":{{{Json("I look " + Hostile)}}}},{"type":"tool_use","id":"toolu_1","name":{{{Json("list" + Hostile)}}},"input":{"folder":{{{Json(Hostile)}}}}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":{{{Json("found " + Hostile)}}}}]}"""));
        Assert.True(two.IsSuccessStatusCode, await two.Content.ReadAsStringAsync());
        var task = one.Headers.GetValues("LlmProxy-Task").Single();
        using var done = await proxy.PostAsync($"/_llmproxy/tasks/{task}/complete", $$$"""{"success":true,"comment":{{{Json(Hostile)}}}}""");
        Assert.True(done.IsSuccessStatusCode, await done.Content.ReadAsStringAsync());
    }

    private static string[] Words(string verb, TestFolder folder) =>
    [
        .. Split(verb).Select(word => word.Replace("{folder}", folder.Path, StringComparison.Ordinal).Replace("{task}", Hostile, StringComparison.Ordinal)),
        .. folder.Alone,
        "--LlmProxy:Recording:MinDuration=00:00:00",
    ];

    private static async Task<(string Output, string Error)> RunAsync(TestFolder folder, string[] arguments)
    {
        using var process = LlmproxyProcess.Start(folder, arguments);
        using var bytes = new MemoryStream();
        var error = process.StandardError.ReadToEndAsync();
        await process.StandardOutput.BaseStream.CopyToAsync(bytes);
        await process.WaitForExitAsync();
        return (new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes.ToArray()), await error);
    }

    private static IEnumerable<string> Split(string verb)
    {
        foreach (var (part, i) in verb.Split('"').Select((part, i) => (part, i)))
        {
            foreach (var word in i % 2 == 1 ? [part] : part.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                yield return word;
            }
        }
    }

    /// <summary>A store with one run that is hostile wherever it can be; each test gets a copy.</summary>
    public sealed class HostileStore : IAsyncLifetime, IDisposable
    {
        private readonly TestFolder _folder = new();

        public async Task InitializeAsync()
        {
            await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Storage:ConnectionString", $"Data Source={_folder["llmproxy.db"]}"));
            await PlayAsync(proxy);
        }

        public Task DisposeAsync() => Task.CompletedTask;

        public void Dispose() => _folder.Dispose();

        internal TestFolder Copy()
        {
            var copy = new TestFolder();
            foreach (var file in Directory.EnumerateFiles(_folder.Path, "llmproxy.db*"))
            {
                File.Copy(file, copy[Path.GetFileName(file)]);
            }

            return copy;
        }
    }

    private sealed class Settings : IOptionsMonitor<SimpleConsoleFormatterOptions>
    {
        public SimpleConsoleFormatterOptions CurrentValue { get; } = new() { ColorBehavior = LoggerColorBehavior.Disabled };

        public SimpleConsoleFormatterOptions Get(string? name) => CurrentValue;

        public IDisposable? OnChange(Action<SimpleConsoleFormatterOptions, string?> listener) => null;
    }
}
