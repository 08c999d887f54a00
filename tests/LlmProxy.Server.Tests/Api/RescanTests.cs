using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Access;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Api;

/// <summary>Taking secrets out of what was recorded without redaction.</summary>
public sealed class RescanTests : IDisposable
{
    // Assembled here, so that no scanner takes this file for a leak.
    private static readonly string Secret = string.Concat("gh", "p_", "k7Qz0mXw2LtB9cRfVd4H", "sNy6TjUe1aPgOi8K");

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Stored_secrets_of_a_task_under_way_are_redacted_and_its_next_call_continues_it()
    {
        string task;
        await using (var raw = await StartAsync(("LlmProxy:Recording:Redaction:Enabled", "false")))
        {
            task = await ApiTestRuns.PlayAsync(raw, $"Use {Secret} to log in");
            Assert.NotEqual(0, CountOnDisk());
        }

        await using var proxy = await StartAsync();
        // The recorder and the correlator know the task when the rescan comes.
        await ContinueAsync(proxy, task, "and then");
        using var dry = await proxy.PostAsync("/_llmproxy/redaction/rescan", """{"dryRun":true}""");
        using var done = await proxy.PostAsync("/_llmproxy/redaction/rescan", "{}");
        await ContinueAsync(proxy, task, "and after that");

        var (planned, result) = (await dry.JsonAsync(), await done.JsonAsync());
        Assert.True((long)result["secrets"]!["github-token"]! > 0, result.ToJsonString());
        Assert.Equal(planned["rows"]!.ToJsonString(), result["rows"]!.ToJsonString());
        var run = await proxy.GetJsonAsync("/_llmproxy/trajectories/" + task);
        Assert.Matches(@"^Use \[redacted:github-token:[0-9a-f]{8}\] to log in$", (string?)run["taskDescription"]);
        Assert.Equal(4, run["steps"]!.AsArray().Count);
        Assert.Single((await proxy.GetJsonAsync("/_llmproxy/trajectories"))["items"]!.AsArray());
        var steps = await proxy.ReadStepsAsync((await proxy.Store.FindTaskAsync("default", task, default))!);
        Assert.All(steps, step => Assert.NotEmpty(step.Messages));
        // The third call was compared with raw texts and brought its history again; the fourth found it as it is stored now.
        Assert.Equal([1, 1, 5, 1], steps.Select(step => step.Messages.Count));
        var audit = Assert.Single((await proxy.GetJsonAsync("/_llmproxy/audit"))["items"]!.AsArray())!;
        Assert.Equal(("redact", "local"), ((string?)audit["action"], (string?)audit["actor"]));
        Assert.True((long)audit["counts"]!["secrets"]! > 0);
        await proxy.Store.EraseDeletedAsync(default);
        Assert.Equal(0, CountOnDisk());
    }

    [Fact]
    public async Task The_verb_shows_what_it_will_redact_and_asks()
    {
        await using (var raw = await StartAsync(("LlmProxy:Recording:Redaction:Enabled", "false")))
        {
            await ApiTestRuns.PlayToTheEndAsync(raw, $"Use {Secret} to log in");
        }

        var unnamed = await Llmproxy.RunAsync([.. _folder.Alone, "redact"]);
        var dry = await Llmproxy.RunAsync([.. _folder.Alone, "redact", "--rescan", "--dry-run"]);
        var unasked = await Llmproxy.RunAsync([.. _folder.Alone, "redact", "--rescan"]);
        var refused = await AnswerAsync("n\n", [.. _folder.Alone, "redact", "--rescan"]);
        var kept = CountOnDisk();
        var accepted = await AnswerAsync("y\n", [.. _folder.Alone, "redact", "--rescan"]);
        var again = await Llmproxy.RunAsync([.. _folder.Alone, "redact", "--rescan", "--yes"]);
        var json = await Llmproxy.RunAsync([.. _folder.Alone, "redact", "--rescan", "--yes", "--json"]);

        Assert.Equal((2, 0, 1, 1, 0, 0, 0), (unnamed.Code, dry.Code, unasked.Code, refused.Code, accepted.Code, again.Code, json.Code));
        Assert.Contains("Rows with secrets:", dry.Output, StringComparison.Ordinal);
        Assert.Contains("github-token", dry.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, dry.Output, StringComparison.Ordinal);
        Assert.Contains("--yes", unasked.Error, StringComparison.Ordinal);
        Assert.Contains("rows? The secrets cannot be restored. [y/N]", refused.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, kept);
        Assert.Contains("Redacted rows:", accepted.Output, StringComparison.Ordinal);
        Assert.Equal(0, CountOnDisk());
        Assert.Contains("No secrets found", again.Output, StringComparison.Ordinal);
        Assert.Equal("{}", json.Json["rows"]!.ToJsonString());
    }

    [Fact]
    public async Task The_verb_applies_own_patterns_and_warns_where_new_calls_are_stored_with_secrets()
    {
        await using (var raw = await StartAsync())
        {
            await ApiTestRuns.PlayToTheEndAsync(raw, "Ask for ticket ACME-77881 please");
        }

        var done = await Llmproxy.RunAsync(
            [.. _folder.Alone, "redact", "--rescan", "--yes", "--json", "--LlmProxy:Recording:Redaction:Enabled=false", "--LlmProxy:Recording:Redaction:Patterns:0=ACME-\\d+"]);

        Assert.Contains("Recording:Redaction:Enabled is false", done.Error, StringComparison.Ordinal);
        Assert.True((long)JsonNode.Parse(done.Output)!["secrets"]!["own-pattern"]! > 0, done.Output);
        var list = await Llmproxy.RunAsync([.. _folder.Alone, "tasks", "list", "--json"]);
        Assert.Matches(@"^Ask for ticket \[redacted:own-pattern:[0-9a-f]{8}\] please$", (string?)list.Json["items"]![0]!["taskDescription"]);
    }

