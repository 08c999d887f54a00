using System.Security.Cryptography;

namespace LlmProxy.Core.Trajectories;

/// <summary>SHA-256 of a piece of content, as 64 lower-case hexadecimal digits. Taken after redaction.</summary>
/// <param name="Value">The digits.</param>
public readonly record struct ContentHash(string Value)
{
    /// <summary>The hash of some bytes.</summary>
    public static ContentHash Of(ReadOnlySpan<byte> content) => new(Convert.ToHexStringLower(SHA256.HashData(content)));

    /// <inheritdoc />
    public override string ToString() => Value;
}

/// <summary>A piece of content with its hash.</summary>
/// <param name="Hash">Hash of <paramref name="Bytes"/>.</param>
/// <param name="Bytes">The content as it is; stores compress it by themselves.</param>
public sealed record Content(ContentHash Hash, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Content with its hash.</summary>
    public static Content Of(ReadOnlyMemory<byte> bytes) => new(ContentHash.Of(bytes.Span), bytes);
}
