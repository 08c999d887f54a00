using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Cli;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Import;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Export;

/// <summary>Claude Code transcripts and other files become runs.</summary>
public sealed class ImportTests
{
    internal const string Session = "0a6afc57-2f31-4cb4-8ff0-01247f50c64c";

    // Two turns. In the first a reply is written block by block with a result in between, and a branch was left. Then the
    // history was condensed; a sub-agent ran; a record of a later version is there.
    internal static readonly string[] Transcript =
    [
        """{"type":"summary","summary":"Rename the report","leafUuid":"a4"}""",
        """{"type":"file-history-snapshot","messageId":"u1","snapshot":{}}""",
        User("u1", null, 0, "\"Rename the yearly report. The key is sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-abcdefghij-AA\""),
        Assistant("x1", "u1", 1, "msg_x", """{"type":"text","text":"An answer that the person went back from"}"""),
        Assistant("a1", "u1", 2, "msg_1", """{"type":"thinking","thinking":"hm","signature":"s"}"""),
        Assistant("a2", "a1", 2, "msg_1", """{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls"}}"""),
        User("u2", "a2", 3, """[{"type":"tool_result","tool_use_id":"t1","content":"report.txt"}]"""),
        Assistant("a3", "a2", 3, "msg_1", """{"type":"tool_use","id":"t2","name":"Read","input":{"file":"report.txt"}}"""),
        User("u3", "a3", 4, """[{"type":"tool_result","tool_use_id":"t2","content":"text","is_error":false}]"""),
        Assistant("a4", "u3", 5, "msg_2", """{"type":"text","text":"Renamed."}""", "end_turn"),
        """{"type":"system","subtype":"turn_duration","uuid":"s1","parentUuid":"a4","sessionId":"0a6afc57-2f31-4cb4-8ff0-01247f50c64c"}""",
        """{"type":"novel-record","payload":1}""",
        "{ this is broken",
        """{"type":"user","isMeta":true,"uuid":"m1","parentUuid":"s1","sessionId":"0a6afc57-2f31-4cb4-8ff0-01247f50c64c","timestamp":"2026-02-18T10:01:00Z","message":{"role":"user","content":"<local-command-caveat>x</local-command-caveat>"}}""",
        User("u4", "m1", 70, "\"Now print it\""),
        Assistant("a5", "u4", 72, "msg_3", """{"type":"tool_use","id":"t3","name":"Bash","input":{"command":"lp report.txt"}}"""),
        User("u5", "a5", 73, """[{"type":"tool_result","tool_use_id":"t3","content":"no printer","is_error":true}]"""),
        """{"type":"user","isCompactSummary":true,"uuid":"c1","parentUuid":null,"logicalParentUuid":"u5","sessionId":"0a6afc57-2f31-4cb4-8ff0-01247f50c64c","timestamp":"2026-02-18T10:01:20Z","message":{"role":"user","content":"This session is being continued. Summary: the report is to be printed"}}""",
        Assistant("a6", "c1", 85, "msg_4", """{"type":"text","text":"There is no printer."}""", "end_turn"),
        """{"type":"assistant","isApiErrorMessage":true,"uuid":"e1","parentUuid":"a6","message":{"model":"<synthetic>","role":"assistant","content":[{"type":"text","text":"API Error"}]}}""",
        """{"type":"user","isSidechain":true,"agentId":"de30","uuid":"g1","parentUuid":null,"sessionId":"0a6afc57-2f31-4cb4-8ff0-01247f50c64c","timestamp":"2026-02-18T10:00:03Z","message":{"role":"user","content":"Search the archive"}}""",
        """{"type":"assistant","isSidechain":true,"agentId":"de30","uuid":"g2","parentUuid":"g1","timestamp":"2026-02-18T10:00:04Z","message":{"id":"msg_9","model":"claude-haiku-4-5","role":"assistant","content":[{"type":"text","text":"Nothing there."}],"stop_reason":"end_turn"}}""",
    ];

