using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Server.Cli;
using LlmProxy.Server.Cli.Evaluation;
using LlmProxy.Tests.Access;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

/// <summary><c>evaluate</c> with agents that are shell scripts, and a model that is planted to succeed more often with examples.</summary>
public sealed class EvaluateVerbTests
{
    private const string Known = "Find the September invoice in the supplier's web shop and save it to the invoices folder";
    private const string Solved = "grep -q SOLVED answer.json";

    // One call, and a second one if the first solved nothing.
    private const string Agent = """curl -sS -d @first.json "$OPENAI_BASE_URL/chat/completions" -o answer.json; grep -q SOLVED answer.json || curl -sS -d @second.json "$OPENAI_BASE_URL/chat/completions" -o answer.json""";

    [Fact]
    public async Task Figures_of_both_arms_equal_what_was_planted()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await LongRun.RecordClaudeAsync(proxy, Known);
        Plant(proxy, withExamples: 10, without: 4);
        using var folder = new TestFolder();

        var outcome = await EvaluateAsync(proxy, folder, 12, Agent, "--check", Solved, "--json");

        Assert.True(outcome.Code == 0, outcome.Error);
        var report = JsonNode.Parse(outcome.Output)!;
        var (none, examples) = (report["arms"]![0]!, report["arms"]![1]!);
        Assert.Equal(("none", 12, 4, 0), ((string?)none["arm"], (int)none["runs"]!, (int)none["successes"]!, (int)none["runsWithExamples"]!));
        Assert.Equal(("examples", 12, 10, 12), ((string?)examples["arm"], (int)examples["runs"]!, (int)examples["successes"]!, (int)examples["runsWithExamples"]!));
        Assert.Equal((20.0 / 12, 14.0 / 12), ((double)none["meanSteps"]!, (double)examples["meanSteps"]!));
        Assert.Equal((20 * 120.0 / 12, 14 * 320.0 / 12), ((double)none["meanTokens"]!, (double)examples["meanTokens"]!));

        // gpt-4o: 2.5 and 10 USD per million tokens.
        Assert.Equal(20 * ((100 * 2.5) + (20 * 10)) / 1e6 / 12, (double)none["meanCostUsd"]!, 9);

        var difference = Assert.Single(report["differences"]!.AsArray())!;
        Assert.Equal(("examples", "none", 12, 0.5), ((string?)difference["arm"], (string?)difference["against"], (int)difference["tasks"]!, Math.Round((double)difference["success"]!["value"]!, 9)));
        Assert.InRange((double)difference["success"]!["low"]!, 0.1, 0.35);
        Assert.InRange((double)difference["success"]!["high"]!, 0.6, 0.8);
        Assert.Equal(-0.5, (double)difference["steps"]!["value"]!, 9);
        Assert.InRange((double)difference["steps"]!["high"]!, -0.35, -0.1);
        Assert.Empty(report["notes"]!.AsArray());

        // What CI stated is in the store, each run as a task of its own.
        foreach (var run in report["runs"]!.AsArray())
        {
            var trajectory = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{run!["trajectoryId"]}");
            Assert.Equal(("ci", (string?)run["result"] == "succeeded"), ((string?)trajectory["outcomeSource"], (bool)trajectory["success"]!));
        }