    [Fact]
    public async Task The_verb_uses_a_running_server()
    {
        await using var proxy = await StartAsync(("LlmProxy:Recording:Redaction:Enabled", "false"));
        await ApiTestRuns.PlayToTheEndAsync(proxy, $"Use {Secret} to log in");

        var all = await Llmproxy.RunAsync(proxy, "redact", "--rescan", "--all-tenants", "--yes");
        var done = await Llmproxy.RunAsync(proxy, "redact", "--rescan", "--yes");

        Assert.Equal((2, 0), (all.Code, done.Code));
        Assert.Contains("without a running server", all.Error, StringComparison.Ordinal);
        Assert.Contains("Redacted rows:", done.Output, StringComparison.Ordinal);
        await proxy.Store.EraseDeletedAsync(default);
        Assert.Equal(0, CountOnDisk());
    }

    [Fact]
    public async Task A_rescan_keeps_to_the_tenant_of_its_key_unless_all_are_asked_for()
    {
        (string, string)[] keys =
        [
            .. KeyTests.Key(0, "one", "llmp-one", "first", admin: true),
            .. KeyTests.Key(1, "two", "llmp-two", "second", admin: true),
            .. KeyTests.Key(2, "caller", "llmp-caller", "first", admin: false),
        ];
        await using (var proxy = await StartAsync([.. keys, ("LlmProxy:Recording:Redaction:Enabled", "false")]))
        {
            foreach (var key in (string[])["llmp-one", "llmp-two"])
            {
                await ApiTestRuns.PlayAsync(proxy, $"Use {Secret} to log in", ("LlmProxy-Key", key));
            }

            using var caller = await proxy.PostAsync("/_llmproxy/redaction/rescan", "{}", ("LlmProxy-Key", "llmp-caller"));
            using var own = await proxy.PostAsync("/_llmproxy/redaction/rescan", "{}", ("LlmProxy-Key", "llmp-one"));
            using var dry = await proxy.PostAsync("/_llmproxy/redaction/rescan", """{"dryRun":true}""", ("LlmProxy-Key", "llmp-two"));
            using var wrong = await proxy.PostAsync("/_llmproxy/redaction/rescan", """{"cursor":"steps:1"}""", ("LlmProxy-Key", "llmp-one"));

            Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.OK, HttpStatusCode.BadRequest), (caller.StatusCode, own.StatusCode, wrong.StatusCode));
            Assert.True((long)(await dry.JsonAsync())["rows"]!["content"]! > 0);
        }

        Assert.NotEqual(0, CountOnDisk());
        var all = await Llmproxy.RunAsync([.. _folder.Alone, "redact", "--rescan", "--all-tenants", "--yes", "--json"]);

        Assert.True((long)all.Json["rows"]!["content"]! > 0, all.Output);
        Assert.Equal(0, CountOnDisk());
    }

    private static async Task ContinueAsync(RunningProxy proxy, string task, string more)
    {
        var history = new JsonArray(Message("user", $"Use {Secret} to log in"));
        foreach (var text in more == "and then" ? new[] { more } : ["and then", more])
        {
            history.Add(Message("assistant", "It is done."));
            history.Add(Message("user", text));
        }

        // What comes between the first message and the end of its run, as the client has it.
        history.Insert(1, JsonNode.Parse("""{"role":"assistant","content":[{"type":"text","text":"I look first."},{"type":"tool_use","id":"toolu_1","name":"list_files","input":{"folder":"reports"}}]}"""));
        history.Insert(2, JsonNode.Parse("""{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"q3.pdf"}]}"""));
        proxy.Upstream.AnswerWith(ApiTestRuns.SecondReply);
        var body = new JsonObject
        {
            ["model"] = "claude-sonnet-4-6",
            ["max_tokens"] = 1000,
            ["system"] = "You keep files in order.",
            ["messages"] = history,
        };
        using var answer = await proxy.PostAsync("/anthropic/v1/messages", body.ToJsonString(), ("LlmProxy-Task", task));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        await proxy.SettleAsync();
    }

    private static JsonObject Message(string role, string text) => new() { ["role"] = role, ["content"] = text };

    private Task<RunningProxy> StartAsync(params (string Key, string Value)[] settings) =>
        RunningProxy.StartAsync(null, [("LlmProxy:Storage:ConnectionString", $"Data Source={_folder["llmproxy.db"]}"), .. settings]);

    private int CountOnDisk()
    {
        var count = 0;
        foreach (var file in Directory.EnumerateFiles(_folder.Path, "llmproxy.db*"))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            count += reader.ReadToEnd().Split(Secret[4..], StringSplitOptions.None).Length - 1;
        }

        return count;
    }

    private static async Task<Llmproxy.Outcome> AnswerAsync(string answer, string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var input = new StringReader(answer);
        var code = await Server.Cli.CommandLine.RunAsync(arguments, new Server.Cli.CliConsole(output, error, isTerminal: false, input));
        return new Llmproxy.Outcome(code, output.ToString(), error.ToString());
    }
}
