using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Messages;

/// <summary>Reads a tool's result in the three dialects that give it as a string or as parts.</summary>
internal static class ResultContent
{
    /// <summary>The result, its images and documents as marks in its text.</summary>
    public static ToolResult Read(string id, JsonElement content, bool? isError, MessageBuilder message)
    {
        if (content.Text() is { } text)
        {
            return new ToolResult(id, text, isError, false);
        }

        if (content.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object))
        {
            return new ToolResult(id, content.Exists() ? content.RawText() : "", isError, false);
        }

        var lines = new List<string>();
        var images = new List<ImageSource>();
        var hasImage = false;
        foreach (var part in content.ValueKind == JsonValueKind.Object ? [content] : content.Items())
        {
            switch (part.Text("type"u8))
            {
                case "image" or "image_url" or "input_image" or "computer_screenshot":
                    if ((ImageReader.BySource(part, message) ?? ImageReader.ByUrl(part, message)) is { } image)
                    {
                        images.Add(image);
                    }

                    lines.Add(ImageSource.Mark);
                    hasImage = true;
                    break;
                case "document" or "file" or "input_file":
                    lines.Add(OtherPart.Document);
                    hasImage = true;
                    break;
                default:
                    lines.Add(part.Text("text"u8) ?? part.Text() ?? part.RawText());
                    break;
            }
        }

        return new ToolResult(id, string.Join('\n', lines), isError, hasImage) { Images = images };
    }
}
