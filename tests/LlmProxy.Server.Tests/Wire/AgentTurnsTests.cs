using System.Globalization;

namespace LlmProxy.Tests.Wire;

/// <summary>What agents tell of themselves in headers alone: which of two equal agents a call is of, and which agent started a sub-agent.</summary>
public sealed class AgentTurnsTests
{
    private const int Steps = 5;

    [Fact]
    public async Task Agents_whose_requests_are_equal_in_every_byte_are_told_apart_by_their_headers()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "openai"));
        var tasks = new Dictionary<string, List<string>> { ["a"] = [], ["b"] = [], ["c"] = [] };

        for (var step = 1; step <= Steps; step++)
        {
            proxy.Upstream.AnswerWith(Chat(Call(step)));
            // Each time another one is first.
            foreach (var (agent, own) in tasks.OrderBy(agent => (agent.Key[0] + step) % tasks.Count))
            {
                using var answer = await proxy.PostAsync(
                    "/openai/v1/chat/completions",
                    """{"model":"gpt-5","tools":[{"type":"function","function":{"name":"bash","parameters":{"type":"object"}}}],"messages":[{"role":"system","content":"You are an agent."},{"role":"user","content":"Sort the photos"}""" + History(step) + "]}",
                    ("x-run", agent), ("x-request-id", Guid.NewGuid().ToString()));
                own.Add(answer.Headers.GetValues("LlmProxy-Task").Single());
            }
        }

        Assert.All(tasks.Values, own => Assert.Single(own.Distinct()));
        Assert.Equal(tasks.Count, tasks.Values.Select(own => own[0]).Distinct().Count());
    }

    [Fact]
    public async Task A_sub_agent_with_a_session_of_its_own_belongs_to_the_agent_whose_session_its_header_names()
    {
        await using var proxy = await RunningProxy.StartAsync();
        const string Tools = """[{"name":"bash","input_schema":{"type":"object"}},{"name":"task","input_schema":{"type":"object"}}]""";
        proxy.Upstream.AnswerWith("""{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"tool_use","id":"toolu_1","name":"task","input":{"prompt":"Look at the notes folder","subagent_type":"general"}}],"stop_reason":"tool_use","usage":{"input_tokens":9,"output_tokens":2}}""");
        using var main = await proxy.PostAsync(DialectCalls.Anthropic, Body("Let an agent look"), Session("ses_main"));
        proxy.Upstream.AnswerWith("""{"id":"msg_2","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"The folder holds a.txt with forty-two."}],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":2}}""");
        using var sub = await proxy.PostAsync(DialectCalls.Anthropic, Body("Look at the notes folder"), [.. Session("ses_sub"), ("x-parent-session-id", "ses_main")]);
        using var other = await proxy.PostAsync(DialectCalls.Anthropic, Body("Look at another folder"), Session("ses_other"));

        var (parent, child, third) = (await proxy.FindRunAsync(main), await proxy.FindRunAsync(sub), await proxy.FindRunAsync(other));

        Assert.Equal((parent.Id, null, null), (child.ParentId, parent.ParentId, third.ParentId));
        Assert.Equal("opencode", child.Preset);
        Assert.NotEqual(parent.ConversationId, child.ConversationId);

        static string Body(string task) => $$"""{"model":"claude-sonnet-4-5","max_tokens":9,"system":[{"type":"text","text":"You are OpenCode, the best coding agent on the planet."}],"tools":{{Tools}},"messages":[{"role":"user","content":[{"type":"text","text":"{{task}}"}]}]}""";

        static (string, string)[] Session(string id) => [("user-agent", "opencode/1.18.33 ai-sdk/provider-utils/4.0.46 runtime/bun/1.3.14"), ("x-session-affinity", id), ("x-session-id", id)];
    }

    private static string History(int step) => string.Concat(Enumerable.Range(1, step - 1).Select(n =>
        $$""",{{Call(n)}},{"role":"tool","tool_call_id":"bash:0","content":"file{{n.ToString(CultureInfo.InvariantCulture)}}.txt"}"""));

    private static string Call(int step) =>
        $$$"""{"role":"assistant","content":"","tool_calls":[{"id":"bash:0","type":"function","function":{"name":"bash","arguments":"{\"cmd\":\"ls {{{step.ToString(CultureInfo.InvariantCulture)}}}\"}"}}]}""";

    private static string Chat(string message) =>
        $$"""{"id":"c","object":"chat.completion","model":"gpt-5","choices":[{"index":0,"message":{{message}},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":10,"completion_tokens":5} }""";
}
