using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Prompting;
using Microsoft.Extensions.DependencyInjection;
using ZstdSharp;

namespace LlmProxy.Tests.Wire;

/// <summary>What another model's prompt looks like after Claude has done such a task.</summary>
public sealed class EnhancedPromptTests
{
    private const string Heading = "════════\nOPERATING PRINCIPLES\n════════";

    public static TheoryData<string> Loops() => [.. ToolLoop.All("gpt-4o").Select(l => l.Name)];

    [Theory]
    [MemberData(nameof(Loops))]
    public async Task A_run_of_claude_stands_before_the_operating_principles_of_the_next_model_in_every_call_of_its_task(string name)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Models:0:Pattern", "claude-*"), ("LlmProxy:Models:0:Provider", "anthropic"));
        await RecordedClaude.RecordAsync(proxy);
        var loop = ToolLoop.All("gpt-4o").Single(l => l.Name == name);
        var (firstBody, secondBody) = (WithHeading(loop.First), WithHeading(loop.Second));
        proxy.Upstream.AnswerInTurn((loop.FirstAnswer, loop.ContentType), (loop.SecondAnswer, loop.ContentType));
        // On the Anthropic route the provider is the route's, and its requests are Claude's unless the model says otherwise.
        var path = loop.Path.Replace("/anthropic/", "/proxy/", StringComparison.Ordinal);

        using var first = await proxy.PostAsync(path, firstBody);
        Assert.Equal("injected=1", first.Headers.GetValues("LlmProxy-Few-Shot-Result").Single());
        Assert.Equal(loop.FirstAnswer, await first.Content.ReadAsStringAsync());
        var sentFirst = proxy.Upstream.Last.Text;
        using var second = await proxy.PostAsync(path, secondBody);
        var sentSecond = proxy.Upstream.Last.Text;

        var before = SystemText(firstBody);
        var after = SystemText(sentFirst);
        Assert.Equal("You are a weather clerk.\n\n" + Heading + "\n1. Be exact.", before);
        var end = after.IndexOf(Heading, StringComparison.Ordinal);
        Assert.StartsWith("You are a weather clerk.", after, StringComparison.Ordinal);
        Assert.EndsWith(Heading + "\n1. Be exact.", after, StringComparison.Ordinal);
        Assert.InRange(after.IndexOf("<recorded_run", StringComparison.Ordinal), 1, end);
        Assert.Equal(end, after.LastIndexOf(Heading, StringComparison.Ordinal));
        Assert.Contains("What should I wear in Bergen today?", after[..end], StringComparison.Ordinal);
        Assert.Contains("get_weather", after[..end], StringComparison.Ordinal);
        Assert.Equal(after, SystemText(sentSecond));

