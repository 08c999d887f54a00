using System.Globalization;
using System.Security.Cryptography;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Import;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Import;

/// <summary>Histories of agents, of each format and version, read like the runs.</summary>
public sealed class AgentHistoryTests
{
    private const string CodexTurns =
        """
        List the files (gpt-5-codex, openai, /home/dev/reports, 1 failed, 0 interventions)
          1 keeps 0: <environment_context… | List the files -> I list the files. exec_command() exec_command() [A/400+50/20]
          2 keeps 3: =ok | =ok -> There is one file, report.txt. [B/400+50/20]
        Now count them (gpt-5-codex, openai, /home/dev/reports, 1 failed, 0 interventions)
          1 keeps 0: <environment_context… | List the files | !I list the files. exec_command() exec_command() | =ok | =ok | !There is one file, report.txt. | Now count them -> I list the files. exec_command() exec_command() [C/400+50/20]
          2 keeps 8: =ok | =ok -> There is one file, report.txt. [D/400+50/20]
        """;

    private const string GeminiTurns =
        """
        List the files (gemini-2.5-pro, gemini, PROJECT, 1 failed, 0 interventions)
          1 keeps 0: CONTEXTList the files -> I list the files. list_directory() read_file() [A/300+42/12]
          2 keeps X: =ok =error -> There is one file, report.txt. [B/300+42/12]
        Now count them (gemini-2.5-pro, gemini, PROJECT, 1 failed, 0 interventions)
          1 keeps 0: CONTEXTList the files | !I list the files. list_directory() read_file() | =ok =error | !There is one file, report.txt. | Now count them -> I list the files. list_directory() read_file() [C/300+42/12]
          2 keeps Y: =ok =error -> There is one file, report.txt. [D/300+42/12]
        """;

    private const string OpenCodeTurns =
        """
        List the files (claude-sonnet-4-5, anthropic, /home/dev/reports, 1 failed, 0 interventions)
          1 keeps 0: "List the files"END -> I list the files. bash() read() [A/400+50/0]
          2 keeps 2: =ok =error -> There is one file, report.txt. [B/0+50/0]
        Now count them (claude-sonnet-4-5, anthropic, /home/dev/reports, 1 failed, 0 interventions)
          1 keeps 0: "List the files"END | !I list the files. bash() read() | =ok =error | !There is one file, report.txt. | "Now count them"END -> I list the files. bash() read() [C/400+50/0]
          2 keeps 6: =ok =error -> There is one file, report.txt. [D/0+50/0]
        """;

