using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Wire;

/// <summary>A tool loop in every dialect through the running proxy: what goes through, and what is recorded.</summary>
public sealed class RecordedRunTests
{
    public static TheoryData<string> Loops() => [.. ToolLoop.All("claude-sonnet-4-5").Select(l => l.Name)];

    [Theory]
    [MemberData(nameof(Loops))]
    public async Task A_tool_loop_passes_byte_for_byte_and_is_recorded_as_one_run_with_its_tool_calls_and_results(string name)
    {
        var loop = ToolLoop.All("claude-sonnet-4-5").Single(l => l.Name == name);
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerInTurn((loop.FirstAnswer, loop.ContentType), (loop.SecondAnswer, loop.ContentType));

        using var first = await proxy.PostAsync(loop.Path, loop.First);
        Assert.Equal(loop.FirstAnswer, await first.Content.ReadAsStringAsync());
        Assert.Equal(loop.ContentType, first.Content.Headers.ContentType!.ToString());
        Assert.Equal(loop.First, proxy.Upstream.Last.Text);
        Assert.Equal("/" + loop.Path.Split('/', 3)[2], proxy.Upstream.Last.Target);
        using var second = await proxy.PostAsync(loop.Path, loop.Second);
        Assert.Equal(loop.SecondAnswer, await second.Content.ReadAsStringAsync());
        Assert.Equal(loop.Second, proxy.Upstream.Last.Text);

        Assert.Equal(first.Headers.GetValues("LlmProxy-Task"), second.Headers.GetValues("LlmProxy-Task"));
        var run = await proxy.FindRunAsync(second);
        Assert.Equal("anthropic", run.Provider);
        Assert.Equal("claude-sonnet-4-5", run.Model);
        Assert.Equal("What should I wear in Oslo today?", run.TaskDescription);
        Assert.Equal(2, run.IterationCount);
        Assert.Equal(1, run.ToolCallsCount);
        Assert.Equal(0, run.FailedToolResults);
        Assert.Equal(new TokenUsage(120, 17, 10, 0, run.TokenUsage!.Reasoning), run.TokenUsage);
        Assert.Equal((TrajectoryStatus.Completed, null, OutcomeSource.Inferred, 1.0), (run.Status, run.Success, run.OutcomeSource, run.QualityScore));

        var steps = await proxy.ReadStepsAsync(run);
        Assert.Equal(2, steps.Count);
        Assert.Equal("You are a weather clerk.", steps[0].SystemPrompt);
        Assert.Equal("You are a weather clerk.", steps[0].SentSystemPrompt);
        Assert.Equal("What should I wear in Oslo today?", Assert.Single(steps[0].Messages).Message.Text);
        Assert.Equal("I look it up.", steps[0].Reply!.Text);
        var call = Assert.Single(steps[0].Reply!.ToolCalls);
        Assert.Equal(("get_weather", """{"city":"Oslo"}"""), (call.Name, call.Arguments));
        Assert.Equal("4 degrees, rain", Assert.Single(steps[0].ToolResults).Content);
        Assert.Single(steps[1].Messages);
        Assert.False(steps[1].Messages[0].IsForeign);
        Assert.Equal("A raincoat.", steps[1].Reply!.Text);
    }

    [Theory]
    [MemberData(nameof(Loops))]
    public async Task A_model_that_is_not_recorded_leaves_its_metrics_and_no_content(string name)
    {
        var loop = ToolLoop.All("some-model").Single(l => l.Name == name);
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Models", ""), ("LlmProxy:Prompts:Enabled", "false"), ("LlmProxy:Recording:Providers", "proxy"), ("LlmProxy:Recording:Grace", "0s"));
        proxy.Upstream.AnswerInTurn((loop.FirstAnswer, loop.ContentType), (loop.SecondAnswer, loop.ContentType));
        using var first = await proxy.PostAsync(loop.Path, loop.First);
        using var second = await proxy.PostAsync(loop.Path, loop.Second);

        var run = await proxy.FindRunAsync(second);
        Assert.Equal((2, 1, false), (run.IterationCount, run.ToolCallsCount, run.HasContent));
        Assert.Empty((await proxy.ReadStepsAsync(run)).SelectMany(s => s.Messages));
    }
}
