using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using LlmProxy.Wire;
using static LlmProxy.Tests.Export.ExportLab;

namespace LlmProxy.Tests.Export;

/// <summary>Each reply is trained once, and only those of the runs that were chosen; files say what they hold.</summary>
public sealed class TrainedOnceTests
{
    public static TheoryData<string, bool> Formats => new() { { "openai", false }, { "gemini", false }, { "trl", false }, { "sharegpt", false }, { "sharegpt", true }, { "anthropic", false } };

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Replies_of_other_runs_are_not_trained_and_each_reply_is_trained_once(string format, bool masks)
    {
        await using var lab = await OpenAsync();
        await SaveTalkAsync(lab);

        var (lines, summary, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormats.Parse(format)!.Value) { TurnMasks = masks });

        Assert.Equal(2, lines.Count);
        Assert.Equal(["good two", "good three"], lines.OrderBy(l => l.Origin.TrajectoryId, StringComparer.Ordinal).SelectMany(l => Trained(format, l)));
        Assert.Equal(format is "openai" or "trl" || masks, lines.Any(l => Text(l).Contains("BAD", StringComparison.Ordinal)));
        Assert.Equal(format is "openai" or "trl" || masks ? 0 : 5, summary.Notes.GetValueOrDefault("replies of other runs left out: lines begin with their run's first message"));
        Assert.All(lines, l => Assert.Contains(l.Origin.TrajectoryId == "b" ? "Second task" : "Third task", Text(l), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("openai", false)]
    [InlineData("gemini", false)]
    [InlineData("trl", false)]
    [InlineData("sharegpt", false)]
    [InlineData("sharegpt", true)]
    [InlineData("anthropic", false)]
    public async Task A_rewritten_history_trains_no_reply_twice(string format, bool masks)
    {
        await using var lab = await OpenAsync();
        await lab.SaveAsync(
            Run("a", "Find it"), DialectKind.AnthropicMessages, null, null,
            (0, [User("Find it")], Use("c1", "look", """{"at":"one"}""")),
            (2, [Result("c1", "\"long result\"")], Assistant("good one")),
            (0, [User("Find it"), "!" + Use("c1", "look", """{"at":"one"}"""), Result("c1", "\"short\""), "!" + Assistant("good one"), User("and the other")], Assistant("good two")));

        var (lines, _, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormats.Parse(format)!.Value) { TurnMasks = masks });

        Assert.Equal(["good one", "good two"], lines.SelectMany(l => Trained(format, l)).Where(t => t.StartsWith("good", StringComparison.Ordinal)));
        Assert.Equal(1, lines.SelectMany(l => Trained(format, l)).Count(t => !t.StartsWith("good", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_reply_of_another_run_in_the_middle_ends_a_completion()
    {
        // Told of a background task, the first run goes on after the second: its next step resends the second's turns.
        await using var lab = await OpenAsync();
        string[] second = [User("Second task"), "!" + Assistant("good two")];
        await lab.SaveAsync(
            Run("a", "First task") with { ConversationId = "talk" }, DialectKind.AnthropicMessages, null, null,
            (0, [User("First task")], Assistant("good one")),
            (2, [.. second, User("The background task is done")], Assistant("good three")));
        await lab.SaveAsync(
            Run("b", "Second task", minute: 5) with { ConversationId = "talk" }, DialectKind.AnthropicMessages, null, null,
            (0, [User("First task"), "!" + Assistant("good one"), second[0]], Assistant("good two")));

        foreach (var format in new[] { "openai", "gemini", "trl", "sharegpt", "anthropic" })
        {
            var (lines, _, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormats.Parse(format)!.Value));
            Assert.Equal(["good one", "good three", "good two"], lines.SelectMany(l => Trained(format, l)).Order(StringComparer.Ordinal));
        }
    }

    [TranscriptFact]
    public async Task The_history_of_a_failed_turn_is_learned_in_no_format()
    {
        await using var lab = await ExportLab.OpenAsync(TranscriptLab.Shipped());
        await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path("k25-history-learned"));
        foreach (var (format, masks) in new[] { ("openai", false), ("gemini", false), ("trl", false), ("sharegpt", false), ("sharegpt", true), ("anthropic", false) })
        {
            var (lines, _, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormats.Parse(format)!.Value) { TurnMasks = masks, IncludeInferred = true });
            Assert.Equal(2, lines.Count);
            var trained = lines.SelectMany(l => Trained(format, l)).ToList();
            Assert.DoesNotContain(trained, t => t.Contains("BAD", StringComparison.Ordinal) || t.Contains("wrong", StringComparison.Ordinal));
            Assert.Equal(4, trained.Count);
            Assert.Equal(trained.Count, trained.Distinct(StringComparer.Ordinal).Count());
        }
    }

    [Fact]
    public async Task Examples_that_the_proxy_injected_are_in_no_line()
    {
        await using var lab = await OpenAsync();
        await SaveTalkAsync(lab, "You are a clerk.");
        foreach (var name in ExportFormats.Names.Where(n => !ExportFormats.Parse(n)!.Value.IsPreference()))
        {
            var (lines, _, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormats.Parse(name)!.Value) { TurnMasks = true });
            Assert.All(lines, l => Assert.Contains("You are a clerk.", Text(l), StringComparison.Ordinal));
            Assert.All(lines, l => Assert.DoesNotContain("LEARNING FROM SUCCESSFUL EXAMPLES", Text(l), StringComparison.Ordinal));
            Assert.All(lines, l => Assert.DoesNotContain("injected", Text(l), StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_run_whose_lines_are_all_too_long_says_that()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAnswerAsync(Run("a", "Go"), string.Join(' ', Enumerable.Range(0, 70_000).Select(i => $"w{i}")));

        var (lines, summary, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormat.OpenAi));

        Assert.Empty(lines);
        Assert.Equal("lines left out by the format's rule token-limit 1", string.Join(", ", summary.LeftOut.Select(l => $"{l.Key} {l.Value}")));
    }

    [Fact]
    public async Task Lines_that_say_nearly_the_same_are_left_out_and_counted()
    {
        await using var lab = await OpenAsync();
        var text = string.Join(' ', Enumerable.Range(0, 400).Select(i => $"word{i * 7919 % 1000}"));
        await lab.SaveAnswerAsync(Run("a", "Write the report of the year"), text);
        await lab.SaveAnswerAsync(Run("b", "Write the report of the year", minute: 1), text.Replace("word919", "another", StringComparison.Ordinal));
        await lab.SaveAnswerAsync(Run("c", "Write the report of the year", minute: 2), string.Join(' ', Enumerable.Range(0, 400).Select(i => $"other{i * 7919 % 1000}")));
        await lab.SaveAnswerAsync(Run("d", "Greet", minute: 3), "Hello.");
        await lab.SaveAnswerAsync(Run("e", "Greet", minute: 4), "Hello.");

        var request = new ExportRequest("default", ExportFormat.OpenAi);
        var (lines, summary, _) = await lab.ExportAsync(request with { LeaveOutDuplicates = true });
        Assert.Equal(["b", "c", "d", "e"], lines.Select(l => l.Origin.TrajectoryId).Order(StringComparer.Ordinal));
        Assert.Equal((1, 1), (summary.Notes["near-duplicate lines left out"], summary.LeftOut["near-duplicate of another run's line"]));
        Assert.Equal(5, (await lab.ExportAsync(request)).Lines.Count);
    }

    [Fact]
    public async Task A_manifest_says_what_the_file_holds_to_its_owner_alone()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAnswerAsync(Run("a", "A"));
        await lab.SaveAnswerAsync(Run("b", "B", minute: 1));
        await lab.SaveAnswerAsync(Run("c", "C", success: false, minute: 2));

        await lab.WriteAsync(new ExportRequest("default", ExportFormat.Trl) { MinQuality = 0.5 }, "x.jsonl");

        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(lab["x.manifest.json"]))!;
        Assert.Equal(("trl", 0.5, true), (manifest["format"]!.GetValue<string>(), manifest["filters"]!["minQuality"]!.GetValue<double>(), manifest["filters"]!["successOnly"]!.GetValue<bool>()));
        Assert.Equal(["a", "b"], manifest["trajectories"]!.AsArray().Select(t => t!.GetValue<string>()));
        Assert.Equal(1, manifest["leftOut"]!["did not succeed"]!.GetValue<int>());
        Assert.Equal("""{"api":2}""", manifest["outcomeSources"]!.ToJsonString());
        Assert.Equal("""{"claude-sonnet-4-5":2}""", manifest["models"]!.ToJsonString());
        Assert.Matches(@"^\d+\.\d+\.\d+", manifest["version"]!.GetValue<string>());
        var file = manifest["files"]![0]!;
        Assert.Equal(("x.jsonl", 2), (file["name"]!.GetValue<string>(), file["lines"]!.GetValue<int>()));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(lab["x.jsonl"]))), file["sha256"]!.GetValue<string>());
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(lab["x.manifest.json"]));
        }
    }

    [Theory]
    [InlineData("list")]
    [InlineData("eval.jsonl")]
    [InlineData("eval.origins.jsonl")]
    [InlineData("eval.manifest.json")]
    [InlineData("lines alone")]
    public async Task An_evaluation_set_is_kept_out(string given)
    {
        await using var lab = await OpenAsync();
        await lab.SaveAnswerAsync(Run("old", "Old task"));
        await lab.WriteAsync(new ExportRequest("default", ExportFormat.OpenAi), "eval.jsonl");
        await lab.SaveAnswerAsync(Run("new", "New task", minute: 5));
        await File.WriteAllTextAsync(lab["list"], "old\n\n");
        File.Copy(lab["eval.jsonl"], lab["lines alone"]);

        var excluded = await ExportExclusion.ReadAsync(lab[given], CancellationToken.None);
        var request = new ExportRequest("default", ExportFormat.OpenAi);

        // Where the exporter runs, and where its events are written, which may be another machine.
        var result = await new ExportFiles(request with { Exclude = excluded }, lab["x.jsonl"]).WriteAsync(lab.Exporter().ExportAsync(request, CancellationToken.None), _ => { }, CancellationToken.None);
        Assert.Equal((1, 1, 1), (result.Added, result.Summary.Runs, result.Summary.LeftOut["in the excluded set"]));
        Assert.Contains("New task", await File.ReadAllTextAsync(lab["x.jsonl"]), StringComparison.Ordinal);
        Assert.DoesNotContain("Old task", await File.ReadAllTextAsync(lab["x.jsonl"]), StringComparison.Ordinal);
        var direct = await lab.ExportAsync(request with { Exclude = excluded });
        Assert.Equal(given == "lines alone" ? 2 : 1, direct.Lines.Count);
    }

    /// <summary>A conversation of three runs; the first failed, each later one resends what came before.</summary>
    private static async Task SaveTalkAsync(ExportLab lab, string? system = null)
    {
        string[] first = [User("First task"), "!" + Use("f1", "rm", """{"what":"BAD"}"""), Result("f1", "\"no\""), "!" + Assistant("BAD answer")];
        await lab.SaveAsync(
            Run("a", "First task", success: false) with { ConversationId = "talk" }, DialectKind.AnthropicMessages, system, null,
            (0, [first[0]], first[1][1..]), (2, [first[2]], first[3][1..]));
        await lab.SaveAsync(
            Run("b", "Second task", minute: 5) with { ConversationId = "talk" }, DialectKind.AnthropicMessages, system, null,
            (0, [.. first, User("Second task")], Assistant("good two")));
        await lab.SaveAsync(
            Run("c", "Third task", minute: 9) with { ConversationId = "talk" }, DialectKind.AnthropicMessages, system, null,
            (0, [.. first, User("Second task"), "!" + Assistant("good two"), User("Third task")], Assistant("good three")));
    }

    private static string Text(ExportLine line) => System.Text.Encoding.UTF8.GetString(line.Json.Span);

    /// <summary>The replies of a line that its consumer learns from: their text, or their calls.</summary>
    private static List<string> Trained(string format, ExportLine line)
    {
        using var document = JsonDocument.Parse(line.Json);
        var root = document.RootElement;
        return format switch
        {
            "openai" => [.. Each(root, "messages").Where(m => Is(m, "role", "assistant") && !m.TryGetProperty("weight", out _)).Select(Said)],
            "anthropic" => [.. Each(root, "messages").Where(m => Is(m, "role", "assistant")).Select(Said)],
            "trl" => [.. Each(root, "completion").Where(m => Is(m, "role", "assistant")).Select(Said)],
            "sharegpt" => [.. Each(root, "conversations").Where(m => Is(m, "from", "gpt") && !m.TryGetProperty("train", out _)).Select(m => m.GetProperty("value").GetString()!)],
            _ => [.. Each(root, "contents").Where(c => Is(c, "role", "model")).Select(c => c.GetProperty("parts")[0].TryGetProperty("text", out var text) ? text.GetString()! : c.GetRawText())],
        };
    }

    private static string Said(JsonElement message)
    {
        var content = message.GetProperty("content");
        return content.ValueKind == JsonValueKind.String && content.GetString()!.Length > 0 ? content.GetString()!
            : content.ValueKind == JsonValueKind.Array && content[0].TryGetProperty("text", out var text) ? text.GetString()!
            : message.GetRawText();
    }

    private static IEnumerable<JsonElement> Each(JsonElement root, string name) => root.GetProperty(name).EnumerateArray();

    private static bool Is(JsonElement message, string name, string value) => message.GetProperty(name).GetString() == value;
}
