using LlmProxy.Core.Trajectories.Strategies;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories.Strategies;

public sealed class SummaryStrategyTests
{
    private const string Summary = "Summary: the file a.txt was read and says hello.";
    private readonly SummaryStrategy _strategy = new();

    [Fact]
    public void Compacted_history_is_found_by_the_summary_that_an_answer_gave()
    {
        using var lab = new StrategyLab();
        var task = lab.RecordCall(lab.Open("one"), User("Summarize everything"), Says(Summary));

        var found = lab.Find(_strategy, string.Join(',', User(Summary), Assistant("Now I read b.txt"), User("yes")));

        Assert.Same(task, found?.Task);
        Assert.False(found?.TurnEnded);
    }

    [Fact]
    public void Other_first_message_matches_nothing()
    {
        using var lab = new StrategyLab();
        lab.RecordCall(lab.Open("one"), User("Summarize everything"), Says(Summary));

        Assert.Null(lab.Find(_strategy, string.Join(',', User("go"), Assistant(Summary), User("yes"))));
    }
}
