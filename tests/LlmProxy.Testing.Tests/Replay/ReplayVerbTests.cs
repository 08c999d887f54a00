using LlmProxy.Testing.Replay;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Replay;

public sealed class ReplayVerbTests
{
    private const string Heading = "OPERATING PRINCIPLES";

    [Theory]
    [InlineData("wiremock", "mappings/step-02-whole.json")]
    [InlineData("wiremock.net", "__admin/mappings/step-02-stream.json")]
    [InlineData("recorded", "")]
    public async Task A_stored_run_is_exported_with_its_dialects_streams_and_pauses(string flavor, string file)
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var folder = new TestFolder();
        var taskId = await RecordAsync(proxy, "anthropic streamed", "claude-sonnet-4-5");

        var outcome = await Llmproxy.RunAsync(proxy, "replay", "export", "--task", taskId, "--flavor", flavor, "--output", folder["out"], "--json");

        Assert.Equal((2, flavor == "recorded" ? null : (int?)6), ((int?)outcome.Json["calls"], (int?)outcome.Json["mappings"]));
        var loadFrom = flavor switch { "wiremock" => folder["out"], "wiremock.net" => folder["out/__admin/mappings"], _ => null };
        Assert.Equal((folder["out"], loadFrom), ((string?)outcome.Json["output"], ((string?)outcome.Json["loadFrom"])?.TrimEnd('/')));
        var text = await File.ReadAllTextAsync(folder[Path.Combine("out", file)]);
        Assert.Contains("claude-sonnet-4-5", text, StringComparison.Ordinal);
        if (flavor == "recorded")
        {
            var run = RecordedTrajectoryFile.Read(text);
            Assert.Equal((taskId, "What should I wear in Oslo today?"), (run.Name, run.Calls[0].Request.LastText));
            Assert.Equal(["call_oslo_1"], run.Calls[1].Request.Results);
            Assert.All(run.Calls, call => Assert.True(call.Answer is { IsStream: true, Rhythm.Pieces.Count: > 0, FirstByte: not null }));
        }
    }

    [Fact]
    public async Task A_stored_run_is_served_to_the_same_client_and_a_recorded_file_can_be_exported_again()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var folder = new TestFolder();
        var taskId = await RecordAsync(proxy, "responses streamed", "claude-through-a-gateway");

        var first = await Llmproxy.RunAsync(proxy, "replay", "export", "--task", taskId, "--flavor", "recorded", "--output", folder["run.json"]);
        var second = await Llmproxy.RunAsync("replay", "export", "--task", folder["run.json"], "--flavor", "wiremock", "--output", folder["stubs"]);

        Assert.Equal((0, 0), (first.Code, second.Code));
        Assert.Equal($"2 calls of {taskId} in {folder["run.json"]}.\n", first.Output.ReplaceLineEndings("\n"));
        Assert.Contains("event: response.completed\n", await File.ReadAllTextAsync(folder["stubs/__files/step-02-stream.sse"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_is_not_there_or_has_no_content_is_named()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "gemini"), ("LlmProxy:Recording:Grace", "0s"));
        using var folder = new TestFolder();
        var taskId = await RecordAsync(proxy, "chat", "gpt-4o");

        var missing = await Llmproxy.RunAsync(proxy, "replay", "export", "--task", "nobody", "--flavor", "wiremock", "--output", folder["out"]);
        var empty = await Llmproxy.RunAsync(proxy, "replay", "export", "--task", taskId, "--flavor", "wiremock", "--output", folder["out"]);
        var flavor = await Llmproxy.RunAsync(proxy, "replay", "export", "--task", taskId, "--flavor", "mountebank", "--output", folder["out"]);

        Assert.Equal((1, 1, 2), (missing.Code, empty.Code, flavor.Code));
        Assert.Contains("No trajectory with id 'nobody'", missing.Error, StringComparison.Ordinal);
        Assert.Contains("has no recorded content", empty.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["out"]));
    }

    [Fact]
    public async Task Diff_is_0_for_the_same_templates_and_1_with_a_unified_difference_for_others()
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "anthropic,openai"));
        await RecordedClaude.RecordAsync(proxy);
        var taskId = await RecordAsync(proxy, "chat", "gpt-4o", body => body.Replace("You are a weather clerk.", $"You are a weather clerk.\\n\\n{Heading}\\n1. Be exact.", StringComparison.Ordinal));
        CopyTemplates(folder["same"]);
        CopyTemplates(folder["other"]);
        var openai = folder[Path.Combine("other", "openai.sbn")];
        await File.WriteAllTextAsync(openai, (await File.ReadAllTextAsync(openai)).Replace("Errors:\n", "A line of its own.\nErrors:\n", StringComparison.Ordinal));

        var same = await Llmproxy.RunAsync(proxy, "replay", "diff", "--task", taskId, "--templates", folder["same"]);
        var other = await Llmproxy.RunAsync(proxy, "replay", "diff", "--task", taskId, "--templates", folder["other"]);
        var json = await Llmproxy.RunAsync(proxy, "replay", "diff", "--task", taskId, "--templates", folder["other"], "--json");

        Assert.Equal((0, "0 of 2 prompts differ.\n", ""), (same.Code, same.Output.ReplaceLineEndings("\n"), same.Error));
        Assert.Equal((1, ""), (other.Code, other.Error));
        Assert.Contains("--- step 1 as it was sent\n+++ step 1 with these templates\n@@ -", other.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Contains("\n+A line of its own.\n", other.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.EndsWith("2 of 2 prompts differ.\n", other.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Equal(1, json.Code);
        Assert.False((bool?)json.Json["equal"]);
        Assert.Contains("<recorded_run", (string)json.Json["steps"]![1]!["before"]!, StringComparison.Ordinal);
        Assert.Contains("A line of its own.", (string)json.Json["steps"]![1]!["after"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Diff_is_2_where_there_is_nothing_to_compare()
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync();
        var claude = await RecordAsync(proxy, "anthropic", "claude-sonnet-4-5");
        Directory.CreateDirectory(folder["broken"]);
        await File.WriteAllTextAsync(folder["broken/openai.sbn"], "{{ if }}");

        var ofClaude = await Llmproxy.RunAsync(proxy, "replay", "diff", "--task", claude);
        var ofNobody = await Llmproxy.RunAsync(proxy, "replay", "diff", "--task", "nobody");
        var withoutFolder = await Llmproxy.RunAsync(proxy, "replay", "diff", "--task", claude, "--templates", folder["none"]);
        var withBroken = await Llmproxy.RunAsync(proxy, "replay", "diff", "--task", claude, "--templates", folder["broken"]);

        Assert.Equal([2, 2, 2, 2], new[] { ofClaude.Code, ofNobody.Code, withoutFolder.Code, withBroken.Code });
        Assert.Contains("Claude's prompts are never rewritten", ofClaude.Error, StringComparison.Ordinal);
        Assert.Contains("No trajectory with id 'nobody'", ofNobody.Error, StringComparison.Ordinal);
        Assert.Contains("Folder not found", withoutFolder.Error, StringComparison.Ordinal);
        Assert.Contains("openai.sbn", withBroken.Error, StringComparison.Ordinal);
    }

    /// <summary>Sends a tool loop through the proxy and says that it succeeded.</summary>
    private static async Task<string> RecordAsync(RunningProxy proxy, string name, string model, Func<string, string>? change = null)
    {
        var loop = ToolLoop.All(model).Single(l => l.Name == name);
        proxy.Upstream.AnswerInTurn((loop.FirstAnswer, loop.ContentType), (loop.SecondAnswer, loop.ContentType));
        using var first = await proxy.PostAsync(loop.Path, change?.Invoke(loop.First) ?? loop.First);
        await first.Content.ReadAsStringAsync();
        using var second = await proxy.PostAsync(loop.Path, change?.Invoke(loop.Second) ?? loop.Second);
        await second.Content.ReadAsStringAsync();
        return (await proxy.FindRunAsync(second)).TaskId;
    }

    private static void CopyTemplates(string folder)
    {
        foreach (var (name, text) in Core.Prompting.TemplateSet.Shipped.Files)
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }
    }
}
