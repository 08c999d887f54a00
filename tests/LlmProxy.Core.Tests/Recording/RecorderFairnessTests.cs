using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Recording;

/// <summary>One exchange that takes long keeps no other task from being recorded.</summary>
public sealed class RecorderFairnessTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Fact]
    public async Task Calls_of_other_tasks_are_stored_while_a_large_exchange_is_worked_on()
    {
        using var gate = new ManualResetEventSlim();
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _lab.Faults.Fault = (method, args) =>
        {
            if (method == nameof(ITrajectoryStore.SaveAsync) && ((IReadOnlyList<TrajectoryChange>)args[0]!).Any(c => c.Trajectory.TaskId == "large"))
            {
                reached.TrySetResult();
                gate.Wait();
            }

            return null;
        };
        try
        {
            await _lab.SendAsync(Call("large", new string('x', 6 << 20)));
            await reached.Task.WaitAsync(TimeSpan.FromSeconds(30));

            for (var i = 0; i < 20; i++)
            {
                await _lab.SendAsync(Call("small-" + i, "hello"));
            }

            await _lab.UntilAsync(() => _lab.Spool.Pending == 1);
            Assert.Null(await _lab.Store.FindTaskAsync("default", "large", default));
            Assert.Equal(1, (await _lab.RunAsync("small-19")).IterationCount);
        }
        finally
        {
            gate.Set();
        }

        await _lab.SettleAsync();
        Assert.Equal(1, (await _lab.RunAsync("large")).IterationCount);
    }

    [Fact]
    public async Task Calls_of_one_task_keep_their_order_whichever_of_them_are_large()
    {
        var history = "";
        for (var i = 0; i < 8; i++)
        {
            history += (i > 0 ? "," : "") + $$$"""{"role":"user","content":"{{{i}}} {{{new string('x', i % 3 == 1 ? 3 << 20 : 10)}}}"}""";
            await _lab.SendAsync(new WireCall($$$"""{"model":"claude-x","messages":[{{{history}}}]}""") { Task = "mixed", Answer = Reply("answer " + i) });
            history += $$$""",{"role":"assistant","content":"answer {{{i}}}"}""";
        }

        await _lab.SettleAsync();

        var steps = await _lab.StepsAsync("mixed");
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], steps.Select(s => s.Step.Index));
        Assert.Equal(Enumerable.Range(0, 8).Select(i => "answer " + i), steps.Select(s => s.Reply!.Text));
        Assert.All(steps.Skip(1), s => Assert.Single(s.Messages));
    }

    private static WireCall Call(string task, string text) => new($$$"""{"model":"claude-x","messages":[{"role":"user","content":"{{{text}}}"}]}""") { Task = task, Answer = Reply("done") };

    private static string Reply(string text) => $$$"""{"id":"m","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"{{{text}}}"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}""";
}
