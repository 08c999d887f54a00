using LlmProxy.Core.Trajectories.Strategies;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories.Strategies;

public sealed class RepeatedRequestStrategyTests
{
    private readonly RepeatedRequestStrategy _strategy = new();

    [Fact]
    public void Recorded_call_that_is_sent_again_finds_its_task()
    {
        using var lab = new StrategyLab();
        var task = lab.RecordCall(lab.Open("one"), StrategyLab.History("id-of-another"), answer: null);

        var found = lab.Find(_strategy, StrategyLab.History("id-of-another"));

        Assert.Same(task, found?.Task);
        Assert.False(found?.TurnEnded);
    }

    [Fact]
    public void Only_the_latest_call_of_a_task_is_sent_again()
    {
        using var lab = new StrategyLab();
        var task = lab.RecordCall(lab.Open("one"), User("go"), answer: null);
        lab.RecordCall(task, string.Join(',', User("go"), User("really")), answer: null);

        Assert.Null(lab.Find(_strategy, User("go")));
    }

    [Fact]
    public void Conversation_narrows_the_choice()
    {
        using var lab = new StrategyLab();
        lab.RecordCall(lab.Open("one"), User("go"), answer: null);
        var context = lab.Context(Request(User("go")));

        Assert.NotNull(RepeatedRequestStrategy.FindTask(context, "one"));
        Assert.Null(RepeatedRequestStrategy.FindTask(context, "two"));
    }
}
