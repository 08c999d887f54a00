using LlmProxy.Core.Configuration;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Retrieval;

namespace LlmProxy.Tests.Curation;

/// <summary>Which examples of a type are chosen, and which are redundant.</summary>
public sealed class ExampleChoiceTests
{
    [Fact]
    public async Task Measured_help_comes_first_then_score_trust_and_brevity()
    {
        var lab = new CurationLab(experiments: new ExperimentOptions { Enabled = true });
        lab.Add(Run("helps", "Berlin") with { QualityScore = 0.7, IterationCount = 30 });
        lab.Add(Run("plain", "Oslo"));
        lab.Add(Run("poor", "Lima") with { QualityScore = 0.7 });
        lab.Add(Run("stated", "Cairo") with { OutcomeSource = OutcomeSource.Human });
        lab.Add(Run("long", "Kyoto") with { IterationCount = 40 });
        lab.Store.Outcomes =
        [
            new ExampleOutcome("openai", "gpt", ExperimentArm.Holdout, [], 300, 150),
            new ExampleOutcome("openai", "gpt", ExperimentArm.Examples, ["helps"], 100, 80),
        ];

        var chosen = Assert.Single((await lab.CurateAsync()).Types).Chosen.Select(c => c.TrajectoryId).ToList();

        Assert.Equal(["helps", "stated", "plain"], chosen.Take(3));
        Assert.Equal(["long", "poor"], chosen.Skip(3).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Of_tasks_done_twice_with_the_same_tools_the_worse_is_redundant_unless_it_is_pinned()
    {
        var lab = new CurationLab();
        lab.Add(Run("best", "Berlin"));
        lab.Add(Run("again", "Berlin") with { QualityScore = 0.75 });
        lab.Add(Run("pinned", "Berlin") with { QualityScore = 0.75 });
        lab.Add(Run("by-other-tools", "Berlin") with { QualityScore = 0.75, ToolsUsed = ["Edit"] });
        lab.Add(Run("failed", "Berlin") with { Success = false, Status = TrajectoryStatus.Failed, QualityScore = null });
        lab.Store.Examples.Add(new FewShotExampleRow("pinned", "", 0.75, Pinned: true, Retired: false, null, 0, null));

        var report = await lab.CurateAsync();

        var type = Assert.Single(report.Types);
        Assert.Equal((5, 4, 4), (type.Tasks, type.Examples, type.Judged - 1));
        Assert.Equal("pinned", type.Chosen[0].TrajectoryId);
        Assert.Equal(["again", "best"], report.Redundant.Select(r => r.TrajectoryId).Order(StringComparer.Ordinal));
        Assert.All(report.Redundant, r => Assert.Equal("pinned", r.BetterId));
        Assert.Equal(["by-other-tools", "pinned"], type.Chosen.Select(c => c.TrajectoryId).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("quality")]
    [InlineData("provider")]
    [InlineData("content")]
    [InlineData("failed")]
    [InlineData("unscored")]
    [InlineData("retired")]
    public async Task A_type_without_a_trajectory_that_may_teach_is_not_covered(string why)
    {
        var lab = new CurationLab();
        foreach (var (i, place) in new[] { "Berlin", "Oslo" }.Index())
        {
            var run = Run($"run-{i}", place);
            lab.Add(why switch
            {
                "quality" => run with { QualityScore = 0.5 },
                "provider" => run with { Provider = "openai" },
                "content" => run with { WhyNoContent = NotRecordedReason.ShorterThanMinDuration },
                "failed" => run with { Success = false, Status = TrajectoryStatus.Failed },
                "unscored" => run with { Success = null, QualityScore = null },
                _ => run,
            });
            lab.Store.Examples.Add(new FewShotExampleRow(run.Id, "", 0.9, Pinned: false, Retired: why == "retired", null, 0, null));
        }

        var report = await lab.CurateAsync();

        var type = Assert.Single(report.Types);
        Assert.Equal((2, 0, 0), (type.Tasks, type.Examples, type.Chosen.Count));
        Assert.Equal((1, 0, 0), (report.Coverage.Types, report.Coverage.WithExample, report.Coverage.TasksWithGoodExample));
    }

    private static Trajectory Run(string id, string place) => TestRuns.Run(id, $"Book a flight to {place} for two passengers", "book_flight");
}
