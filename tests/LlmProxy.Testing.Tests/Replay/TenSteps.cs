using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Anthropic;
using Anthropic.Helpers;
using Anthropic.Models.Messages;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Clients;
using LlmProxy.Tests.Wire;
using LlmProxy.Wire;
using OpenAI;
using OpenAI.Chat;

namespace LlmProxy.Tests.Replay;

/// <summary>
/// An agent that makes ten calls with an official SDK: nine with tools, two of them with two calls at once (one whole, one streamed), and a last word. The system
/// prompt holds the time, so that no two runs send the same bytes.
/// </summary>
internal sealed class TenSteps(string client)
{
    public const int Count = 10;
    public const string LastWord = "All nine rooms are swept.";

    private const string Task = "Sweep the nine rooms.";

    public static TheoryData<string> Clients => ["anthropic", "openai"];

    /// <summary>Which steps ask for a stream: every second one, as it is recorded; the others; none; all.</summary>
    public static IReadOnlyDictionary<string, Func<int, bool>> Forms { get; } = new Dictionary<string, Func<int, bool>>(StringComparer.Ordinal)
    {
        ["as recorded"] = step => step % 2 == 1,
        ["the other form"] = step => step % 2 == 0,
        ["whole"] = _ => false,
        ["streamed"] = _ => true,
    };

    public string Model => client == "anthropic" ? "claude-sonnet-4-5" : "gpt-4o";

    /// <summary>What the agent saw: its last word, and the ids of the calls that it answered.</summary>
    public List<string> Seen { get; } = [];

    /// <summary>The upstream answers call after call, as the model would.</summary>
    public void Script(RunningProxy proxy)
    {
        var kind = client == "anthropic" ? DialectKind.AnthropicMessages : DialectKind.OpenAiChat;
        var dialect = DialectCatalog.Get(kind);
        var next = 0;
        proxy.Upstream.Answer = async (context, received) =>
        {
            var reply = Reply(dialect, ++next);
            if (JsonNode.Parse(received.Text)!["stream"]?.GetValue<bool>() != true)
            {
                await ScriptedUpstream.WriteAsync(context, Encoding.UTF8.GetString(dialect.WriteReply(reply)), 200, "application/json");
                return;
            }

            context.Response.ContentType = "text/event-stream; charset=utf-8";
            foreach (var e in dialect.WriteEvents(reply))
            {
                await context.Response.Body.WriteAsync(e.ToBytes());
                await context.Response.Body.FlushAsync();
            }
        };
    }

    /// <summary>Records it through the proxy and gives the run.</summary>
    public async Task<Trajectory> RecordAsync(RunningProxy proxy)
    {
        Script(proxy);
        using var ids = new TaskIds();
        using var http = new HttpClient(ids);
        await RunAsync(new Uri(proxy.Address, client == "anthropic" ? "anthropic" : "openai/v1"), http);
        await proxy.SettleAsync();
        return (await proxy.Store.FindTaskAsync("default", Assert.Single(ids.Seen.Distinct(StringComparer.Ordinal)), default))!;
    }

    /// <summary>Runs to the end against a base URL.</summary>
    public async Task RunAsync(Uri baseUrl, HttpClient? http = null, Func<int, bool>? asStream = null)
    {
        asStream ??= Forms["as recorded"];
        Seen.Clear();
        using var own = http is null ? new HttpClient(new SocketsHttpHandler { UseProxy = false }) : null;
        await (client == "anthropic" ? RunAnthropicAsync(baseUrl, http ?? own!, asStream) : RunOpenAiAsync(baseUrl, http ?? own!, asStream));
    }

    private static string CallId(int step, int number = 1) => string.Create(CultureInfo.InvariantCulture, $"call_{step}_{number}");

    private static string System() => $"You sweep rooms. It is {TimeProvider.System.GetUtcNow():O}, request {Guid.NewGuid()}.\n\nOPERATING PRINCIPLES\n1. Room by room.";

    private AssembledReply Reply(IDialect dialect, int step)
    {
        var text = step == Count ? LastWord : string.Create(CultureInfo.InvariantCulture, $"Room {step}: I take the broom – “carefully” – and sweep it from the window to the door. {{{{now}}}}");
        (string Id, string Arguments)[] calls = step == Count ? [] : step is 4 or 5
            ? [(CallId(step, 1), """{"room":4,"note":"it's \"wide\""}"""), (CallId(step, 2), """{"room":5}""")]
            : [(CallId(step), string.Create(CultureInfo.InvariantCulture, $$"""{"room":{{step}},"note":"ünder the bed\n"}"""))];
        var message = dialect.Kind == DialectKind.AnthropicMessages
            ? new JsonObject
            {
                ["role"] = "assistant",
                ["content"] = new JsonArray(
                [
                    new JsonObject { ["type"] = "text", ["text"] = text },
                    .. calls.Select(call => new JsonObject { ["type"] = "tool_use", ["id"] = call.Id, ["name"] = "sweep", ["input"] = JsonNode.Parse(call.Arguments) }),
                ]),
            }
            : new JsonObject { ["role"] = "assistant", ["content"] = text };
        if (dialect.Kind == DialectKind.OpenAiChat && calls.Length > 0)
        {
            message["tool_calls"] = new JsonArray([.. calls.Select(call => new JsonObject { ["id"] = call.Id, ["type"] = "function", ["function"] = new JsonObject { ["name"] = "sweep", ["arguments"] = call.Arguments } })]);
        }

        return new AssembledReply
        {
            ResponseId = string.Create(CultureInfo.InvariantCulture, $"answer_{step}"),
            Model = Model + "-20250929",
            Message = dialect.ReadMessage(Encoding.UTF8.GetBytes(message.ToJsonString())),
            StopReason = dialect.Kind == DialectKind.AnthropicMessages ? (calls.Length > 0 ? "tool_use" : "end_turn") : calls.Length > 0 ? "tool_calls" : "stop",
            Usage = new TokenUsage(100 + step, 10 + step, 7, 0, 0),
            HasUsage = true,
            IsComplete = true,
        };
    }

