using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Messages;

/// <summary>Reads the content of a message in OpenAI's two dialects: a string, or parts.</summary>
internal static class ContentParts
{
    public static void Read(JsonElement content, MessageBuilder message)
    {
        message.AddText(content.Text());
        foreach (var part in content.Items())
        {
            switch (part.Text("type"u8))
            {
                case "text" or "output_text" or "input_text" or null:
                    message.AddText(part.Text("text"u8));
                    break;
                case "refusal" when part.Text("refusal"u8) is { Length: > 0 } refusal:
                    message.Add(new RefusalPart(refusal));
                    break;
                case "thinking":
                    // Mistral's.
                    var thinking = part.Get("thinking"u8);
                    message.Add(new ThinkingPart(thinking.Text() ?? string.Concat(thinking.Items().Select(part => part.Text("text"u8)))));
                    break;
                case "image_url" or "input_image":
                    message.Add(ImageReader.ByUrl(part, message) is { } image ? new ImagePart(image) : new OtherPart(ImageSource.Mark));
                    break;
                case "input_audio":
                    message.Add(new OtherPart(OtherPart.Audio));
                    break;
                case "file" or "input_file":
                    message.Add(new OtherPart(OtherPart.Document));
                    break;
                default:
                    break;
            }
        }
    }
}
