using System.Text.Json;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>Reads a stored message of any dialect into parts. Hidden reasoning is left out.</summary>
internal static class PartReader
{
    private const string Document = "[document]";

    public static List<Part> Read(DialectKind dialect, ReadOnlyMemory<byte> json)
    {
        var parts = new List<Part>();
        using var document = LenientJson.Parse(json);
        if (document is not null)
        {
            var root = document.RootElement;
            switch (dialect)
            {
                case DialectKind.AnthropicMessages:
                    ReadAnthropic(root, parts);
                    break;
                case DialectKind.OpenAiChat:
                    ReadChat(root, parts);
                    break;
                case DialectKind.OpenAiResponses:
                    ReadResponses(root, parts);
                    break;
                case DialectKind.Gemini:
                    ReadGemini(root, parts);
                    break;
            }
        }

        return parts;
    }

    private static void ReadAnthropic(JsonElement message, List<Part> parts)
    {
        var content = message.Get("content"u8);
        AddText(parts, content.Text());
        foreach (var block in content.Items())
        {
            var raw = block.Raw().ToArray();
            Part? part = block.Text("type"u8) switch
            {
                "thinking" or "redacted_thinking" => null,
                // The API gives texts of blanks alone, and refuses them when they are sent back.
                "text" or null => block.Text("text"u8) is { } text && !string.IsNullOrWhiteSpace(text) ? new TextPart(Clean(text)) : null,
                "image" when AnthropicImage(block) is { } image => new ImagePart(image),
                "image" => new OtherPart(ImageSource.Mark),
                "tool_use" => new CallPart(Clean(block.Text("id"u8)), Clean(block.Text("name"u8)), Arguments(block.Get("input"u8))),
                "tool_result" => AnthropicResult(block),
                "document" => new OtherPart(Document),
                _ => new OtherPart(null),
            };
            if (part is not null)
            {
                parts.Add(part with { AnthropicBlock = raw });
            }
        }
    }

    private static ImageSource? AnthropicImage(JsonElement block)
    {
        var source = block.Get("source"u8);
        return source.Text("data"u8) is { } data ? new ImageSource(source.Text("media_type"u8), data, null)
            : source.Text("url"u8) is { } url ? ImageSource.OfUrl(url)
            : null;
    }

    private static ResultPart AnthropicResult(JsonElement block)
    {
        var (text, images) = ResultContent(block.Get("content"u8));
        return new ResultPart(Clean(block.Text("tool_use_id"u8)), "", text, images, block.Get("is_error"u8).ValueKind == JsonValueKind.True);
    }

    private static void ReadChat(JsonElement message, List<Part> parts)
    {
        var content = message.Get("content"u8);
        if (message.Text("role"u8) is "tool" or "function")
        {
            var (text, images) = ResultContent(content);
            parts.Add(new ResultPart(Clean(message.Text("tool_call_id"u8) ?? message.Text("name"u8)), Clean(message.Text("name"u8)), text, images, false));
            return;
        }

        AddContent(content, parts);
        AddText(parts, message.Text("refusal"u8));
        foreach (var call in message.Get("tool_calls"u8).Items())
        {
            var function = call.Get("function"u8).Text("name"u8) is { Length: > 0 } ? call.Get("function"u8) : call.Get("custom"u8);
            var arguments = function.Get("arguments"u8);
            parts.Add(new CallPart(Clean(call.Text("id"u8)), Clean(function.Text("name"u8)), Arguments(arguments.Exists() ? arguments : function.Get("input"u8))));
        }

        var legacy = message.Get("function_call"u8);
        if (legacy.Text("name"u8) is { Length: > 0 } name)
        {
            parts.Add(new CallPart(Clean(name), Clean(name), Arguments(legacy.Get("arguments"u8))));
        }
    }