    private async Task RunAnthropicAsync(Uri baseUrl, HttpClient http, Func<int, bool> asStream)
    {
        using var sdk = new AnthropicClient { BaseUrl = baseUrl.ToString(), ApiKey = "any", HttpClient = http, MaxRetries = 0 };
        List<MessageParam> messages = [new UserMessageParam(Task)];
        for (var step = 1; step <= Count; step++)
        {
            var parameters = new MessageCreateParams
            {
                Model = Model,
                MaxTokens = 1024,
                System = System(),
                Messages = messages,
                Tools = [new Tool { Name = "sweep", Description = "Sweeps a room", InputSchema = JsonSerializer.Deserialize<InputSchema>("""{"type":"object","properties":{"room":{"type":"integer"}}}""")! }],
            };
            var answer = await SendAsync(sdk, parameters, asStream(step));
            var calls = answer.Content.Select(block => block.Value).OfType<ToolUseBlock>().ToList();
            messages.Add(new AssistantMessageParam(answer.Content.Select(block => new ContentBlockParam(block.Json)).ToList()));
            if (calls.Count == 0)
            {
                Assert.Equal((100L + step - 7, 10L + step), (answer.Usage.InputTokens, answer.Usage.OutputTokens));
                Seen.Add(string.Concat(answer.Content.Select(block => block.Value).OfType<TextBlock>().Select(block => block.Text)));
                return;
            }

            Seen.AddRange(calls.Select(call => $"{call.ID} {call.Input["room"]}"));
            messages.Add(new UserMessageParam(calls.Select(call => new ContentBlockParam(new ToolResultBlockParam(call.ID) { Content = $"swept at {TimeProvider.System.GetUtcNow():O}" })).ToList()));
        }
    }

    private static async Task<Message> SendAsync(AnthropicClient sdk, MessageCreateParams parameters, bool asStream)
    {
        if (!asStream)
        {
            return await sdk.Messages.Create(parameters);
        }

        var whole = new MessageContentAggregator();
        await foreach (var _ in whole.CollectAsync(sdk.Messages.CreateStreaming(parameters)))
        {
            // The aggregator keeps what passes.
        }

        return whole.Message();
    }

    private async Task RunOpenAiAsync(Uri baseUrl, HttpClient http, Func<int, bool> asStream)
    {
        var sdk = new ChatClient(Model, new ApiKeyCredential("any"), new OpenAIClientOptions { Endpoint = baseUrl, Transport = new HttpClientPipelineTransport(http), RetryPolicy = new ClientRetryPolicy(0) });
        List<ChatMessage> messages = [new SystemChatMessage(System()), new UserChatMessage(Task)];
        for (var step = 1; step <= Count; step++)
        {
            messages[0] = new SystemChatMessage(System());
            var (text, calls) = await SendAsync(sdk, messages, asStream(step));
            if (calls.Count == 0)
            {
                Seen.Add(text);
                return;
            }

            Seen.AddRange(calls.Select(call => $"{call.Id} {JsonNode.Parse(call.FunctionArguments)!["room"]}"));
            messages.Add(new AssistantChatMessage(calls) { Content = { ChatMessageContentPart.CreateTextPart(text) } });
            messages.AddRange(calls.Select(call => new ToolChatMessage(call.Id, $"swept at {TimeProvider.System.GetUtcNow():O}")));
        }
    }

    private static async Task<(string Text, List<ChatToolCall> Calls)> SendAsync(ChatClient sdk, List<ChatMessage> messages, bool asStream)
    {
        var options = new ChatCompletionOptions { Tools = { ChatTool.CreateFunctionTool("sweep", "Sweeps a room", BinaryData.FromString("""{"type":"object","properties":{"room":{"type":"integer"}}}""")) } };
        if (!asStream)
        {
            var whole = (await sdk.CompleteChatAsync(messages, options)).Value;
            return (whole.Content.Count == 0 ? "" : whole.Content[0].Text, [.. whole.ToolCalls]);
        }

        var text = new StringBuilder();
        var calls = new SortedDictionary<int, (string Id, string Name, StringBuilder Arguments)>();
        await foreach (var update in sdk.CompleteChatStreamingAsync(messages, options))
        {
            text.AppendJoin("", update.ContentUpdate.Select(part => part.Text));
            foreach (var piece in update.ToolCallUpdates)
            {
                var call = calls.TryGetValue(piece.Index, out var known) ? known : ("", "", new StringBuilder());
                calls[piece.Index] = (call.Item1 + piece.ToolCallId, call.Item2 + piece.FunctionName, call.Item3.Append(piece.FunctionArgumentsUpdate));
            }
        }

        return (text.ToString(), [.. calls.Values.Select(call => ChatToolCall.CreateFunctionToolCall(call.Id, call.Name, BinaryData.FromString(call.Arguments.ToString())))]);
    }
}
