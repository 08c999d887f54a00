#pragma warning disable OPENAI001 // The SDK calls its Responses client experimental.
using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Wire;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Responses;

namespace LlmProxy.Tests.Clients;

/// <summary>The official OpenAI SDK, with the proxy as its endpoint: chat completions and responses.</summary>
public sealed class OpenAiSdkTests
{
    private const string ModelName = "gpt-4o";

    [Theory]
    [InlineData("chat", false)]
    [InlineData("chat streamed", true)]
    public async Task A_tool_loop_of_chat_completions_works_and_is_one_recorded_run_of_two_steps(string name, bool streamed)
    {
        await using var proxy = await StartAsync();
        SdkRun.Script(proxy, ModelName, name);
        using var ids = new TaskIds();
        using var http = new HttpClient(ids);
        var client = ConnectChat(proxy, http);

        await LoopAsync(client, streamed);

        Assert.All(proxy.Upstream.Received, r => Assert.Equal("/v1/chat/completions", r.Target));
        Assert.All(proxy.Upstream.Received, r => Assert.Equal("Bearer sk-mine", r.Headers["Authorization"].Single()));
        await SdkRun.AssertRecordedAsync(proxy, ids, "openai", ModelName, "OpenAI/");
    }

    [Theory]
    [InlineData("responses", false, false)]
    [InlineData("responses streamed", true, false)]
    [InlineData("responses", false, true)]
    [InlineData("responses streamed", true, true)]
    public async Task A_tool_loop_of_responses_works_and_is_one_recorded_run_of_two_steps(string name, bool streamed, bool serverHistory)
    {
        await using var proxy = await StartAsync();
        SdkRun.Script(proxy, ModelName, name);
        using var ids = new TaskIds();
        using var http = new HttpClient(ids);
        var client = ConnectResponses(proxy, http);

        await LoopAsync(client, streamed, serverHistory);

        Assert.All(proxy.Upstream.Received, r => Assert.Equal("/v1/responses", r.Target));
        Assert.Equal(serverHistory, proxy.Upstream.Last.Text.Contains("\"previous_response_id\":\"resp_1\"", StringComparison.Ordinal));
        await SdkRun.AssertRecordedAsync(proxy, ids, "openai", ModelName, "OpenAI/");
    }

    [Theory]
    [InlineData("chat", false)]
    [InlineData("chat streamed", true)]
    [InlineData("responses", false)]
    [InlineData("responses streamed", true)]
    public async Task After_a_run_of_claude_both_calls_reach_the_upstream_with_the_same_enhanced_prompt(string name, bool streamed)
    {
        await using var proxy = await RunningProxy.StartAsync();
        await RecordedClaude.RecordAsync(proxy);
        proxy.Upstream.Received.Clear();
        SdkRun.Script(proxy, ModelName, name);
        using var ids = new TaskIds();
        using var http = new HttpClient(ids);

        await (name.StartsWith("chat", StringComparison.Ordinal)
            ? LoopAsync(ConnectChat(proxy, http), streamed)
            : LoopAsync(ConnectResponses(proxy, http), streamed, serverHistory: false));

        Assert.Equal(["injected=1", "injected=1"], ids.FewShot);
        Assert.Single(ids.Seen.Distinct(StringComparer.Ordinal));
        var prompts = proxy.Upstream.Received.Select(r => SystemText(JsonNode.Parse(r.Text)!)).ToList();
        Assert.Equal(2, prompts.Count);
        Assert.StartsWith(SdkRun.System, prompts[0], StringComparison.Ordinal);
        Assert.Contains("What should I wear in Bergen today?", prompts[0], StringComparison.Ordinal);
        Assert.Equal(prompts[0], prompts[1]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_upstream_that_refuses_is_the_sdks_own_error_with_the_proxys_words(bool streamed)
    {
        await using var proxy = await SdkRun.StartWithoutUpstreamAsync();
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });

        ClientResultException[] errors =
        [
            await Assert.ThrowsAsync<ClientResultException>(() => LoopAsync(ConnectChat(proxy, http), streamed)),
            await Assert.ThrowsAsync<ClientResultException>(() => LoopAsync(ConnectResponses(proxy, http), streamed, serverHistory: false)),
        ];

        Assert.All(errors, e => Assert.Equal(502, e.Status));
        Assert.All(errors, e => Assert.Contains("LlmProxy: connection to upstream 'openai' failed", e.Message, StringComparison.Ordinal));
    }