    private static void ReadResponses(JsonElement item, List<Part> parts)
    {
        if (item.ValueKind == JsonValueKind.Array)
        {
            // A turn of the model: calls that the server answered within it are its own affair.
            var answered = item.Items().Where(IsOutput).Select(CallIdOf).ToHashSet(StringComparer.Ordinal);
            foreach (var inner in item.Items().Where(i => !IsOutput(i) && !(i.Text("call_id"u8) is { } id && answered.Contains(id))))
            {
                ReadResponses(inner, parts);
            }

            return;
        }

        switch (item.Text("type"u8))
        {
            case null or "message":
                AddContent(item.Get("content"u8), parts);
                break;
            case { } when IsOutput(item):
                var output = item.Get("output"u8);
                var (text, images) = ResultContent(output.Exists() ? output : item.Get("tools"u8));
                parts.Add(new ResultPart(Clean(CallIdOf(item)), "", text, images, false));
                break;
            case { } type when (type.EndsWith("_call", StringComparison.Ordinal) || type == "program") && item.Text("call_id"u8) is { Length: > 0 } id:
                var arguments = item.Get("arguments"u8);
                foreach (var field in (ReadOnlySpan<string>)["input", "action", "operation"])
                {
                    arguments = arguments.Exists() ? arguments : item.Get(System.Text.Encoding.ASCII.GetBytes(field));
                }

                parts.Add(new CallPart(Clean(id), Clean(item.Text("name"u8) ?? type.Replace("_call", "", StringComparison.Ordinal)), Arguments(arguments)));
                break;
            default:
                break;
        }
    }

    private static bool IsOutput(JsonElement item) => item.Text("type"u8)?.EndsWith("_output", StringComparison.Ordinal) == true;

    private static string? CallIdOf(JsonElement item) => item.Text("call_id"u8) ?? item.Text("id"u8);

    private static void ReadGemini(JsonElement content, List<Part> parts)
    {
        var pieces = content.Get("parts"u8);
        foreach (var part in pieces.ValueKind == JsonValueKind.Object ? [pieces] : pieces.Items())
        {
            if (part.Get("thought"u8).ValueKind != JsonValueKind.True)
            {
                AddText(parts, part.Text("text"u8));
            }

            AddGeminiData(part, parts);
            var call = part.Get("functionCall"u8, "function_call"u8);
            if (call.Text("name"u8) is { } name)
            {
                parts.Add(new CallPart("", Clean(name), Arguments(call.Get("args"u8))));
            }

            var result = part.Get("functionResponse"u8, "function_response"u8);
            if (result.Text("name"u8) is { } answered)
            {
                parts.Add(GeminiResult(result, Clean(answered)));
            }
        }
    }

    private static ResultPart GeminiResult(JsonElement result, string name)
    {
        var response = result.Get("response"u8);
        var error = response.Get("error"u8);
        var value = error.Exists() ? error : response.Get("output"u8, "result"u8);
        var only = error.Exists() || (value.Exists() && response.EnumerateObject().Count() == 1);
        var text = only ? value.Text() ?? value.RawText() : response.Exists() ? response.RawText() : "";
        var images = new List<Part>();
        foreach (var part in result.Get("parts"u8).Items())
        {
            AddGeminiData(part, images);
        }

        text = string.Join('\n', images.Select(i => i is OtherPart other ? other.Mark! : ImageSource.Mark).Prepend(text).Where(t => t.Length > 0));
        return new ResultPart(name, name, Clean(text), [.. images.OfType<ImagePart>().Select(i => i.Image)], error.Exists());
    }

