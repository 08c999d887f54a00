using System.Text.Json.Nodes;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Api;

/// <summary>What a client reports of a turn's tests changes how likely it succeeded, and never states that it did.</summary>
public sealed class EvidenceTests
{
    [Fact]
    public async Task Reported_verifications_move_the_estimate_and_are_quoted()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        var before = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}");

        var failed = await ReportAsync(proxy, id, """{"verifications":[{"passed":true,"quote":"12 passed"},{"passed":false,"quote":"3 failed, 9 passed"}]}""");
        var passed = await ReportAsync(proxy, id, """{"verifications":[{"passed":true,"quote":"12 passed"}]}""");

        Assert.Equal(("inferred", null), ((string?)failed["outcomeSource"], (bool?)failed["success"]));
        Assert.True((double)failed["successProbability"]! < (double)before["successProbability"]!);
        Assert.True((double)passed["successProbability"]! > (double)before["successProbability"]!);
        Assert.Contains("3 failed, 9 passed", Evidence(failed), StringComparison.Ordinal);
        // A report replaces the one before.
        Assert.Contains("12 passed", Evidence(passed), StringComparison.Ordinal);
        Assert.DoesNotContain("3 failed", Evidence(passed), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_next_estimate_in_the_background_keeps_the_report()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        await ReportAsync(proxy, id, """{"verifications":[{"passed":false,"quote":"3 failed"}]}""");

        await proxy.Services.GetRequiredService<OutcomeWorker>().RunAsync(CancellationToken.None);

        Assert.Contains("3 failed", Evidence(await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_report_outlives_a_restart_with_and_without_content(bool withContent)
    {
        using var folder = new TestFolder();
        (string, string)[] settings = [("LlmProxy:Storage:ConnectionString", $"Data Source={folder["llmproxy.db"]}"), ("LlmProxy:Recording:MinDuration", withContent ? "00:00:00" : "01:00:00")];
        await using var upstream = await ScriptedUpstream.StartAsync();
        string id;
        TrajectoryOutline before;
        await using (var proxy = await RunningProxy.StartAsync(upstream, settings))
        {
            id = await ApiTestRuns.PlayAsync(proxy);
            await ReportAsync(proxy, id, """{"verifications":[{"passed":false,"quote":"3 failed"}]}""");
            using var stated = await proxy.PostAsync($"/_llmproxy/tasks/{id}/complete", """{"success":true}""");
            Assert.Equal(withContent, (bool)(await stated.JsonAsync())["recorded"]!);
            before = await OutlineAsync(proxy, id);
        }

        await using (var proxy = await RunningProxy.StartAsync(upstream, settings))
        {
            // A report of another kind makes the outline anew from what is stored.
            var run = await ReportAsync(proxy, id, """{"verifications":[{"passed":true,"quote":"9 passed"}],"interrupted":true}""");
            var after = await OutlineAsync(proxy, id);

            Assert.Equal(("api", true), ((string?)run["outcomeSource"], (bool)run["success"]!));
            Assert.NotEmpty(before.Calls);
            Assert.Equal(before.Calls, after.Calls);
            Assert.Equal(before.End, after.End);
            Assert.Equal(["3 failed"], before.Verifications.Select(v => v.Quote));
            Assert.Equal(["9 passed"], after.Verifications.Select(v => v.Quote));
            Assert.True(after.IsInterrupted);
        }
    }

    [Fact]
    public async Task A_report_in_the_middle_of_a_turn_counts_when_it_ends_also_after_a_restart()
    {
        using var folder = new TestFolder();
        (string, string)[] settings = [("LlmProxy:Storage:ConnectionString", $"Data Source={folder["llmproxy.db"]}")];
        await using var upstream = await ScriptedUpstream.StartAsync();
        await using (var proxy = await RunningProxy.StartAsync(upstream, settings))
        {
            await StatedOutcomeTests.TurnAsync(proxy, 1);
            var open = await ReportAsync(proxy, "mine", """{"verifications":[{"passed":false,"quote":"3 failed"}]}""");
            Assert.Equal("active", (string?)open["status"]);
        }

        await using (var proxy = await RunningProxy.StartAsync(upstream, settings))
        {
            await StatedOutcomeTests.TurnAsync(proxy, 2);
            Assert.Contains("3 failed", Evidence(await proxy.GetJsonAsync("/_llmproxy/trajectories/mine")), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_interrupted_turn_is_less_likely_a_success()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        var before = (double)(await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}"))["successProbability"]!;

        var interrupted = await ReportAsync(proxy, id, """{"interrupted":true}""");
        var not = await ReportAsync(proxy, id, """{"interrupted":false}""");

        Assert.True((double)interrupted["successProbability"]! < before);
        Assert.Contains("A person interrupted the last turn.", Evidence(interrupted), StringComparison.Ordinal);
        Assert.Equal(before, (double)not["successProbability"]!, 6);
    }

    [Fact]
    public async Task What_a_report_leaves_out_is_kept()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        await ReportAsync(proxy, id, """{"verifications":[{"passed":false,"quote":"3 failed"}]}""");

        await ReportAsync(proxy, id, """{"interrupted":true}""");
        var both = await OutlineAsync(proxy, id);
        await ReportAsync(proxy, id, """{"verifications":[]}""");
        var interrupted = await OutlineAsync(proxy, id);

        Assert.Equal(("3 failed", true), (Assert.Single(both.Verifications).Quote, both.IsInterrupted));
        Assert.Equal((0, true), (interrupted.Verifications.Count, interrupted.IsInterrupted));
    }

    [Fact]
    public async Task Quotes_are_stored_without_secrets_on_one_short_line()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        var secret = "sk-ant-" + "api03-" + new string('a', 90) + "AA";

        var run = await ReportAsync(proxy, id, $$"""{"verifications":[{"passed":false,"quote":"1 failed with key {{secret}}\n{{new string('x', 400)}}"}]}""");

        Assert.DoesNotContain(secret[..40], run.ToJsonString(), StringComparison.Ordinal);
        var quote = Assert.Single((await OutlineAsync(proxy, id)).Verifications).Quote;
        Assert.DoesNotContain('\n', quote);
        Assert.InRange(quote.Length, 10, 160);
    }

    private static async Task<TrajectoryOutline> OutlineAsync(RunningProxy proxy, string task)
    {
        var run = await proxy.Store.FindTaskAsync("default", task, CancellationToken.None);
        return (await proxy.Store.ReadOutlinesAsync("default", [run!.Id], CancellationToken.None))[run.Id];
    }

    private static async Task<JsonNode> ReportAsync(RunningProxy proxy, string task, string body)
    {
        using var answer = await proxy.PostAsync($"/_llmproxy/tasks/{task}/evidence", body);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return await answer.JsonAsync();
    }

    private static string Evidence(JsonNode run) => string.Join('\n', run["evidence"]!.AsArray().Select(e => (string)e!["text"]!));
}
