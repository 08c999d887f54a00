using System.Text.Json;
using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Sdk;

/// <summary>Contents of chat messages as content blocks of Anthropic's Messages API.</summary>
internal static class ChatContents
{
    /// <summary>Writes a content; usage and other contents that are no part of a conversation leave nothing.</summary>
    public static void Write(Utf8JsonWriter writer, AIContent content)
    {
        switch (content)
        {
            case TextContent text:
                WriteText(writer, text.Text);
                break;
            case TextReasoningContent reasoning:
                writer.WriteStartObject();
                writer.WriteString("type", "thinking");
                writer.WriteString("thinking", reasoning.Text);
                writer.WriteString("signature", reasoning.ProtectedData ?? "");
                writer.WriteEndObject();
                break;
            case FunctionCallContent call:
                WriteCall(writer, call);
                break;
            case FunctionResultContent result:
                WriteResult(writer, result);
                break;
            case DataContent data:
                WriteSource(writer, data.HasTopLevelMediaType("image"), () =>
                {
                    writer.WriteString("type", "base64");
                    writer.WriteString("media_type", data.MediaType);
                    writer.WriteString("data", data.Base64Data.Span);
                });
                break;
            case UriContent uri:
                WriteSource(writer, uri.HasTopLevelMediaType("image"), () =>
                {
                    writer.WriteString("type", "url");
                    writer.WriteString("url", uri.Uri.AbsoluteUri);
                });
                break;
            case HostedFileContent file:
                WriteSource(writer, isImage: false, () =>
                {
                    writer.WriteString("type", "file");
                    writer.WriteString("file_id", file.FileId);
                });
                break;
            default:
                break;
        }
    }

    public static void WriteText(Utf8JsonWriter writer, string text)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "text");
        writer.WriteString("text", text);
        writer.WriteEndObject();
    }

    private static void WriteCall(Utf8JsonWriter writer, FunctionCallContent call)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "tool_use");
        writer.WriteString("id", call.CallId);
        writer.WriteString("name", call.Name);
        writer.WritePropertyName("input");
        JsonSerializer.Serialize(writer, call.Arguments ?? new Dictionary<string, object?>(StringComparer.Ordinal), AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(IDictionary<string, object?>)));
        writer.WriteEndObject();
    }

    private static void WriteResult(Utf8JsonWriter writer, FunctionResultContent result)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "tool_result");
        writer.WriteString("tool_use_id", result.CallId);
        writer.WriteStartArray("content");
        switch (result.Result)
        {
            case null:
                if (result.Exception is { } error)
                {
                    WriteText(writer, error.Message);
                }

                break;
            case AIContent content:
                Write(writer, content);
                break;
            case IEnumerable<AIContent> contents:
                foreach (var part in contents)
                {
                    Write(writer, part);
                }

                break;
            case string text:
                WriteText(writer, text);
                break;
            case JsonElement { ValueKind: JsonValueKind.String } text:
                WriteText(writer, text.GetString()!);
                break;
            case { } value:
                WriteText(writer, JsonSerializer.Serialize(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType())));
                break;
        }

        writer.WriteEndArray();
        if (result.Exception is not null)
        {
            writer.WriteBoolean("is_error", true);
        }

        writer.WriteEndObject();
    }

    private static void WriteSource(Utf8JsonWriter writer, bool isImage, Action source)
    {
        writer.WriteStartObject();
        writer.WriteString("type", isImage ? "image" : "document");
        writer.WriteStartObject("source");
        source();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