    private static void AddGeminiData(JsonElement part, List<Part> parts)
    {
        var inline = part.Get("inlineData"u8, "inline_data"u8);
        var file = part.Get("fileData"u8, "file_data"u8);
        var data = inline.Exists() ? inline : file;
        if (!data.Exists())
        {
            return;
        }

        var type = data.Get("mimeType"u8, "mime_type"u8).Text();
        var isImage = type is null || type.StartsWith("image/", StringComparison.Ordinal);
        parts.Add(!isImage ? new OtherPart(type!.StartsWith("audio/", StringComparison.Ordinal) ? "[audio]" : type.StartsWith("video/", StringComparison.Ordinal) ? "[video]" : Document)
            : inline.Exists() ? new ImagePart(new ImageSource(type, inline.Text("data"u8) ?? "", null))
            : new ImagePart(new ImageSource(type, null, file.Get("fileUri"u8, "file_uri"u8).Text() ?? "")));
    }

    /// <summary>A string, or the parts of Chat Completions and Responses.</summary>
    private static void AddContent(JsonElement content, List<Part> parts)
    {
        AddText(parts, content.Text());
        foreach (var part in content.Items())
        {
            var type = part.Text("type"u8);
            switch (type)
            {
                case "text" or "output_text" or "input_text" or null:
                    AddText(parts, part.Text("text"u8));
                    break;
                case "refusal":
                    AddText(parts, part.Text("refusal"u8));
                    break;
                case "image_url" or "input_image":
                    parts.Add(ImageUrl(part) is { } url ? new ImagePart(ImageSource.OfUrl(url)) : new OtherPart(ImageSource.Mark));
                    break;
                case "input_audio":
                    parts.Add(new OtherPart("[audio]"));
                    break;
                case "file" or "input_file":
                    parts.Add(new OtherPart(Document));
                    break;
                default:
                    break;
            }
        }
    }

    private static string? ImageUrl(JsonElement part)
    {
        var image = part.Get("image_url"u8);
        return image.Text() ?? image.Text("url"u8);
    }

    /// <summary>A tool result's content in the three dialects that give it as a string or as parts.</summary>
    private static (string Text, IReadOnlyList<ImageSource> Images) ResultContent(JsonElement content)
    {
        if (content.Text() is { } whole)
        {
            return (Clean(whole), []);
        }

        if (content.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object))
        {
            return (content.Exists() ? content.RawText() : "", []);
        }

        var lines = new List<string>();
        var images = new List<ImageSource>();
        foreach (var part in content.ValueKind == JsonValueKind.Object ? [content] : content.Items())
        {
            switch (part.Text("type"u8))
            {
                case "image" or "image_url" or "input_image" or "computer_screenshot":
                    if (AnthropicImage(part) is { } image)
                    {
                        images.Add(image);
                    }
                    else if (ImageUrl(part) is { } url)
                    {
                        images.Add(ImageSource.OfUrl(url));
                    }

                    lines.Add(ImageSource.Mark);
                    break;
                case "document" or "file" or "input_file":
                    lines.Add(Document);
                    break;
                default:
                    lines.Add(part.Text("text"u8) ?? part.Text() ?? part.RawText());
                    break;
            }
        }

        return (Clean(string.Join('\n', lines)), images);
    }

    private static void AddText(List<Part> parts, string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            parts.Add(new TextPart(Clean(text)));
        }
    }

    /// <summary>Arguments as a JSON object: free text, and JSON that broke off, becomes <c>{"input": …}</c>.</summary>
    private static string Arguments(JsonElement arguments)
    {
        var text = arguments.Text() ?? (arguments.Exists() ? arguments.RawText() : "");
        if (string.IsNullOrWhiteSpace(text))
        {
            return "{}";
        }

        using var parsed = LenientJson.Parse(System.Text.Encoding.UTF8.GetBytes(Clean(text)));
        return parsed?.RootElement.ValueKind == JsonValueKind.Object ? StrictJson.Text(parsed.RootElement)
            : parsed?.RootElement.ValueKind == JsonValueKind.Null ? "{}"
            : System.Text.Encoding.UTF8.GetString(StrictJson.Object("input", Clean(text)));
    }

    /// <summary>Text as every consumer can read it: half surrogate pairs, which clients make when they cut texts, become U+FFFD.</summary>
    private static string Clean(string? text) => StrictJson.Clean(text);
}
