using LlmProxy.Server.Cli;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Cli;

/// <summary>Verbs of every day: lists and ids, status, tail, examples, deletion, completion.</summary>
public sealed class DailyVerbTests
{
    [Fact]
    public async Task A_list_has_one_line_of_80_columns_for_each_run_and_its_short_ids_are_accepted()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy, "Move the reports of 报告报告报告报告报告报告报告报告报告报告 the third quarter to the archive, and rename each after the department that wrote it");
        await ApiTestRuns.PlayToTheEndAsync(proxy);

        var list = await Llmproxy.RunAsync(proxy, "tasks", "list");
        var lines = list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var shown = lines[^1].Split(' ')[0];
        var found = await Llmproxy.RunAsync(proxy, "tasks", "show", shown, "--json");

        Assert.Equal(3, lines.Length);
        Assert.StartsWith("Task ", lines[0], StringComparison.Ordinal);
        Assert.All(lines, line => Assert.InRange(new Spectre.Console.Rendering.Segment(line).CellCount(), 1, 80));
        Assert.Contains("  now  claude-sonnet-4-6  success 1.00  ", lines[^1], StringComparison.Ordinal);
        Assert.True(id.StartsWith(shown, StringComparison.Ordinal) && shown.Length is >= 10 and < 32, shown);
        Assert.Equal(id, (string?)found.Json["taskId"]);
    }

    [Fact]
    public async Task An_ambiguous_id_is_refused_with_the_runs_that_it_may_mean()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var opened = await proxy.PostAsync("/_llmproxy/tasks", """{"taskId":"invoice-1","description":"File it"}""");
        using var other = await proxy.PostAsync("/_llmproxy/tasks", """{"taskId":"invoice-12","description":"Pay it"}""");

        var ambiguous = await Llmproxy.RunAsync(proxy, "tasks", "outcome", "invo", "--success");
        var whole = await Llmproxy.RunAsync(proxy, "tasks", "outcome", "invoice-1", "--success");
        using var unknown = await proxy.PostAsync("/_llmproxy/tasks/invoice/complete", """{"success":true}""");

        Assert.Equal(2, ambiguous.Code);
        Assert.Contains("\"invo\" begins the ids of several runs.", ambiguous.Error, StringComparison.Ordinal);
        Assert.Contains("  invoice-12  Pay it", ambiguous.Error, StringComparison.Ordinal);
        Assert.StartsWith("invoice-1: completed", whole.Output, StringComparison.Ordinal);

        // Programs state whole ids: the beginning of one could be another task's.
        Assert.Equal(404, (int)unknown.StatusCode);
    }

    [Theory]
    [InlineData("--model", "claude-sonet-4-6", "No run has the model \"claude-sonet-4-6\": did you mean \"claude-sonnet-4-6\"?")]
    [InlineData("--provider", "antropic", "No run has the provider \"antropic\": did you mean \"anthropic\"?")]
    [InlineData("--status", "complete", "Must be one of")]
    public async Task A_misspelt_filter_is_an_error_with_a_suggestion(string option, string value, string message)
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy);

        var list = await Llmproxy.RunAsync(proxy, "tasks", "list", option, value);
        var none = await Llmproxy.RunAsync(proxy, "tasks", "list", "--model", "claude-sonnet-4-6", "--status", "failed");

        Assert.NotEqual(0, list.Code);
        Assert.Contains(message, list.Error, StringComparison.Ordinal);
        Assert.Equal(0, none.Code);
    }

    [Theory]
    [InlineData("Did you mean \"tasks\"?", "taks", "list")]
    [InlineData("Did you mean \"list\"?", "tasks", "lst")]
    [InlineData("Did you mean \"--limit\"?", "tasks", "list", "--limt", "3")]
    public async Task A_misspelt_verb_or_option_gets_a_suggestion(string message, params string[] arguments)
    {
        var outcome = await Llmproxy.RunAsync(arguments);

        Assert.Equal(2, outcome.Code);
        Assert.Contains(message, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_verb_says_whose_data_it_works_on_unless_a_server_is_named()
    {
        using var folder = new TestFolder();

        var local = await Llmproxy.RunAsync([.. folder.Alone, "tasks", "list"]);
        var named = await Llmproxy.RunAsync([.. folder.Alone, "tasks", "list", "--server", "http://127.0.0.1:9"]);

        Assert.Equal($"Store: {folder["llmproxy.db"]} (no server responds on http://127.0.0.1:9)\n", local.Error);
        Assert.Contains("No llmproxy responds on http://127.0.0.1:9.", named.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tail_shows_each_exchange_as_it_is_recorded()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var events = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/events"), HttpCompletionOption.ResponseHeadersRead, stop.Token);
        using var stream = new StreamReader(await events.Content.ReadAsStreamAsync(stop.Token));
        Assert.Equal(": watching", await stream.ReadLineAsync(stop.Token));

        var id = await ApiTestRuns.PlayAsync(proxy);
        string? line;
        while ((line = await stream.ReadLineAsync(stop.Token))?.StartsWith("data: ", StringComparison.Ordinal) != true)
        {
            Assert.NotNull(line);
        }

        var exchange = System.Text.Json.JsonSerializer.Deserialize(line[6..], LlmProxy.Server.Api.Dtos.ApiJson.Default.RecordedExchangeDto)!;
        var text = LlmProxy.Server.Cli.Verbs.TailVerb.Line(exchange with { StartedAt = new DateTime(2026, 3, 4, 5, 6, 7, DateTimeKind.Utc), DurationMs = 1234, TaskId = "0123456789abcdef" });
        Assert.Equal((id, 1, "ok", 200), (exchange.TaskId, exchange.StepIndex, exchange.Status, exchange.HttpStatus));
        Assert.StartsWith("05:06:07  claude-sonnet-4-6     200  1.2s  ", text, StringComparison.Ordinal);
        Assert.EndsWith("  0123456789a…#1", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slow_watcher_loses_exchanges_and_the_number_of_watchers_is_limited()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var feed = proxy.Services.GetRequiredService<LlmProxy.Core.Recording.ExchangeFeed>();
        var watches = Enumerable.Range(0, LlmProxy.Core.Recording.ExchangeFeed.MaxWatchers).Select(_ => feed.Watch("default")!).ToList();

        using var refused = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/events"));
        watches[0].Dispose();
        using var watch = feed.Watch("default");

        Assert.Equal(503, (int)refused.StatusCode);
        Assert.NotNull(watch);
        watches.ForEach(w => w.Dispose());
    }

    [Fact]
    public async Task Examples_are_pinned_retired_and_edited()
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);
        await File.WriteAllTextAsync(folder["edited.json"], """{"outcome":"Filed."}""");
        await File.WriteAllTextAsync(folder["broken.json"], "{\n\"outcome\" 1}");

        var pinned = await Llmproxy.RunAsync(proxy, "examples", "pin", id[..12], "--json");
        var retired = await Llmproxy.RunAsync(proxy, "examples", "retire", id);
        var again = await Llmproxy.RunAsync(proxy, "examples", "retire", id, "--undo", "--json");
        var edited = await Llmproxy.RunAsync(proxy, "examples", "edit", id, "--task", "File reports", "--file", folder["edited.json"]);
        var broken = await Llmproxy.RunAsync(proxy, "examples", "edit", id, "--file", folder["broken.json"]);
        var nothing = await Llmproxy.RunAsync(proxy, "examples", "edit", id);
        var shown = await Llmproxy.RunAsync(proxy, "examples", "show", id, "--json");
        var list = await Llmproxy.RunAsync(proxy, "examples", "list");

        Assert.True((bool?)pinned.Json["pinned"]);
        Assert.Contains("State     retired: shown to no model", retired.Output, StringComparison.Ordinal);
        Assert.Equal((false, true), ((bool)again.Json["retired"]!, (bool)again.Json["pinned"]!));
        Assert.StartsWith("File reports\n", edited.Output, StringComparison.Ordinal);
        Assert.Contains("broken.json is not valid JSON: line 2, column", broken.Error, StringComparison.Ordinal);
        Assert.Equal(2, nothing.Code);
        Assert.Equal("Filed.", (string?)shown.Json["edited"]!["outcome"]);
        Assert.Contains("pinned", list.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runs_are_deleted_after_they_were_named_and_confirmed()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var first = await ApiTestRuns.PlayToTheEndAsync(proxy);
        var second = await ApiTestRuns.PlayToTheEndAsync(proxy, "Water the plants in the hall");

        var piped = await Llmproxy.RunAsync(proxy, "tasks", "delete", first);
        var confirmed = await Llmproxy.RunAsync("y\n", proxy, "tasks", "delete", first, second, "last");
        var left = await Llmproxy.RunAsync(proxy, "tasks", "list", "--json");

        Assert.Equal(1, piped.Code);
        Assert.Contains(first + "  ", piped.Error, StringComparison.Ordinal);
        Assert.Contains("--yes", piped.Error, StringComparison.Ordinal);
        Assert.Contains("Water the plants in the hall", confirmed.Error, StringComparison.Ordinal);
        Assert.Equal("2 runs deleted.\n", confirmed.Output);
        Assert.Empty(left.Json["items"]!.AsArray());
    }

    [Fact]
    public async Task Recording_is_paused_and_resumed_and_the_status_says_so()
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync();

        var paused = await Llmproxy.RunAsync(proxy, "recording", "pause");
        var status = await Llmproxy.RunAsync(proxy, "status");
        var resumed = await Llmproxy.RunAsync(proxy, "recording", "resume", "--json");
        var without = await Llmproxy.RunAsync([.. folder.Alone, "recording", "pause"]);

        Assert.Equal("Recording is paused; calls are still forwarded.\n", paused.Output);
        Assert.Contains("Recording   paused (\"llmproxy recording resume\" switches it on)\n", status.Output, StringComparison.Ordinal);
        Assert.Contains("Store       sqlite\n", status.Output, StringComparison.Ordinal);
        Assert.True((bool?)resumed.Json["enabled"]);
        Assert.Contains("No llmproxy is running", without.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _llmproxy llmproxy")]
    [InlineData("zsh", "compdef _llmproxy llmproxy")]
    [InlineData("fish", "complete -c llmproxy")]
    [InlineData("pwsh", "Register-ArgumentCompleter -Native -CommandName llmproxy")]
    public async Task Completion_prints_a_script_and_the_program_completes(string shell, string line)
    {
        var script = await Llmproxy.RunAsync("completion", shell);
        var words = await Llmproxy.RunAsync("[suggest:20]", "tasks list --status ");

        Assert.Contains(line, script.Output, StringComparison.Ordinal);
        Assert.Contains("[suggest:", script.Output, StringComparison.Ordinal);
        Assert.Contains("needs_help\n", words.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bash_completes_the_words_of_a_line()
    {
        if (!File.Exists("/bin/bash"))
        {
            return;
        }

        // The program is a function here: what it is asked and what the shell makes of the answer is the script's own.
        var script = (await Llmproxy.RunAsync("completion", "bash")).Output;
        var test = script + """

            llmproxy() { echo "asked: $1 '$2'" >&2; printf 'list\nlint\nshow\n'; }
            COMP_WORDS=(llmproxy tasks li); COMP_CWORD=2; COMP_LINE="llmproxy tasks li"; COMP_POINT=17
            _llmproxy 2>/dev/null; _llmproxy; echo "${COMPREPLY[@]}"
            """;
        var start = new System.Diagnostics.ProcessStartInfo("/bin/bash") { UseShellExecute = false, RedirectStandardOutput = true, ArgumentList = { "-c", test } };
        using var bash = System.Diagnostics.Process.Start(start)!;

        Assert.Equal("list lint\n", await bash.StandardOutput.ReadToEndAsync());
    }

    [Fact]
    public void Ages_are_short()
    {
        double[] minutes = [0.2, 1, 59.9, 60, 60 * 47, 60 * 48, 60 * 24 * 400];

        Assert.Equal("now, 1 min, 59 min, 1 h, 47 h, 2 d, 400 d", string.Join(", ", minutes.Select(m => RunTable.Age(TimeSpan.FromMinutes(m)))));
    }

    [Fact]
    public void Short_ids_are_the_shortest_beginnings_that_differ()
    {
        string[] ids = ["0123456789abcdef", "0123456789abzzzz", "77", "9999999999999999", "0123456789abcdef"];

        Assert.Equal(["0123456789abc", "0123456789abz", "77", "9999999999", "0123456789abc"], RunReference.Shorten(ids));
    }
}
