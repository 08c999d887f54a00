using LlmProxy.Server.Cli;
using LlmProxy.Tests.Cli;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Tests.Import;

/// <summary>The verb <c>import</c> on the folders that agents keep, and the offer of <c>init</c>.</summary>
public sealed class ImportVerbTests : IDisposable
{
    private readonly TestFolder _folder = new();

    [Fact]
    public async Task Without_a_path_the_agents_own_folder_is_imported_by_project_and_in_a_pipe_a_choice_is_needed()
    {
        PutCodex();

        var unchosen = await RunAsync(null, "import", "--from", "codex");
        var unknown = await RunAsync(null, "import", "--from", "codex", "--project", "shopp");
        var chosen = await RunAsync(null, "import", "--from", "codex", "--project", "shop");
        var all = await RunAsync(null, "import", "--from", "codex", "--all", "--json");
        var none = await RunAsync(null, "import", "--from", "opencode", "--all");

        Assert.Equal((2, true, true), (unchosen.Code, unchosen.Error.Contains("--project NAME", StringComparison.Ordinal), unchosen.Error.Contains("1. /home/dev/reports: 1 conversation, last used ", StringComparison.Ordinal)));
        Assert.Equal((2, true), (unknown.Code, unknown.Error.StartsWith("No project shopp in ", StringComparison.Ordinal)));
        Assert.StartsWith("2 runs in 1 files: 2 added, 0 updated, 0 unchanged; 3 steps.\nMetrics only: 2, because LlmProxy:Recording:Providers does not name", chosen.Output, StringComparison.Ordinal);
        Assert.Equal((2, 2), (all.Json["added"]!.GetValue<int>(), all.Json["known"]!.GetValue<int>()));
        Assert.Equal((2, $"No history of opencode in {_folder["data/opencode"]}. Name the file or folder as PATH.\n"), (none.Code, none.Error));
        Assert.Equal(2, (await RunAsync(null, "import", "--from", "anthropic")).Code);
        Assert.Equal(2, (await RunAsync(null, "import")).Code);
    }

    [Theory]
    [InlineData("all\n", 4)]
    [InlineData("1\n", 2)]
    [InlineData("shop, 1\n", 4)]
    [InlineData("\n", 0)]
    public async Task On_a_terminal_a_person_chooses_the_projects(string answer, int added)
    {
        PutCodex();

        var chosen = await RunAsync(answer, "import", "--from", "codex");

        Assert.Equal(0, chosen.Code);
        Assert.Contains(added == 0 ? "Nothing was imported." : $"{added} added", chosen.Output, StringComparison.Ordinal);
        Assert.Equal(2, (await RunAsync("7\n", "import", "--from", "codex")).Code);
    }

