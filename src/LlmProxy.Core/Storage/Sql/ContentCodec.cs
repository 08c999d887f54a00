using System.IO.Compression;

namespace LlmProxy.Core.Storage.Sql;

/// <summary>How a piece of content stands in its row.</summary>
internal enum ContentEncoding
{
    /// <summary>As it is.</summary>
    Raw = 0,

    /// <summary>Brotli.</summary>
    Brotli = 1,
}

/// <summary>Compresses content for the store, where that makes it smaller.</summary>
internal static class ContentCodec
{
    /// <summary>Shorter content is kept as it is: what Brotli saves there is less than its row costs anyway.</summary>
    public const int SmallestToCompress = 100;

    /// <summary>
    /// Brotli at 4 is about as fast as 1 on texts of a few kilobytes and clearly smaller; from 5 on each per cent
    /// saved costs a multiple of the time.
    /// </summary>
    public const int Quality = 4;

    // A window larger than the content brings nothing and costs memory; 2^18 is enough for a long tool result.
    private const int WindowBits = 18;

    public static StoredContent Encode(ReadOnlySpan<byte> content)
    {
        if (content.Length >= SmallestToCompress)
        {
            // Images and archives do not get smaller; then the attempt fails for want of room and they stay as they are.
            var buffer = new byte[content.Length - 1];
            if (BrotliEncoder.TryCompress(content, buffer, out var written, Quality, WindowBits))
            {
                return new StoredContent(ContentEncoding.Brotli, buffer.AsSpan(0, written).ToArray(), content.Length);
            }
        }

        return new StoredContent(ContentEncoding.Raw, content.ToArray(), content.Length);
    }

    public static byte[] Decode(ContentEncoding encoding, byte[] stored, int length)
    {
        if (encoding == ContentEncoding.Raw)
        {
            return stored;
        }

        var content = new byte[length];
        return encoding == ContentEncoding.Brotli && BrotliDecoder.TryDecompress(stored, content, out var written) && written == length
            ? content
            : throw new StoreException("A piece of content in the store cannot be read: it is damaged or was written by a newer version.");
    }
}

/// <summary>Content as it stands in its row.</summary>
internal sealed record StoredContent(ContentEncoding Encoding, byte[] Bytes, int Length);
