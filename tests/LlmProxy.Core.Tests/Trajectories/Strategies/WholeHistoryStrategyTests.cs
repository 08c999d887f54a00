using LlmProxy.Core.Trajectories;
using LlmProxy.Core.Trajectories.Strategies;
using LlmProxy.Wire;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories.Strategies;

public sealed class WholeHistoryStrategyTests
{
    private const string Begin = """{"role":"user","content":"Begin."}""";
    private readonly WholeHistoryStrategy _strategy = new();

    [Fact]
    public void Call_continues_the_history_that_was_recorded_whole()
    {
        using var lab = new StrategyLab();
        var task = lab.Record("one");
        lab.Record("other", "toolu_2", "Read b.txt for me");

        var found = lab.Find(_strategy, StrategyLab.History());

        Assert.Same(task, found?.Task);
        Assert.False(found?.TurnEnded);
    }

    [Fact]
    public void Rewritten_history_does_not_match()
    {
        using var lab = new StrategyLab();
        lab.Record("one");

        Assert.Null(lab.Find(_strategy, StrategyLab.History(question: "Read it")));
    }

    [Fact]
    public void Ids_in_the_history_choose_between_tasks_with_the_same_words()
    {
        using var lab = new StrategyLab();
        var first = RecordResponse(lab, "first", "msg_1");
        var second = RecordResponse(lab, "second", "msg_2");

        Assert.Same(first, FindResponse(lab, "msg_1", Certainty.Sure)?.Task);
        Assert.Same(second, FindResponse(lab, "msg_2", Certainty.Sure)?.Task);
    }

    [Fact]
    public void Up_to_date_match_needs_the_ids_of_the_answer()
    {
        using var lab = new StrategyLab();
        RecordResponse(lab, "one", "msg_1");

        Assert.NotNull(FindResponse(lab, "msg_1", Certainty.UpToDate));
        Assert.NotNull(FindResponse(lab, "msg_of_another_process", Certainty.Sure));
        Assert.Null(FindResponse(lab, "msg_of_another_process", Certainty.UpToDate));
    }

    [Fact]
    public void Turn_has_ended_only_if_the_latest_answer_ended_it()
    {
        using var lab = new StrategyLab();
        var task = lab.RecordCall(lab.Open("one"), User("go"), Says("It says hello, that is all."));
        var history = string.Join(',', User("go"), Assistant("It says hello, that is all."), User("more"));

        Assert.True(lab.Find(_strategy, history)?.TurnEnded);

        task.LastStep++;
        Assert.False(lab.Find(_strategy, history)?.TurnEnded);
    }

    private static OpenTask RecordResponse(StrategyLab lab, string task, string id) => lab.RecordCall(
        lab.Open(task),
        Begin,
        $$"""{"id":"resp_{{id}}","object":"response","status":"completed","model":"gpt-5","output":[{{Item(id)}}]}""",
        DialectKind.OpenAiResponses,
        Request);

    private TaskMatch? FindResponse(StrategyLab lab, string id, Certainty wanted) =>
        lab.FindRequest(_strategy, Request($$"""{{Begin}},{{Item(id)}},{"role":"user","content":"Go on."}"""), DialectKind.OpenAiResponses, wanted);

    private static string Item(string id) => $$"""{"type":"message","id":"{{id}}","role":"assistant","content":[{"type":"output_text","text":"Shall I go on with it?"}]}""";

    private static string Request(string input) => $$"""{"model":"gpt-5","input":[{{input}}]}""";
}
