using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;

namespace LlmProxy.Wire.Gemini;

/// <summary>Reads a content of Gemini, in camel case or snake case.</summary>
internal sealed class GeminiMessageReader : MessageReader
{
    public static GeminiMessageReader Instance { get; } = new();

    /// <summary>A turn of the model may come as several contents; one with all their parts is stored.</summary>
    public override ReadOnlySpan<byte> ToStored(ReadOnlySpan<byte> json, bool isAssistant) => isAssistant ? GeminiTurn.Join(json) : json;

    protected override void Read(JsonElement root, MessageBuilder message)
    {
        var role = root.Text("role"u8) ?? "user";
        message.IsAssistant = role == "model";
        message.Role = message.IsAssistant ? "assistant" : role == "function" ? "tool" : role;
        var parts = root.Get("parts"u8);
        List<JsonElement> all = parts.ValueKind == JsonValueKind.Object ? [parts] : [.. parts.Items()];
        var executions = 0;
        for (var i = 0; i < all.Count; i++)
        {
            ReadPart(all[i], message);
            if (all[i].Get("executableCode"u8, "executable_code"u8) is { ValueKind: JsonValueKind.Object } code)
            {
                // The result follows, perhaps after a thought.
                var result = all.Skip(i + 1).TakeWhile(part => !part.Get("executableCode"u8, "executable_code"u8).Exists())
                    .Select(part => part.Get("codeExecutionResult"u8, "code_execution_result"u8)).FirstOrDefault(found => found.Exists());
                message.Add(HostedTool.OfCode(code, result, ++executions));
            }
        }
    }

    private static void ReadPart(JsonElement part, MessageBuilder message)
    {
        if (part.Get("thought"u8).ValueKind == JsonValueKind.True)
        {
            message.AddThinking(part.Text("text"u8));
        }
        else
        {
            message.AddText(part.Text("text"u8));
        }

        if (DataOf(part, message) is { } data)
        {
            message.Add(data);
        }

        var call = part.Get("functionCall"u8, "function_call"u8);
        if (call.ValueKind == JsonValueKind.Object)
        {
            // The id is never taken: what models leave out, clients make up.
            var arguments = call.Get("args"u8);
            message.Add(message.NewCall(null, call.Text("name"u8) ?? "", arguments.Text() ?? (arguments.Exists() ? arguments.RawText() : "{}"), arguments.Raw()));
        }

        var result = part.Get("functionResponse"u8, "function_response"u8);
        if (result.ValueKind == JsonValueKind.Object)
        {
            message.Add(ResultOf(result, message));
        }
    }

    private static ToolResult ResultOf(JsonElement result, MessageBuilder message)
    {
        var response = result.Get("response"u8);
        var error = response.Get("error"u8);
        var value = error.Exists() ? error : response.Get("output"u8, "result"u8);
        var members = response.ValueKind == JsonValueKind.Object ? response.EnumerateObject().Count() : 0;

        // The Vercel AI SDK writes {"name": the function's, "content": the result}.
        var content = response.Get("content"u8);
        var isNamedContent = !value.Exists() && content.Exists() && members == 2 && response.Get("name"u8).Exists();
        var whole = response.Exists() ? response.RawText() : "";
        var essence = isNamedContent ? content : value;
        var text = essence.Text() ?? (essence.Exists() && (error.Exists() || isNamedContent || members == 1) ? essence.RawText() : whole);

        var data = result.Get("parts"u8).Items().Select(part => DataOf(part, message)).OfType<MessagePart>().ToList();
        var marks = data.ConvertAll(part => (part as OtherPart)?.Mark ?? ImageSource.Mark);
        var name = result.Text("name"u8) ?? "";
        return new ToolResult(name, WithMarks(text), error.Exists(), data.Count > 0)
        {
            Name = name,
            Images = [.. data.OfType<ImagePart>().Select(part => part.Image)],
            WholeContent = error.Exists() || members == 1 || !essence.Exists() ? null : WithMarks(whole),
        };

        string WithMarks(string of) => string.Join('\n', marks.Prepend(of).Where(line => line.Length > 0));
    }

    /// <summary>An image, or what represents other data; null if the part holds none.</summary>
    private static MessagePart? DataOf(JsonElement part, MessageBuilder message)
    {
        var inline = part.Get("inlineData"u8, "inline_data"u8);
        var file = part.Get("fileData"u8, "file_data"u8);
        var data = inline.Exists() ? inline : file;
        if (!data.Exists())
        {
            return null;
        }

        var type = data.Get("mimeType"u8, "mime_type"u8).Text();
        return type is not null && !type.StartsWith("image/", StringComparison.Ordinal)
            ? new OtherPart(type.StartsWith("audio/", StringComparison.Ordinal) ? OtherPart.Audio : type.StartsWith("video/", StringComparison.Ordinal) ? OtherPart.Video : OtherPart.Document)
            : new ImagePart(inline.Exists() ? ImageReader.OfData(type, inline.Get("data"u8), message) : new ImageSource(type, null, file.Get("fileUri"u8, "file_uri"u8).Text() ?? ""));
    }
}
