using LlmProxy.Core.Recording;

namespace LlmProxy.Tests.Wire;

/// <summary>A successful trajectory of Claude, sent through a proxy and completed.</summary>
internal static class RecordedClaude
{
    /// <summary>Claude does a task like the one of <see cref="ToolLoop"/>, and its user says that it went well.</summary>
    public static async Task RecordAsync(RunningProxy proxy, string city = "Bergen")
    {
        var claude = ToolLoop.All("claude-sonnet-4-5")[0];
        proxy.Upstream.AnswerInTurn((claude.FirstAnswer, claude.ContentType), (claude.SecondAnswer, claude.ContentType));
        using var first = await proxy.PostAsync(claude.Path, claude.First.Replace("Oslo", city, StringComparison.Ordinal));
        using var second = await proxy.PostAsync(claude.Path, claude.Second.Replace("wear in Oslo", "wear in " + city, StringComparison.Ordinal));
        var done = await proxy.Tasks.CompleteAsync("default", second.Headers.GetValues("LlmProxy-Task").Single(), success: true, new StatedMetrics(null, null, null, null), null, CancellationToken.None);
        Assert.True(done is { Recorded: true, Trajectory.QualityScore: 1.0 });
    }
}