    [Theory]
    [InlineData(ImportSource.ClaudeCode, 1_000, true)]
    [InlineData(ImportSource.ClaudeCode, 9_000, true)]
    [InlineData(ImportSource.ClaudeCode, 100_000, true)]
    [InlineData(ImportSource.ClaudeCode, 500, false)]
    [InlineData(ImportSource.Anthropic, 1_000, true)]
    [InlineData(ImportSource.Anthropic, 9_000, true)]
    [InlineData(ImportSource.Anthropic, 900, false)]
    public async Task A_line_that_is_nested_too_deep_is_named_and_the_others_are_imported(ImportSource source, int levels, bool isSkipped)
    {
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", levels)) + "1" + new string('}', levels);
        await using var lab = await ExportLab.OpenAsync(Shipped());
        await File.WriteAllLinesAsync(lab["deep.jsonl"], Lines(source, "\"x\"", deep, "\"y\""));

        var report = await Importer(lab).ImportAsync(lab["deep.jsonl"], source, "default", dryRun: false, null, CancellationToken.None);

        Assert.Equal(isSkipped ? 2 : 3, report.Added);
        Assert.Equal(isSkipped ? 1 : 0, report.Skipped);
        Assert.Equal(isSkipped ? [$"{lab["deep.jsonl"]}({(source == ImportSource.ClaudeCode ? 3 : 2)}) is nested deeper than 990 levels"] : [], report.SkippedLines);
    }

    [Theory]
    [InlineData(ImportSource.ClaudeCode)]
    [InlineData(ImportSource.Anthropic)]
    public async Task A_line_that_is_too_long_is_named_and_never_held_and_the_others_are_imported(ImportSource source)
    {
        await using var lab = await ExportLab.OpenAsync(Shipped());
        var lines = Lines(source, "\"x\"", "\"LONG\"", "\"y\"");
        await using (var file = File.CreateText(lab["long.jsonl"]))
        {
            foreach (var line in lines)
            {
                var parts = line.Split("LONG");
                await file.WriteAsync(parts[0]);
                for (var i = 0; parts.Length > 1 && i < 200; i++)
                {
                    await file.WriteAsync(new string('z', 1 << 20));
                }

                await file.WriteLineAsync(parts.Length > 1 ? parts[1] : "");
            }
        }

        var report = await Importer(lab).ImportAsync(lab["long.jsonl"], source, "default", dryRun: false, null, CancellationToken.None);

        Assert.Equal((2, 1), (report.Added, report.Skipped));
        Assert.Equal($"{lab["long.jsonl"]}({(source == ImportSource.ClaudeCode ? 3 : 2)}) is longer than 64 MiB", Assert.Single(report.SkippedLines));
    }

