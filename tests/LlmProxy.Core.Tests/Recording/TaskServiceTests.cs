using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Recording;

/// <summary>What callers say of tasks.</summary>
public sealed class TaskServiceTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Fact]
    public async Task A_stated_outcome_wins_is_final_and_harmless_to_repeat()
    {
        var task = await RunAsync();
        var metrics = new StatedMetrics(0.5, 0.3, 1, null);
        var first = await _lab.Tasks.CompleteAsync("default", task, true, metrics, "well done", default);
        _lab.Time.Advance(TimeSpan.FromHours(1));
        var again = await _lab.Tasks.CompleteAsync("default", task, true, metrics, null, default);

        Assert.Equal((true, null), (first!.Recorded, first.Reason));
        Assert.Equal((TrajectoryStatus.Completed, true, OutcomeSource.Api, false), (first.Trajectory.Status, first.Trajectory.Success, first.Trajectory.OutcomeSource, first.Trajectory.IsProvisional));
        Assert.Equal(1 - 0.3 - (0.2 * 0.4) - (0.2 * 0.5), first.Trajectory.QualityScore!.Value, 9);
        Assert.Equal(first.Trajectory.CompletedAt, again!.Trajectory.CompletedAt);
        Assert.Equal((1, "well done"), (again.Trajectory.UserInterventions, again.Trajectory.Comment));
        Assert.Equal(first.Trajectory.QualityScore, (await _lab.RunAsync(task)).QualityScore);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(24 * 365, true)]
    [InlineData(-1, true)]
    public async Task A_clock_that_is_set_during_a_run_makes_no_duration_negative_or_shorter(int hoursBack, bool isCompleted)
    {
        var first = new WireCall(Request(User("Read it"))) { Task = "clock", Answer = Says("I read."), Took = TimeSpan.FromSeconds(2) };
        await _lab.SendAsync(first);
        _lab.Time.SetBack = TimeSpan.FromHours(hoursBack);
        _lab.Time.Advance(TimeSpan.FromMinutes(3));
        await _lab.SendAsync(new WireCall(Request(User("Read it") + "," + Assistant("I read.") + "," + User("more"))) { Task = "clock", Answer = Says("And more."), Took = TimeSpan.FromSeconds(2) });
        await _lab.SettleAsync();
        if (isCompleted)
        {
            await _lab.Tasks.CompleteAsync("default", "clock", true, null, null, default);
        }

        var run = await _lab.RunAsync("clock");
        Assert.True(run.Duration >= TimeSpan.FromSeconds(184), run.Duration.ToString());
        Assert.True(run.HasContent);
        Assert.All(await _lab.StepsAsync("clock"), s => Assert.Equal(2_000, s.Step.DurationMs));
    }

    [Fact]
    public async Task A_call_after_the_stated_outcome_counts_and_changes_nothing_of_it()
    {
        var task = await RunAsync();
        await _lab.Tasks.CompleteAsync("default", task, false, null, null, default);
        await _lab.SendAsync(new WireCall(Request(User("more"))) { Task = task, Answer = Says("A little more of the same.") });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);

        Assert.Equal((TrajectoryStatus.Failed, false, 3), (run.Status, run.Success, run.IterationCount));
    }

    [Fact]
    public async Task An_outcome_takes_its_place_behind_the_calls_that_are_under_way()
    {
        var open = await _lab.BeginAsync(new WireCall(Request(User("go"))) { Task = "t", Answer = Says("All of it is done now.") });
        var complete = _lab.Tasks.CompleteAsync("default", "t", true, null, null, default);
        Assert.False(complete.IsCompleted);

        _lab.End(open with { Wire = open.Wire with { Took = TimeSpan.FromSeconds(4) } });
        var result = await complete;

        Assert.Equal((1, true), (result!.Trajectory.IterationCount, result.Trajectory.Success));
    }

    [Fact]
    public async Task An_outcome_waits_five_seconds_and_then_goes_before_them()
    {
        var open = await _lab.BeginAsync(new WireCall(Request(User("go"))) { Task = "t", Answer = Says("All of it is done now.") });
        var complete = _lab.Tasks.CompleteAsync("default", "t", true, null, null, default);
        _lab.Time.Advance(TimeSpan.FromSeconds(4.9));
        await BarrierAsync();
        Assert.False(complete.IsCompleted);

        _lab.Time.Advance(TimeSpan.FromSeconds(0.2));
        var result = await complete;
        Assert.Equal((TrajectoryStatus.Completed, true, 0), (result!.Trajectory.Status, result.Trajectory.Success, result.Trajectory.IterationCount));

        _lab.End(open);
        await _lab.SettleAsync();
        var run = await _lab.RunAsync("t");
        Assert.Equal((TrajectoryStatus.Completed, true, OutcomeSource.Api, 1), (run.Status, run.Success, run.OutcomeSource, run.IterationCount));
        Assert.Equal((true, 100L), (run.HasContent, run.TokenUsage?.Input));
        Assert.Single(await _lab.StepsAsync("t"));
    }

    [Fact]
    public async Task A_run_is_not_found_too_short_while_a_call_of_it_is_under_way()
    {
        var (first, second) = TwoSteps();
        await _lab.SendAsync(first with { Task = "t", Took = TimeSpan.FromSeconds(1) });
        await _lab.SettleAsync();
        var open = await _lab.BeginAsync(second with { Task = "t" });
        var complete = _lab.Tasks.CompleteAsync("default", "t", true, null, null, default);
        _lab.Time.Advance(TimeSpan.FromSeconds(6));
        await complete;
        _lab.End(open);
        await _lab.SettleAsync();

        Assert.True((await _lab.RunAsync("t")).HasContent);
        Assert.Equal(2, (await _lab.StepsAsync("t")).Count(s => s.Reply is not null));
    }

    [Fact]
    public async Task An_unknown_task_is_none()
    {
        Assert.Null(await _lab.Tasks.CompleteAsync("default", "nobody", true, null, null, default));
        Assert.Null(await _lab.Tasks.CancelAsync("default", "session:nobody", default));
        Assert.Null(await _lab.Tasks.InterveneAsync("default", "last", default));
        var task = await RunAsync();
        Assert.Null(await _lab.Tasks.CompleteAsync("another tenant", task, true, null, null, default));
        Assert.False(await _lab.Tasks.DeleteAsync("another tenant", (await _lab.RunAsync(task)).Id, default));
    }

    [Fact]
    public async Task A_task_that_is_called_off_keeps_nothing_of_its_content_and_takes_no_more_calls()
    {
        var task = await RunAsync();
        var result = await _lab.Tasks.CancelAsync("default", task, default);
        await _lab.SendAsync(new WireCall(Request(User("more"))) { Task = task, Answer = Says("A little more of the same.") });
        await _lab.SettleAsync();

        Assert.Equal((false, (NotRecordedReason?)NotRecordedReason.Cancelled), (result!.Recorded, result.Reason));
        var run = await _lab.RunAsync(task);
        Assert.Equal((TrajectoryStatus.Cancelled, null, null, false), (run.Status, run.Success, run.QualityScore, run.HasContent));
        Assert.Empty(await _lab.StepsAsync(task));
        Assert.Empty(_lab.Segments);
    }

    [Theory]
    [InlineData(false, false, "failed")]
    [InlineData(true, true, null)]
    public async Task Failed_runs_are_kept_by_setting_alone(bool keep, bool recorded, string? reason)
    {
        await _lab.DisposeAsync();
        _lab = await RecordingLab.StartAsync(new RecordingOptions { Failures = keep, Grace = TimeSpan.Zero });
        var task = await RunAsync();

        var result = await _lab.Tasks.CompleteAsync("default", task, false, null, null, default);

        Assert.Equal((recorded, reason), (result!.Recorded, result.Reason?.ToWord()));
        Assert.Equal(recorded ? 2 : 0, (await _lab.StepsAsync(task)).Count);
        var again = await _lab.Tasks.CompleteAsync("default", task, false, null, null, default);
        Assert.Equal((recorded, reason), (again!.Recorded, again.Reason?.ToWord()));
    }

    [Fact]
    public async Task An_intervention_after_the_end_changes_the_score()
    {
        var task = await RunAsync();
        await _lab.Tasks.CompleteAsync("default", task, true, null, null, default);

        var result = await _lab.Tasks.InterveneAsync("default", task, default);

        Assert.Equal((1, 0.7), (result!.Trajectory.UserInterventions, result.Trajectory.QualityScore));
        Assert.Equal(0.7, (await _lab.RunAsync(task)).QualityScore);
    }

    [Fact]
    public async Task A_task_that_a_caller_opens_gets_its_provider_from_its_first_call()
    {
        var opened = await _lab.Tasks.StartAsync("default", new TaskStart("t", "Read the file for me", null, null), default);
        var (first, second) = TwoSteps();
        await _lab.SendAsync(first with { Task = "t" });
        await _lab.SendAsync(second with { Task = "t" });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync("t");

        Assert.Equal(opened.Trajectory.Id, run.Id);
        Assert.Equal(("anthropic", "claude-sonnet-4", "Read the file for me"), (run.Provider, run.Model, run.TaskDescription));
        Assert.Equal((2, true), (run.IterationCount, run.HasContent));
        Assert.Equal(2, (await _lab.StepsAsync("t")).Count(s => s.Reply is not null));
    }

    [Fact]
    public async Task Content_that_comes_in_the_same_batch_as_the_opening_stays()
    {
        // The worker is busy with another task while the opening and the first call come, so that both are one batch.
        var gate = new TaskCompletionSource();
        _lab.Faults.Wait = ("SaveAsync", gate.Task);
        var busy = _lab.Tasks.StartAsync("default", new TaskStart("busy", null, null, null), default);
        await _lab.UntilAsync(() => { lock (_lab.Faults.Calls) { return _lab.Faults.Calls.GetValueOrDefault("SaveAsync") > 0; } });
        var opening = _lab.Tasks.StartAsync("default", new TaskStart("t", null, null, null), default);
        await _lab.SendAsync(TwoSteps().First with { Task = "t", Took = TimeSpan.FromSeconds(1) });
        gate.SetResult();
        _lab.Faults.Wait = null;
        await busy;
        await opening;
        await _lab.SettleAsync();

        Assert.True((await _lab.RunAsync("t")).HasContent);
        Assert.NotNull(Assert.Single(await _lab.StepsAsync("t")).Reply);
    }

    [Fact]
    public async Task Opening_a_task_that_is_there_changes_nothing()
    {
        var task = await RunAsync();

        var opened = await _lab.Tasks.StartAsync("default", new TaskStart(task, "another text", "openai", null), default);

        Assert.Equal(("Read a.txt for me", "anthropic", 2), (opened.Trajectory.TaskDescription, opened.Trajectory.Provider, opened.Trajectory.IterationCount));
        Assert.Equal((true, null), (opened.Recorded, opened.Reason));
    }

    [Fact]
    public async Task Last_is_the_latest_task_whoever_opened_it()
    {
        await RunAsync();
        _lab.Time.Advance(TimeSpan.FromSeconds(1));
        await _lab.Tasks.StartAsync("default", new TaskStart("opened", null, null, null), default);
        Assert.Equal("opened", (await _lab.Tasks.InterveneAsync("default", "last", default))!.Trajectory.TaskId);

        _lab.Time.Advance(TimeSpan.FromSeconds(1));
        var open = await _lab.BeginAsync(new WireCall(Request(User("under way"))) { Answer = Says("It was under way till now."), Took = TimeSpan.FromSeconds(1) });
        var intervene = _lab.Tasks.InterveneAsync("default", "last", default);
        _lab.End(open);
        Assert.Equal(open.Place.Task!.TaskId, (await intervene)!.Trajectory.TaskId);
    }

    [Fact]
    public async Task A_session_means_its_latest_task_and_no_sub_agent()
    {
        await _lab.SendAsync(new WireCall(Request(User("earlier turn"))) { Session = "s", Answer = Says("That was the earlier turn.") });
        var main = await _lab.SendAsync(new WireCall(Request(User("do much"))) { Session = "s", Answer = Calls("toolu_1", tool: "Task") });
        var sub = await _lab.SendAsync(new WireCall(Request(User("do a part"))) { Session = "s", Answer = Says("The part is done, all of it.") });
        await _lab.SettleAsync();

        Assert.Equal(main.Task!.TrajectoryId, sub.Task!.ParentId);
        Assert.Equal(main.Task.TaskId, (await _lab.Tasks.CompleteAsync("default", "session:s", true, null, null, default))!.Trajectory.TaskId);
        await _lab.RestartAsync(kill: false);
        Assert.NotNull(await _lab.Tasks.CompleteAsync("default", "session:s", true, null, null, default));
    }

    [Fact]
    public async Task A_deleted_run_is_gone_for_recorder_and_correlator()
    {
        var task = await RunAsync();

        Assert.True(await _lab.Tasks.DeleteAsync("default", (await _lab.RunAsync(task)).Id, default));

        Assert.Null(await _lab.Store.FindTaskAsync("default", task, default));
        Assert.Null(_lab.Correlator.Find("default", task));
        Assert.Null(await _lab.Tasks.InterveneAsync("default", task, default));
    }

    [Fact]
    public async Task A_deletion_that_the_store_refuses_is_told_and_keeps_no_call_in_the_spool()
    {
        // Both come in one batch: the recorder is kept busy until they are there.
        var task = await RunAsync();
        var run = await _lab.RunAsync(task);
        var busy = new TaskCompletionSource();
        _lab.Faults.Wait = ("SaveAsync", busy.Task);
        _lab.Faults.Fault = (method, _) => method == "DeleteAsync" ? new StoreException("refused") : null;
        var blocked = _lab.Recorder.ChangeAsync("default", task, r => r, TimeSpan.FromHours(1), default);
        await _lab.UntilAsync(() => _lab.Faults.Calls.GetValueOrDefault("SaveAsync") > 0 && !blocked.IsCompleted);
        var deletion = _lab.Tasks.DeleteAsync("default", run.Id, default);
        var other = (await _lab.SendAsync(new WireCall(Request(User("another task"))) { Answer = Says("done") })).Task!.TaskId;
        busy.SetResult();

        await _lab.UntilAsync(() => deletion.IsCompleted && _lab.Spool.Pending == 0, TimeSpan.FromSeconds(1));

        await Assert.ThrowsAsync<StoreException>(() => deletion);
        Assert.Single(await _lab.StepsAsync(other));
        Assert.NotEmpty(await _lab.StepsAsync(task));
    }

    [Fact]
    public async Task While_the_store_is_down_a_caller_is_told_and_the_change_is_made_later()
    {
        var task = await RunAsync();
        _lab.Faults.Fault = (_, _) => new StoreException("down");
        var change = _lab.Tasks.InterveneAsync("default", task, default);
        await _lab.UntilAsync(() => change.IsCompleted, TimeSpan.FromSeconds(1));
        await Assert.ThrowsAsync<StoreException>(() => change);
        Assert.NotNull(_lab.StoreProblem);

        _lab.Faults.Fault = null;
        await _lab.UntilAsync(() => _lab.RunAsync(task).Result.UserInterventions == 1, TimeSpan.FromSeconds(1));

        Assert.Null(_lab.StoreProblem);
    }

    private Task BarrierAsync() => _lab.Recorder.ChangeAsync("default", "nothing", r => r, TimeSpan.FromHours(1), default);

    private async Task<string> RunAsync()
    {
        var (first, second) = TwoSteps();
        var place = await _lab.SendAsync(first);
        await _lab.SendAsync(second);
        await _lab.SettleAsync();
        return place.Task!.TaskId;
    }
}
