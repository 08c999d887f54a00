using System.Text.Json;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Helpers;
using Anthropic.Models.Messages;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Clients;

/// <summary>The official Anthropic SDK, with the proxy as its base URL.</summary>
public sealed class AnthropicSdkTests
{
    private const string ModelName = "claude-sonnet-4-5";

    [Theory]
    [InlineData("anthropic", false)]
    [InlineData("anthropic streamed", true)]
    public async Task A_tool_loop_of_the_sdk_works_and_is_one_recorded_run_of_two_steps(string name, bool streamed)
    {
        await using var proxy = await RunningProxy.StartAsync();
        SdkRun.Script(proxy, ModelName, name);
        using var ids = new TaskIds();
        using var http = new HttpClient(ids);
        using var client = Connect(proxy, http);
        List<MessageParam> messages = [new UserMessageParam(SdkRun.Task)];

        var first = await SendAsync(client, messages, streamed);

        Assert.Equal("I look it up.", TextOf(first));
        var call = first.Content.Select(b => b.Value).OfType<ToolUseBlock>().Single();
        Assert.Equal(("call_oslo_1", SdkRun.ToolName, "Oslo"), (call.ID, call.Name, call.Input["city"].GetString()));
        Assert.Equal(StopReason.ToolUse, first.StopReason!.Value());
        Assert.Equal((40, 10, 12), (first.Usage.InputTokens, first.Usage.CacheReadInputTokens, first.Usage.OutputTokens));

        messages.Add(new AssistantMessageParam(first.Content.Select(b => new ContentBlockParam(b.Json)).ToList()));
        messages.Add(new UserMessageParam(new List<ContentBlockParam> { new ToolResultBlockParam(call.ID) { Content = SdkRun.ToolResult } }));
        var second = await SendAsync(client, messages, streamed);

        Assert.Equal("A raincoat.", TextOf(second));
        Assert.Equal(StopReason.EndTurn, second.StopReason!.Value());
        Assert.All(proxy.Upstream.Received, r => Assert.Equal("/v1/messages", r.Target));
        Assert.All(proxy.Upstream.Received, r => Assert.Contains(r.Headers.Values, v => v.Any(h => h.Contains("sk-ant-mine", StringComparison.Ordinal))));
        await SdkRun.AssertRecordedAsync(proxy, ids, "anthropic", ModelName, "AnthropicClient");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_upstream_that_refuses_is_the_sdks_own_server_error_with_the_proxys_words(bool streamed)
    {
        await using var proxy = await SdkRun.StartWithoutUpstreamAsync();
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var client = Connect(proxy, http);

        var error = await Assert.ThrowsAsync<Anthropic5xxException>(() => SendAsync(client, [new UserMessageParam(SdkRun.Task)], streamed));

        Assert.Equal(502, (int)error.StatusCode);
        Assert.Contains("LlmProxy: connection to upstream 'anthropic' failed", error.ApiMessage, StringComparison.Ordinal);
        Assert.Equal("api_error", error.Body.GetProperty("error").GetProperty("type").GetString());
    }

    private static AnthropicClient Connect(RunningProxy proxy, HttpClient http) =>
        new() { BaseUrl = new Uri(proxy.Address, "anthropic").ToString(), ApiKey = "sk-ant-mine", HttpClient = http, MaxRetries = 0 };

    private static async Task<Message> SendAsync(AnthropicClient client, List<MessageParam> messages, bool streamed)
    {
        var parameters = new MessageCreateParams
        {
            Model = ModelName,
            MaxTokens = 1024,
            System = SdkRun.System,
            Messages = messages,
            Tools = [new Tool { Name = SdkRun.ToolName, Description = SdkRun.ToolDescription, InputSchema = JsonSerializer.Deserialize<InputSchema>(SdkRun.ToolSchema)! }],
        };
        if (!streamed)
        {
            return await client.Messages.Create(parameters);
        }

        var whole = new MessageContentAggregator();
        await foreach (var _ in whole.CollectAsync(client.Messages.CreateStreaming(parameters)))
        {
            // The aggregator keeps what passes.
        }

        return whole.Message();
    }

    private static string TextOf(Message message) => string.Concat(message.Content.Select(b => b.Value).OfType<TextBlock>().Select(t => t.Text));
}