    private static Task<RunningProxy> StartAsync() => RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "anthropic,openai"), ("LlmProxy:FewShot:Enabled", "false"), ("LlmProxy:Prompts:Enabled", "false"));

    private static ChatClient ConnectChat(RunningProxy proxy, HttpClient http) => new(ModelName, new ApiKeyCredential("sk-mine"), new OpenAIClientOptions
    {
        Endpoint = new Uri(proxy.Address, "openai/v1"),
        Transport = new HttpClientPipelineTransport(http),
        RetryPolicy = new ClientRetryPolicy(0),
    });

    private static ResponsesClient ConnectResponses(RunningProxy proxy, HttpClient http) => new(new ApiKeyCredential("sk-mine"), new ResponsesClientOptions
    {
        Endpoint = new Uri(proxy.Address, "openai/v1"),
        Transport = new HttpClientPipelineTransport(http),
        RetryPolicy = new ClientRetryPolicy(0),
    });

    private static async Task LoopAsync(ChatClient client, bool streamed)
    {
        List<ChatMessage> messages = [new SystemChatMessage(SdkRun.System), new UserChatMessage(SdkRun.Task)];
        var (text, call) = await SendAsync(client, messages, streamed);
        Assert.Equal("I look it up.", text);
        Assert.NotNull(call);
        Assert.Equal(("call_oslo_1", SdkRun.ToolName, "Oslo"), (call.Id, call.FunctionName, JsonNode.Parse(call.FunctionArguments)!["city"]!.GetValue<string>()));

        messages.Add(new AssistantChatMessage([call]) { Content = { ChatMessageContentPart.CreateTextPart(text) } });
        messages.Add(new ToolChatMessage(call.Id, SdkRun.ToolResult));
        Assert.Equal(("A raincoat.", null), await SendAsync(client, messages, streamed));
    }

    private static async Task<(string Text, ChatToolCall? Call)> SendAsync(ChatClient client, List<ChatMessage> messages, bool streamed)
    {
        var options = new ChatCompletionOptions { Tools = { ChatTool.CreateFunctionTool(SdkRun.ToolName, SdkRun.ToolDescription, BinaryData.FromString(SdkRun.ToolSchema)) } };
        if (!streamed)
        {
            var completion = (await client.CompleteChatAsync(messages, options)).Value;
            Assert.Equal(completion.ToolCalls.Count > 0 ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop, completion.FinishReason);
            return (completion.Content[0].Text, completion.ToolCalls.SingleOrDefault());
        }

        var (text, arguments) = (new StringBuilder(), new StringBuilder());
        var (id, name, tokens) = ("", "", 0);
        await foreach (var update in client.CompleteChatStreamingAsync(messages, options))
        {
            text.AppendJoin("", update.ContentUpdate.Select(p => p.Text));
            tokens += update.Usage?.TotalTokenCount ?? 0;
            foreach (var call in update.ToolCallUpdates)
            {
                (id, name) = (id + call.ToolCallId, name + call.FunctionName);
                arguments.Append(call.FunctionArgumentsUpdate);
            }
        }

        Assert.InRange(tokens, 1, 100);
        return (text.ToString(), id.Length == 0 ? null : ChatToolCall.CreateFunctionToolCall(id, name, BinaryData.FromString(arguments.ToString())));
    }

    private static async Task LoopAsync(ResponsesClient client, bool streamed, bool serverHistory)
    {
        List<ResponseItem> history = [ResponseItem.CreateUserMessageItem(SdkRun.Task)];
        var first = await SendAsync(client, history, null, streamed);
        Assert.Equal("I look it up.", first.GetOutputText());
        var call = first.OutputItems.OfType<FunctionCallResponseItem>().Single();
        Assert.Equal(("call_oslo_1", SdkRun.ToolName, "Oslo"), (call.CallId, call.FunctionName, JsonNode.Parse(call.FunctionArguments)!["city"]!.GetValue<string>()));
        Assert.Equal((50, 12), (first.Usage.InputTokenCount, first.Usage.OutputTokenCount));

        var result = ResponseItem.CreateFunctionCallOutputItem(call.CallId, SdkRun.ToolResult);
        var second = serverHistory
            ? await SendAsync(client, [result], first.Id, streamed)
            : await SendAsync(client, [.. history, .. first.OutputItems, result], null, streamed);
        Assert.Equal("A raincoat.", second.GetOutputText());
    }

    private static async Task<ResponseResult> SendAsync(ResponsesClient client, IEnumerable<ResponseItem> input, string? previous, bool streamed)
    {
        var options = new CreateResponseOptions(ModelName, input)
        {
            Instructions = SdkRun.System,
            PreviousResponseId = previous,
            Tools = { ResponseTool.CreateFunctionTool(SdkRun.ToolName, BinaryData.FromString(SdkRun.ToolSchema), strictModeEnabled: false, SdkRun.ToolDescription) },
        };
        if (!streamed)
        {
            return (await client.CreateResponseAsync(options)).Value;
        }

        options.StreamingEnabled = true;
        ResponseResult? whole = null;
        await foreach (var update in await client.CreateResponseStreamingAsync(options))
        {
            whole = (update as StreamingResponseCompletedUpdate)?.Response ?? whole;
        }

        return Assert.IsType<ResponseResult>(whole, exactMatch: false);
    }

    private static string SystemText(JsonNode body) => (body["instructions"] ?? body["messages"]![0]!["content"]!).GetValue<string>();
}
