using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Messages;

/// <summary>The text of a tool's result in the three dialects that give it as a string or as parts.</summary>
internal static class ResultText
{
    /// <summary>The result's text, images and documents as marks.</summary>
    public static (string Text, bool HasImage) Of(JsonElement content)
    {
        if (content.Text() is { } text)
        {
            return (text, false);
        }

        var lines = new List<string>();
        var hasImage = false;
        if (content.ValueKind == JsonValueKind.Array)
        {
            foreach (var part in content.Items())
            {
                hasImage |= Add(part, lines);
            }
        }
        else if (content.ValueKind == JsonValueKind.Object)
        {
            hasImage = Add(content, lines);
        }
        else if (content.Exists())
        {
            lines.Add(content.RawText());
        }

        return (string.Join('\n', lines), hasImage);
    }

    private static bool Add(JsonElement part, List<string> lines)
    {
        var type = part.Text("type"u8);
        if (type is "image" or "image_url" or "input_image" or "computer_screenshot")
        {
            lines.Add("[image]");
            return true;
        }

        if (type is "document" or "file" or "input_file")
        {
            lines.Add("[document]");
            return true;
        }

        lines.Add(part.Text("text"u8) ?? part.Text() ?? part.RawText());
        return false;
    }
}
