using System.Globalization;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Api;

namespace LlmProxy.Tests.Wire;

/// <summary>Tokens and cost of calls, as far as their responses state them. What no response states is unknown, not 0.</summary>
public sealed class StatedUsageTests
{
    private const string Chat = "/openai/v1/chat/completions";
    private const string Text = """{"id":"c","model":"gpt-4.1","choices":[{"index":0,"message":{"role":"assistant","content":"All of it is done."},"finish_reason":"stop"}]""";
    private const string Claude = """{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-8","content":[{"type":"text","text":"All of it is done."}],"stop_reason":"end_turn","usage":""";

    [Theory]
    [InlineData("", null, null, null)]
    [InlineData(",\"usage\":null", null, null, null)]
    [InlineData(",\"usage\":{}", null, null, null)]
    [InlineData(",\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":7}", 100, 7, 0)]
    [InlineData(",\"usage\":{\"input_tokens\":100,\"output_tokens\":7,\"cache_read_input_tokens\":64}", 100, 7, 64)]
    [InlineData(",\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":7,\"prompt_cache_hit_tokens\":64,\"prompt_cache_miss_tokens\":36}", 100, 7, 64)]
    [InlineData(",\"usage\":{\"prompt_cache_hit_tokens\":64,\"prompt_cache_miss_tokens\":36,\"completion_tokens\":7}", 100, 7, 64)]
    [InlineData(",\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":7,\"cached_tokens\":64}", 100, 7, 64)]
    [InlineData(",\"usage\":{\"prompt_tokens\":36,\"completion_tokens\":7,\"total_tokens\":107,\"prompt_tokens_details\":{\"cached_tokens\":64}}", 100, 7, 64)]
    [InlineData(",\"usage\":{\"promptTokenCount\":100,\"candidatesTokenCount\":4,\"thoughtsTokenCount\":3,\"cachedContentTokenCount\":64}", 100, 7, 64)]
    [InlineData(",\"usageMetadata\":{\"promptTokenCount\":100,\"candidatesTokenCount\":7}", 100, 7, 0)]
    [InlineData(",\"usage\":{\"prompt_tokens\":100,\"total_tokens\":107}", 100, 7, 0)]
    [InlineData(",\"usage\":{\"inputTokens\":100,\"outputTokens\":7}", 100, 7, 0)]
    [InlineData(",\"prompt_eval_count\":100,\"eval_count\":7", 100, 7, 0)]
    [InlineData(",\"timings\":{\"cache_n\":64,\"prompt_n\":36,\"predicted_n\":7}", 100, 7, 64)]
    [InlineData(",\"x_groq\":{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":7}}", 100, 7, 0)]
    public async Task Counts_are_read_under_every_name_and_are_null_without_one(string usage, int? input, int? output, int? cached)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "openai"));
        proxy.Upstream.AnswerWith(Text + usage + "}");

        var run = await PlayAsync(proxy, Chat, """{"model":"gpt-4.1","messages":[{"role":"user","content":"Do all of it"}]}""");

        var step = run["steps"]![0]!["tokenUsage"]!;
        Assert.Equal((input, output, cached), ((int?)step["input"], (int?)step["output"], (int?)step["cacheRead"]));
        Assert.Equal(step.ToJsonString(), run["tokenUsage"]!.ToJsonString());
        Assert.Equal(input is null, run["costUsd"] is null);
    }

    [Fact]
    public async Task A_run_with_one_call_of_unknown_usage_has_unknown_tokens_and_is_left_out_of_means()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "openai"));
        var known = Text + ",\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":0}}";
        proxy.Upstream.AnswerWith(known);
        await CompleteAsync(proxy, await PlayAsync(proxy, Chat, """{"model":"gpt-4.1","messages":[{"role":"user","content":"The first"}]}"""));
        proxy.Upstream.AnswerInTurn((known, "application/json"), (Text + "}", "application/json"));
        var first = await PlayAsync(proxy, Chat, """{"model":"gpt-4.1","messages":[{"role":"user","content":"The second"}]}""");
        var second = await PlayAsync(proxy, Chat, """{"model":"gpt-4.1","messages":[{"role":"user","content":"The second"},{"role":"assistant","content":"All of it is done."},{"role":"user","content":"More"}]}""", (string)first["taskId"]!);
        await CompleteAsync(proxy, second);

        var statistics = await proxy.GetJsonAsync("/_llmproxy/statistics");

        Assert.Equal(((string)first["id"]!, 2), ((string)second["id"]!, second["steps"]!.AsArray().Count));
        Assert.Null(second["tokenUsage"]!["total"]);
        Assert.Equal([1000, null], second["steps"]!.AsArray().Select(step => (int?)step!["tokenUsage"]!["total"]));
        var means = statistics["averageMetrics"]!;
        Assert.Equal((1000.0, 1000.0, 1, 1), ((double)means["tokens"]!, (double)means["tokensPerSuccess"]!, (int)means["runsWithoutTokens"]!, (int)means["runsWithoutCost"]!));
        Assert.Equal(0.002, (double)means["costPerSuccess"]!, 9);
    }

    [Fact]
    public async Task A_call_that_failed_without_an_answer_used_nothing()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Failures", "true"));
        proxy.Upstream.AnswerWith("""{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""", status: 529);

        var run = await PlayAsync(proxy, "/anthropic/v1/messages", """{"model":"claude-opus-4-8","max_tokens":9,"messages":[{"role":"user","content":"Do all of it"}]}""");

        Assert.Equal((0, 0.0), ((int)run["tokenUsage"]!["total"]!, (double)run["costUsd"]!));
    }

    [Theory]
    [InlineData("""{"input_tokens":1000000,"output_tokens":0}""", "5")]
    [InlineData("""{"input_tokens":1000000,"output_tokens":0,"service_tier":"standard"}""", "5")]
    [InlineData("""{"input_tokens":1000000,"output_tokens":0,"service_tier":"batch"}""", "2.5")]
    [InlineData("""{"input_tokens":1000000,"output_tokens":0,"speed":"fast"}""", "10")]
    [InlineData("""{"input_tokens":1000000,"output_tokens":0,"service_tier":"priority"}""", null)]
    [InlineData("""{"input_tokens":1000000,"output_tokens":0,"server_tool_use":{"web_search_requests":100}}""", "6")]
    [InlineData("""{"input_tokens":0,"output_tokens":0,"cache_creation_input_tokens":1000000,"cache_creation":{"ephemeral_1h_input_tokens":1000000}}""", "10")]
    [InlineData("""{"input_tokens":1000000,"output_tokens":0,"iterations":[{"type":"message","input_tokens":1000000,"output_tokens":0},{"type":"compaction","input_tokens":1000000,"output_tokens":0}]}""", "10")]
    [InlineData("""{"input_tokens":1000000,"output_tokens":0,"iterations":[{"type":"message","input_tokens":1000000,"output_tokens":0},{"type":"advisor_message","model":"claude-sonnet-4-6","input_tokens":1000000,"output_tokens":0}]}""", "8")]
    [InlineData("""{"input_tokens":1000000,"output_tokens":0,"iterations":[{"type":"fallback_message","model":"a-model-without-a-price","input_tokens":1000000,"output_tokens":0},{"type":"message","input_tokens":1000000,"output_tokens":0}]}""", null)]
    public async Task The_price_follows_what_the_usage_states(string usage, string? cost)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith(Claude + usage + "}");

        var run = await PlayAsync(proxy, "/anthropic/v1/messages", """{"model":"claude-opus-4-8","max_tokens":9,"messages":[{"role":"user","content":"Do all of it"}]}""");

        Assert.Equal(cost, ((decimal?)run["costUsd"])?.ToString("0.####", CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("flex", "1")]
    [InlineData("default", "2")]
    [InlineData("priority", null)]
    public async Task The_tier_of_a_chat_completion_decides_its_price(string tier, string? cost)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith($$"""{{Text}},"service_tier":"{{tier}}","usage":{"prompt_tokens":1000000,"completion_tokens":0} }""");

        var run = await PlayAsync(proxy, Chat, """{"model":"gpt-4.1","messages":[{"role":"user","content":"Do all of it"}]}""");

        Assert.Equal(cost, ((decimal?)run["costUsd"])?.ToString("0.####", CultureInfo.InvariantCulture));
    }

    private static async Task<JsonNode> PlayAsync(RunningProxy proxy, string path, string body, string? task = null)
    {
        using var answer = await proxy.PostAsync(path, body, task is null ? [] : [("LlmProxy-Task", task)]);
        await proxy.SettleAsync();
        return await proxy.GetJsonAsync("/_llmproxy/trajectories/" + answer.Headers.GetValues("LlmProxy-Task").Single());
    }

    private static async Task CompleteAsync(RunningProxy proxy, JsonNode run)
    {
        using var done = await proxy.PostAsync($"/_llmproxy/tasks/{run["taskId"]}/complete", """{"success":true}""");
        Assert.True(done.IsSuccessStatusCode);
    }
}
