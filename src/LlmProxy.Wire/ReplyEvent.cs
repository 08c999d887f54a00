using System.Text;

namespace LlmProxy.Wire;

/// <summary>One server-sent event of a streamed response.</summary>
/// <param name="Name">Its name, or null where the dialect names none.</param>
/// <param name="Data">Its data, one line of UTF-8.</param>
public readonly record struct ReplyEvent(string? Name, ReadOnlyMemory<byte> Data)
{
    /// <summary>The event as it goes over the wire (html.spec.whatwg.org, section 9.2.6).</summary>
    public byte[] ToBytes() => [.. Encoding.UTF8.GetBytes(Name is null ? "data: " : $"event: {Name}\ndata: "), .. Data.Span, .. "\n\n"u8];
}
