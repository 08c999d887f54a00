using LlmProxy.Wire;

namespace LlmProxy.Server.Dashboard;

/// <summary>Finds the type of an image by its first bytes. What its sender calls it counts for nothing.</summary>
internal static class VerifiedImage
{
    /// <summary>The media type, or null if it is none of the types that pages show.</summary>
    public static string? TypeOf(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) ? "image/png"
        : bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? "image/jpeg"
        : bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8) ? "image/gif"
        : bytes.Length > 12 && bytes.StartsWith("RIFF"u8) && bytes[8..12].SequenceEqual("WEBP"u8) ? "image/webp"
        : null;

    /// <summary>Whether the page can show an image: its bytes are known, and of such a type.</summary>
    public static bool IsShown(ImageSource image)
    {
        Span<byte> start = stackalloc byte[24];
        return image.Base64 is { Length: > 16 } base64 && Convert.TryFromBase64Chars(base64.AsSpan(0, Math.Min(32, base64.Length & ~3)), start, out var length) && TypeOf(start[..length]) is not null;
    }
}
