using System.Diagnostics;
using System.Net;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Api;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using static LlmProxy.Tests.Wire.DesktopTalk;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// What a recorder of agent runs most easily gets wrong while it records, each told by a short run through the proxy: a
/// setting that is read and has no effect, a result or a thought that is not kept, a prompt that is not the one that was
/// sent, numbers of one run that another run's calls change, a run that is over too early, and traffic that suffers from
/// being recorded. What can go wrong when the record is used is in <see cref="TrueRecordUseTests"/>.
/// </summary>
public sealed class TrueRecordTests
{
    private const string Invoice = "Find the October invoice in the supplier's web shop and save it to the invoices folder";
    private const string Hit = "Visual change detected near (10, 20) with 90% confidence.";
    private const string Miss = "No visual change detected near (10, 20); diff=0.";

    [Theory]
    [InlineData("false", false)]
    [InlineData("False", false)]
    [InlineData("0", false)]
    [InlineData("no", false)]
    [InlineData(" off ", false)]
    [InlineData("true", true)]
    public async Task A_failed_run_is_kept_only_where_the_setting_says_so_however_false_is_spelled(string text, bool isKept)
    {
        await using var proxy = await StartAsync(("BYTEBOT_RECORD_FAILURES", text));
        var task = await ApiTestRuns.PlayAsync(proxy);

        using var failed = await proxy.PostAsync($"/_llmproxy/tasks/{task}/complete", """{"success":false}""");

        var told = await failed.JsonAsync();
        Assert.Equal((isKept, isKept ? null : "failed"), ((bool)told["recorded"]!, (string?)told["reason"]));
        var run = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{task}");
        // What is not kept is hidden until the grace is over: a correction loses nothing.
        Assert.Equal(("failed", isKept ? null : "failed", isKept), ((string)run["status"]!, (string?)run["whyNoContent"], run["eraseAt"] is null));
    }

    [Theory]
    [InlineData("BYTEBOT_USE_FEW_SHOT", "true", "injected=1")]
    [InlineData("BYTEBOT_USE_FEW_SHOT", "false", "none; reason=disabled")]
    [InlineData("BYTEBOT_FEW_SHOT_COUNT", "0", "none; reason=disabled")]
    [InlineData("BYTEBOT_FEW_SHOT_SIMILARITY", "0.999", "none; reason=below-threshold; best=0.")]
    [InlineData("BYTEBOT_FEW_SHOT_SOURCE_PROVIDERS", "gemini, proxy", "none; reason=no-runs")]
    [InlineData("BYTEBOT_TRAJECTORY_QUALITY_THRESHOLD", "0.98", "injected=1")]
    [InlineData("BYTEBOT_TRAJECTORY_QUALITY_THRESHOLD", "0.99", "none; reason=no-runs")]
    [InlineData("BYTEBOT_USE_MODEL_SPECIFIC_PROMPTS", "false", null)]
    [InlineData("BYTEBOT_RECORD_TRAJECTORIES", "false", "none; reason=no-runs")]
    [InlineData("BYTEBOT_RECORD_MODEL_PROVIDERS", "openai, anthropic", "injected=1")]
    [InlineData("BYTEBOT_RECORD_MODEL_PROVIDERS", "openai", "none; reason=no-runs")]
    [InlineData("BYTEBOT_RECORD_MIN_DURATION", "3600", "none; reason=no-runs")]
    public async Task Every_setting_decides_what_the_next_models_prompt_is(string variable, string value, string? result)
    {
        await using var proxy = await StartAsync((variable, value));
        var claude = new LongRun("anthropic", "claude-sonnet-4-5", Invoice.Replace("October", "September", StringComparison.Ordinal));
        proxy.Upstream.AnswerWith(claude.Answer(1));
        using (var call = await proxy.PostAsync(claude.Path, claude.Request(1, "You operate a desktop.")))
        {
            // 1 - 0.2 * (0.8 - 0.7): the run scores 0.98.
            using var done = await proxy.PostAsync("/_llmproxy/tasks/last/complete", """{"success":true,"metrics":{"clickAccuracy":0.7}}""");
        }

        var gpt = new LongRun("chat", "gpt-4o", Invoice);
        proxy.Upstream.AnswerWith(gpt.Answer(1));
        using var answer = await proxy.PostAsync(gpt.Path, gpt.Request(1, "You operate a desktop."));

        var told = answer.Headers.TryGetValues("LlmProxy-Few-Shot-Result", out var values) ? values.Single() : null;
        Assert.True(result is null ? told is null : told?.StartsWith(result, StringComparison.Ordinal), told);
        Assert.Equal(result == "injected=1", proxy.Upstream.Last.Text.Contains("recorded_run", StringComparison.Ordinal));
        Assert.Equal(result is null, proxy.Upstream.Last.Text == gpt.Request(1, "You operate a desktop."));
    }