    [Fact]
    public async Task An_import_is_undone_by_its_batch_after_a_question()
    {
        PutCodex();
        var first = (await RunAsync(null, "import", "--from", "codex", "--project", "shop", "--json")).Json["batch"]!.GetValue<string>();
        var second = (await RunAsync(null, "import", "--from", "codex", "--all", "--json")).Json["batch"]!.GetValue<string>();

        var unknown = await RunAsync(null, "import", "--undo", "nothing");
        var unasked = await RunAsync(null, "import", "--undo", second);
        var undone = await RunAsync("y\n", "import", "--undo", second[..^1]);
        var listed = (await RunAsync(null, "tasks", "list", "--json")).Output;

        Assert.Equal((2, true), (unknown.Code, unknown.Error.Contains($"  {first}: 2 runs", StringComparison.Ordinal)));
        Assert.Equal((1, true), (unasked.Code, unasked.Error.Contains("--yes", StringComparison.Ordinal)));
        Assert.StartsWith("2 runs deleted.", undone.Output, StringComparison.Ordinal);
        Assert.Contains("Find the slow query", listed, StringComparison.Ordinal);
        Assert.DoesNotContain("List the files", listed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watched_folder_is_imported_as_the_agent_writes_until_the_end()
    {
        PutCodex();
        using var output = new AwaitedWriter();
        using var error = new AwaitedWriter();
        using var stop = new CancellationTokenSource();

        var watching = CommandLine.RunAsync(["import", "--from", "codex", "--project", "reports", "--watch", .. _folder.Alone], new CliConsole(output, error, isTerminal: false), Agents, stop.Token);
        await error.SaidAsync("Watching ");
        await File.AppendAllLinesAsync(
            _folder["codex/sessions/2026/12/01/0.146.jsonl"],
            (await File.ReadAllLinesAsync(Path.Combine(HistoryLab.Fixtures, "codex", "0.146.jsonl"))).Skip(1).Select(l => l.Replace("01a231cf-a", "01a231cf-f", StringComparison.Ordinal).Replace("List the files", "List them again", StringComparison.Ordinal)));
        await output.SaidAsync("2 added, 0 updated, 2 unchanged");
        await stop.CancelAsync();

        Assert.Equal(0, await watching);
    }

    [Fact]
    public async Task Init_offers_what_agents_keep_says_what_was_learnt_and_how_to_connect()
    {
        PutCodex();
        var target = _folder["conf"];
        Directory.CreateDirectory(_folder["data/opencode"]);
        File.Copy(Path.Combine(HistoryLab.Fixtures, "opencode", "export-compacted.json"), _folder["data/opencode/one.json"]);

        var quiet = await RunAsync(null, "init", _folder["other"]);
        var asked = await RunAsync("n\ny\n", "init", target);

        Assert.DoesNotContain("import", quiet.Output, StringComparison.Ordinal);
        Assert.Equal(0, asked.Code);
        Assert.Contains("Import the runs of codex (2 conversations in 2 projects) from ", asked.Error, StringComparison.Ordinal);
        Assert.Contains("To import them later, or some projects: llmproxy import --from codex\n", asked.Output, StringComparison.Ordinal);
        Assert.Contains("2 runs in 1 files: 2 added", asked.Output, StringComparison.Ordinal);
        Assert.Contains("The latest tasks that were learnt:\n  Paint it (1 step, 1 tool call)\n  Build a tower (2 steps, 1 tool call)\n", asked.Output, StringComparison.Ordinal);
        Assert.Contains("With an API key, in ~/.codex/config.toml:", asked.Output, StringComparison.Ordinal);
        Assert.Contains("opencode, in opencode.json", asked.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("GOOGLE_GEMINI_BASE_URL", asked.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_follow_the_variables_of_the_agents()
    {
        var none = new AgentFolders("/home/dev", _ => null);
        var moved = new AgentFolders("/home/dev", name => name switch { "CODEX_HOME" => "/c", "GEMINI_CLI_HOME" => "/g", "XDG_DATA_HOME" => "/x", "OPENCODE_DB" => "/o/my.db", "CLAUDE_CONFIG_DIR" => "/a", _ => null });

        Assert.Equal(["/home/dev/.codex/sessions", "/home/dev/.codex/archived_sessions"], none.Candidates(ImportSource.Codex));
        Assert.Equal(["/home/dev/.gemini/tmp"], none.Candidates(ImportSource.GeminiCli));
        Assert.Equal(["/home/dev/.local/share/opencode"], none.Candidates(ImportSource.OpenCode));
        Assert.Equal(["/home/dev/.claude/projects"], none.Candidates(ImportSource.ClaudeCode));
        Assert.Equal(["/c/sessions", "/c/archived_sessions"], moved.Candidates(ImportSource.Codex));
        Assert.Equal(["/g/.gemini/tmp"], moved.Candidates(ImportSource.GeminiCli));
        Assert.Equal(["/o/my.db", "/x/opencode"], moved.Candidates(ImportSource.OpenCode));
        Assert.Equal(["/a/projects"], moved.Candidates(ImportSource.ClaudeCode));
    }

    public void Dispose() => _folder.Dispose();

    private AgentFolders Agents => new(_folder["home"], name => name switch { "CODEX_HOME" => _folder["codex"], "XDG_DATA_HOME" => _folder["data"], _ => null });

    private void PutCodex()
    {
        Directory.CreateDirectory(_folder["codex/sessions/2026/12/01"]);
        Directory.CreateDirectory(_folder["codex/archived_sessions"]);
        File.Copy(Path.Combine(HistoryLab.Fixtures, "codex", "0.146.jsonl"), _folder["codex/sessions/2026/12/01/0.146.jsonl"]);
        File.Copy(Path.Combine(HistoryLab.Fixtures, "codex", "threads", "rollout-2026-05-01T09-00-00-00000000-0000-7000-8000-00000000000a.jsonl"), _folder["codex/archived_sessions/a.jsonl"]);
        File.SetLastWriteTimeUtc(_folder["codex/archived_sessions/a.jsonl"], new DateTime(2026, 5, 1, 0, 0, 0, DateTimeKind.Utc));
    }

    /// <summary>Runs the program on a terminal where a person answers, or in a pipe.</summary>
    private async Task<Llmproxy.Outcome> RunAsync(string? answers, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var input = answers is null ? null : new StringReader(answers);
        var code = await CommandLine.RunAsync([.. arguments, .. _folder.Alone], new CliConsole(output, error, isTerminal: false, input), Agents, CancellationToken.None);
        return new Llmproxy.Outcome(code, output.ToString(), error.ToString());
    }

    /// <summary>Tells when a text has been written.</summary>
    private sealed class AwaitedWriter : StringWriter
    {
        private readonly Lock _lock = new();
        private (string Text, TaskCompletionSource Said)? _awaited;

        public Task SaidAsync(string text)
        {
            lock (_lock)
            {
                _awaited = (text, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                Look();
                return _awaited.Value.Said.Task;
            }
        }

        public override void Write(char value)
        {
            lock (_lock)
            {
                base.Write(value);
                Look();
            }
        }

        public override void Write(string? value)
        {
            lock (_lock)
            {
                base.Write(value);
                Look();
            }
        }

        public override void Write(char[] buffer, int index, int count)
        {
            lock (_lock)
            {
                base.Write(buffer, index, count);
                Look();
            }
        }

        private void Look()
        {
            if (_awaited is { } awaited && ToString().Contains(awaited.Text, StringComparison.Ordinal))
            {
                awaited.Said.TrySetResult();
            }
        }
    }
}
