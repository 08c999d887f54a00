using System.Text.Json;
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
    /// <summary>A request: its bytes, and where each text of its system prompt stands in the chat.</summary>
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

    /// <summary>A call that the application made by itself.</summary>
    /// <param name="snapshot">The call.</param>
    /// <param name="model">The model.</param>
    /// <param name="thread">Where the history is kept, for a call that brings new messages alone; else null.</param>
    public static Request OfSnapshot(IterationSnapshot snapshot, string? model, string? thread) =>
        Write(snapshot.Messages, snapshot.SystemPrompt, snapshot.Tools, model, thread, stream: false);

    /// <summary>An answer.</summary>
    /// <param name="response">What came.</param>
    /// <param name="isWhole">Whether it came to its end. What did not is written as the beginning of a stream, which has no end either.</param>
    public static byte[] Reply(ChatResponse response, bool isWhole) => Json(writer =>
    {
        writer.WriteStartObject();
        if (!isWhole)
        {
            writer.WriteString("type", "message_start");
            writer.WriteStartObject("message");
        }

        writer.WriteString("type", "message");
        writer.WriteString("role", "assistant");
        WriteOptional(writer, "id", response.ResponseId);
        WriteOptional(writer, "model", response.ModelId);
        var contents = response.Messages.Where(m => m.Role == ChatRole.Assistant).SelectMany(m => m.Contents).ToList();
        writer.WriteStartArray("content");
        foreach (var content in contents)
        {
            ChatContents.Write(writer, content);
        }

        writer.WriteEndArray();
        WriteOptional(writer, "stop_reason", isWhole ? StopReason(response.FinishReason, contents) : null);
        if (response.Usage is { } usage)
        {
            WriteUsage(writer, usage);
        }

        if (!isWhole)
        {
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    });

    /// <summary>An answer that is an error.</summary>
    public static byte[] Error(Exception error) => Json(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("type", "error");
        writer.WriteStartObject("error");
        writer.WriteString("type", error.GetType().Name);
        writer.WriteString("message", error.Message);
        writer.WriteEndObject();
        writer.WriteEndObject();
    });

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
        var body = Json(writer =>
        {
            writer.WriteStartObject();
            WriteOptional(writer, "model", model);
            WriteOptional(writer, "thread_id", thread);
            writer.WriteBoolean("stream", stream);
            if (system.Count > 0)
            {
                writer.WriteStartArray("system");
                foreach (var text in system)
                {
                    ChatContents.WriteText(writer, text.Text);
                }

                writer.WriteEndArray();
            }

            if (tools.Count > 0)
            {
                writer.WriteStartArray("tools");
                foreach (var tool in tools)
                {
                    WriteTool(writer, tool);
                }

                writer.WriteEndArray();
            }

            writer.WriteStartArray("messages");
            foreach (var message in messages.Where(m => m.Role != ChatRole.System))
            {
                writer.WriteStartObject();
                writer.WriteString("role", message.Role == ChatRole.Assistant ? "assistant" : "user");
                writer.WriteStartArray("content");
                foreach (var content in message.Contents)
                {
                    ChatContents.Write(writer, content);
                }

                writer.WriteEndArray();
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
        return new Request(body, system);
    }

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

    private static void WriteTool(Utf8JsonWriter writer, AITool tool)
    {
        writer.WriteStartObject();
        writer.WriteString("name", tool.Name);
        writer.WriteString("description", tool.Description);
        if (tool is AIFunctionDeclaration function)
        {
            writer.WritePropertyName("input_schema");
            function.JsonSchema.WriteTo(writer);
        }

        writer.WriteEndObject();
    }

    // Input leaves cached tokens out, as that API counts them; the abstraction's count includes them.
    private static void WriteUsage(Utf8JsonWriter writer, UsageDetails usage)
    {
        var cached = usage.CachedInputTokenCount ?? 0;
        writer.WriteStartObject("usage");
        writer.WriteNumber("input_tokens", Math.Max(0, (usage.InputTokenCount ?? 0) - cached));
        writer.WriteNumber("cache_read_input_tokens", cached);
        writer.WriteNumber("output_tokens", usage.OutputTokenCount ?? 0);
        if (usage.ReasoningTokenCount is { } reasoning)
        {
            writer.WriteStartObject("output_tokens_details");
            writer.WriteNumber("thinking_tokens", reasoning);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private static string StopReason(ChatFinishReason? reason, List<AIContent> contents) =>
        reason == ChatFinishReason.Length ? "max_tokens"
        : reason == ChatFinishReason.ContentFilter ? "refusal"
        : contents.Exists(c => c is FunctionCallContent { InformationalOnly: false }) ? "tool_use"
        : "end_turn";

    private static void WriteOptional(Utf8JsonWriter writer, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            writer.WriteString(name, value);
        }
    }

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            write(writer);
        }

        return stream.ToArray();
    }
}