    [Theory]
    [InlineData("anthropic", "[{\"type\":\"text\",\"text\":\"I look", "[{\"type\":\"thinking\",\"thinking\":\"Rain is likely.\",\"signature\":\"c2ln\"},{\"type\":\"text\",\"text\":\"I look", "\"content\":\"4 degrees, rain\",\"is_error\":false", "\"content\":\"The station is down\",\"is_error\":true")]
    [InlineData("chat", "\"content\":\"I look", "\"reasoning_content\":\"Rain is likely.\",\"content\":\"I look", "4 degrees, rain", "Error executing get_weather tool: The station is down")]
    [InlineData("responses", "\"output\":[", "\"output\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"Rain is likely.\"}]},", "4 degrees, rain", "Error executing get_weather tool: The station is down")]
    [InlineData("gemini", "[{\"text\":\"I look", "[{\"text\":\"Rain is likely.\",\"thought\":true},{\"text\":\"I look", "{\"output\":\"4 degrees, rain\"}", "{\"error\":\"The station is down\"}")]
    public async Task A_failed_tool_and_the_thought_before_it_are_in_the_steps_and_count_in_the_error_rate(string dialect, string said, string thought, string result, string failure)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var loop = ToolLoop.All("claude-sonnet-4-5").Single(l => l.Name == dialect);
        proxy.Upstream.AnswerInTurn((loop.FirstAnswer.Replace(said, thought, StringComparison.Ordinal), loop.ContentType), (loop.SecondAnswer, loop.ContentType));
        using var first = await proxy.PostAsync(loop.Path, loop.First);
        using var second = await proxy.PostAsync(loop.Path, loop.Second.Replace(result, failure, StringComparison.Ordinal));
        await proxy.SettleAsync();

        var run = await proxy.GetJsonAsync("/_llmproxy/trajectories/" + second.Headers.GetValues("LlmProxy-Task").Single());

