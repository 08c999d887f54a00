using LlmProxy.Core.Trajectories.Strategies;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories.Strategies;

public sealed class LastTurnStrategyTests
{
    private const string Answer = "It says hello, that is all there is in it.";
    private static readonly string Rewritten = string.Join(',', User("Summary"), Assistant(Answer), User("more"));
    private readonly LastTurnStrategy _strategy = new();

    [Fact]
    public void Recorded_answer_is_found_after_a_rewritten_history()
    {
        using var lab = new StrategyLab();
        var task = lab.RecordCall(lab.Open("one"), User("go"), Says(Answer));

        Assert.Same(task, lab.Find(_strategy, Rewritten)?.Task);
    }

    [Fact]
    public void Answer_of_another_session_does_not_match()
    {
        using var lab = new StrategyLab();
        lab.RecordCall(lab.Open("one", "mine"), User("go"), Says(Answer));

        Assert.Null(lab.Find(_strategy, Rewritten, session: "another"));
        Assert.NotNull(lab.Find(_strategy, Rewritten, session: "mine"));
    }

    [Fact]
    public void Short_answer_says_nothing()
    {
        using var lab = new StrategyLab();
        lab.RecordCall(lab.Open("one"), User("go"), Says("OK"));

        Assert.Null(lab.Find(_strategy, string.Join(',', User("Summary"), Assistant("OK"), User("more"))));
    }
}