    public static TheoryData<ImportSource, string, string> Versions => new()
    {
        {
            ImportSource.Codex, "codex/bare-0.20.jsonl",
            """
            Print it (, openai, /home/dev/reports, 0 failed, 0 interventions)
              1 keeps 0: <environment_context… | Rename the report | !shell() | =ok | !Renamed. | Print it -> There is no printer. [?]
            Rename the report (, openai, /home/dev/reports, 0 failed, 0 interventions)
              1 keeps 0: <environment_context… | Rename the report -> shell() [?]
              2 keeps 3: =ok -> Renamed. [?]
            """
        },
        {
            ImportSource.Codex, "codex/0.40.jsonl",
            """
            List the files (gpt-5-codex, openai, /home/dev/reports, 1 failed, 0 interventions)
              1 keeps 0: <environment_context… | List the files -> I list the files. shell() shell() [1001/400+50/20]
              2 keeps 3: =ok | =ok -> There is one file, report.txt. [1002/400+50/20]
            """
        },
        { ImportSource.Codex, "codex/0.146.jsonl", Number(CodexTurns, 1003) },
        { ImportSource.Codex, "codex/0.171.jsonl", Number(CodexTurns, 1013) },
        { ImportSource.GeminiCli, "gemini-cli/0.38.json", Number(GeminiTurns, 1017).Replace("PROJECT", "", StringComparison.Ordinal).Replace("CONTEXT", "", StringComparison.Ordinal).Replace("X", "2", StringComparison.Ordinal).Replace("Y", "6", StringComparison.Ordinal) },
        { ImportSource.GeminiCli, "gemini-cli/0.61.jsonl", Number(GeminiTurns, 1021).Replace("PROJECT", "/home/dev/reports", StringComparison.Ordinal).Replace("CONTEXT", "<session_context> Th… | ", StringComparison.Ordinal).Replace("X", "3", StringComparison.Ordinal).Replace("Y", "7", StringComparison.Ordinal) },
        {
            ImportSource.GeminiCli, "gemini-cli/rewind.jsonl",
            """
            Plant a tree (gemini-3-pro, gemini, /home/dev/garden, 0 failed, 0 interventions)
              1 keeps 0: <session_context> Th… | Plant a tree -> Planted. [100/0+4/0]
            Water it (gemini-3-pro, gemini, /home/dev/garden, 1 failed, 0 interventions)
              1 keeps 0: <session_context> Th… | Plant a tree | !Planted. | Water it -> run_shell_command() [120/100+8/2]
            Prune it (gemini-3-pro, gemini, /home/dev/garden, 0 failed, 0 interventions)
              1 keeps 0: <state_snapshot> A t… | Prune it -> Pruned. [?]
            """
        },
        { ImportSource.OpenCode, "opencode/storage-1.1", Number(OpenCodeTurns, 1002, 1004, 1005, 1007).Replace("END", "\n", StringComparison.Ordinal) },
        { ImportSource.OpenCode, "opencode/export-1.18.json", Number(OpenCodeTurns, 1009, 1010, 1011, 1012).Replace("END", "", StringComparison.Ordinal) },
        { ImportSource.OpenCode, "opencode/database-1.18.sql", Number(OpenCodeTurns, 1009, 1010, 1011, 1012).Replace("END", "", StringComparison.Ordinal) },
        {
            ImportSource.OpenCode, "opencode/database-2.0.sql",
            """
            Bake bread (claude-sonnet-5, anthropic, /home/dev/bakery, 0 failed, 0 interventions)
              1 keeps 0: Bake bread -> I ask for flour. task() [130/100+5/2]
              2 keeps 2: =ok -> Baked. [131/130+3/0]
            Get flour (claude-haiku-4-5, anthropic, /home/dev/bakery, 0 failed, 0 interventions)
              1 keeps 0: Get flour -> two bags [9/0+3/0]
            """
        },
        {
            ImportSource.OpenCode, "opencode/export-compacted.json",
            """
            Build a tower (claude-opus-4-8, anthropic, /home/dev/tower, 1 failed, 0 interventions)
              1 keeps 0: Build a tower
            Plan mode is off. -> bash() [15/3+5/0]
              2 keeps 2: =error -> Without a crane it stays low. [25/13+6/0]
            Paint it (claude-opus-4-8, anthropic, /home/dev/tower, 0 failed, 0 interventions)
              1 keeps 0: Summary: a low tower was built. | Paint it -> bash() [?]
            """
        },
    };

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_history_of_each_version_reads_like_its_runs_and_is_imported_once(ImportSource source, string fixture, string expected)
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var path = fixture.EndsWith(".sql", StringComparison.Ordinal) ? lab.PutDatabase("opencode.db", fixture) : Path.Combine(HistoryLab.Fixtures, fixture);

        var first = await lab.ImportAsync(source, path);
        var said = await lab.SayAsync();
        var again = await lab.ImportAsync(source, path);

