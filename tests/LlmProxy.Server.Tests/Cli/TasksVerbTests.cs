using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

public sealed class TasksVerbTests
{
    [Fact]
    public async Task Show_prints_a_run_as_a_person_reads_it()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);

        var shown = await Llmproxy.RunAsync(proxy, "tasks", "show", id);

        Assert.Equal(0, shown.Code);
        Assert.StartsWith(ApiTestRuns.Task, shown.Output, StringComparison.Ordinal);
        Assert.Contains("Status   completed (by api)", shown.Output, StringComparison.Ordinal);
        Assert.Contains("Score    1.00 = 1\n", shown.Output, StringComparison.Ordinal);
        Assert.Contains("   User: " + ApiTestRuns.Task, shown.Output, StringComparison.Ordinal);
        Assert.Contains("   Said: I look first.\n   list_files(folder: \"reports\")\n     → q3.pdf\n", shown.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', shown.Output);
    }

    [Fact]
    public async Task List_filters_and_prints_tables_or_json()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var plants = await ApiTestRuns.PlayToTheEndAsync(proxy, "Water the plants in the hall");
        var report = await ApiTestRuns.PlayAsync(proxy);

        var table = await Llmproxy.RunAsync(proxy, "tasks", "list");
        var json = await Llmproxy.RunAsync(proxy, "tasks", "list", "--search", "plants", "--status", "completed", "--since", "1d", "--json");

        Assert.Contains(plants[..10], table.Output, StringComparison.Ordinal);
        Assert.Contains(report[..10], table.Output, StringComparison.Ordinal);
        Assert.Equal(plants, (string?)Assert.Single(json.Json["items"]!.AsArray())!["taskId"]);
    }

    [Fact]
    public async Task A_task_is_completed_intervened_and_cancelled()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        var completed = await Llmproxy.RunAsync(proxy, "tasks", "complete", "last", "--click-accuracy", "0.3", "--comment", "slow", "--json");
        Assert.Equal(0.9, (double?)completed.Json["qualityScore"]);
        Assert.Equal("slow", (string?)completed.Json["comment"]);

        var intervened = await Llmproxy.RunAsync(proxy, "tasks", "intervene", id);
        Assert.Contains("score 0.60, 1 interventions", intervened.Output, StringComparison.Ordinal);

        var failed = await Llmproxy.RunAsync(proxy, "tasks", "complete", id, "--failed", "--json");
        Assert.False((bool?)failed.Json["success"]);

        var unconfirmed = await Llmproxy.RunAsync(proxy, "tasks", "cancel", id);
        Assert.Equal(1, unconfirmed.Code);
        Assert.Contains("--yes", unconfirmed.Error, StringComparison.Ordinal);
        Assert.Equal("failed", (string?)(await Llmproxy.RunAsync(proxy, "tasks", "show", id, "--json")).Json["status"]);

        var cancelled = await Llmproxy.RunAsync(proxy, "tasks", "cancel", id, "--yes");
        Assert.Contains("cancelled", cancelled.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_task_is_a_failure_with_a_clear_text()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var shown = await Llmproxy.RunAsync(proxy, "tasks", "show", "none");

        Assert.Equal(1, shown.Code);
        Assert.Contains("No trajectory with id 'none'", shown.Error, StringComparison.Ordinal);
        Assert.Empty(shown.Output);
    }

    [Fact]
    public async Task Without_a_server_the_verbs_read_the_store()
    {
        using var folder = new TestFolder();
        string id;
        await using (var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Storage:ConnectionString", $"Data Source={folder["llmproxy.db"]}")))
        {
            id = await ApiTestRuns.PlayAsync(proxy);
        }

        var listed = await Llmproxy.RunAsync([.. folder.Alone, "tasks", "list", "--json"]);
        var completed = await Llmproxy.RunAsync([.. folder.Alone, "tasks", "complete", id, "--json", "--LlmProxy:Recording:MinDuration=00:00:00"]);
        var searched = await Llmproxy.RunAsync([.. folder.Alone, "search", ApiTestRuns.Task, "--json"]);

        Assert.Equal(id, (string?)listed.Json["items"]![0]!["taskId"]);
        Assert.True((bool?)completed.Json["success"]);
        Assert.Single(searched.Json["items"]!.AsArray());
    }

    [Fact]
    public async Task Search_prints_what_was_found_and_the_section()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy);
        await ApiTestRuns.PlayToTheEndAsync(proxy, "Water the plants in the hall");

        var found = await Llmproxy.RunAsync(proxy, "search", "Rename the yearly report and move it to the archive", "--top", "2");

        Assert.Equal(0, found.Code);
        Assert.StartsWith("1 runs with similarity >= 0.40 (lexical-1)\n", found.Output, StringComparison.Ordinal);
        Assert.Contains("below-threshold", found.Output, StringComparison.Ordinal);
        Assert.Contains("## Similar Tasks Completed Successfully", found.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stats_are_printed_and_written()
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy);

        var stats = await Llmproxy.RunAsync(proxy, "stats", "--output", folder["stats.json"]);

        Assert.Equal(0, stats.Code);
        Assert.StartsWith("1 runs ended, 0 under way · success 100 % · mean score 1.00\n", stats.Output, StringComparison.Ordinal);
        Assert.Contains("claude-sonnet-4-6", stats.Output, StringComparison.Ordinal);
        Assert.Contains("\"total\": 1", await File.ReadAllTextAsync(folder["stats.json"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cleanup_counts_with_dry_run()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy);

        var counted = await Llmproxy.RunAsync(proxy, "cleanup", "--older-than-days", "0", "--max-quality", "1", "--dry-run");

        Assert.Equal("1 runs would be deleted.\n", counted.Output);
    }

    [Fact]
    public async Task Cleanup_deletes_only_what_is_confirmed()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy);
        string[] cleanup = ["cleanup", "--older-than-days", "0", "--max-quality", "1"];

        var piped = await Llmproxy.RunAsync(proxy, cleanup);
        var declined = await Llmproxy.RunAsync("n\n", proxy, cleanup);
        var kept = await Llmproxy.RunAsync(proxy, "tasks", "list", "--json");
        var confirmed = await Llmproxy.RunAsync("y\n", proxy, cleanup);

        Assert.Equal((1, 1), (piped.Code, declined.Code));
        Assert.Contains("Delete 1 runs", piped.Error, StringComparison.Ordinal);
        Assert.Contains("--yes", piped.Error, StringComparison.Ordinal);
        Assert.Contains("Nothing was changed.", declined.Error, StringComparison.Ordinal);
        Assert.Single(kept.Json["items"]!.AsArray());
        Assert.Equal("1 runs deleted.\n", confirmed.Output);
    }

    public static TheoryData<string[]> VerbsOfAServer => [.. (string[][])
    [
        ["tasks", "list"], ["tasks", "complete", "last", "--failed"], ["tasks", "cancel", "last", "--yes"], ["cleanup", "--yes"], ["stats"], ["search", "x"], ["embed"],
        ["tasks", "purge", "--since", "7d", "--yes"], ["export", "--format", "openai", "--output", "x.jsonl"],
    ]];

    [Theory]
    [MemberData(nameof(VerbsOfAServer))]
    public async Task A_named_server_that_does_not_respond_is_never_replaced_by_the_store(string[] verb)
    {
        using var folder = new TestFolder();

        var outcome = await Llmproxy.RunAsync([.. verb, .. folder.Alone, "--urls", "http://127.0.0.1:9"]);

        Assert.Equal((1, ""), (outcome.Code, outcome.Output));
        Assert.Contains("No llmproxy responds on http://127.0.0.1:9.", outcome.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["llmproxy.db"]));
    }
}
