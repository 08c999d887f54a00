using LlmProxy.Core.Trajectories.Strategies;

namespace LlmProxy.Tests.Trajectories.Strategies;

public sealed class SharedIdStrategyTests
{
    private readonly SharedIdStrategy _strategy = new();

    [Fact]
    public void Most_recent_of_the_tasks_that_share_an_id_is_taken()
    {
        using var lab = new StrategyLab();
        lab.Record("one", "call_0");
        var two = lab.Record("two", "call_0", "Read b.txt for me");

        Assert.Same(two, lab.Find(_strategy, StrategyLab.History("call_0", "Summary"))?.Task);
    }

    [Fact]
    public void Session_of_the_call_comes_first()
    {
        using var lab = new StrategyLab();
        var one = lab.Record("one", "call_0", session: "mine");
        lab.Record("two", "call_0", "Read b.txt for me", session: "another");

        Assert.Same(one, lab.Find(_strategy, StrategyLab.History("call_0", "Summary"), session: "mine")?.Task);
    }

    [Fact]
    public void Unknown_id_matches_nothing()
    {
        using var lab = new StrategyLab();
        lab.Record("one", "call_0");

        Assert.Null(lab.Find(_strategy, StrategyLab.History("call_1")));
    }
}
