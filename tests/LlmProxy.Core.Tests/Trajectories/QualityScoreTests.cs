using LlmProxy.Core.Configuration;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Trajectories;

public sealed class QualityScoreTests
{
    [Theory]
    [InlineData(0, 0.0, null, 5, 1.0)]
    [InlineData(1, 0.0, null, 5, 0.7)]
    [InlineData(3, 0.0, null, 5, 0.1)]
    [InlineData(9, 0.0, null, 5, 0.1)]
    [InlineData(0, 0.1, null, 5, 1.0)]
    [InlineData(0, 0.6, null, 5, 0.9)]
    [InlineData(0, 0.0, 0.8, 5, 1.0)]
    [InlineData(0, 0.0, 0.3, 5, 0.9)]
    [InlineData(0, 0.0, 1.0, 10, 1.0)]
    [InlineData(0, 0.0, null, 11, 0.98)]
    [InlineData(0, 0.0, null, 100, 0.0)]
    [InlineData(2, 0.6, 0.3, 15, 0.1)]
    public void The_score_is_the_formula(int interventions, double errorRate, double? clicks, int iterations, double expected)
    {
        var scoring = QualityScore.Compute(Run(interventions, errorRate, clicks, iterations), new QualityOptions(), 10);

        Assert.Equal(expected, scoring.Score);
        Assert.Equal(expected, Math.Clamp(1 + scoring.Terms.Values.Sum(), 0, 1), 9);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(null)]
    public void Without_success_there_is_no_score(bool? success) =>
        Assert.Null(QualityScore.Compute(Run(0, 0, null, 1) with { Success = success }, new QualityOptions(), 10).Score);

    [Fact]
    public void Free_iterations_are_the_presets_unless_the_setting_says_otherwise()
    {
        Assert.Equal(1.0, QualityScore.Compute(Run(0, 0, null, 60), new QualityOptions(), 60).Score);
        Assert.Equal(0.9, QualityScore.Compute(Run(0, 0, null, 15), new QualityOptions { FreeIterations = 10 }, 60).Score);
    }

    private static Trajectory Run(int interventions, double errorRate, double? clicks, int iterations) => new()
    {
        Id = "run",
        TaskId = "task",
        Tenant = "default",
        ConversationId = "task",
        Provider = "anthropic",
        Success = true,
        UserInterventions = interventions,
        StatedErrorRate = errorRate,
        StatedClickAccuracy = clicks,
        IterationCount = iterations,
        StartedAt = DateTimeOffset.UnixEpoch,
        LastActivityAt = DateTimeOffset.UnixEpoch,
    };
}
