using LlmProxy.Core.Trajectories.Strategies;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories.Strategies;

public sealed class PartialHistoryStrategyTests
{
    private readonly PartialHistoryStrategy _strategy = new();

    [Fact]
    public void Earlier_part_of_the_history_finds_the_task()
    {
        using var lab = new StrategyLab();
        var task = lab.Record("one");

        Assert.Same(task, lab.Find(_strategy, string.Join(',', StrategyLab.History(), Assistant("An answer that was not recorded"), User("more")))?.Task);
    }

    [Fact]
    public void Whole_history_is_another_strategy_s()
    {
        using var lab = new StrategyLab();
        lab.Record("one");

        Assert.Null(lab.Find(_strategy, StrategyLab.History()));
    }

    [Fact]
    public void Task_of_another_session_does_not_match()
    {
        using var lab = new StrategyLab();
        lab.Record("one", session: "mine");

        Assert.Null(lab.Find(_strategy, string.Join(',', StrategyLab.History(), Assistant("An answer that was not recorded"), User("more")), session: "another"));
    }
}
