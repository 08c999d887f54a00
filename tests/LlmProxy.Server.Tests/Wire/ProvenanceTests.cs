using System.Text.Json.Nodes;
using LlmProxy.Tests.Api;

namespace LlmProxy.Tests.Wire;

/// <summary>Whose a trajectory is: the provider's whose model the responses name, whatever the request and the route say.</summary>
public sealed class ProvenanceTests
{
    private const string Messages = "/anthropic/v1/messages";
    private const string Chat = "/proxy/v1/chat/completions";

    [Theory]
    [InlineData(Messages, "claude-sonnet-4-6", "claude-sonnet-4-6", "anthropic", true)]
    [InlineData(Messages, "claude-sonnet-4-6", "claude-sonnet-4-6-20260201", "anthropic", true)]
    [InlineData(Messages, "claude-sonnet-4-6", "glm-4.6", "proxy", false)]
    [InlineData(Messages, "claude-sonnet-4-6", "a-model-that-no-pattern-knows", "proxy", false)]
    [InlineData(Messages, "claude-sonnet-4-6", "", "anthropic", true)]
    [InlineData(Chat, "openrouter/auto", "anthropic/claude-sonnet-4.6", "anthropic", true)]
    [InlineData(Chat, "my-alias", "claude-sonnet-4-6", "anthropic", true)]
    [InlineData(Chat, "my-alias", "my-alias", "proxy", false)]
    [InlineData("/openai/v1/chat/completions", "my-alias", "gpt-4.1-2025-04-14", "openai", false)]
    public async Task The_model_in_the_answer_decides_the_provider_and_whether_the_content_is_kept(string path, string asked, string answered, string provider, bool isKept)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Grace", "0s"));

        var run = await PlayAsync(proxy, path, asked, answered);

        Assert.Equal((provider, asked, isKept), ((string)run["provider"]!, (string)run["model"]!, (bool)run["hasContent"]!));
        var by = Assert.Single(run["answeredBy"]!.AsArray())!;
        Assert.Equal((provider, answered.Length > 0 ? answered : asked, 1), ((string)by["provider"]!, (string)by["model"]!, (int)by["steps"]!));
        Assert.Equal(isKept, run["steps"]![0]!["messages"]!.AsArray().Count > 0);
    }

    [Fact]
    public async Task Another_models_answer_has_no_price_of_the_requested_one()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Grace", "0s"));

        Assert.Null((await PlayAsync(proxy, Messages, "claude-sonnet-4-6", "glm-4.6"))["costUsd"]);
        Assert.NotNull((await PlayAsync(proxy, Messages, "claude-sonnet-4-6", "claude-sonnet-4-6-some-host"))["costUsd"]);
    }

    [Fact]
    public async Task The_model_comes_from_the_answer_if_the_request_names_none()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "openai"), ("LlmProxy:Recording:Grace", "0s"));
        proxy.Upstream.AnswerWith(Answer("/chat/completions", "gpt-4.1-2025-04-14", 1));

        using var answer = await proxy.PostAsync("/openai/openai/deployments/prod-4/chat/completions?api-version=2024-10-21", """{"messages":[{"role":"user","content":"Sort the letters"}]}""");
        var run = await ShowAsync(proxy, answer);

        Assert.Equal(("openai", "gpt-4.1-2025-04-14"), ((string)run["provider"]!, (string)run["model"]!));
    }

    [Theory]
    [InlineData("claude-sonnet-4-6", "qwen3-coder")]
    [InlineData("qwen3-coder", "claude-sonnet-4-6")]
    public async Task Models_of_several_providers_make_a_mixed_trajectory_with_the_content_of_the_recorded_ones(string first, string second)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Grace", "0s"));
        proxy.Upstream.AnswerInTurn((Answer(Messages, first, 1), "application/json"), (Answer(Messages, second, 2), "application/json"));
        using var one = await proxy.PostAsync(Messages, Request("claude-sonnet-4-6", 1));
        using var two = await proxy.PostAsync(Messages, Request("claude-sonnet-4-6", 2));
        var task = two.Headers.GetValues("LlmProxy-Task").Single();
        Assert.Equal(one.Headers.GetValues("LlmProxy-Task").Single(), task);
        using var done = await proxy.PostAsync($"/_llmproxy/tasks/{task}/complete", """{"success":true}""");

        var run = await ShowAsync(proxy, two);

        Assert.Equal(("mixed", true, 2, 1), ((string)run["provider"]!, (bool)run["hasContent"]!, (int)run["iterationCount"]!, (int)run["toolCallsCount"]!));
        Assert.Equal([first, second], run["answeredBy"]!.AsArray().Select(by => (string)by!["model"]!));
        var steps = run["steps"]!.AsArray();
        Assert.Equal([first.StartsWith("claude", StringComparison.Ordinal), second.StartsWith("claude", StringComparison.Ordinal)], steps.Select(step => step!["messages"]!.AsArray().Count > 0));
        if (second.StartsWith("claude", StringComparison.Ordinal))
        {
            // The content that begins here holds the whole history.
            Assert.Equal(["user", "assistant", "user"], steps[1]!["messages"]!.AsArray().Select(message => (string)message!["role"]!));
        }

        // A mixed trajectory becomes no example and is left out of exports.
        Assert.Empty((await proxy.Client.GetStringAsync(new Uri(proxy.Address, "/_llmproxy/export?format=openai"))).Trim());
        using var search = await proxy.PostAsync("/_llmproxy/search", """{"taskDescription":"Sort the letters","providers":["anthropic"],"minSimilarity":-1}""");
        Assert.Empty((await search.JsonAsync())["items"]!.AsArray());
    }

    private static async Task<JsonNode> PlayAsync(RunningProxy proxy, string path, string asked, string answered)
    {
        proxy.Upstream.AnswerWith(Answer(path, answered, 1));
        using var answer = await proxy.PostAsync(path, Request(asked, 1));
        return await ShowAsync(proxy, answer);
    }

    private static async Task<JsonNode> ShowAsync(RunningProxy proxy, HttpResponseMessage answer)
    {
        await proxy.SettleAsync();
        return await proxy.GetJsonAsync("/_llmproxy/trajectories/" + answer.Headers.GetValues("LlmProxy-Task").Single());
    }

    private static string Request(string model, int step) =>
        $$"""{"model":"{{model}}","max_tokens":99,"messages":[{"role":"user","content":"Sort the letters"}{{(step == 1 ? "" : """,{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"sort","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"sorted"}]}""")}}]}""";

    private static string Answer(string path, string model, int step) => path == Messages
        ? $$"""{"id":"msg_{{step}}","type":"message","role":"assistant","model":"{{model}}","content":[{{(step == 1 ? """{"type":"tool_use","id":"toolu_1","name":"sort","input":{}}""" : """{"type":"text","text":"The letters are sorted."}""")}}],"stop_reason":"{{(step == 1 ? "tool_use" : "end_turn")}}","usage":{"input_tokens":10,"output_tokens":5} }"""
        : $$"""{"id":"c","model":"{{model}}","choices":[{"index":0,"message":{"role":"assistant","content":"The letters are sorted."},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5} }""";
}
