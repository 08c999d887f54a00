using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Recording;

/// <summary>Content that is not kept: hidden at once, erased after the grace, back after a correction.</summary>
public sealed class GraceTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Fact]
    public async Task A_stated_failure_hides_content_and_a_correction_restores_content_and_example()
    {
        var task = await RunAsync();
        await StateAsync(task, true);
        var steps = await StepsAsync(task);
        Assert.Equal([task], await ExamplesAsync());

        var failed = await StateAsync(task, false);

        Assert.Equal((false, (NotRecordedReason?)NotRecordedReason.Failed), (failed.Recorded, failed.Reason));
        var run = await _lab.RunAsync(task);
        Assert.Equal((true, (NotRecordedReason?)NotRecordedReason.Failed, (DateTimeOffset?)_lab.Time.GetUtcNow().AddDays(7)), (run.HasContent, run.WhyNoContent, run.EraseAt));
        Assert.Equal(steps, await StepsAsync(task));
        Assert.Empty(await ExamplesAsync());
        Assert.Empty(await _lab.Store.FindUsableExamplesAsync("default", [run.Id], [], default));

        _lab.Time.Advance(TimeSpan.FromDays(6.9));
        await StateAsync(task, true);

        run = await _lab.RunAsync(task);
        Assert.Equal((true, null, null), (run.HasContent, run.WhyNoContent, run.EraseAt));
        Assert.Equal(steps, await StepsAsync(task));
        Assert.Equal([task], await ExamplesAsync());
        await EraseAsync(TimeSpan.FromDays(30));
        Assert.Equal(steps, await StepsAsync(task));
    }

    [Fact]
    public async Task Content_is_erased_when_the_grace_ends_and_metrics_outline_and_reason_stay()
    {
        var task = await RunAsync();
        await StateAsync(task, false);
        _lab.Time.Advance(TimeSpan.FromDays(3));
        await _lab.Tasks.CommentAsync("default", task, "a change does not put the end off", default);
        await EraseAsync(TimeSpan.FromDays(4));

        var run = await _lab.RunAsync(task);
        Assert.Equal((false, (NotRecordedReason?)NotRecordedReason.Failed, null), (run.HasContent, run.WhyNoContent, run.EraseAt));
        Assert.Equal((2, 1, 200L), (run.IterationCount, run.ToolCallsCount, run.TokenUsage?.Input));
        Assert.Empty(await _lab.StepsAsync(task));
        Assert.NotEmpty((await _lab.Store.ReadOutlinesAsync("default", [run.Id], default))[run.Id].Calls);

        // Too late: the outcome can be corrected, the content is gone.
        var late = await StateAsync(task, true);
        Assert.Equal((false, (NotRecordedReason?)NotRecordedReason.Failed, (bool?)true), (late.Recorded, late.Reason, late.Trajectory.Success));
        Assert.Empty(await ExamplesAsync());
    }

    [Fact]
    public async Task A_restart_erases_what_expired_in_between_and_nothing_else()
    {
        var (expired, waiting, kept) = (await RunAsync("toolu_1"), await RunAsync("toolu_2"), await RunAsync("toolu_3"));
        await StateAsync(expired, false);
        _lab.Time.Advance(TimeSpan.FromDays(5));
        await StateAsync(waiting, false);
        await StateAsync(kept, true);
        await _lab.KillAsync();
        _lab.Time.Advance(TimeSpan.FromDays(3));
        await _lab.RestartAsync(kill: false);

        await _lab.UntilAsync(() => !_lab.RunAsync(expired).Result.HasContent);
        Assert.True((await _lab.RunAsync(waiting)).HasContent);
        Assert.Equal(2, (await _lab.StepsAsync(kept)).Count);
    }

    [Fact]
    public async Task Two_processes_erase_each_content_once_and_a_correction_elsewhere_is_not_overruled()
    {
        var tasks = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            tasks.Add(await RunAsync($"toolu_{i}"));
            await StateAsync(tasks[i], false);
        }

        await using var other = await _lab.OpenBesideAsync();
        await other.Tasks.CompleteAsync("default", tasks[0], true, null, null, default);
        var kept = await _lab.StepsAsync(tasks[0]);
        await EraseAsync(TimeSpan.FromDays(8));
        await _lab.UntilAsync(() => tasks.Skip(1).All(t => !_lab.RunAsync(t).Result.HasContent));

        Assert.Equal(kept.Count, (await _lab.StepsAsync(tasks[0])).Count);
        Assert.Empty(await other.Store.EraseExpiredContentAsync(50, default));

        // This process still has the trajectories in memory as they were.
        var late = await StateAsync(tasks[1], true);
        Assert.Equal((false, false), (late.Recorded, late.Trajectory.HasContent));
    }

    [Fact]
    public async Task A_later_call_of_a_hidden_trajectory_is_stored_with_it()
    {
        var task = await RunAsync();
        await StateAsync(task, false);
        var history = string.Join(',', User("Read a.txt for me"), Call("toolu_1"), Result("toolu_1"), Assistant("It says hello, that is all."), User("and b.txt?"));
        await _lab.SendAsync(new WireCall(Request(history)) { Answer = Says("That one is empty, as you can see.") });
        await _lab.SettleAsync();

        Assert.Equal((false, 3), ((await StateAsync(task, false)).Recorded, (await _lab.StepsAsync(task)).Count));
        await StateAsync(task, true);
        Assert.All(await _lab.StepsAsync(task), step => Assert.NotEmpty(step.Messages));
    }

    [Fact]
    public async Task Cancelling_and_deleting_erase_at_once()
    {
        var (cancelled, deleted) = (await RunAsync("toolu_1"), await RunAsync("toolu_2"));
        await StateAsync(cancelled, false);
        await StateAsync(deleted, false);
        var id = (await _lab.RunAsync(deleted)).Id;

        await _lab.Tasks.CancelAsync("default", cancelled, default);
        Assert.True(await _lab.Tasks.DeleteAsync("default", id, default));

        var run = await _lab.RunAsync(cancelled);
        Assert.Equal((false, (NotRecordedReason?)NotRecordedReason.Cancelled, null), (run.HasContent, run.WhyNoContent, run.EraseAt));
        Assert.Empty(await _lab.StepsAsync(cancelled));
        Assert.Empty(await _lab.Reader.ReadAsync(id, default));
    }

    [Fact]
    public async Task Content_of_another_provider_is_hidden_from_its_first_step_on_and_erased_after_the_grace()
    {
        var (first, second) = TwoSteps();
        var answer = """{"id":"r","type":"message","role":"assistant","model":"glm-4.6","content":[{"type":"tool_use","id":"toolu_1","name":"read_file","input":{"path":"a.txt"}}],"stop_reason":"tool_use","usage":{"input_tokens":100,"output_tokens":10}}""";
        var task = (await _lab.SendAsync(first with { Provider = "proxy", Answer = answer })).Task!.TaskId;
        await _lab.SettleAsync();
        Assert.Equal((true, (NotRecordedReason?)NotRecordedReason.ProviderNotRecorded, null), await StateOfAsync(task));
        await _lab.SendAsync(second with { Provider = "proxy", Answer = second.Answer!.Replace("claude-sonnet-4", "glm-4.6", StringComparison.Ordinal) });
        await _lab.SettleAsync();

        // Not even a stated success makes it an example.
        var stated = await StateAsync(task, true);
        Assert.Equal((false, (NotRecordedReason?)NotRecordedReason.ProviderNotRecorded), (stated.Recorded, stated.Reason));
        Assert.Equal(2, (await _lab.StepsAsync(task)).Count);
        Assert.Empty(await ExamplesAsync());
        await EraseAsync(TimeSpan.FromDays(8));
        Assert.Empty(await _lab.StepsAsync(task));
    }

    [Fact]
    public async Task A_grace_of_zero_erases_at_once()
    {
        await using var lab = await RecordingLab.StartAsync(new RecordingOptions { Grace = TimeSpan.Zero });
        var (first, second) = TwoSteps();
        var task = (await lab.SendAsync(first)).Task!.TaskId;
        await lab.SendAsync(second);
        await lab.SettleAsync();
        await lab.Tasks.CompleteAsync("default", task, false, null, null, default);

        Assert.False((await lab.RunAsync(task)).HasContent);
        Assert.Empty(await lab.StepsAsync(task));
    }

    [Theory]
    [InlineData(null, 2, true)]
    [InlineData(null, 1, false)]
    [InlineData(5.0, 2, false)]
    [InlineData(0.0, 1, true)]
    public async Task A_quick_task_is_kept_by_auto_if_it_has_two_steps_with_a_tool_call(double? minSeconds, int steps, bool isKept)
    {
        await using var lab = await RecordingLab.StartAsync(new RecordingOptions { MinDuration = minSeconds is { } least ? TimeSpan.FromSeconds(least) : null });
        var (first, second) = TwoSteps();
        var task = (await lab.SendAsync(first with { Took = TimeSpan.FromSeconds(1) })).Task!.TaskId;
        if (steps > 1)
        {
            await lab.SendAsync(second with { Took = TimeSpan.FromSeconds(1) });
        }

        await lab.SettleAsync();

        // A duration ends with the last response, however much later the outcome is stated.
        lab.Time.Advance(TimeSpan.FromMinutes(10));
        var result = await lab.Tasks.CompleteAsync("default", task, true, null, null, default);

        Assert.Equal((isKept, isKept ? null : (NotRecordedReason?)NotRecordedReason.ShorterThanMinDuration), (result!.Recorded, result.Trajectory.WhyNoContent));
        Assert.Equal(TimeSpan.FromSeconds(steps), result.Trajectory.Duration);
        Assert.Equal(steps, (await lab.StepsAsync(task)).Count);
    }

    private async Task<string> RunAsync(string id = "toolu_1")
    {
        var (first, second) = TwoSteps(id == "toolu_1" ? "Read a.txt for me" : "Read a.txt for me " + id, id);
        var task = (await _lab.SendAsync(first)).Task!.TaskId;
        await _lab.SendAsync(second);
        await _lab.SettleAsync();
        return task;
    }

    private async Task<TaskResult> StateAsync(string task, bool success) =>
        await _lab.Tasks.CompleteAsync("default", task, success, null, null, default) ?? throw new InvalidOperationException("no task " + task);

    private async Task<(bool HasContent, NotRecordedReason? Why, DateTimeOffset? EraseAt)> StateOfAsync(string task) =>
        await _lab.RunAsync(task) is var run ? (run.HasContent, run.WhyNoContent, run.EraseAt) : default;

    private async Task<List<string>> StepsAsync(string task) => [.. (await _lab.StepsAsync(task)).Select(s => string.Join('|', s.Messages.Select(m => m.Message.Text)) + s.Reply?.Text)];

    private async Task<List<string>> ExamplesAsync() =>
        [.. (await _lab.Store.SearchAsync(new SearchQuery("default", "lexical-1", [1f, 0f], "read", 10), default)).Select(h => h.Trajectory.TaskId)];

    /// <summary>Lets time pass, and the background work that is due then.</summary>
    private async Task EraseAsync(TimeSpan after)
    {
        _lab.Time.Advance(after);
        await _lab.UntilAsync(() => _lab.Store.ListAsync(new TrajectoryQuery("default"), default).Result.Items.All(t => t.EraseAt is null || t.EraseAt > _lab.Time.GetUtcNow()));
    }
}
