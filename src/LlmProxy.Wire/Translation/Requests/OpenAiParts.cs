using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Content parts of OpenAI's two dialects.</summary>
internal static class OpenAiParts
{
    public static IEnumerable<string> Texts(JsonElement content) =>
        content.Text() is { } text ? [text] : content.Items().Select(part => part.Text("text"u8) ?? part.Text()).OfType<string>();

    public static void Read(JsonElement content, Action<TurnPart> add, TranslationRequest request, bool isResult = false)
    {
        if (content.Text() is { } whole)
        {
            add(new TurnText(whole));
        }
        else if (isResult && content.ValueKind is not (JsonValueKind.Array or JsonValueKind.Undefined or JsonValueKind.Null))
        {
            add(new TurnText(RawJson.Clean(content)));
        }

        foreach (var part in content.Items())
        {
            ReadPart(part, add, request, isResult);
        }
    }

    private static void ReadPart(JsonElement part, Action<TurnPart> add, TranslationRequest request, bool isResult)
    {
        switch (part.Text("type"u8))
        {
            case "text" or "input_text" or "output_text" or "summary_text" or null when (part.Text("text"u8) ?? part.Text()) is { } text:
                add(new TurnText(text));
                break;
            case "refusal" when part.Text("refusal"u8) is { } refusal:
                add(new TurnRefusal(refusal));
                break;
            case "thinking" or "reasoning" or "reasoning_text":
                request.Lose("thinking", "history", "Thinking is valid for the model that wrote it alone.");
                break;
            case "image_url" or "input_image" or "computer_screenshot":
                var image = part.Get("image_url"u8);
                ReadUrl(image.Text() ?? image.Text("url"u8), part.Text("file_id"u8), "image/*", null, add, request);
                break;
            case "image" when part.Get("source"u8).Text("data"u8) is { } data:
                add(new TurnMedia(part.Get("source"u8).Text("media_type"u8) ?? "image/png", data, null));
                break;
            case "input_audio":
                var audio = part.Get("input_audio"u8);
                add(new TurnMedia($"audio/{audio.Text("format"u8) ?? "wav"}", audio.Text("data"u8) ?? "", null));
                break;
            case "file" or "input_file":
                var file = part.Get("file"u8) is { ValueKind: JsonValueKind.Object } inner ? inner : part;
                ReadUrl(file.Text("file_data"u8) ?? file.Text("file_url"u8), file.Text("file_id"u8), "application/pdf", file.Text("filename"u8), add, request);
                break;
            case "text" or "input_text" or "output_text" or "summary_text" or "refusal":
                break;
            case var type when isResult:
                add(new TurnText(RawJson.Clean(part)));
                request.Lose(type ?? "part", "history", "The part of a tool result is sent as its JSON.");
                break;
            case null:
                break;
            case var type:
                request.Refuse($"Content of type '{type}' has no counterpart in the target's dialect. Remove it, or send the request to a cluster that speaks the client's dialect.");
                break;
        }
    }

    private static void ReadUrl(string? url, string? id, string type, string? name, Action<TurnPart> add, TranslationRequest request)
    {
        if (url is null)
        {
            request.Refuse(id is null
                ? "An image or a file of the request has neither data nor an address."
                : $"The file '{RawJson.Clean(id)}' is stored at OpenAI alone. Send its content as base64 data.");
            return;
        }

        var (mediaType, base64, address) = ImageSource.Split(url);
        if (base64 is null && type != "image/*" && !url.Contains("://", StringComparison.Ordinal))
        {
            // A file's data may come without the head of a data URL.
            (mediaType, base64, address) = ("application/pdf", url, null);
        }

        add(new TurnMedia(mediaType is { Length: > 0 } ? mediaType : base64 is null ? type : type == "image/*" ? "image/png" : type, base64, address) { Name = name });
    }
}