        Assert.Equal(24, report["runs"]!.AsArray().Select(run => (string?)run!["taskId"]).Distinct().Count());
        Assert.All(proxy.Upstream.Received, request => Assert.DoesNotContain(request.Headers.Keys, name => name.StartsWith("LlmProxy-", StringComparison.OrdinalIgnoreCase)));
        Assert.Contains("[24/24] ", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_table_for_people_names_arms_intervals_and_the_difference()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await LongRun.RecordClaudeAsync(proxy, Known);
        Plant(proxy, withExamples: 2, without: 1);
        using var folder = new TestFolder();

        var outcome = await EvaluateAsync(proxy, folder, 2, Agent, "--check", Solved, "--repeat", "2");

        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.StartsWith("gpt-4o: 8 of 8 runs\n", outcome.Output, StringComparison.Ordinal);
        Assert.Matches(@"none +4 +50 % +\d+(\.\d)? % to \d+(\.\d)? % +1\.5 +180 +\$0\.\d+ +0", outcome.Output);
        Assert.Matches(@"examples +4 +100 % +\d+(\.\d)? % to 100 % +1 +320 +\$0\.\d+ +4", outcome.Output);
        Assert.Matches(@"examples against none, paired over 2 tasks, 90 % intervals:\n  success  \+50 points, [+-]\d+(\.\d)? points to \+\d+(\.\d)? points\n  steps    -0\.5, -1 to 0\n  tokens   \+140, ", outcome.Output);
    }

    [Fact]
    public async Task A_check_that_fails_is_a_failure_and_one_that_is_missing_is_named()
    {
        await using var proxy = await RunningProxy.StartAsync();
        Plant(proxy, withExamples: 9, without: 9);
        using var folder = new TestFolder();

        var outcome = await EvaluateAsync(proxy, folder, 2, Agent, "--check", "no-such-check-here", "--arms", "none", "--json");

        var report = JsonNode.Parse(outcome.Output)!;
        var arm = Assert.Single(report["arms"]!.AsArray())!;
        Assert.Equal((0, 2, 0, 0.0), (outcome.Code, (int)arm["runs"]!, (int)arm["successes"]!, (double)arm["successRate"]!["low"]!));
        Assert.InRange((double)arm["successRate"]!["high"]!, 0.3, 0.8);
        Assert.Contains("126 or 127 in 2 runs", Assert.Single(report["notes"]!.AsArray())!.ToString(), StringComparison.Ordinal);
        Assert.Empty(report["differences"]!.AsArray());
    }

    [Fact]
    public async Task A_hanging_agent_and_its_children_are_stopped_at_the_time_limit()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var child = Hang(proxy);
        using var folder = new TestFolder();

        var outcome = await EvaluateAsync(proxy, folder, 1, HangingAgent(proxy), "--check", "true", "--arms", "none", "--timeout", "5", "--json");

