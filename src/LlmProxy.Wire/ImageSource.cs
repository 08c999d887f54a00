namespace LlmProxy.Wire;

/// <summary>Where an image is: its bytes, or its address.</summary>
public sealed class ImageSource
{
    /// <summary>The mark that replaces an image.</summary>
    public const string Mark = "[image]";

    private const string DataScheme = "data:";
    private const string Base64Mark = ";base64,";

    private readonly Lazy<(string? MediaType, string? Base64, string? Url)> _source;

    /// <summary>An image by its parts.</summary>
    /// <param name="mediaType">Such as <c>image/png</c>, or null.</param>
    /// <param name="base64">Its bytes, or null.</param>
    /// <param name="url">Its address, or null.</param>
    public ImageSource(string? mediaType, string? base64, string? url)
    {
        _source = new((mediaType, base64, url));
    }

    /// <summary>An image whose text is decoded when it is asked for: images are large, and a record needs only their mark.</summary>
    internal ImageSource(Func<(string? MediaType, string? Base64, string? Url)> read)
    {
        _source = new(read);
    }

    /// <summary>Such as <c>image/png</c>, or null.</summary>
    public string? MediaType => _source.Value.MediaType;

    /// <summary>Its bytes, or null.</summary>
    public string? Base64 => _source.Value.Base64;

    /// <summary>Its address, or null.</summary>
    public string? Url => _source.Value.Url;

    /// <summary>The size of the image; 0 if only its address is known.</summary>
    public long ByteCount => Base64 is null ? 0 : Base64.Length * 3L / 4;

    /// <summary>The image at an address, which may be a data URL.</summary>
    public static ImageSource OfUrl(string url) => new(() => Split(url));

    /// <summary>An address in its parts.</summary>
    internal static (string? MediaType, string? Base64, string? Url) Split(string url)
    {
        var at = url.StartsWith(DataScheme, StringComparison.OrdinalIgnoreCase) ? url.IndexOf(Base64Mark, StringComparison.OrdinalIgnoreCase) : -1;
        return at < 0 ? (null, null, url) : (url[DataScheme.Length..at].Split(';')[0], url[(at + Base64Mark.Length)..], null);
    }
}