        Assert.Equal((2, 1, 1.0), ((int)run["iterationCount"]!, (int)run["toolCallsCount"]!, (double)run["errorRate"]!));
        Assert.Equal("Rain is likely.", (string?)run["steps"]![0]!["reasoning"]);
        Assert.Contains("The station is down", (string?)Assert.Single(run["steps"]![0]!["toolResults"]!.AsArray())!["content"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_holds_the_agents_own_prompt_and_the_one_that_was_sent()
    {
        await using var proxy = await StartAsync(("BYTEBOT_RECORD_MODEL_PROVIDERS", "anthropic,openai"));
        await LongRun.RecordClaudeAsync(proxy, Invoice.Replace("October", "September", StringComparison.Ordinal));
        var gpt = new LongRun("chat", "gpt-4o", Invoice);
        var sent = new List<string>();
        for (var step = 1; step <= 2; step++)
        {
            proxy.Upstream.AnswerWith(gpt.Answer(step));
            using var answer = await proxy.PostAsync(gpt.Path, gpt.Request(step, $"You operate a desktop. It is 10:0{step}."));
            sent.Add(gpt.SystemText(proxy.Upstream.Last.Text));
        }

        await proxy.SettleAsync();
        var steps = (await proxy.GetJsonAsync("/_llmproxy/trajectories/last"))["steps"]!.AsArray();

        Assert.Equal(["You operate a desktop. It is 10:01.", "You operate a desktop. It is 10:02."], steps.Select(s => (string)s!["systemPrompt"]!));
        Assert.Equal(sent, steps.Select(s => (string)s!["sentSystemPrompt"]!));
        Assert.All(sent, s => Assert.Contains("<recorded_run", s, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_clicks_of_a_run_are_its_own_while_another_run_clicks_too()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var (sure, clumsy) = (new DesktopTalk(proxy, "Archive the letters"), new DesktopTalk(proxy, "Empty the basket"));
        await sure.AskAsync([], Clicks("sure_1", 10, 20));
        await clumsy.AskAsync([], Clicks("clumsy_1", 10, 20));
        await sure.AskAsync([Result("sure_1", Hit)], Clicks("sure_2", 10, 20));
        await clumsy.AskAsync([Result("clumsy_1", Miss)], Clicks("clumsy_2", 10, 20));
        await clumsy.AskAsync([Result("clumsy_2", "Observation required: review the latest screenshot and provide an exhaustive observation before issuing additional computer_* tools.", isError: true)], Clicks("clumsy_3", 10, 20));
        await sure.AskAsync([Result("sure_2", Hit), Says("**SYSTEM INTERVENTION**: You have been processing this task for 5 iterations.")], Ends("sure_3", "completed"));
        await clumsy.AskAsync([Result("clumsy_3", Hit), Says("User performed action: computer_click_mouse\n{}")], Clicks("clumsy_4", 10, 20));
        await clumsy.AskAsync([Result("clumsy_4", Miss)], Says("I look again."));
        await clumsy.AskAsync([Says("User performed action: computer_press_keys\n{}")], Ends("clumsy_5", "completed"));
        await proxy.SettleAsync();

        var (good, poor) = (await proxy.GetJsonAsync("/_llmproxy/trajectories/" + sure.TaskId), await proxy.GetJsonAsync("/_llmproxy/trajectories/" + clumsy.TaskId));

        Assert.Equal((1.0, 0, 0.0, 1.0), ((double)good["clickAccuracy"]!, (int)good["userInterventions"]!, (double)good["errorRate"]!, (double)good["qualityScore"]!));
        Assert.Equal(1 / 3.0, (double)poor["clickAccuracy"]!, 9);
        Assert.Equal((2, 0.0), ((int)poor["userInterventions"]!, (double)poor["errorRate"]!));
        Assert.Equal(1 - 0.6 - (0.2 * (0.8 - (1 / 3.0))), (double)poor["qualityScore"]!, 9);
    }

    [Theory]
    [InlineData("", new[] { 0.7, 0.4, 0.1, 0.1, 0.1 })]
    [InlineData("LlmProxy:Quality:MaxInterventions=10;LlmProxy:Quality:InterventionPenalty=0.15", new[] { 0.85, 0.7, 0.55, 0.4, 0.25 })]
    public async Task Every_intervention_is_counted_and_lowers_the_score_as_far_as_the_settings_say(string settings, double[] scores)
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. settings.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(s => s.Split('=')).Select(s => (s[0], s[1]))]);
        var task = await ApiTestRuns.PlayToTheEndAsync(proxy);

        for (var count = 1; count <= scores.Length; count++)
        {
            using var intervened = await proxy.PostAsync($"/_llmproxy/tasks/{task}/interventions", "");
            var run = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{task}");
            Assert.Equal((count, scores[count - 1]), ((int)run["userInterventions"]!, (double)run["qualityScore"]!));
            Assert.Equal(count, (int)run["scoring"]!["inputs"]!["userInterventions"]!);
        }
    }

    [Fact]
    public async Task A_run_that_asked_for_help_goes_on_when_its_user_resumes_it_and_ends_as_completed()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Tasks:EndOfTurnGrace", "00:00:00"));
        var talk = new DesktopTalk(proxy, Invoice);
        await talk.AskAsync([], Says("I sign in."), Clicks("call_1", 10, 20));
        await talk.AskAsync([Result("call_1", Hit)], Says("A password is asked for."), Ends("call_2", "needs_help"));
        // With no grace the proxy takes the run for over at its next look, while its user is still away.
        await proxy.SettleAsync();
        for (var started = Stopwatch.GetTimestamp(); (await proxy.Store.FindTaskAsync("default", talk.TaskId, default))!.IsProvisional; await Task.Delay(50))
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(60), "the run is not closed");
        }

        var waiting = await proxy.GetJsonAsync("/_llmproxy/trajectories/" + talk.TaskId);
        Assert.Equal(("needs_help", false, true, 2), ((string)waiting["status"]!, (bool)waiting["success"]!, (bool)waiting["hasContent"]!, waiting["steps"]!.AsArray().Count));

        await talk.AskAsync([Result("call_2", "The status is set."), Says("I have typed it. Go on.")], Clicks("call_3", 30, 40));
        await talk.AskAsync([Result("call_3", Hit)], Says("The invoice is saved."), Ends("call_4", "completed"));
        await proxy.SettleAsync();

        var run = Assert.Single((await proxy.GetJsonAsync("/_llmproxy/trajectories"))["items"]!.AsArray())!;
        Assert.Equal(((string)waiting["id"]!, talk.TaskId), ((string)run["id"]!, (string)run["taskId"]!));
        Assert.Equal(("completed", true, 1.0, 4), ((string)run["status"]!, (bool)run["success"]!, (double)run["qualityScore"]!, (int)run["iterationCount"]!));
        var steps = (await proxy.GetJsonAsync("/_llmproxy/trajectories/" + talk.TaskId))["steps"]!.AsArray();
        Assert.Equal(["I sign in.", "A password is asked for.", "", "The invoice is saved."], steps.Select(s => (string)s!["response"]!["text"]!));
        Assert.Contains("I have typed it. Go on.", steps[2]!["messages"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_refuses_everything_changes_no_answer_and_gets_all_of_them_later()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await RenameAsync(proxy, "task_trajectory", "gone");
        var loops = ToolLoop.All("claude-sonnet-4-5");
        foreach (var loop in loops)
        {
            proxy.Upstream.AnswerInTurn((loop.FirstAnswer, loop.ContentType), (loop.SecondAnswer, loop.ContentType));
            foreach (var (request, expected) in ((string, string)[])[(loop.First, loop.FirstAnswer), (loop.Second, loop.SecondAnswer)])
            {
                using var answer = await proxy.PostAsync(loop.Path, request, ("LlmProxy-Task", loop.Name));
                Assert.Equal((HttpStatusCode.OK, expected), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
                Assert.Equal(loop.ContentType, answer.Content.Headers.ContentType!.ToString());
                Assert.Equal(request, proxy.Upstream.Last.Text);
            }
        }

        Assert.InRange(proxy.Spool.Pending, 1, loops.Count * 2);
        await RenameAsync(proxy, "gone", "task_trajectory");
        await proxy.SettleAsync();
        var runs = (await proxy.Store.ListAsync(new TrajectoryQuery("default"), default)).Items;
        Assert.Equal(loops.Select(l => (l.Name, 2)).Order(), runs.Select(r => (r.TaskId, r.IterationCount)).Order());
    }

    /// <summary>The proxy with the desktop agent's own variables in its environment.</summary>
    private static Task<RunningProxy> StartAsync(params (string Variable, string Value)[] environment) =>
        RunningProxy.StartAsync(
            null,
            [.. new ConfigurationBuilder().Add(new BytebotAliasSource(environment.ToDictionary(e => e.Variable, e => (string?)e.Value))).Build().AsEnumerable().Where(s => s.Value is not null).Select(s => (s.Key, s.Value!))]);

    private static async Task RenameAsync(RunningProxy proxy, string table, string name)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(proxy.Folder, "data", "llmproxy.db")};Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of this class.
        command.CommandText = $"ALTER TABLE {table} RENAME TO {name}";
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