        await child.Ended.Task.WaitAsync(TimeSpan.FromSeconds(60));
        var run = Assert.Single(JsonNode.Parse(outcome.Output)!["runs"]!.AsArray())!;
        Assert.Equal((0, "timeout"), (outcome.Code, (string?)run["result"]));
        var trajectory = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{run["trajectoryId"]}");
        Assert.Equal((false, "ci"), ((bool)trajectory["success"]!, (string?)trajectory["outcomeSource"]));
        Assert.Contains("stopped after 5 s", (string?)trajectory["comment"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_interruption_stops_the_agent_and_prints_the_runs_that_ended()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var child = Hang(proxy);
        using var folder = new TestFolder();
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var interrupted = new CancellationTokenSource();

        // The first run ends; the second one hangs.
        var agent = $"if mkdir {folder["once"]} 2>/dev/null; then {Agent}; else {HangingAgent(proxy)}; fi";
        var running = CommandLine.RunAsync(Arguments(proxy, folder, 3, agent, "--check", "true", "--arms", "none", "--json"), new CliConsole(output, error, isTerminal: false), interrupted.Token);
        await child.Began.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await interrupted.CancelAsync();

        Assert.Equal(1, await running);
        await child.Ended.Task.WaitAsync(TimeSpan.FromSeconds(60));
        var report = JsonNode.Parse(output.ToString())!;
        Assert.Equal((false, 3, 1), ((bool)report["complete"]!, (int)report["planned"]!, report["runs"]!.AsArray().Count));
        Assert.Equal("Interrupted after 1 of 3 runs.", (string?)report["notes"]![0]);
    }

    [Fact]
    public async Task An_agent_that_cannot_start_or_reaches_another_server_is_named_with_the_fix()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var folder = new TestFolder();
        var file = Tasks(folder, 2);

        var missing = await Llmproxy.RunAsync(proxy, "evaluate", "--tasks", file, "--model", "gpt-4o", "--check", "true", "--arms", "none", "--", "no-such-agent-here");
        var elsewhere = await EvaluateAsync(proxy, folder, 2, "echo I use my own address >&2; exit 3", "--check", "true", "--arms", "none");

        Assert.Equal((1, 1, ""), (missing.Code, elsewhere.Code, elsewhere.Output));
        Assert.Contains("Cannot start no-such-agent-here", missing.Error, StringComparison.Ordinal);
        Assert.Contains("absolute path", missing.Error, StringComparison.Ordinal);
        Assert.Contains("it exited with 3", elsewhere.Error, StringComparison.Ordinal);
        Assert.Contains("OPENAI_BASE_URL", elsewhere.Error, StringComparison.Ordinal);
        Assert.Contains("I use my own address", elsewhere.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_agent_gets_the_task_in_each_form_and_a_directory_of_its_own()
    {
        await using var proxy = await RunningProxy.StartAsync();
        Plant(proxy, withExamples: 9, without: 9);
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder["seed/sub"]);
        await File.WriteAllTextAsync(folder["seed/sub/a.txt"], "from the directory");
        await File.WriteAllTextAsync(folder["tasks.jsonl"], Line("one", "say \"it's\" $HOME", new { directory = "seed" }));
        var check = $"""test "$(cat seen)" = "$LLMPROXY_EVALUATE_TASK|$LLMPROXY_EVALUATE_TASK|gpt-4o|gpt-4o|from the directory" """;

        var placed = await Llmproxy.RunAsync(proxy, Verb(folder, check, "sh", "-c", Agent + """; printf '%s|%s|%s|%s|%s' "$1" "$LLMPROXY_EVALUATE_TASK" "$2" "$OPENAI_MODEL" "$(cat sub/a.txt)" > seen""", "agent", "{task}", "{model}"));
        var last = await Llmproxy.RunAsync(proxy, Verb(folder, check, "sh", "-c", Agent + """; printf '%s|%s|%s|%s|%s' "$2" "$LLMPROXY_EVALUATE_TASK" "$1" "$OPENAI_MODEL" "$(cat sub/a.txt)" > seen""", "agent", "{model}"));

        Assert.Equal((1, 1), (Successes(placed), Successes(last)));
        Assert.Empty(Directory.GetFileSystemEntries(folder["seed"], "seen"));

        static int Successes(Llmproxy.Outcome outcome) => (int)JsonNode.Parse(outcome.Output)!["arms"]![0]!["successes"]!;
        static string[] Verb(TestFolder folder, string check, params string[] agent) => ["evaluate", "--tasks", folder["tasks.jsonl"], "--model", "gpt-4o", "--check", check, "--arms", "none", "--json", "--", .. agent];
    }

    [Theory]
    [InlineData("{\"id\":\"a\",\"task\":\"x\"}", "check is missing")]
    [InlineData("{\"id\":\"a\",\"task\":\"x\",\"check\":\"true\"}\n\n{\"id\":\"a\",\"task\":\"x\",\"check\":\"true\"}", "(3): the id \"a\" is used twice")]
    [InlineData("{\"task\":\"x\",\"check\":\"true\"}", "id is missing")]
    [InlineData("{\"id\":\"a\",\"check\":\"true\"}", "task is missing")]
    [InlineData("{\"id\":\"a\",\"task\":\"x\",\"checks\":\"true\"}", "Members are id, task, check, files and directory")]
    [InlineData("not json", "(1): not a task")]
    [InlineData("null", "null is no task")]
    [InlineData("{\"id\":\"a\",\"task\":\"x\",\"check\":\"true\",\"files\":{\"../x\":\"\"}}", "\"../x\" of files")]
    [InlineData("{\"id\":\"a\",\"task\":\"x\",\"check\":\"true\",\"files\":{\"/etc/x\":\"\"}}", "\"/etc/x\" of files")]
    [InlineData("{\"id\":\"a\",\"task\":\"x\",\"check\":\"true\",\"files\":{\"b\":null}}", "\"b\" of files")]
    [InlineData("{\"id\":\"a\",\"task\":\"x\",\"check\":\"true\",\"files\":null}", "files is null")]
    [InlineData("{\"id\":\"a\",\"task\":\"x\",\"check\":\"true\",\"directory\":\"none-here\"}", "none-here does not exist")]
    [InlineData("\n", "contains no task")]
    public async Task A_wrong_task_is_named_with_its_line_before_anything_runs(string text, string problem)
    {
        using var folder = new TestFolder();
        await File.WriteAllTextAsync(folder["tasks.jsonl"], text);

        var outcome = await Llmproxy.RunAsync(["evaluate", .. folder.Alone, "--tasks", folder["tasks.jsonl"], "--model", "m", "--", "true"]);

        Assert.Equal(2, outcome.Code);
        Assert.Contains(problem, outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("No proxy is running")]
    [InlineData("The proxy shows no examples", "LlmProxy:FewShot:Enabled=false")]
    [InlineData("The proxy records nothing", "LlmProxy:Recording:Enabled=false")]
    [InlineData("An experiment is running", "LlmProxy:Experiments:Enabled=true")]
    public async Task A_proxy_that_cannot_measure_the_arms_is_named_with_the_fix(string problem, string? setting = null)
    {
        using var folder = new TestFolder();
        var file = Tasks(folder, 1);
        string[] verb = ["evaluate", "--tasks", file, "--model", "m", "--check", "true", "--", "true"];
        Llmproxy.Outcome outcome;
        if (setting is null)
        {
            outcome = await Llmproxy.RunAsync([.. folder.Alone, .. verb]);
        }
        else
        {
            await using var proxy = await RunningProxy.StartAsync(null, (setting[..setting.IndexOf('=', StringComparison.Ordinal)], setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..]));
            outcome = await Llmproxy.RunAsync(proxy, verb);
        }

        Assert.Equal(1, outcome.Code);
        Assert.Contains(problem, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_arm_is_first_equally_often_and_a_seed_gives_one_order()
    {
        var tasks = Enumerable.Range(0, 10).Select(i => new EvaluationTask { Id = $"{i}", Task = "x" }).ToList();
        var plan = new EvaluationPlan(tasks, EvaluationArm.Parse("none,examples"), "m", ["a"], 3, TimeSpan.FromSeconds(1), 7);

        var order = plan.Order().ToList();

        Assert.Equal(order, plan.Order());
        Assert.NotEqual(order, (plan with { Seed = 8 }).Order());
        Assert.Equal(60, order.Distinct().Count());
        Assert.Equal(15, order.Where((_, i) => i % 2 == 0).Count(run => run.Arm.Name == "none"));
        Assert.All(order.Chunk(2), pair => Assert.Equal((pair[0].Task, pair[0].Repeat), (pair[1].Task, pair[1].Repeat)));
    }

    [Theory]
    [InlineData("Host: attacker.example", 403)]
    [InlineData("Host: 127.0.0.1\r\nOrigin: https://attacker.example", 403)]
    [InlineData("Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site", 403)]
    [InlineData("Host: 127.0.0.1\r\nOrigin: null", 403)]
    [InlineData("Host: 127.0.0.1", 200)]
    [InlineData("Host: localhost:1234", 200)]
    public async Task A_web_page_cannot_spend_the_key_that_the_arms_address_adds(string headers, int status)
    {
        // With keys the proxy leaves pages to the key, which a page does not have.
        const string Key = "key-of-the-evaluation";
        await using var proxy = await RunningProxy.StartAsync(null, KeyTests.Key(0, "alice", Key, "default", admin: false));
        Plant(proxy, 9, 9);
        await using var relay = await ArmRelay.StartAsync(proxy.Address, new Dictionary<string, string>(StringComparer.Ordinal) { ["LlmProxy-Key"] = Key }, CancellationToken.None);
        const string Body = """{"model":"gpt-4o","messages":[{"role":"user","content":"Solve it, case a"}]}""";

        var answer = await proxy.SendRawAsync($"POST /openai/v1/chat/completions HTTP/1.1\r\n{headers}\r\nContent-Type: text/plain\r\nContent-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}", new Uri(relay.Address).Port);

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Equal(status == 200 ? 1 : 0, proxy.Upstream.Received.Count);
    }

    /// <summary>A model that solves the first cases, and more of them if its prompt holds an example.</summary>
    private static void Plant(RunningProxy proxy, int withExamples, int without) => proxy.Upstream.Answer = (context, request) =>
    {
        var hasExample = request.Text.Contains("recorded_run", StringComparison.Ordinal);
        var number = request.Text.IndexOf(", case ", StringComparison.Ordinal) is >= 0 and var at ? request.Text[at + 7] - 'a' : 0;
        var said = number < (hasExample ? withExamples : without) ? "SOLVED" : "I found nothing.";
        var input = hasExample ? 300 : 100;
        var body = $$$"""{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"{{{said}}}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":{{{input}}},"completion_tokens":20,"total_tokens":{{{input + 20}}}}}""";
        return ScriptedUpstream.WriteAsync(context, body, 200, "application/json");
    };

    private static (TaskCompletionSource Began, TaskCompletionSource Ended) Hang(RunningProxy proxy)
    {
        Plant(proxy, 9, 9);
        var planted = proxy.Upstream.Answer;
        var (began, ended) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        proxy.Upstream.Answer = async (context, request) =>
        {
            if (request.Target != "/hang")
            {
                await planted(context, request);
                return;
            }

            using var aborted = context.RequestAborted.Register(ended.SetResult);
            began.SetResult();
            await ended.Task;
        };
        return (began, ended);
    }

    /// <summary>Its child holds a connection to the upstream, which ends with the child.</summary>
    private static string HangingAgent(RunningProxy proxy) => $"{Agent}; sh -c 'curl -sS {new Uri(proxy.Upstream.Address, "/hang")}; true'; true";

    private static Task<Llmproxy.Outcome> EvaluateAsync(RunningProxy proxy, TestFolder folder, int tasks, string agent, params string[] options) =>
        Llmproxy.RunAsync(Arguments(proxy, folder, tasks, agent, options));

    private static string[] Arguments(RunningProxy proxy, TestFolder folder, int tasks, string agent, params string[] options) =>
    [
        $"--LlmProxy:Recording:Spool:Directory={Path.Combine(proxy.Folder, "data", "spool")}", "--urls", proxy.Address.ToString(),
        "evaluate", "--tasks", Tasks(folder, tasks), "--model", "gpt-4o", .. options, "--", "/bin/sh", "-c", agent,
    ];

    private static string Tasks(TestFolder folder, int count)
    {
        File.WriteAllLines(folder["tasks.jsonl"], Enumerable.Range(0, count).Select(i => Line($"task-{i}", $"{Known.Replace("September", "October", StringComparison.Ordinal)}, case {(char)('a' + i)}", null)));
        return folder["tasks.jsonl"];
    }

    private static string Line(string id, string task, object? more)
    {
        var run = new LongRun("chat", "gpt-4o", task);
        var line = JsonSerializer.SerializeToNode(more ?? new { })!.AsObject();
        line["id"] = id;
        line["task"] = task;
        line["files"] = new JsonObject { ["first.json"] = run.Request(1, "You operate a desktop."), ["second.json"] = run.Request(2, "You operate a desktop.") };
        return line.ToJsonString();
    }
}
