using LlmProxy.Core.Trajectories.Strategies;

namespace LlmProxy.Tests.Trajectories.Strategies;

public sealed class UnextendedRequestStrategyTests
{
    private readonly UnextendedRequestStrategy _strategy = new();

    [Fact]
    public void Call_is_continued_after_an_answer_that_came_back_changed()
    {
        using var lab = new StrategyLab();
        var task = lab.Record("one", "toolu_1");

        var found = lab.Find(_strategy, StrategyLab.History("id-of-the-client"));

        Assert.Same(task, found?.Task);
        Assert.False(found?.TurnEnded);
    }

    [Fact]
    public void Answer_that_was_cut_off_or_could_not_be_read_ends_the_turn()
    {
        using var lab = new StrategyLab();
        var task = lab.Record("one", "toolu_1");

        task.LastAnswered = false;
        Assert.True(lab.Find(_strategy, StrategyLab.History("id-of-the-client"))?.TurnEnded);

        (task.LastAnswered, task.LastReadable) = (true, false);
        Assert.True(lab.Find(_strategy, StrategyLab.History("id-of-the-client"))?.TurnEnded);
    }

    [Fact]
    public void Call_that_is_under_way_or_was_continued_does_not_match()
    {
        using var lab = new StrategyLab();
        var task = lab.Record("one", "toolu_1");

        task.InFlight = 1;
        Assert.Null(lab.Find(_strategy, StrategyLab.History("id-of-the-client")));

        (task.InFlight, task.LastStep) = (0, 2);
        Assert.Null(lab.Find(_strategy, StrategyLab.History("id-of-the-client")));
    }
}
