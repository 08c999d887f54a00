using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Server.Cli;
using LlmProxy.Server.Cli.Hooks;
using LlmProxy.Server.Cli.Verbs;
using LlmProxy.Tests.Access;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

/// <summary>The hook of Claude Code, with events and transcripts as version 2.1.197 writes them.</summary>
[Collection(nameof(KeyVariableCollection))]
public sealed class HookVerbTests
{
    private const string Session = "88551adc-e984-4c6a-a1a8-659217362011";
    private static readonly string Caller = "llmp-" + "caller";

    [Theory]
    [InlineData("Stop")]
    [InlineData("SessionEnd")]
    public async Task The_last_turns_results_reach_the_sessions_task_as_evidence(string name)
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy, headers: [("x-claude-code-session-id", Session)]);
        var before = (double)(await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}"))["successProbability"]!;

        var hook = await RunAsync(proxy, Event(folder, name, [Prompt("Run the tests"), Call("toolu_01", "Bash"), Result("toolu_01", "== 12 passed in 0.1s =="), .. End]));
        var run = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}");

        Assert.Equal((0, "", ""), (hook.Code, hook.Output, hook.Error));
        Assert.Equal(("inferred", null), ((string?)run["outcomeSource"], (bool?)run["success"]));
        Assert.True((double)run["successProbability"]! > before);
        Assert.Contains("== 12 passed in 0.1s ==", run["evidence"]!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_callers_key_is_enough()
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync(null, KeyTests.Key(0, "dev", Caller, "acme", admin: false));
        var id = await ApiTestRuns.PlayAsync(proxy, headers: [("x-claude-code-session-id", Session), ("LlmProxy-Key", Caller)]);
        Environment.SetEnvironmentVariable(ApiConnection.KeyVariable, Caller);
        try
        {
            await RunAsync(proxy, Event(folder, "Stop", [Prompt("Run the tests"), Call("toolu_01", "Bash"), Result("toolu_01", "Exit code 1\n3 failed")]));
        }
        finally
        {
            Environment.SetEnvironmentVariable(ApiConnection.KeyVariable, null);
        }

        Assert.Contains((await proxy.Store.FindTaskAsync("acme", id, CancellationToken.None))!.Evidence, e => e.Text.Contains("Exit code 1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_sub_agents_event_sends_nothing()
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy, headers: [("x-claude-code-session-id", Session)]);
        var before = (await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}")).ToJsonString();

        var hook = await RunAsync(proxy, Event(folder, "SubagentStop", [Prompt("Run the tests"), Call("toolu_01", "Bash"), Result("toolu_01", "3 failed")]), "--verbose");

        Assert.Equal((0, ""), (hook.Code, hook.Output));
        Assert.Contains("SubagentStop does not end a turn", hook.Error, StringComparison.Ordinal);
        Assert.Equal(before, (await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}")).ToJsonString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("no json")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"session_id":7,"transcript_path":"x"}""")]
    [InlineData("""{"session_id":"\ud800","transcript_path":"x","hook_event_name":"Stop"}""")]
    [InlineData("""{"session_id":"s","transcript_path":"/no/such/file.jsonl","hook_event_name":"Stop"}""")]
    [InlineData("""{"session_id":"s","transcript_path":"/","hook_event_name":"Stop"}""")]
    [InlineData("""{"session_id":"s","transcript_path":"a\u0000b","hook_event_name":"Stop"}""")]
    public async Task Any_input_ends_with_0_and_silence(string input)
    {
        using var folder = new TestFolder();

        var quiet = await Llmproxy.RunPipedAsync(new StringReader(input), [.. folder.Alone, "hook", "claude-code"]);
        var verbose = await Llmproxy.RunPipedAsync(new StringReader(input), [.. folder.Alone, "hook", "claude-code", "--verbose"]);

        Assert.Equal((0, "", ""), (quiet.Code, quiet.Output, quiet.Error));
        Assert.Equal((0, ""), (verbose.Code, verbose.Output));
        Assert.StartsWith("Nothing was sent: ", verbose.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--config", "/no/such/proxy.json")]
    [InlineData("--urls", "nonsense")]
    [InlineData("--set", "nonsense")]
    [InlineData("--no-such-option")]
    [InlineData("--LlmProxy:Recording:Enabled")]
    public async Task Wrong_options_never_tell_the_agent_to_go_on(params string[] options)
    {
        using var folder = new TestFolder();

        // Claude Code takes 2 as the hook's order to go on working.
        Assert.Equal(0, (await Llmproxy.RunPipedAsync(new StringReader(Event(folder, "Stop", End)), ["hook", "claude-code", .. options])).Code);
    }

    [Fact]
    public async Task Without_a_server_or_a_known_session_nothing_happens()
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync();

        var alone = await Llmproxy.RunPipedAsync(new StringReader(Event(folder, "Stop", End)), [.. folder.Alone, "hook", "claude-code"]);
        var unknown = await RunAsync(proxy, Event(folder, "Stop", End), "--verbose");

        Assert.Equal((0, "", ""), (alone.Code, alone.Output, alone.Error));
        Assert.False(File.Exists(folder["llmproxy.db"]));
        Assert.Contains($"No task with id 'session:{Session}'", unknown.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_input_that_never_ends_is_given_up()
    {
        using var folder = new TestFolder();
        using var never = new EndlessReader();

        var hook = await Llmproxy.RunPipedAsync(never, [.. folder.Alone, "hook", "claude-code", "--verbose"]);

        Assert.Equal(0, hook.Code);
        Assert.Contains("longer than 2 s", hook.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_transcript_yields_the_results_of_the_last_turn_alone()
    {
        var evidence = ClaudeCodeTranscript.Read(
        [
            Prompt("Fix it"), Call("toolu_01", "Bash"), Result("toolu_01", "7 failed"), .. End,
            Prompt("Again"),
            Call("toolu_02", "Read"), Result("toolu_02", "9 failed"),
            """{"type":"user","isSidechain":true,"message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_09","content":"8 failed"}]}}""",
            Call("toolu_03", "Bash"), Result("toolu_03", "1 failed, 3 passed"),
            """{"type":"user","isMeta":true,"message":{"role":"user","content":"<local-command-caveat>"}}""",
            Call("toolu_04", "Bash"), """{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_04","content":[{"type":"text","text":"Passed: 4"}]}]}}""",
            .. End,
            """{"type":"last-prompt","lastPrompt":"Again"}""",
            "",
            """{"type":"user","message":{"role":"us""",
        ]);

        Assert.Equal([(false, "1 failed, 3 passed"), (true, "Passed: 4")], evidence.Verifications!.Select(v => (v.Passed, v.Quote)));
        Assert.False(evidence.IsInterrupted);
    }

    [Fact]
    public void An_interruption_counts_until_the_next_turn()
    {
        var interruption = """{"type":"user","message":{"role":"user","content":[{"type":"text","text":"[Request interrupted by user for tool use]"}]}}""";

        Assert.True(ClaudeCodeTranscript.Read([Prompt("Fix it"), Call("toolu_01", "Bash"), Result("toolu_01", "7 failed"), interruption]).IsInterrupted);
        Assert.False(ClaudeCodeTranscript.Read([Prompt("Fix it"), interruption, Prompt("Again"), .. End]).IsInterrupted);
    }

    [Fact]
    public async Task Of_a_long_transcript_the_end_is_read()
    {
        using var folder = new TestFolder();
        var filler = Enumerable.Repeat(Result("toolu_00", new string('x', 1000)), 3000);
        await File.WriteAllLinesAsync(folder["long.jsonl"], [Prompt("Run the tests"), Call("toolu_01", "Bash"), Result("toolu_01", "7 failed"), .. filler, Call("toolu_02", "Bash"), Result("toolu_02", "7 passed")]);

        var evidence = await ClaudeCodeTranscript.ReadAsync(folder["long.jsonl"], CancellationToken.None);

        Assert.Equal("7 passed", Assert.Single(evidence.Verifications!).Quote);
    }

    [Theory]
    [InlineData("Stop")]
    [InlineData("SessionEnd")]
    public void Connect_prints_the_hook_as_json(string name)
    {
        var line = ConnectVerb.Text("claude-code", "http://localhost:8080", hasKeys: false).Split('\n').Single(l => l.Contains("SessionEnd\":", StringComparison.Ordinal));
        using var settings = JsonDocument.Parse(line);

        Assert.Equal("llmproxy hook claude-code --urls http://localhost:8080", settings.RootElement.GetProperty("hooks").GetProperty(name)[0].GetProperty("hooks")[0].GetProperty("command").GetString());
    }

    [Theory]
    [InlineData("claude-code", "commands")]
    [InlineData("codex", "prompts")]
    public async Task Connect_installs_the_command_and_never_overwrites_another(string client, string place)
    {
        using var folder = new TestFolder();
        var file = Path.Combine(folder["conf"], place, "llmproxy-outcome.md");

        var first = await Llmproxy.RunAsync("connect", client, "--install-command", folder["conf"], "--urls", "http://127.0.0.1:8085");
        var again = await Llmproxy.RunAsync("connect", client, "--install-command", folder["conf"], "--urls", "http://127.0.0.1:8085");
        var text = await File.ReadAllTextAsync(file);
        await File.WriteAllTextAsync(file, "mine");
        var refused = await Llmproxy.RunAsync("connect", client, "--install-command", folder["conf"], "--urls", "http://127.0.0.1:8085");

        Assert.Equal((0, 0, 1), (first.Code, again.Code, refused.Code));
        Assert.Contains(file, first.Output, StringComparison.Ordinal);
        Assert.StartsWith("---\ndescription: ", text, StringComparison.Ordinal);
        Assert.Contains("llmproxy tasks outcome ", text, StringComparison.Ordinal);
        Assert.Contains(" --ended --answer ", text, StringComparison.Ordinal);
        Assert.Contains("--urls http://localhost:8085", text, StringComparison.Ordinal);
        Assert.Contains(file, refused.Error, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(file));
    }

    [Fact]
    public async Task Connect_installs_no_command_for_a_client_without_them()
    {
        using var folder = new TestFolder();

        Assert.Equal(2, (await Llmproxy.RunAsync("connect", "sdk", "--install-command", folder["conf"])).Code);
        Assert.False(Directory.Exists(folder["conf"]));
    }

    private static string[] End => ["""{"type":"assistant","isSidechain":false,"message":{"role":"assistant","content":[{"type":"text","text":"All tests pass."}]}}"""];

    private static string Prompt(string text) => $$$"""{"parentUuid":null,"isSidechain":false,"type":"user","message":{"role":"user","content":"{{{text}}}"},"sessionId":"{{{Session}}}","version":"2.1.197"}""";

    private static string Call(string id, string tool) => $$$"""{"isSidechain":false,"type":"assistant","message":{"role":"assistant","content":[{"type":"tool_use","id":"{{{id}}}","name":"{{{tool}}}","input":{}}]}}""";

    private static string Result(string id, string text) => new JsonObject
    {
        ["isSidechain"] = false,
        ["type"] = "user",
        ["message"] = new JsonObject { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["tool_use_id"] = id, ["type"] = "tool_result", ["content"] = text, ["is_error"] = false }) },
        ["toolUseResult"] = new JsonObject { ["stdout"] = text, ["interrupted"] = false },
    }.ToJsonString();

    /// <summary>An event, with its transcript in the folder.</summary>
    private static string Event(TestFolder folder, string name, IEnumerable<string> transcript)
    {
        File.WriteAllLines(folder["transcript.jsonl"], transcript);
        return new JsonObject
        {
            ["session_id"] = Session,
            ["transcript_path"] = folder["transcript.jsonl"],
            ["cwd"] = folder.Path,
            ["permission_mode"] = "default",
            ["hook_event_name"] = name,
            ["stop_hook_active"] = false,
            ["last_assistant_message"] = "All tests pass.",
        }.ToJsonString();
    }

    private static Task<Llmproxy.Outcome> RunAsync(RunningProxy proxy, string input, params string[] options) =>
        Llmproxy.RunPipedAsync(new StringReader(input), [$"--LlmProxy:Recording:Spool:Directory={Path.Combine(proxy.Folder, "data", "spool")}", "hook", "claude-code", .. options, "--urls", proxy.Address.ToString()]);

    /// <summary>A pipe that the client leaves open.</summary>
    private sealed class EndlessReader : TextReader
    {
        private readonly TaskCompletionSource<string> _never = new();

        public override Task<string> ReadToEndAsync(CancellationToken cancellationToken) => _never.Task;
    }
}
