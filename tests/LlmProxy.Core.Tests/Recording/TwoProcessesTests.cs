using LlmProxy.Core.Trajectories;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Recording;

/// <summary>Two processes record into one store; each call of a task may come to either.</summary>
public sealed class TwoProcessesTests : IAsyncLifetime
{
    private const int Steps = 12;

    private RecordingLab _first = null!;
    private RecordingLab _second = null!;

    public async Task InitializeAsync()
    {
        _first = await RecordingLab.StartAsync();
        _second = await _first.OpenBesideAsync();
    }

    public async Task DisposeAsync()
    {
        await _second.DisposeAsync();
        await _first.DisposeAsync();
    }

    [Fact]
    public async Task A_task_whose_calls_come_to_both_in_turns_is_one_run()
    {
        var tasks = new HashSet<string>();
        for (var step = 0; step < Steps; step++)
        {
            var lab = step % 2 == 0 ? _first : _second;
            tasks.Add((await lab.SendAsync(Step("t", step))).Task!.TaskId);
            await lab.SettleAsync();
        }

        await AssertWholeAsync(Assert.Single(tasks), "t");
        Assert.Equal(Enumerable.Range(1, Steps), (await _first.StepsAsync(tasks.Single())).Select(s => s.Step.Index));
    }

    [Fact]
    public async Task Calls_that_both_save_at_the_same_time_all_count_once()
    {
        const int Tasks = 8;
        var ended = new List<Task>();
        for (var step = 0; step < Steps; step++)
        {
            for (var task = 0; task < Tasks; task++)
            {
                var (lab, call) = ((step + task) % 2 == 0 ? _first : _second, Step($"t{task}", step) with { Task = $"t{task}" });
                ended.Add(lab.SendAsync(call));
            }
        }

        await Task.WhenAll(ended);
        await _first.SettleAsync();
        await _second.SettleAsync();
        for (var task = 0; task < Tasks; task++)
        {
            await AssertWholeAsync($"t{task}", $"t{task}");
        }

        Assert.Empty(_first.NotRecorded);
        Assert.Empty(_second.NotRecorded);
    }

    [Fact]
    public async Task What_the_API_says_at_one_is_not_undone_by_a_call_at_the_other()
    {
        await _first.SendAsync(Step("t", 0) with { Task = "t" });
        await _first.SettleAsync();
        await _second.SendAsync(Step("t", 1) with { Task = "t" });
        await _second.SettleAsync();

        await _first.Tasks.InterveneAsync("default", "t", default);
        await _second.Tasks.InterveneAsync("default", "t", default);
        var done = await _first.Tasks.CompleteAsync("default", "t", true, null, null, default);

        Assert.Equal((2, 2, TrajectoryStatus.Completed), (done!.Trajectory.UserInterventions, done.Trajectory.IterationCount, done.Trajectory.Status));
        Assert.Equal(done.Trajectory with { ExampleIds = [], ToolsUsed = [], AnsweredBy = [] }, await _second.RunAsync("t") with { ExampleIds = [], ToolsUsed = [], AnsweredBy = [] });
        Assert.Equal(done.Trajectory.AnsweredBy, (await _second.RunAsync("t")).AnsweredBy);
    }

    [Theory]
    [InlineData(0, 1, 2)]
    [InlineData(0, 2, 1)]
    [InlineData(1, 0, 2)]
    [InlineData(1, 2, 0)]
    [InlineData(2, 0, 1)]
    [InlineData(2, 1, 0)]
    public async Task A_call_that_is_recorded_before_the_one_that_it_continues_reads_the_same_in_the_end(int first, int second, int third)
    {
        await using var other = await _first.OpenBesideAsync();
        RecordingLab[] labs = [_first, _second, other];
        var secret = "sk-" + "ant-api03-AbCdEf0123456789AbCdEf";
        var calls = new OpenCall[labs.Length];
        foreach (var lab in labs)
        {
            // What replicas send each other over the store's notifications.
            lab.Correlator.Announce = task => Array.ForEach(labs, other => other.Correlator.Apply(task));
        }

        for (var step = 0; step < calls.Length; step++)
        {
            calls[step] = await labs[step].BeginAsync(Step("t", step, secret) with { Task = "t" });
        }

        foreach (var step in (int[])[first, second, third])
        {
            labs[step].End(calls[step]);
            await labs[step].SettleAsync();
        }

        var steps = await _first.StepsAsync("t");
        Assert.Equal([1, 2, 3], steps.Select(s => s.Step.Index));
        Assert.Equal(["t_0", "t_1", "t_2"], steps.Select(s => s.Reply!.ToolCalls.Single().Id));
        Assert.Equal([0, 2, 4], steps.Select(s => s.Step.HistoryKept));
        Assert.Equal(["user", "user", "user"], steps.SelectMany(s => s.Messages).Select(m => m.Message.Role));
        Assert.DoesNotContain(steps.SelectMany(s => s.Messages), m => m.IsForeign);
        Assert.Equal((3, 3, 300L), ((await _first.RunAsync("t")).IterationCount, (await _first.RunAsync("t")).ToolCallsCount, (await _first.RunAsync("t")).TokenUsage?.Input));
    }

    private async Task AssertWholeAsync(string taskId, string name)
    {
        var run = await _first.RunAsync(taskId);
        Assert.Equal((Steps, Steps - 1, 100L * Steps), (run.IterationCount, run.ToolCallsCount, run.TokenUsage?.Input));
        var steps = await _second.StepsAsync(taskId);
        Assert.Equal(Steps, steps.Count);
        Assert.Equal(
            Enumerable.Range(0, Steps - 1).Select(i => $"{name}_{i}").Order(StringComparer.Ordinal),
            steps.SelectMany(s => s.Reply!.ToolCalls).Select(c => c.Id).Order(StringComparer.Ordinal));
    }

    private static WireCall Step(string task, int step, string with = "it")
    {
        var history = new List<string> { User($"Work on {task} with {with}") };
        for (var i = 0; i < step; i++)
        {
            history.Add(Call($"{task}_{i}", $"I read {with}."));
            history.Add(Result($"{task}_{i}"));
        }

        return new WireCall(Request(string.Join(',', history))) { Answer = step == Steps - 1 ? Says("All is done now, in twelve steps.") : Calls($"{task}_{step}", $"I read {with}.") };
    }
}
