using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Gemini;

/// <summary>Reads a content of Gemini, in camel case or snake case.</summary>
internal static class GeminiMessageReader
{
    public static (ConversationMessage Message, IReadOnlyList<string> CallKeys) Read(ReadOnlyMemory<byte> json)
    {
        using var document = LenientJson.Parse(json);
        var root = document?.RootElement ?? default;
        var role = root.Text("role"u8) ?? "user";
        var parts = new MessageBuilder();
        var content = root.Get("parts"u8);
        if (content.ValueKind == JsonValueKind.Object)
        {
            AddPart(content, parts);
        }

        foreach (var part in content.Items())
        {
            AddPart(part, parts);
        }

        var isModel = role == "model";
        return (parts.ToMessage(isModel ? "assistant" : role == "function" ? "tool" : role, isModel, json), parts.CallKeys);
    }

    private static void AddPart(JsonElement part, MessageBuilder parts)
    {
        if (part.Text("text"u8) is { } text)
        {
            if (part.Get("thought"u8).ValueKind != JsonValueKind.True)
            {
                parts.Texts.Add(text);
            }
            else if (text.Length > 0)
            {
                parts.Reasoning.Add(text);
            }
        }

        var call = part.Get("functionCall"u8, "function_call"u8);
        if (call.ValueKind == JsonValueKind.Object)
        {
            var arguments = call.Get("args"u8);
            // The id is never taken: what models leave out, clients make up.
            parts.AddCall(null, call.Text("name"u8) ?? "", arguments.Exists() ? arguments.RawText() : "{}", arguments.Raw());
        }

        var result = part.Get("functionResponse"u8, "function_response"u8);
        if (result.ValueKind == JsonValueKind.Object)
        {
            AddResult(result, parts);
        }
    }

    private static void AddResult(JsonElement result, MessageBuilder parts)
    {
        var response = result.Get("response"u8);
        var error = response.Get("error"u8);
        var value = error.Exists() ? error : response.Get("output"u8, "result"u8);

        // The Vercel AI SDK writes {"name": the function's, "content": the result}.
        var content = response.Get("content"u8);
        var isNamedContent = !value.Exists() && content.Exists() && response.Get("name"u8).Exists() && response.EnumerateObject().Count() == 2;
        value = isNamedContent ? content : value;

        var text = value.Text()
            ?? (error.Exists() ? error.RawText()
                : value.Exists() && (isNamedContent || response.EnumerateObject().Count() == 1) ? value.RawText()
                : response.Exists() ? response.RawText() : "");
        var hasImage = false;
        foreach (var part in result.Get("parts"u8).Items())
        {
            hasImage = true;
            var data = part.Get("inlineData"u8, "inline_data"u8);
            data = data.Exists() ? data : part.Get("fileData"u8, "file_data"u8);
            var type = data.Get("mimeType"u8, "mime_type"u8).Text();
            text += type is null || type.StartsWith("image/", StringComparison.Ordinal) ? "\n[image]" : "\n[document]";
        }

        parts.Results.Add(new ToolResult(result.Text("name"u8) ?? "", text, error.Exists(), hasImage));
    }
}
