using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Messages;

/// <summary>Reads images in the two forms that messages and tool results share.</summary>
internal static class ImageReader
{
    /// <summary>An image by its <c>source</c>, as Anthropic writes it; null if it has none that can be read.</summary>
    public static ImageSource? BySource(JsonElement block, MessageBuilder message)
    {
        var source = block.Get("source"u8);
        return source.Get("data"u8) is { ValueKind: JsonValueKind.String } data ? OfData(source.Text("media_type"u8), data, message)
            : source.Get("url"u8) is { ValueKind: JsonValueKind.String } url ? OfUrl(url, message)
            : null;
    }

    /// <summary>An image by its <c>image_url</c>, a string or an object with one, as OpenAI writes it; null if it has none.</summary>
    public static ImageSource? ByUrl(JsonElement part, MessageBuilder message)
    {
        var image = part.Get("image_url"u8);
        image = image.ValueKind == JsonValueKind.String ? image : image.Get("url"u8);
        return image.ValueKind == JsonValueKind.String ? OfUrl(image, message) : null;
    }

    /// <summary>An image by its bytes.</summary>
    public static ImageSource OfData(string? mediaType, JsonElement base64, MessageBuilder message)
    {
        var literal = message.Slice(base64);
        return new ImageSource(() => (mediaType, JsonText.DecodeLiteral(literal.Span), null));
    }

    private static ImageSource OfUrl(JsonElement url, MessageBuilder message)
    {
        var literal = message.Slice(url);
        return new ImageSource(() => ImageSource.Split(JsonText.DecodeLiteral(literal.Span)));
    }
}
