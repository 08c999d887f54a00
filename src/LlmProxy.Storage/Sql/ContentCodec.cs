using System.Buffers;
using System.IO.Compression;
using LlmProxy.Core.Stores;

namespace LlmProxy.Storage.Sql;

/// <summary>How content is stored in its row.</summary>
internal enum ContentEncoding
{
    /// <summary>As it is.</summary>
    Raw = 0,

    /// <summary>Compressed by Brotli.</summary>
    Brotli = 1,

    /// <summary>What remains without the long values, which are content of their own (<see cref="CutContent"/>).</summary>
    Parts = 2,
}

/// <summary>Compresses content for the store, where that makes it smaller.</summary>
internal static class ContentCodec
{
    /// <summary>Shorter content is kept as it is: what Brotli saves there is less than its row costs anyway.</summary>
    public const int SmallestToCompress = 100;

    /// <summary>
    /// The level that keeps a run of 30 steps well within half the size of its history: 5 makes it 7 % smaller than 2, 3
    /// or 4 do, for a sixth more time than 4; 6 saves 2 % more for a third more time, and 9 nothing more for tenfold. It
    /// is paid once for each new message, off the request path (benchmark <c>storage</c>).
    /// </summary>
    public const int Quality = 5;

    // A window larger than the content brings nothing and costs memory; 2^18 is enough for a long tool result.
    private const int WindowBits = 18;

    public static StoredContent Encode(ReadOnlySpan<byte> content)
    {
        if (content.Length >= SmallestToCompress)
        {
            // Images and archives do not get smaller; then the attempt fails for want of room and they stay as they are.
            var buffer = ArrayPool<byte>.Shared.Rent(content.Length);
            try
            {
                if (BrotliEncoder.TryCompress(content, buffer.AsSpan(0, content.Length - 1), out var written, Quality, WindowBits))
                {
                    return new StoredContent(ContentEncoding.Brotli, buffer.AsSpan(0, written).ToArray(), content.Length);
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
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
            : throw Damaged();
    }

    public static StoreException Damaged() => new("Content in the store cannot be read: it is damaged or was written by a newer version.");
}

/// <summary>Content as stored in its row.</summary>
internal sealed record StoredContent(ContentEncoding Encoding, byte[] Bytes, int Length);
