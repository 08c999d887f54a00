using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Calls;
using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Sdk;

/// <summary>
/// A chat of Microsoft.Extensions.AI in the form of Anthropic's Messages API (platform.claude.com, API reference, "Create
/// a Message"). The SDK records every model's calls in it: of the dialects it alone says whether a tool's result is a
/// failure, and takes images in questions and in results.
/// </summary>
internal static class ChatWire
{
    /// <summary>A request: its bytes, and the place of each text of its system prompt in the chat.</summary>
    /// <param name="Body">The request.</param>
    /// <param name="System">Places of the texts of <c>system</c>, in order.</param>
    public sealed record Request(byte[] Body, IReadOnlyList<SystemText> System);

    /// <summary>A text of the system prompt.</summary>
    /// <param name="Text">The text.</param>
    /// <param name="Message">Index of its message; -1 for the options' instructions.</param>
    /// <param name="Content">Index of its content in that message.</param>
    public sealed record SystemText(string Text, int Message, int Content);

    private static readonly IDialect Dialect = DialectCatalog.Get(DialectKind.AnthropicMessages);

    /// <summary>The call that a request makes.</summary>
    /// <param name="tenant">The tenant that the call belongs to.</param>
    /// <param name="request">The request.</param>
    /// <param name="arrived">When it was made, by the pipeline's clock.</param>
    public static CallStart StartOf(string tenant, Request request, long arrived) => new(tenant, Dialect)
    {
        Body = request.Body,
        Path = "/v1/messages",
        Client = AppDomain.CurrentDomain.FriendlyName,
        ArrivedTimestamp = arrived,
    };

    /// <summary>A call of a chat client.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="options">The options.</param>
    /// <param name="model">The model.</param>
    /// <param name="stream">Whether a stream is asked for.</param>
    public static Request OfCall(IReadOnlyList<ChatMessage> messages, ChatOptions? options, string? model, bool stream) =>
        Write(messages, options?.Instructions, options?.Tools as IReadOnlyList<AITool> ?? [.. options?.Tools ?? []], model, options?.ConversationId, stream);

    /// <summary>A call that the application made on its own.</summary>
    /// <param name="snapshot">The call.</param>
    /// <param name="model">The model.</param>
    /// <param name="thread">Where the history is kept, for a call that brings new messages alone; else null.</param>
    public static Request OfSnapshot(IterationSnapshot snapshot, string? model, string? thread) =>
        Write(snapshot.Messages, snapshot.SystemPrompt, snapshot.Tools, model, thread, stream: false);

    /// <summary>A response.</summary>
    /// <param name="response">What came.</param>
    /// <param name="isWhole">Whether it came to its end. What did not is written as the beginning of a stream, which has no end either.</param>
    public static byte[] Reply(ChatResponse response, bool isWhole)
    {
        var contents = response.Messages.Where(m => m.Role == ChatRole.Assistant).SelectMany(m => m.Contents).ToList();
        var message = new JsonObject { ["type"] = "message", ["role"] = "assistant" };
        AddText(message, "id", response.ResponseId);
        AddText(message, "model", response.ModelId);
        message["content"] = ChatContents.Blocks(contents);
        AddText(message, "stop_reason", isWhole ? StopReason(response.FinishReason, contents) : null);
        if (response.Usage is { } usage)
        {
            message["usage"] = UsageOf(usage);
        }

        return Bytes(isWhole ? message : new JsonObject { ["type"] = "message_start", ["message"] = message });
    }

    /// <summary>A response that is an error.</summary>
    public static byte[] Error(Exception error) =>
        Bytes(new JsonObject { ["type"] = "error", ["error"] = new JsonObject { ["type"] = error.GetType().Name, ["message"] = error.Message } });

    /// <summary>The texts of a request's system prompt, in order.</summary>
    public static IReadOnlyList<string> ReadSystem(ReadOnlyMemory<byte> body)
    {
        using var document = JsonDocument.Parse(body);
        return !document.RootElement.TryGetProperty("system", out var system) ? []
            : system.ValueKind == JsonValueKind.String ? [system.GetString()!]
            : [.. system.EnumerateArray().Select(block => block.GetProperty("text").GetString()!)];
    }

    private static Request Write(IReadOnlyList<ChatMessage> messages, string? instructions, IReadOnlyList<AITool> tools, string? model, string? thread, bool stream)
    {
        var system = SystemOf(messages, instructions).ToList();
        var body = new JsonObject();
        AddText(body, "model", model);
        AddText(body, "thread_id", thread);
        body["stream"] = stream;
        if (system.Count > 0)
        {
            body["system"] = new JsonArray([.. system.Select(text => ChatContents.Text(text.Text))]);
        }

        if (tools.Count > 0)
        {
            body["tools"] = new JsonArray([.. tools.Select(Tool)]);
        }

        body["messages"] = new JsonArray([.. messages.Where(m => m.Role != ChatRole.System).Select(Message)]);
        return new Request(Bytes(body), system);
    }

    private static JsonObject Message(ChatMessage message) =>
        new() { ["role"] = message.Role == ChatRole.Assistant ? "assistant" : "user", ["content"] = ChatContents.Blocks(message.Contents) };

    private static IEnumerable<SystemText> SystemOf(IReadOnlyList<ChatMessage> messages, string? instructions)
    {
        if (!string.IsNullOrEmpty(instructions))
        {
            yield return new SystemText(instructions, -1, 0);
        }

        for (var m = 0; m < messages.Count; m++)
        {
            for (var c = 0; messages[m].Role == ChatRole.System && c < messages[m].Contents.Count; c++)
            {
                if (messages[m].Contents[c] is TextContent { Text.Length: > 0 } text)
                {
                    yield return new SystemText(text.Text, m, c);
                }
            }
        }
    }

    private static JsonObject Tool(AITool tool)
    {
        var json = new JsonObject { ["name"] = tool.Name, ["description"] = tool.Description };
        if (tool is AIFunctionDeclaration function)
        {
            json["input_schema"] = JsonNode.Parse(function.JsonSchema.GetRawText());
        }

        return json;
    }

    // Input excludes cached tokens, as that API counts them; the abstraction's count includes them.
    private static JsonObject UsageOf(UsageDetails usage)
    {
        var cached = usage.CachedInputTokenCount ?? 0;
        var json = new JsonObject
        {
            ["input_tokens"] = Math.Max(0, (usage.InputTokenCount ?? 0) - cached),
            ["cache_read_input_tokens"] = cached,
            ["output_tokens"] = usage.OutputTokenCount ?? 0,
        };
        if (usage.ReasoningTokenCount is { } reasoning)
        {
            json["output_tokens_details"] = new JsonObject { ["thinking_tokens"] = reasoning };
        }

        return json;
    }

    private static string StopReason(ChatFinishReason? reason, List<AIContent> contents) =>
        reason == ChatFinishReason.Length ? "max_tokens"
        : reason == ChatFinishReason.ContentFilter ? "refusal"
        : contents.Exists(c => c is FunctionCallContent { InformationalOnly: false }) ? "tool_use"
        : "end_turn";

    private static void AddText(JsonObject json, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            json[name] = value;
        }
    }

    private static byte[] Bytes(JsonObject json)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(buffer);
        json.WriteTo(writer);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }
}
