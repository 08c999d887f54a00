using LlmProxy.Core.Trajectories.Strategies;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories.Strategies;

public sealed class ToolCallStrategyTests
{
    private readonly ToolCallStrategy _strategy = new();

    [Fact]
    public void Id_that_one_task_gave_out_finds_it_though_the_history_was_rewritten()
    {
        using var lab = new StrategyLab();
        var task = lab.Record("one");

        Assert.Same(task, lab.Find(_strategy, StrategyLab.History(question: "Summary: a.txt is to be read"))?.Task);
    }

    [Fact]
    public void Id_that_several_tasks_gave_out_does_not_decide()
    {
        using var lab = new StrategyLab();
        lab.Record("one", "call_0");
        lab.Record("two", "call_0", "Read b.txt for me");

        Assert.Null(lab.Find(_strategy, StrategyLab.History("call_0", "Summary")));
    }

    [Fact]
    public void Longest_common_chain_decides_between_tasks_that_share_an_id()
    {
        using var lab = new StrategyLab();
        var one = lab.Record("one", "call_0");
        lab.Record("two", "call_0", "Read b.txt for me");
        var changed = string.Join(',', StrategyLab.History("call_0"), Assistant("An answer that was not recorded"), User("go"));

        Assert.Same(one, lab.Find(_strategy, changed)?.Task);
    }

    [Fact]
    public void Up_to_date_match_is_by_the_latest_id_alone()
    {
        using var lab = new StrategyLab();
        lab.Record("one", "toolu_1");
        var later = string.Join(',', User("Summary"), Call("toolu_1"), Result("toolu_1"), Call("toolu_of_another_process"), Result("toolu_of_another_process"));

        Assert.NotNull(lab.Find(_strategy, later, Certainty.Sure));
        Assert.Null(lab.Find(_strategy, later, Certainty.UpToDate));
    }
}
