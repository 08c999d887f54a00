using System.Text.Json.Nodes;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

public sealed class DoctorVerbTests
{
    [Fact]
    public async Task A_fresh_installation_is_well_and_told_what_to_do_next()
    {
        using var folder = new TestFolder();

        var outcome = await Llmproxy.RunAsync(["doctor", .. folder.Alone]);

        Assert.Equal(0, outcome.Code);
        Assert.Contains("ok    store", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("ok    spool", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("ok    embeddings", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("ok    templates", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("warn  examples", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("warn  server", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_template_fails_with_its_place()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder["templates"]);
        await File.WriteAllTextAsync(Path.Combine(folder["templates"], "openai.sbn"), "{{ system.head }}\n{{ for x in }}");

        var outcome = await Llmproxy.RunAsync(["doctor", .. folder.Alone, "--json"]);

        Assert.Equal(1, outcome.Code);
        Assert.False((bool?)outcome.Json["ok"]);
        var template = Check(outcome.Json, "templates");
        Assert.Equal("fail", (string?)template["status"]);
        Assert.Contains("openai.sbn(2,", (string?)template["text"], StringComparison.Ordinal);
        Assert.NotEmpty((string)template["fix"]!);
    }

    [Fact]
    public async Task A_judge_that_may_set_no_outcome_yet_is_named_with_the_bar()
    {
        using var folder = new TestFolder();

        var outcome = await Llmproxy.RunAsync(["doctor", .. folder.Alone, "--LlmProxy:Judge:Enabled=true", "--LlmProxy:Judge:Model=claude-haiku-4-5", "--LlmProxy:Judge:Endpoint=http://127.0.0.1:9", "--json"]);

        var judge = Check(outcome.Json, "judge");
        Assert.Equal("warn", (string?)judge["status"]);
        Assert.Contains("claude-haiku-4-5: kappa unknown on 0 stated outcomes", (string?)judge["text"], StringComparison.Ordinal);
        Assert.Contains("llmproxy judge calibrate", (string?)judge["fix"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unreachable_store_fails_and_the_rest_is_still_checked()
    {
        using var folder = new TestFolder();

        var outcome = await Llmproxy.RunAsync(["doctor", .. folder.Alone, "--LlmProxy:Storage:ConnectionString=Data Source=/dev/null/none/llmproxy.db", "--json"]);

        Assert.Equal(1, outcome.Code);
        var store = Check(outcome.Json, "store");
        Assert.Equal("fail", (string?)store["status"]);
        Assert.Contains("/dev/null/none/llmproxy.db", (string?)store["text"], StringComparison.Ordinal);
        Assert.Equal("ok", (string?)Check(outcome.Json, "templates")["status"]);
    }

    [Fact]
    public async Task Wrong_settings_fail_each_with_its_fix()
    {
        using var folder = new TestFolder();

        var outcome = await Llmproxy.RunAsync(["doctor", .. folder.Alone, "--LlmProxy:FewShot:Count=many", "--json"]);

        Assert.Equal(1, outcome.Code);
        Assert.Contains("LlmProxy:FewShot:Count", (string?)Check(outcome.Json, "settings")["text"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Examples_for_a_text_are_counted_against_the_threshold()
    {
        using var folder = new TestFolder();
        await using (var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Storage:ConnectionString", $"Data Source={folder["llmproxy.db"]}")))
        {
            await ApiTestRuns.PlayToTheEndAsync(proxy);
        }

        var near = await Llmproxy.RunAsync(["doctor", .. folder.Alone, "--text", ApiTestRuns.Task, "--json"]);
        var far = await Llmproxy.RunAsync(["doctor", .. folder.Alone, "--text", "Bake rye bread", "--json"]);

        Assert.Equal("ok", (string?)Check(near.Json, "examples")["status"]);
        Assert.StartsWith("1 for this task", (string?)Check(near.Json, "examples")["text"], StringComparison.Ordinal);
        Assert.Equal("warn", (string?)Check(far.Json, "examples")["status"]);
        Assert.StartsWith("none for this task", (string?)Check(far.Json, "examples")["text"], StringComparison.Ordinal);
    }

    private static JsonNode Check(JsonNode report, string name) => report["checks"]!.AsArray().First(check => (string?)check!["check"] == name)!;
}
