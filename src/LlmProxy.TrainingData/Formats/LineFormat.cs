using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.TrainingData.Pairs;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Formats;

/// <summary>Writes the lines of one format.</summary>
internal abstract class LineFormat
{
    /// <summary>What a conversation must be like for it.</summary>
    public abstract ShapeRules Shape(ExportRequest request);

    /// <summary>The format of a name.</summary>
    public static LineFormat Of(ExportFormat format) => format switch
    {
        ExportFormat.OpenAi => new OpenAiFormat(),
        ExportFormat.Gemini => new GeminiFormat(),
        ExportFormat.Anthropic => new AnthropicFormat(),
        ExportFormat.Trl => new TrlFormat(),
        ExportFormat.ShareGpt => new ShareGptFormat(),
        ExportFormat.OpenAiDpo => new OpenAiDpoFormat(),
        ExportFormat.GeminiDpo => new GeminiDpoFormat(),
        ExportFormat.TrlDpo => new TrlDpoFormat(),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>Text alone.</summary>
    protected static ShapeRules TextOnly(bool keepForeign = false, bool keepLearned = true) => new(keepForeign, 0, _ => false) { KeepLearned = keepLearned };

    /// <summary>Whether a consumer can load an address.</summary>
    public static bool IsWebAddress(string? url) => url is not null && (url.StartsWith("https://", StringComparison.Ordinal) || url.StartsWith("http://", StringComparison.Ordinal));

    /// <summary>The text of a result in a format without an error flag: errors and empty results are marked in it.</summary>
    public static string ResultText(ToolResult result) => (result.IsError == true ? "ERROR: " : "") + (result.Content.Length == 0 ? "(no output)" : result.Content);
}

/// <summary>A format whose lines are conversations.</summary>
internal abstract class ConversationFormat : LineFormat
{
    /// <summary>The lines of a conversation: more than one if the consumer can mask a line's beginning alone.</summary>
    public virtual IEnumerable<Conversation> Lines(Conversation conversation) => [conversation];

    /// <summary>Writes a line.</summary>
    public abstract void Write(Utf8JsonWriter writer, Conversation conversation, ImageFiles images);
}

/// <summary>A format whose lines compare two replies.</summary>
internal abstract class PairFormat : LineFormat
{
    /// <summary>Whether a comparison can be said in it; text-only formats cannot hold calls.</summary>
    public virtual bool Takes(Comparison comparison) => true;

    /// <summary>Writes a line.</summary>
    public abstract void Write(Utf8JsonWriter writer, Comparison comparison);
}

/// <summary>The image files of one line.</summary>
internal sealed class ImageFiles(string? uri)
{
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _files = new(StringComparer.Ordinal);

    /// <summary>Files by name.</summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Files => _files;

    /// <summary>The file's name.</summary>
    public string Add(ImageSource image)
    {
        var bytes = Convert.FromBase64String(image.Base64!);
        var name = Core.Trajectories.ContentHash.Of(bytes).Value + Ending(image.MediaType);
        _files[name] = bytes;
        return name;
    }

    /// <summary>The file's address.</summary>
    public string AddressOf(ImageSource image) => image.Url ?? uri!.TrimEnd('/') + "/" + Add(image);

    /// <summary>Whether an image is one of these types, is not too large, and is base64 indeed.</summary>
    public static bool IsReadable(ImageSource image, long? maxBytes, params ReadOnlySpan<string> types) =>
        image is { Base64.Length: > 0, MediaType: { } type }
        && types.Contains(type.ToLowerInvariant())
        && image.ByteCount <= (maxBytes ?? long.MaxValue)
        && System.Buffers.Text.Base64.IsValid(image.Base64);

    private static string Ending(string? mediaType) => mediaType switch
    {
        "image/jpeg" => ".jpg",
        "image/webp" => ".webp",
        "image/gif" => ".gif",
        _ => ".png",
    };
}
