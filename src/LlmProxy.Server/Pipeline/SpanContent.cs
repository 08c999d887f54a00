using System.Buffers;
using System.Diagnostics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Redaction;
using LlmProxy.Server.Telemetry;
using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// Texts of a call in the form of the GenAI conventions ("input messages", "output messages", "system instructions":
/// JSON of messages with parts), redacted. Only with <c>Telemetry:CaptureContent</c>.
/// </summary>
internal static class SpanContent
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Adds a call's texts to its span.</summary>
    public static void Add(Activity activity, CallSession call, Redactor redactor)
    {
        if (call.Dialect.ReadContent(call.Reading.Body) is { } request)
        {
            if (request.SystemPrompt is { } system)
            {
                activity.SetTag(TelemetryNames.SystemInstructions, Write(redactor, json => WriteParts(json, [("text", system)])));
            }

            activity.SetTag(TelemetryNames.InputMessages, Write(redactor, json => WriteMessages(json, request.Messages, null)));
        }

        if (call.Reply is { } reply)
        {
            activity.SetTag(TelemetryNames.OutputMessages, Write(redactor, json => WriteMessages(json, [reply.Message], reply.StopReason)));
        }
    }

    private static string Write(Redactor redactor, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Relaxed))
        {
            write(json);
        }

        return Encoding.UTF8.GetString(redactor.RedactJson(buffer.WrittenMemory).Span);
    }

    private static void WriteMessages(Utf8JsonWriter json, IEnumerable<ConversationMessage> messages, string? finishReason)
    {
        json.WriteStartArray();
        foreach (var message in messages)
        {
            json.WriteStartObject();
            json.WriteString("role", message.Role);
            json.WritePropertyName("parts");
            WriteParts(json, TextsOf(message), message);
            if (finishReason is not null)
            {
                json.WriteString("finish_reason", finishReason);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static IEnumerable<(string Type, string Text)> TextsOf(ConversationMessage message)
    {
        if (message.Reasoning is { Length: > 0 } reasoning)
        {
            yield return ("reasoning", reasoning);
        }

        if (message.Text.Length > 0)
        {
            yield return ("text", message.Text);
        }
    }

    private static void WriteParts(Utf8JsonWriter json, IEnumerable<(string Type, string Text)> texts, ConversationMessage? message = null)
    {
        json.WriteStartArray();
        foreach (var (type, text) in texts)
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteString("content", text);
            json.WriteEndObject();
        }

        foreach (var call in message?.ToolCalls ?? [])
        {
            json.WriteStartObject();
            json.WriteString("type", "tool_call");
            json.WriteString("id", call.Id);
            json.WriteString("name", call.Name);
            json.WriteString("arguments", call.Arguments);
            json.WriteEndObject();
        }

        foreach (var result in message?.ToolResults ?? [])
        {
            json.WriteStartObject();
            json.WriteString("type", "tool_call_response");
            json.WriteString("id", result.Id);
            json.WriteString("response", result.Content);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
