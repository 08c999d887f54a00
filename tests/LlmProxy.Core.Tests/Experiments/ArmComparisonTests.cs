using LlmProxy.Core.Experiments;

namespace LlmProxy.Tests.Experiments;

public sealed class ArmComparisonTests
{
    [Theory]
    [InlineData(122, 200, 67, 140, "gpt-4o: 61 % against 48 % without, +13 points, 95 % interval +2 to +24, 340 tasks: examples help")]
    [InlineData(60, 120, 62, 120, "gpt-4o: 50 % against 52 % without, -2 points, 95 % interval -14 to +11, 240 tasks: no difference is certain yet")]
    [InlineData(20, 100, 60, 100, "gpt-4o: 20 % against 60 % without, -40 points, 95 % interval -51 to -27, 200 tasks: examples do harm")]
    [InlineData(9, 9, 60, 100, "gpt-4o: 9 tasks with and 100 without examples: too few to say, at least 10 of each are needed")]
    public void The_verdict_is_plain(long successes, long tasks, long successesWithout, long tasksWithout, string verdict)
    {
        var comparison = Assert.Single(ArmComparison.Compare([Arm("examples", tasks, successes), Arm("holdout", tasksWithout, successesWithout)]));

        Assert.Equal(verdict, comparison.Verdict);
    }

    [Fact]
    public void Means_are_over_ended_tasks_and_costs_over_those_whose_price_is_known()
    {
        var comparison = Assert.Single(ArmComparison.Compare([new ArmStatistics("openai", "gpt-4o", "examples", 4, 3, 2, 40, 1, 1000, 0.5m)]));

        Assert.Equal(new ArmSummary(3, 2, 10, 0.25, 250, 0.25m), comparison.WithExamples);
        Assert.Equal(new ArmSummary(0, 0, null, null, null, null), comparison.Holdout);
        Assert.Null(comparison.Difference);
        Assert.Equal("too-few", comparison.Finding);
    }

    private static ArmStatistics Arm(string arm, long tasks, long successes) => new("openai", "gpt-4o", arm, tasks, tasks, successes, tasks * 5, 0, tasks * 100, null);
}