        // Nothing but that one text differs.
        Assert.Equal(Normal(firstBody), Normal(sentFirst).Replace(JsonText(after), JsonText(before), StringComparison.Ordinal));
        Assert.Equal(Normal(secondBody), Normal(sentSecond).Replace(JsonText(after), JsonText(before), StringComparison.Ordinal));
        Assert.Equal(first.Headers.GetValues("LlmProxy-Examples"), second.Headers.GetValues("LlmProxy-Examples"));
        var run = await proxy.FindRunAsync(second);
        Assert.Equal(first.Headers.GetValues("LlmProxy-Examples"), run.ExampleIds);
        Assert.Equal(proxy.Services.GetRequiredService<TemplateDirectory>().Current.Hash, run.TemplateSet);
    }

    [Fact]
    public async Task A_request_in_zstd_is_decoded_enhanced_and_sent_without_the_encoding()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await RecordedClaude.RecordAsync(proxy);
        var loop = ToolLoop.All("gpt-4o").Single(l => l.Name == "chat");
        proxy.Upstream.AnswerWith(loop.FirstAnswer);
        using var compressor = new Compressor();
        var encoded = compressor.Wrap(Encoding.UTF8.GetBytes(WithHeading(loop.First))).ToArray();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, loop.Path)) { Content = new ByteArrayContent(encoded) { Headers = { ContentEncoding = { "zstd" } } } };

        using var answer = await proxy.Client.SendAsync(request);

        Assert.Equal("injected=1", answer.Headers.GetValues("LlmProxy-Few-Shot-Result").Single());
        Assert.Contains("<recorded_run", SystemText(proxy.Upstream.Last.Text), StringComparison.Ordinal);
        Assert.DoesNotContain("Content-Encoding", proxy.Upstream.Last.Headers.Keys);
    }

    [Fact]
    public async Task A_run_that_is_recorded_in_the_middle_of_a_task_does_not_change_the_prompt_of_that_task()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await RecordedClaude.RecordAsync(proxy);
        var loop = ToolLoop.All("gpt-4o").Single(l => l.Name == "chat");
        proxy.Upstream.AnswerWith(loop.FirstAnswer);
        using var first = await proxy.PostAsync(loop.Path, WithHeading(loop.First));
        var before = SystemText(proxy.Upstream.Last.Text);

        await RecordedClaude.RecordAsync(proxy, "Tromso");
        proxy.Upstream.AnswerWith(loop.SecondAnswer);
        using var second = await proxy.PostAsync(loop.Path, WithHeading(loop.Second));

        Assert.Equal(first.Headers.GetValues("LlmProxy-Task"), second.Headers.GetValues("LlmProxy-Task"));
        Assert.Equal(before, SystemText(proxy.Upstream.Last.Text));
        Assert.Contains("recorded_run", before, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Claude_gets_its_requests_unchanged_even_when_there_are_examples()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await RecordedClaude.RecordAsync(proxy);
        var loop = ToolLoop.All("claude-opus-4-1")[0];
        var body = WithHeading(loop.First);
        proxy.Upstream.AnswerWith(loop.FirstAnswer);

        using var answer = await proxy.PostAsync(loop.Path, body);

        Assert.Equal(body, proxy.Upstream.Last.Text);
        Assert.False(answer.Headers.Contains("LlmProxy-Few-Shot-Result"));
    }

    [Fact]
    public async Task The_header_switches_examples_off_and_never_reaches_the_upstream()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await RecordedClaude.RecordAsync(proxy);
        var loop = ToolLoop.All("gpt-4o").Single(l => l.Name == "chat");
        proxy.Upstream.AnswerWith(loop.FirstAnswer);

        using var answer = await proxy.PostAsync(loop.Path, WithHeading(loop.First), ("LlmProxy-Few-Shot", "off"), ("LlmProxy-Task", "mine-1"));

        Assert.Equal("none; reason=header", answer.Headers.GetValues("LlmProxy-Few-Shot-Result").Single());
        Assert.Equal("mine-1", answer.Headers.GetValues("LlmProxy-Task").Single());
        Assert.DoesNotContain("recorded_run", proxy.Upstream.Last.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(proxy.Upstream.Last.Headers.Keys, k => k.StartsWith("LlmProxy-", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task A_call_without_tools_is_left_alone()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await RecordedClaude.RecordAsync(proxy);
        const string Body = """{"model":"gpt-4o","messages":[{"role":"system","content":"You write JSON."},{"role":"user","content":"What should I wear in Oslo today?"}]}""";
        proxy.Upstream.AnswerWith("""{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"{}"},"finish_reason":"stop"}]}""");

        using var answer = await proxy.PostAsync("/openai/v1/chat/completions", Body);

        Assert.Equal(Body, proxy.Upstream.Last.Text);
        Assert.False(answer.Headers.Contains("LlmProxy-Few-Shot-Result"));
    }

    [Fact]
    public async Task A_store_that_fails_leaves_the_traffic_unharmed()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await RecordedClaude.RecordAsync(proxy);
        await proxy.Store.DisposeAsync();
        var loop = ToolLoop.All("gpt-4o").Single(l => l.Name == "chat");
        proxy.Upstream.AnswerWith(loop.FirstAnswer);

        using var answer = await proxy.PostAsync(loop.Path, loop.First);

        Assert.Equal(System.Net.HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(loop.FirstAnswer, await answer.Content.ReadAsStringAsync());
        Assert.StartsWith("none; reason=", answer.Headers.GetValues("LlmProxy-Few-Shot-Result").Single(), StringComparison.Ordinal);
    }

    private static string WithHeading(string body) => body.Replace("You are a weather clerk.", "You are a weather clerk.\\n\\n" + Heading.Replace("\n", "\\n", StringComparison.Ordinal) + "\\n1. Be exact.", StringComparison.Ordinal);

    private static string SystemText(string body)
    {
        var json = JsonNode.Parse(body)!;
        return json["instructions"]?.GetValue<string>()
            ?? json["systemInstruction"]?["parts"]![0]!["text"]!.GetValue<string>()
            ?? json["system"]?[0]!["text"]!.GetValue<string>()
            ?? json["messages"]![0]!["content"]!.GetValue<string>();
    }

    private static string Normal(string body) => JsonNode.Parse(body)!.ToJsonString();

    private static string JsonText(string text) => JsonSerializer.Serialize(text);
}
