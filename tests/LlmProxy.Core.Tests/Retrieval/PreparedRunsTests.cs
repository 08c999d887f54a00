using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Retrieval;

public sealed class PreparedRunsTests
{
    private const int MostCharacters = 10_000;
    private readonly PreparedTrajectoryCache _runs = new(MostCharacters);

    [Fact]
    public void Runs_that_are_used_stay_and_others_go_when_there_are_too_many_characters()
    {
        Add("used", 1_000);
        for (var i = 0; i < 50; i++)
        {
            Add($"run-{i}", 1_000);
            Assert.NotNull(Find("used"));
        }

        Assert.InRange(Enumerable.Range(0, 50).Count(i => Find($"run-{i}") is not null), 7, 9);
    }

    [Fact]
    public void A_run_is_counted_once_however_often_it_is_added()
    {
        for (var i = 0; i < 50; i++)
        {
            Add("same", 1_000);
        }

        Add("other", 1_000);

        Assert.NotNull(Find("same"));
        Assert.NotNull(Find("other"));
    }

    [Fact]
    public void A_run_without_a_version_or_of_another_one_or_too_long_is_not_known()
    {
        Add("changed", 1_000);
        Add("unsaved", 1_000, version: null);
        Add("long", (MostCharacters / 8) + 1);

        Assert.Null(_runs.Find(Run("changed", 2)));
        Assert.Null(Find("unsaved"));
        Assert.Null(Find("long"));
        Assert.NotNull(Find("changed"));
    }

    private static Trajectory Run(string id, long? version) => TestRuns.Run(id, "task") with { Version = version };

    private void Add(string id, int characters, long? version = 1)
    {
        var prepared = PreparedTrajectory.Of([TestRuns.Step(1, "", "tool", new string('1', characters), "")]);
        Assert.Equal(characters, prepared.Length);
        _runs.Add(Run(id, version), prepared);
    }

    private PreparedTrajectory? Find(string id) => _runs.Find(Run(id, 1));
}
