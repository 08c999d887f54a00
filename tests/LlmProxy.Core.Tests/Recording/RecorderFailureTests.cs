using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Recording;

/// <summary>Restarts, kills, a store that is down or refuses, and calls that cannot be read: nothing is lost, nothing takes effect twice.</summary>
public sealed class RecorderFailureTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Fact]
    public async Task While_the_store_is_down_calls_wait_in_the_spool_and_none_is_lost()
    {
        _lab.Faults.Fault = (_, _) => new StoreException("down");
        var (first, second) = TwoSteps();
        var task = (await _lab.SendAsync(first)).Task!.TaskId;
        await _lab.SendAsync(second);
        await _lab.SendAsync(new WireCall(Request(User("another"))) { Answer = Says("Another one is answered.") });
        await _lab.UntilAsync(() => _lab.StoreProblem is not null);
        Assert.Equal(3, _lab.Spool.Pending);

        _lab.Faults.Fault = null;
        await _lab.UntilAsync(() => _lab.Spool.Pending == 0, TimeSpan.FromSeconds(1));

        Assert.Null(_lab.StoreProblem);
        Assert.Equal(2, (await _lab.StepsAsync(task)).Count);
        Assert.Equal(2, (await _lab.Store.ListAsync(new TrajectoryQuery("default"), default)).Items.Count);
        Assert.Empty(_lab.Segments);
        Assert.Empty(_lab.NotRecorded);
    }

    [Fact]
    public async Task A_killed_process_loses_nothing_and_nothing_takes_effect_twice()
    {
        var (first, second) = TwoSteps();
        var task = (await _lab.SendAsync(first)).Task!.TaskId;
        await _lab.SettleAsync();

        // The store has it, and the process is killed before the spool forgets it.
        _lab.Faults.Fault = (_, _) => new StoreException("down");
        await _lab.SendAsync(second);
        _lab.Faults.Fault = null;
        await _lab.KillAsync();
        var segments = _lab.Segments.ToDictionary(s => s, File.ReadAllBytes);
        Assert.NotEmpty(segments);
        await _lab.RestartAsync(kill: false);
        await _lab.SettleAsync();
        await _lab.KillAsync();
        foreach (var (path, bytes) in segments)
        {
            await File.WriteAllBytesAsync(path, bytes);
        }

        await _lab.RestartAsync(kill: false);
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);
        Assert.Equal((2, 1, 200L), (run.IterationCount, run.ToolCallsCount, run.TokenUsage?.Input));
        Assert.Equal(2, (await _lab.StepsAsync(task)).Count);
        Assert.Empty(_lab.Segments);
    }

    [Theory]
    [InlineData(false, StepStatus.ProxyStopped)]
    [InlineData(true, StepStatus.Ok)]
    public async Task A_call_that_was_under_way_is_recorded_as_far_as_it_came(bool whole, StepStatus status)
    {
        var open = await _lab.BeginAsync(new WireCall(Request(User("go"))) { Answer = Calls("toolu_1") });
        if (whole)
        {
            _lab.Answer(open);
        }

        await _lab.RestartAsync();
        await _lab.SettleAsync();

        var step = Assert.Single(await _lab.StepsAsync(open.Place.Task!.TaskId));
        Assert.Equal(status, step.Step.Status);
        Assert.Equal(whole ? 1 : 0, step.Reply?.ToolCalls.Count ?? 0);
        Assert.Equal("go", Assert.Single(step.Messages).Message.Text);
    }

    [Theory]
    [InlineData(true, "b.txt")]
    [InlineData(false, "b.txt")]
    [InlineData(true, "with a secret")]
    public async Task After_a_restart_a_run_goes_on_where_it_was(bool recorded, string path)
    {
        if (!recorded)
        {
            // Nothing of its content is left to rebuild it from.
            await _lab.DisposeAsync();
            _lab = await RecordingLab.StartAsync(new RecordingOptions { Grace = TimeSpan.Zero });
        }

        var secret = path == "b.txt" ? "b.txt" : "sk-" + "ant-api03-AbCdEf0123456789AbCdEf";
        var turns = new List<string> { User($"Read {secret} for me") };
        var provider = recorded ? "anthropic" : "openai";
        var task = (await _lab.SendAsync(Step(Calls("toolu_1", text: $"I read {secret} now.", path: secret)))).Task!.TaskId;
        turns.AddRange([Call("toolu_1", $"I read {secret} now.", secret), Result("toolu_1", "no such file", isError: true), User("User performed action: computer_click_mouse")]);
        await _lab.SendAsync(Step(Calls("toolu_2")));
        await _lab.SettleAsync();
        await _lab.RestartAsync(kill: false);

        turns.AddRange([Call("toolu_2"), Result("toolu_2")]);
        var last = await _lab.SendAsync(Step(Says("I have read all that there is.")));
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);
        var steps = await _lab.StepsAsync(task);
        Assert.Equal(task, last.Task!.TaskId);
        Assert.Equal((3, 2, 1, 1), (run.IterationCount, run.ToolCallsCount, run.FailedToolResults, run.UserInterventions));
        Assert.Equal((TrajectoryStatus.Completed, null, OutcomeSource.Inferred), (run.Status, run.Success, run.OutcomeSource));
        Assert.Contains(run.Evidence, e => e.Text == (recorded ? "1 of 2 tool results are failures." : "Earlier steps are not kept."));
        if (recorded)
        {
            Assert.Equal([0, 2, 5], steps.Select(s => s.Step.HistoryKept));
            Assert.DoesNotContain(steps.SelectMany(s => s.Messages), m => m.IsForeign);
        }

        WireCall Step(string answer) => new(Request(string.Join(',', turns))) { Preset = "bytebot", Provider = provider, Answer = answer };
    }

    [Fact]
    public async Task After_a_restart_a_retry_takes_the_place_of_the_step_that_was_cut_off()
    {
        var turns = new List<string> { User("go") };
        var task = (await _lab.SendAsync(Step(Calls("toolu_1")))).Task!.TaskId;
        turns.AddRange([Call("toolu_1"), Result("toolu_1", "bad", isError: true)]);
        await _lab.BeginAsync(Step(Says("never sent, since it was killed")));
        await _lab.RestartAsync();
        await _lab.SettleAsync();
        Assert.Equal(StepStatus.ProxyStopped, (await _lab.StepsAsync(task))[1].Step.Status);

        var again = await _lab.SendAsync(Step(Says("It is bad, I give it up.")));
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);
        var steps = await _lab.StepsAsync(task);
        Assert.True(again.IsRetry);
        Assert.Equal((2, 1, 1, 200L), (run.IterationCount, run.ToolCallsCount, run.FailedToolResults, run.TokenUsage?.Input));
        Assert.Equal([StepStatus.Ok, StepStatus.Ok], steps.Select(s => s.Step.Status));
        Assert.Equal([0, 2], steps.Select(s => s.Step.HistoryKept));

        WireCall Step(string answer) => new(Request(string.Join(',', turns))) { Answer = answer };
    }

    [Fact]
    public async Task Calls_that_an_earlier_process_left_go_before_those_that_came_since()
    {
        _lab.Faults.Fault = (_, _) => new StoreException("down");
        await _lab.SendAsync(new WireCall(Request(User("one"))) { Task = "t", Answer = Says("the first answer of all") });
        await _lab.SendAsync(new WireCall(Request(User("two"))) { Task = "t", Answer = Says("the second answer of all") });
        await _lab.KillAsync();
        await _lab.OpenWithoutRecorderAsync();

        // The store was down at the start too: calls came before anything could be recorded.
        await _lab.SendAsync(new WireCall(Request(User("three"))) { Task = "t", Answer = Says("the third answer of all") });
        Assert.Equal(3, _lab.Spool.Pending);
        _lab.StartRecorder();
        await _lab.SettleAsync();

        Assert.Equal(["the first answer of all", "the second answer of all", "the third answer of all"], (await _lab.StepsAsync("t")).Select(s => s.Reply!.Text));
    }

    [Fact]
    public async Task A_call_that_cannot_be_turned_into_a_step_is_counted_and_stops_nobody()
    {
        var one = await _lab.BeginAsync(TwoSteps().First with { Task = "t" });
        var poison = await _lab.BeginAsync(new WireCall(Request(User("poison"))) { Task = "t", Answer = Says("It is answered all the same.") });
        var three = await _lab.BeginAsync(new WireCall(Request(User("three"))) { Task = "t", Answer = Says("The third of them is answered.") });
        // Two ends are no end that can be read.
        poison.Record!.WriteTail(new ExchangeTail(ExchangeOutcome.Complete, 1, false));
        _lab.End(poison);
        _lab.End(three);
        _lab.End(one);
        await _lab.SettleAsync();

        var run = await _lab.RunAsync("t");
        Assert.Equal(1, _lab.NotRecorded["recorder-error"]);
        Assert.Equal([1, 3], (await _lab.StepsAsync("t")).Select(s => s.Step.Index));
        Assert.Equal((1, 200L), (run.ToolCallsCount, run.TokenUsage?.Input));
        Assert.Empty(_lab.Segments);
    }

    [Fact]
    public async Task A_change_that_the_store_refuses_keeps_no_other_out()
    {
        _lab.Faults.Fault = (method, arguments) => method == "SaveAsync" && ((IReadOnlyList<TrajectoryChange>)arguments[0]!).Any(c => c.Trajectory.TaskId == "bad")
            ? new StoreException("no") { IsConflict = true }
            : null;
        var good = await _lab.BeginAsync(new WireCall(Request(User("good"))) { Task = "good", Answer = Says("The good one is answered.") });
        var bad = await _lab.BeginAsync(new WireCall(Request(User("bad"))) { Task = "bad", Answer = Says("The bad one is answered.") });
        _lab.End(bad);
        _lab.End(good);
        await _lab.SettleAsync();

        Assert.Single(await _lab.StepsAsync("good"));
        Assert.Null(await _lab.Store.FindTaskAsync("default", "bad", default));
        Assert.Equal(1, _lab.NotRecorded["store-refused"]);
        Assert.Null(_lab.StoreProblem);
        Assert.Empty(_lab.Segments);
    }

    [Fact]
    public async Task A_bug_of_the_store_does_not_end_the_recording()
    {
        _lab.Faults.Fault = (method, _) => method == "SaveAsync" ? new InvalidOperationException("a bug") : null;
        await _lab.SendAsync(new WireCall(Request(User("first"))) { Answer = Says("The first one is answered.") });
        await _lab.SettleAsync();
        Assert.Equal(1, _lab.NotRecorded["store-refused"]);

        _lab.Faults.Fault = null;
        var second = await _lab.SendAsync(new WireCall(Request(User("second"))) { Answer = Says("The second one is answered.") });
        await _lab.SettleAsync();

        Assert.Single(await _lab.StepsAsync(second.Task!.TaskId));
    }

    [Fact]
    public async Task Whatever_comes_pending_ends_at_zero_and_no_segment_stays()
    {
        // Side calls, of no task and of one; left, refused, timed out, broken, empty, truncated, unreadable.
        await _lab.SendAsync(new WireCall(Request(User("title?"), tools: null)) { Preset = "claude-code", Session = "x", Answer = Says("A title") });
        var side = _lab.Spool.Begin(new ExchangeHead { ExchangeId = "side", Tenant = "default", IsSideCall = true, Dialect = DialectKind.AnthropicMessages, Provider = "anthropic", StartedAt = _lab.Time.GetUtcNow() }, "{}"u8.ToArray(), null)!;
        _lab.Recorder.Register(side);
        _lab.Recorder.Complete(side, null);
        foreach (var outcome in Enum.GetValues<ExchangeOutcome>())
        {
            await _lab.SendAsync(new WireCall(Request(User($"call {outcome}"))) { Outcome = outcome, Answer = """{"id":"msg""" });
            await _lab.SendAsync(new WireCall(Request(User($"silent {outcome}"))) { Outcome = outcome });
        }

        await _lab.SendAsync(new WireCall(Request(User("html"))) { Status = 502, ContentType = "text/html", Answer = "<html>bad gateway</html>" });
        await _lab.SendAsync(new WireCall(Request(User("empty"))) { Answer = "" });
        var truncated = await _lab.BeginAsync(new WireCall(Request(User("long"))) { Answer = Says("This was too long to be kept.") });
        truncated.Record!.MarkTruncated();
        _lab.End(truncated);
        await _lab.SettleAsync();

        Assert.Empty(_lab.Segments);
        Assert.Equal(0, _lab.Spool.Bytes);
        Assert.Equal(StepStatus.Truncated, Assert.Single(await _lab.StepsAsync(truncated.Place.Task!.TaskId)).Step.Status);
        Assert.Empty(_lab.NotRecorded);
    }

    [Fact]
    public async Task A_run_that_an_earlier_process_left_open_is_closed_in_its_time()
    {
        var (first, second) = TwoSteps();
        var task = (await _lab.SendAsync(first)).Task!.TaskId;
        await _lab.SendAsync(second);
        var failed = (await _lab.SendAsync(new WireCall(Request(User("x"))) { Status = 500, Answer = Error("api_error", "no") })).Task!.TaskId;
        await _lab.SettleAsync();
        await _lab.RestartAsync(kill: false);

        _lab.Time.Advance(TimeSpan.FromMinutes(20));
        await _lab.UntilAsync(() => !_lab.RunAsync(task).Result.IsProvisional && _lab.RunAsync(failed).Result.Status != TrajectoryStatus.Active, TimeSpan.FromSeconds(5));

        Assert.InRange((await _lab.RunAsync(task)).SuccessProbability!.Value, 0.6, 1);
        Assert.Equal(OutcomeSource.Error, (await _lab.RunAsync(failed)).OutcomeSource);
    }

    [Fact]
    public async Task Many_tasks_at_once_lose_and_mix_nothing()
    {
        var tasks = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => Task.Run(async () =>
        {
            var (first, second) = TwoSteps($"Task number {i}", $"toolu_{i}", $"It was number {i}, and it is done.");
            var place = await _lab.SendAsync(first with { Took = TimeSpan.Zero });
            await _lab.SendAsync(second with { Took = TimeSpan.Zero });
            return (i, place.Task!.TaskId);
        })));
        await _lab.SettleAsync();

        foreach (var (i, task) in tasks)
        {
            var steps = await _lab.StepsAsync(task);
            Assert.Equal($"Task number {i}", steps[0].Messages[0].Message.Text);
            Assert.Equal($"It was number {i}, and it is done.", steps[1].Reply!.Text);
        }

        Assert.Empty(_lab.Segments);
    }
}