    [Fact]
    public async Task A_transcript_becomes_a_run_for_each_turn_and_each_sub_agent()
    {
        await using var lab = await ExportLab.OpenAsync(Shipped());
        await File.WriteAllLinesAsync(lab[Session + ".jsonl"], Transcript);

        var report = await Importer(lab).ImportAsync(lab[Session + ".jsonl"], ImportSource.ClaudeCode, "default", dryRun: false, null, CancellationToken.None);

        Assert.Equal((3, 3, 0, 5), (report.Runs, report.Added, report.Known, report.Steps));
        Assert.Equal("broken JSON 1, novel-record 1", string.Join(", ", report.Unknown.Select(u => $"{u.Key} {u.Value}")));
        Assert.Equal("assistant (synthetic) 1, file-history-snapshot 1, summary 1, system 1", string.Join(", ", report.Ignored.Select(u => $"{u.Key} {u.Value}")));

        var runs = (await lab.Store.ListAsync(new TrajectoryQuery("default"), CancellationToken.None)).Items.OrderBy(r => r.TaskDescription, StringComparer.Ordinal).ToList();
        Assert.Equal(["Now print it", "Rename the yearly report. The key is [redacted]", "Search the archive"], runs.Select(r => r.TaskDescription));
        var (second, first, agent) = (runs[0], runs[1], runs[2]);
        Assert.Equal((null, OutcomeSource.Inferred, 1.0, 2, 2, 0), (first.Success, first.OutcomeSource, first.QualityScore, first.IterationCount, first.ToolCallsCount, first.FailedToolResults));
        Assert.Equal((null, 2, 1, 1), (second.Success, second.IterationCount, second.ToolCallsCount, second.FailedToolResults));
        Assert.Equal(("claude-code", Session, Session, "anthropic", "claude-sonnet-4-5"), (first.Preset, first.SessionId, first.ConversationId, first.Provider, first.Model));
        Assert.Equal(first.Id, agent.ParentId);
        Assert.Equal(new TokenUsage(40, 20, 10, 10, 0), first.TokenUsage);

        var steps = await new TrajectoryReader(lab.Store).ReadAsync(first.Id, CancellationToken.None);
        Assert.Equal(["Bash", "Read"], steps[0].Reply!.ToolCalls.Select(c => c.Name));
        Assert.Equal(["report.txt", "text"], steps[1].Messages.SelectMany(m => m.Message.ToolResults).Select(r => r.Content));
        Assert.Equal("Renamed.", steps[1].Reply!.Text);
        var later = await new TrajectoryReader(lab.Store).ReadAsync(second.Id, CancellationToken.None);
        Assert.Equal([false, true, false, false, true, false, false], later[0].Messages.Select(m => m.IsForeign));
        Assert.Equal(0, later[1].Step.HistoryKept);
        Assert.StartsWith("This session", Assert.Single(later[1].Messages).Message.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Importing_again_adds_nothing_and_a_session_that_went_on_is_brought_up_to_date()
    {
        await using var lab = await ExportLab.OpenAsync(Shipped());
        Directory.CreateDirectory(lab["projects/p"]);
        var path = lab["projects/p/" + Session + ".jsonl"];
        await File.WriteAllLinesAsync(path, Transcript.Take(16));
        var importer = Importer(lab);

        var dry = await importer.ImportAsync(lab["projects"], ImportSource.ClaudeCode, "default", dryRun: true, null, CancellationToken.None);
        Assert.Equal((2, 0), (dry.Added, (await lab.Store.ListAsync(new TrajectoryQuery("default"), CancellationToken.None)).Items.Count));
        var first = await importer.ImportAsync(lab["projects"], ImportSource.ClaudeCode, "default", dryRun: false, null, CancellationToken.None);
        var again = await importer.ImportAsync(lab["projects"], ImportSource.ClaudeCode, "default", dryRun: false, null, CancellationToken.None);
        await File.WriteAllLinesAsync(path, Transcript);
        var more = await importer.ImportAsync(lab["projects"], ImportSource.ClaudeCode, "default", dryRun: false, null, CancellationToken.None);

        Assert.Equal((2, 0, 0), (first.Added, first.Updated, first.Known));
        Assert.Equal((0, 0, 2), (again.Added, again.Updated, again.Known));
        Assert.Equal((1, 1, 1), (more.Added, more.Updated, more.Known));
    }

    [Fact]
    public async Task Imported_runs_are_found_and_a_session_that_the_proxy_recorded_is_not_imported()
    {
        await using var lab = await ExportLab.OpenAsync(Shipped());
        await File.WriteAllLinesAsync(lab[Session + ".jsonl"], Transcript);
        await Importer(lab).ImportAsync(lab[Session + ".jsonl"], ImportSource.ClaudeCode, "default", dryRun: false, null, CancellationToken.None);

        var query = new SearchQuery("default", LexicalEmbedder.ModelName, LexicalEmbedder.Embed("rename a report"), "", 3);
        var hit = Assert.Single(await lab.Store.SearchAsync(query, CancellationToken.None));
        Assert.StartsWith("Rename the yearly report", hit.Trajectory.TaskDescription, StringComparison.Ordinal);

        await using var other = await ExportLab.OpenAsync(Shipped());
        await other.SaveAnswerAsync(ExportLab.Run("live", "Rename the yearly report") with { SessionId = Session, Client = "claude-cli/2.1" });
        var report = await Importer(other).ImportAsync(lab[Session + ".jsonl"], ImportSource.ClaudeCode, "default", dryRun: false, null, CancellationToken.None);
        Assert.Equal((0, 3), (report.Added, report.Known));
    }

    [Theory]
    [InlineData(OutcomeSource.Human, OutcomeSource.Human, "import")]
    [InlineData(OutcomeSource.Ci, OutcomeSource.Ci, "import")]
    [InlineData(OutcomeSource.Agent, OutcomeSource.Agent, null)]
    [InlineData(null, OutcomeSource.Agent, null)]
    public async Task A_claim_that_is_exported_and_imported_does_not_become_a_statement(OutcomeSource? exported, OutcomeSource imported, string? statedBy)
    {
        await using var lab = await ExportLab.OpenAsync(Shipped());
        await lab.SaveAnswerAsync(ExportLab.Run("a", "Write the report") with { OutcomeSource = exported });
        await lab.WriteAsync(new ExportRequest("default", ExportFormat.Anthropic), "x.jsonl");
        await using var other = await ExportLab.OpenAsync(Shipped());

        await Importer(other).ImportAsync(lab["x.jsonl"], ImportSource.Anthropic, "default", dryRun: false, null, CancellationToken.None);

        var run = Assert.Single((await other.Store.ListAsync(new TrajectoryQuery("default"), CancellationToken.None)).Items);
        Assert.Equal((true, imported, statedBy), (run.Success, run.OutcomeSource, run.StatedBy));
    }

    [Fact]
    public async Task An_anthropic_file_without_origins_gives_a_run_a_line()
    {
        await using var lab = await ExportLab.OpenAsync(Shipped());
        await File.WriteAllLinesAsync(lab["runs.jsonl"],
        [
            """{"model":"claude-sonnet-4-5","system":"You are a clerk.","messages":[{"role":"user","content":"Find it"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"look","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r"}]},{"role":"assistant","content":"Found."}]}""",
            """{"model":"claude-sonnet-4-5"}""",
        ]);

        var report = await Importer(lab).ImportAsync(lab["runs.jsonl"], ImportSource.Anthropic, "default", dryRun: false, null, CancellationToken.None);

        Assert.Equal((1, 2, 1), (report.Added, report.Steps, report.Unknown["line without messages"]));
        var run = Assert.Single((await lab.Store.ListAsync(new TrajectoryQuery("default"), CancellationToken.None)).Items);
        Assert.Equal(("Find it", null, OutcomeSource.Inferred), (run.TaskDescription, run.Success, run.OutcomeSource));
        Assert.Equal("You are a clerk.", (await new TrajectoryReader(lab.Store).ReadAsync(run.Id, CancellationToken.None))[0].SystemPrompt);
    }

    [Fact]
    public async Task The_verbs_export_check_and_import_files()
    {
        using var folder = new TestFolder();
        await File.WriteAllLinesAsync(folder[Session + ".jsonl"], Transcript);

        var imported = await Llmproxy.RunAsync(["import", folder[Session + ".jsonl"], "--from", "claude-code", .. folder.Alone]);
        Assert.Equal("", imported.Error);
        Assert.StartsWith("3 runs in 1 files: 3 added, 0 updated, 0 unchanged; 5 steps.\n", imported.Output, StringComparison.Ordinal);
        Assert.Contains("Skipped records of unknown kinds: broken JSON 1, novel-record 1", imported.Output, StringComparison.Ordinal);

        var verified = await Llmproxy.RunAsync(["export", "--format", "trl", "--output", folder["x.jsonl"], .. folder.Alone]);
        Assert.Contains("3  success is inferred or unknown (--include-inferred)", verified.Output, StringComparison.Ordinal);
        var exported = await Llmproxy.RunAsync(["export", "--format", "trl", "--include-inferred", "--output", folder["x.jsonl"], .. folder.Alone]);
        Assert.Contains("outputs of anthropic (1 runs)", exported.Error, StringComparison.Ordinal);
        Assert.StartsWith("1 lines of 1 runs written in the format trl.\n", exported.Output, StringComparison.Ordinal);
        Assert.Contains("2  success is inferred or unknown (--include-inferred)", exported.Output, StringComparison.Ordinal);
        Assert.Contains("To continue later: --since 2026-02-18T10:01:25.0000001Z", exported.Output, StringComparison.Ordinal);
        Assert.Equal(0, exported.Code);
        Assert.DoesNotContain("went back from", await File.ReadAllTextAsync(folder["x.jsonl"]), StringComparison.Ordinal);

        var good = await Llmproxy.RunAsync("export", "--check", folder["x.jsonl"], "--format", "trl");
        Assert.Equal((0, ""), (good.Code, good.Error));
        var bad = await Llmproxy.RunAsync("export", "--check", folder["x.jsonl"], "--format", "openai");
        Assert.Equal(1, bad.Code);
        Assert.Contains("line 1: missing-messages:", bad.Output, StringComparison.Ordinal);
        Assert.Equal(2, (await Llmproxy.RunAsync("export", "--format", "openai")).Code);
        Assert.Equal(2, (await Llmproxy.RunAsync("export", "--format", "csv", "--output", "x")).Code);
    }

    [Fact]
    public async Task The_verbs_say_what_was_left_out_and_keep_an_evaluation_set_out()
    {
        using var folder = new TestFolder();
        var writer = new TranscriptWriter().Turn("a task", "a");
        var fork = writer.Last;
        writer.Turn("an abandoned task", "x");
        writer.Last = fork;
        await writer.Turn("b task", "b").SaveAsync(folder["p/s.jsonl"]);

        var imported = await Llmproxy.RunAsync(["import", folder["p"], "--from", "claude-code", .. folder.Alone]);
        Assert.Equal("", imported.Error);
        Assert.Contains("Messages left out: abandoned branch 4\n", imported.Output, StringComparison.Ordinal);
        var json = await Llmproxy.RunAsync(["import", folder["p"], "--from", "claude-code", "--dry-run", "--json", .. folder.Alone]);
        Assert.Equal(4, System.Text.Json.Nodes.JsonNode.Parse(json.Output)!["leftOut"]!["abandoned branch"]!.GetValue<int>());

        await Llmproxy.RunAsync(["export", "--format", "trl", "--include-inferred", "--limit", "1", "--output", folder["eval.jsonl"], .. folder.Alone]);
        var exported = await Llmproxy.RunAsync(["export", "--format", "sharegpt", "--include-inferred", "--train-masks", "--exclude", folder["eval.jsonl"], "--output", folder["x.jsonl"], .. folder.Alone]);
        Assert.Equal(0, exported.Code);
        Assert.Contains("1  in the excluded set", exported.Output, StringComparison.Ordinal);
        Assert.Contains("lines without the client's definition of a called tool", exported.Output, StringComparison.Ordinal);
        Assert.Contains("a task", Assert.Single(await File.ReadAllLinesAsync(folder["x.jsonl"])), StringComparison.Ordinal);
        Assert.Contains("\"excluded\": ", await File.ReadAllTextAsync(folder["x.manifest.json"]), StringComparison.Ordinal);
        Assert.Equal(2, (await Llmproxy.RunAsync(["export", "--format", "trl", "--exclude", folder["none"], "--output", folder["y.jsonl"], .. folder.Alone])).Code);
    }

    internal static TrajectoryImporter Importer(ExportLab lab) => new(lab.Store, lab.Options, new TaskRulesCatalog(lab.Options.Tasks));

    internal static LlmProxy.Core.Configuration.LlmProxyOptions Shipped() => LlmProxy.Server.Hosting.ProxyConfiguration.Load(null, new Dictionary<string, string?>()).Options;

    /// <summary>Three runs of one request and one reply each; each value is in the first line of its run.</summary>
    private static string[] Lines(ImportSource source, params string[] values) =>
    [
        .. values.SelectMany((value, i) => source == ImportSource.ClaudeCode
            ? new[]
            {
                $$$"""{"type":"user","uuid":"u{{{i}}}","parentUuid":{{{(i == 0 ? "null" : $"\"a{i - 1}\"")}}},"sessionId":"{{{Session}}}","message":{"role":"user","content":[{"type":"text","text":"Task {{{i}}}"},{"type":"x","data":{{{value}}}}]}}""",
                Assistant("a" + i, "u" + i, i, "msg_" + i, """{"type":"text","text":"Done."}""", "end_turn"),
            }
            : [$$$"""{"messages":[{"role":"user","content":[{"type":"text","text":"Task {{{i}}}"},{"type":"x","data":{{{value}}}}]},{"role":"assistant","content":"Done."}]}"""]),
    ];

    private static string User(string id, string? parent, int second, string content) =>
        $$$"""{"type":"user","uuid":"{{{id}}}","parentUuid":{{{Quote(parent)}}},"isSidechain":false,"userType":"external","sessionId":"{{{Session}}}","version":"2.1.37","cwd":"/work","timestamp":"{{{Time(second)}}}","message":{"role":"user","content":{{{content}}}}}""";

    private static string Assistant(string id, string parent, int second, string message, string block, string? stop = null) =>
        $$$$"""{"type":"assistant","uuid":"{{{{id}}}}","parentUuid":{{{{Quote(parent)}}}},"isSidechain":false,"sessionId":"{{{{Session}}}}","version":"2.1.37","requestId":"req_1","timestamp":"{{{{Time(second)}}}}","message":{"id":"{{{{message}}}}","type":"message","model":"claude-sonnet-4-5","role":"assistant","content":[{{{{block}}}}],"stop_reason":{{{{Quote(stop)}}}},"usage":{"input_tokens":10,"output_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":5}}}""";

    private static string Quote(string? text) => text is null ? "null" : $"\"{text}\"";

    private static string Time(int second) => new DateTimeOffset(2026, 2, 18, 10, 0, 0, TimeSpan.Zero).AddSeconds(second).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", System.Globalization.CultureInfo.InvariantCulture);
}
