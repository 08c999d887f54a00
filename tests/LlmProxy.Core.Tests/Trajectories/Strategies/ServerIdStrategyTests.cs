using LlmProxy.Core.Trajectories.Strategies;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Trajectories.Strategies;

public sealed class ServerIdStrategyTests
{
    private const string Answer = """{"id":"resp_1","object":"response","status":"completed","model":"gpt-5","output":[{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"Done"}]}]}""";

    [Fact]
    public void Call_continues_the_answer_that_it_names()
    {
        using var lab = new StrategyLab();
        var task = lab.RecordCall(lab.Open("one"), "\"go\"", Answer, DialectKind.OpenAiResponses, Request);

        var found = lab.FindRequest(new ServerIdStrategy(), """{"model":"gpt-5","previous_response_id":"resp_1","input":"and now?"}""", DialectKind.OpenAiResponses);

        Assert.Same(task, found?.Task);
        Assert.True(found?.TurnEnded);
    }

    [Fact]
    public void Unknown_id_matches_nothing()
    {
        using var lab = new StrategyLab();
        lab.RecordCall(lab.Open("one"), "\"go\"", Answer, DialectKind.OpenAiResponses, Request);

        Assert.Null(lab.FindRequest(new ServerIdStrategy(), """{"model":"gpt-5","previous_response_id":"resp_2","input":"and now?"}""", DialectKind.OpenAiResponses));
    }

    private static string Request(string input) => $$"""{"model":"gpt-5","input":{{input}}}""";
}