        Assert.Equal(expected.ReplaceLineEndings("\n"), said);
        Assert.Equal((first.Runs, 0, 0, first.Runs), (first.Added, again.Added, again.Updated, again.Known));
        Assert.Equal(said, await lab.SayAsync());
        Assert.All(await lab.RunsAsync(), r => Assert.Equal((null, OutcomeSource.Inferred), (r.Success, r.OutcomeSource)));
    }

    [Fact]
    public async Task Codex_threads_with_a_sub_agent_a_fork_compaction_and_a_rollback_are_read_once()
    {
        await using var lab = await HistoryLab.OpenForAllAsync();

        var report = await lab.ImportAsync(ImportSource.Codex, Path.Combine(HistoryLab.Fixtures, "codex", "threads"));

        Assert.Equal(
            """
            Find the slow query (gpt-5.2-codex, openai, /home/dev/shop, 0 failed, 1 interventions)
              1 keeps 0: Find the slow query -> spawn_agent() [100/10+5/1]
              2 keeps 2: =ok | Look at orders, too -> It is the join on orders. [150/100+7/0]
            Read the log (gpt-5.2-codex, openai, /home/dev/shop, 0 failed, 0 interventions)
              1 keeps 0: Read the log -> The join takes 9 s. [?]
            Add an index (gpt-5.2-codex, openai, /home/dev/shop, 1 failed, 0 interventions)
              1 keeps 0: Find the slow query | ! | Add an index -> exec() [?]
            Cache it instead (gpt-5.2-codex, openai, /home/dev/shop, 0 failed, 0 interventions)
              1 keeps 0: Find the slow query | !spawn_agent() | =ok | Look at orders, too | !It is the join on orders. | Cache it instead -> Cached. [200/200+3/0]
            """.ReplaceLineEndings("\n"),
            await lab.SayAsync());
        Assert.Equal("abandoned branch 2, copy in a branch or fork 2", Say(report.LeftOut));
        Assert.Equal("event_msg/novel_event 1, novel_record 1, response_item/novel_item 1", Say(report.Unknown));
        Assert.EndsWith("a.jsonl(35) is no JSON object", Assert.Single(report.SkippedLines), StringComparison.Ordinal);

        var runs = await lab.RunsAsync();
        var (first, agent, stopped) = (runs[0], runs[1], runs[2]);
        Assert.Equal((first.Id, "codex", "codex/0.146.0 (transcript)"), (agent.ParentId, agent.Preset, agent.Client));
        Assert.Equal((new DateTimeOffset(2026, 5, 1, 9, 0, 1, TimeSpan.Zero), new DateTimeOffset(2026, 5, 1, 9, 0, 9, TimeSpan.Zero)), (first.StartedAt, first.LastActivityAt));
        Assert.Equal("A person interrupted the last turn.", stopped.Evidence[0].Text);
        var step = (await lab.Store.ReadStepsAsync(first.Id, CancellationToken.None))[0];
        Assert.Equal(DialectKind.OpenAiResponses, step.Dialect);
        var view = (await new TrajectoryReader(lab.Store).ReadAsync(first.Id, CancellationToken.None))[0];
        Assert.Equal("You are Codex.\n\nSandbox: read-only.", view.SystemPrompt);
        Assert.Equal("lookup", Assert.Single(DialectCatalog.Get(step.Dialect).ReadTools(view.ToolsJson!.Value)).Name);
    }

    [Fact]
    public async Task An_interrupted_run_keeps_that_as_evidence_and_a_sub_agent_its_parent()
    {
        await using var lab = await HistoryLab.OpenForAllAsync();

        await lab.ImportAsync(ImportSource.GeminiCli, Path.Combine(HistoryLab.Fixtures, "gemini-cli", "rewind.jsonl"));
        await lab.ImportAsync(ImportSource.OpenCode, Path.Combine(HistoryLab.Fixtures, "opencode", "export-compacted.json"));
        var report = await lab.ImportAsync(ImportSource.OpenCode, lab.PutDatabase("opencode.db", "opencode/database-2.0.sql"));

        var runs = (await lab.RunsAsync()).ToDictionary(r => r.TaskDescription, StringComparer.Ordinal);
        foreach (var task in new[] { "Water it", "Paint it" })
        {
            Assert.Contains(runs[task].Evidence, e => e.Text == "A person interrupted the last turn.");
        }

        Assert.Equal(runs["Bake bread"].Id, runs["Get flour"].ParentId);
        Assert.Equal("message/novel 1", Say(report.Unknown));
        Assert.EndsWith("opencode.db c3(1) is no JSON object", Assert.Single(report.SkippedLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_session_in_the_database_in_an_export_and_in_a_fork_of_it_is_imported_once()
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var folder = lab.Put("exports", "opencode/export-1.18.json");
        Directory.CreateDirectory(lab["data"]);
        lab.PutDatabase("data/opencode.db", "opencode/database-1.18.sql");
        await File.WriteAllTextAsync(lab["data/auth.json"], "not read");
        await File.WriteAllTextAsync(lab["exports/auth.json"], "not read");
        // A fork has copies of the messages, with ids of its own.
        var fork = (await File.ReadAllTextAsync(Path.Combine(folder, "export-1.18.json"))).Replace("ses_", "ses_fork_", StringComparison.Ordinal).Replace("msg_", "msg_fork_", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(folder, "fork.json"), fork);

        var report = await lab.Importer.ImportAsync(new ImportRequest { Source = ImportSource.OpenCode, Paths = [lab["data"], folder] }, null, CancellationToken.None);

        Assert.Equal((3, 2, 2, 0), (report.Files, report.Runs, report.Added, report.Skipped));
        Assert.Equal("copy in a branch or fork 8", Say(report.LeftOut));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_two_copies_of_a_run_in_one_import_the_longer_one_is_taken_and_counted_once(bool isDry)
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var folder = lab.Put("sessions", "codex/0.146.jsonl");
        var lines = await File.ReadAllLinesAsync(Path.Combine(folder, "0.146.jsonl"));
        await File.WriteAllLinesAsync(Path.Combine(folder, "0.000.jsonl"), lines.TakeWhile(l => !l.Contains("There is one file", StringComparison.Ordinal)));

        var report = await lab.Importer.ImportAsync(new ImportRequest { Source = ImportSource.Codex, Paths = [folder], DryRun = isDry }, null, CancellationToken.None);

        Assert.Equal((2, 2, 0, 0, 4), (report.Runs, report.Added, report.Updated, report.Known, report.Steps));
        Assert.Equal("copy in a branch or fork 1", Say(report.LeftOut));
        Assert.All(await lab.RunsAsync(), r => Assert.Equal(2, r.IterationCount));
    }

    [Fact]
    public async Task Runs_of_other_providers_models_are_metrics_until_the_settings_record_them()
    {
        await using var lab = await HistoryLab.OpenAsync();
        var path = Path.Combine(HistoryLab.Fixtures, "codex", "0.146.jsonl");

        var report = await lab.ImportAsync(ImportSource.Codex, path);
        var again = await lab.ImportAsync(ImportSource.Codex, path);

        Assert.Equal((2, 2, 2), (report.Added, report.MetricsOnly, again.Known));
        var run = (await lab.RunsAsync())[0];
        Assert.Equal((false, NotRecordedReason.ProviderNotRecorded, 2, 2, new TokenUsage(2007, 100, 800, 0, 40)), (run.HasContent, run.WhyNoContent, run.IterationCount, run.ToolCallsCount, run.TokenUsage));
        Assert.Equal(new RespondingModel("openai", "gpt-5-codex", 2), Assert.Single(run.AnsweredBy));
        Assert.Empty(await lab.Store.ReadStepsAsync(run.Id, CancellationToken.None));
        Assert.Equal((2, 0), await ImportClaudeAsync());

        var recorded = await lab.ImporterFor("anthropic", "openai").ImportAsync(new ImportRequest { Source = ImportSource.Codex, Paths = [path] }, null, CancellationToken.None);
        Assert.Equal((0, 2, 0), (recorded.Added, recorded.Updated, recorded.MetricsOnly));
        Assert.Equal((true, null, 2), ((await lab.RunsAsync()).Find(r => r.Id == run.Id)!.HasContent, (await lab.RunsAsync()).Find(r => r.Id == run.Id)!.WhyNoContent, (await lab.Store.ReadStepsAsync(run.Id, CancellationToken.None)).Count));

        // Claude is recorded, whichever agent it worked for.
        async Task<(int Added, int MetricsOnly)> ImportClaudeAsync()
        {
            var claude = await lab.ImportAsync(ImportSource.OpenCode, Path.Combine(HistoryLab.Fixtures, "opencode", "export-1.18.json"));
            return (claude.Added, claude.MetricsOnly);
        }
    }

    [Fact]
    public async Task A_run_that_continued_is_brought_up_to_date_and_keeps_its_batch_and_what_was_stated_of_it()
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var lines = await File.ReadAllLinesAsync(Path.Combine(HistoryLab.Fixtures, "codex", "0.146.jsonl"));
        var file = lab["rollout.jsonl"];
        await File.WriteAllLinesAsync(file, lines.TakeWhile(l => !l.Contains("There is one file", StringComparison.Ordinal)));
        await lab.ImportAsync(ImportSource.Codex, file, "first");
        var begun = Assert.Single(await lab.RunsAsync());
        await lab.Store.SaveAsync([new TrajectoryChange { Trajectory = begun with { Success = true, OutcomeSource = OutcomeSource.Human, StatedBy = "ann", Comment = "good" } }], CancellationToken.None);

        await File.WriteAllLinesAsync(file, lines);
        var report = await lab.ImportAsync(ImportSource.Codex, file, "second");

        var run = (await lab.RunsAsync())[0];
        Assert.Equal((1, 1, 1, 2), (report.Added, report.Updated, begun.IterationCount, run.IterationCount));
        Assert.Equal((true, OutcomeSource.Human, "ann", "good", "first"), (run.Success, run.OutcomeSource, run.StatedBy, run.Comment, run.ImportBatch));
        Assert.Equal(1, await lab.Store.UndoImportAsync("default", "second", CancellationToken.None));
        Assert.Equal(run.Id, Assert.Single(await lab.RunsAsync()).Id);
    }

    [Fact]
    public async Task A_fork_of_an_older_version_whose_turns_have_no_ids_is_not_imported_again()
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var folder = lab.Put("sessions", "codex/0.40.jsonl");
        var lines = await File.ReadAllLinesAsync(Path.Combine(folder, "0.40.jsonl"));
        await File.WriteAllLinesAsync(
            Path.Combine(folder, "rollout-fork.jsonl"),
            [
                """{"timestamp":"2026-12-02T08:00:00.000Z","type":"session_meta","payload":{"id":"00000000-0000-7000-8000-0000000000ff","timestamp":"2026-12-02T08:00:00.000Z","cwd":"/home/dev/reports","cli_version":"0.40.0"}}""",
                .. lines.Select(l => l.Replace("2026-12-01T13:33", "2026-12-02T08:00", StringComparison.Ordinal)),
                """{"timestamp":"2026-12-02T08:01:00.000Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"Delete it"}]}}""",
                """{"timestamp":"2026-12-02T08:01:00.000Z","type":"event_msg","payload":{"type":"user_message","message":"Delete it","kind":"plain"}}""",
                """{"timestamp":"2026-12-02T08:01:02.000Z","type":"response_item","payload":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Deleted."}]}}""",
            ]);

        var report = await lab.ImportAsync(ImportSource.Codex, folder);

        Assert.Equal(["Delete it", "List the files"], (await lab.RunsAsync()).Select(r => r.TaskDescription).Order(StringComparer.Ordinal));
        Assert.Equal("copy in a branch or fork 2", Say(report.LeftOut));
    }

    [Fact]
    public async Task An_undone_import_removes_what_it_added_and_nothing_else()
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        await lab.ImportAsync(ImportSource.GeminiCli, Path.Combine(HistoryLab.Fixtures, "gemini-cli", "0.38.json"), "first");
        var before = await lab.SayAsync();
        await lab.ImportAsync(ImportSource.Codex, Path.Combine(HistoryLab.Fixtures, "codex", "0.146.jsonl"), "second");
        await lab.ImportAsync(ImportSource.GeminiCli, Path.Combine(HistoryLab.Fixtures, "gemini-cli", "0.38.json"), "third");

        Assert.Equal([("second", 2), ("first", 2)], (await lab.Store.ListImportsAsync("default", CancellationToken.None)).Select(b => (b.Id, b.Trajectories)));
        Assert.Equal(0, await lab.Store.UndoImportAsync("other", "second", CancellationToken.None));
        Assert.Equal(2, await lab.Store.UndoImportAsync("default", "second", CancellationToken.None));
        Assert.Equal(before, await lab.SayAsync());
        Assert.Equal(2, (await lab.ImportAsync(ImportSource.Codex, Path.Combine(HistoryLab.Fixtures, "codex", "0.146.jsonl"), "fourth")).Added);
    }

    [Fact]
    public async Task Projects_are_listed_and_chosen_by_path_or_last_folder_and_by_time()
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var folder = lab.Put("codex/sessions", "codex/0.146.jsonl", "codex/bare-0.20.jsonl", "codex/threads/rollout-2026-05-01T09-00-00-00000000-0000-7000-8000-00000000000a.jsonl");
        var request = new ImportRequest { Source = ImportSource.Codex, Paths = [folder], DryRun = true };

        var projects = await lab.Importer.ListProjectsAsync([folder], ImportSource.Codex, CancellationToken.None);

        Assert.Equal([("/home/dev/reports", 2), ("/home/dev/shop", 1)], projects.Select(p => (p.Name, p.Conversations)).Order());
        Assert.Equal(2, await CountAsync(request with { Projects = ["shop"] }));
        Assert.Equal(4, await CountAsync(request with { Projects = ["/home/dev/reports/"] }));
        Assert.Equal(4, await CountAsync(request with { Excluded = ["SHOP"] }));
        Assert.Equal(2, await CountAsync(request with { Since = new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero) }));
        Assert.Equal(0, await CountAsync(request with { Projects = ["hop"] }));

        async Task<int> CountAsync(ImportRequest chosen) => (await lab.Importer.ImportAsync(chosen, null, CancellationToken.None)).Added;
    }

    [Theory]
    [InlineData("reports", ".project_root", "/home/dev/reports", "/home/dev/reports")]
    [InlineData("0dab83ed2eed1e1cf5d3dc8a6d5e1e2e9cb9c2d3", "../../projects.json", "{\"projects\":{\"/home/dev/reports\":\"reports\"}}", "f8d88c5f30eba14b4256f72b29947274396503162a636cf082b4830d8ec17751")]
    [InlineData("HASH", "../../projects.json", "{\"projects\":{\"/home/dev/shop\":\"shop\",\"/home/dev/reports\":\"reports\"}}", "/home/dev/reports")]
    [InlineData("HASH", "../../projects.json", "{", "f8d88c5f30eba14b4256f72b29947274396503162a636cf082b4830d8ec17751")]
    public async Task The_project_of_a_gemini_session_is_what_its_folder_or_the_list_of_projects_says(string folder, string file, string content, string expected)
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        folder = folder.Replace("HASH", Convert.ToHexStringLower(SHA256.HashData("/home/dev/reports"u8)), StringComparison.Ordinal);
        var chats = lab.Put($".gemini/tmp/{folder}/chats", "gemini-cli/0.38.json");
        File.Move(Path.Combine(chats, "0.38.json"), Path.Combine(chats, "session-1.json"));
        await File.WriteAllTextAsync(Path.Combine(lab[".gemini/tmp"], folder, file), content);

        Assert.Equal(expected, Assert.Single(await lab.Importer.ListProjectsAsync([lab[".gemini/tmp"]], ImportSource.GeminiCli, CancellationToken.None)).Name);
        Assert.Equal(2, (await lab.Importer.ImportAsync(new ImportRequest { Source = ImportSource.GeminiCli, Paths = [lab[".gemini/tmp"]], Projects = [expected] }, null, CancellationToken.None)).Added);
        Assert.Equal(expected.StartsWith('/') ? expected : null, (await lab.RunsAsync())[0].Project);
    }

    [Fact]
    public async Task Secrets_in_histories_are_redacted()
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var secret = "gh" + "p_" + new string('a', 16) + "B1c2D3e4F5g6H7i8J9k0";
        foreach (var (source, fixture) in new[] { (ImportSource.Codex, "codex/0.40.jsonl"), (ImportSource.GeminiCli, "gemini-cli/0.61.jsonl"), (ImportSource.OpenCode, "opencode/export-1.18.json") })
        {
            var file = lab[Path.GetFileName(fixture)];
            await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(Path.Combine(HistoryLab.Fixtures, fixture)))
                .Replace("List the files", "List with " + secret, StringComparison.Ordinal).Replace("There is one file", secret, StringComparison.Ordinal));
            Assert.True((await lab.ImportAsync(source, file)).Added > 0);
        }

        var said = await lab.SayAsync();
        Assert.Contains("[redacted]", said, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ImportSource.GeminiCli, "{\"messages\":[NESTED]}", "is nested deeper than 990 levels")]
    [InlineData(ImportSource.OpenCode, "{\"messages\":[NESTED]}", "is nested deeper than 990 levels")]
    [InlineData(ImportSource.GeminiCli, "LONG", "is longer than 64 MiB")]
    [InlineData(ImportSource.OpenCode, "LONG", "is longer than 64 MiB")]
    [InlineData(ImportSource.GeminiCli, "{\"messages\":[", "is no JSON object")]
    [InlineData(ImportSource.GeminiCli, "{\"other\":1}", "is no session of Gemini CLI")]
    [InlineData(ImportSource.OpenCode, "{\"other\":1}", "is no session of opencode")]
    [InlineData(ImportSource.OpenCode, "SQLite format 3\0 and no more", "cannot be read: ")]
    public async Task A_file_that_cannot_be_read_is_named_and_the_others_are_imported(ImportSource source, string content, string reason)
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var folder = lab.Put("chats", source == ImportSource.GeminiCli ? "gemini-cli/0.38.json" : "opencode/export-1.18.json");
        File.Move(Directory.GetFiles(folder)[0], Path.Combine(folder, "session-z.json"));
        var bad = Path.Combine(folder, content.StartsWith("SQLite", StringComparison.Ordinal) ? "broken.db" : "session-a.json");
        await File.WriteAllTextAsync(bad, content.Replace("NESTED", string.Concat(Enumerable.Repeat("[", 2_000)) + string.Concat(Enumerable.Repeat("]", 2_000)), StringComparison.Ordinal));
        if (content == "LONG")
        {
            await using var file = File.OpenWrite(bad);
            file.SetLength(65 << 20);
        }

        var report = await lab.ImportAsync(source, folder);

        Assert.Equal(2, report.Added);
        Assert.StartsWith($"{bad}(1) {reason}", report.SkippedLines[0], StringComparison.Ordinal);
    }

    private static string Number(string text, params int[] inputs)
    {
        for (var i = 0; i < 4; i++)
        {
            text = text.Replace($"[{(char)('A' + i)}/", string.Create(CultureInfo.InvariantCulture, $"[{(inputs.Length > 1 ? inputs[i] : inputs[0] + i)}/"), StringComparison.Ordinal);
        }

        return text;
    }

    private static string Say(SortedDictionary<string, int> counts) => string.Join(", ", counts.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key} {c.Value}")));
}
