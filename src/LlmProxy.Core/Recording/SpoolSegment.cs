using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace LlmProxy.Core.Recording;

/// <summary>One file of the spool.</summary>
/// <param name="path">Its path.</param>
/// <param name="handle">The open file.</param>
/// <param name="mark">Its mark.</param>
/// <param name="headerLength">Bytes before its first record.</param>
/// <param name="cipher">Encrypts and decrypts its payloads; null for a plain segment, or where its key cannot be read.</param>
internal sealed class SpoolSegment(string path, SafeFileHandle handle, ulong mark, int headerLength, SpoolCipher? cipher)
{
    public string Path { get; } = path;

    public SafeFileHandle Handle { get; } = handle;

    public ulong Mark { get; } = mark;

    public int HeaderLength { get; } = headerLength;

    public SpoolCipher? Cipher { get; } = cipher;

    public long Length { get; set; }

    public long RecordBytes => Math.Max(0, Length - HeaderLength);

    /// <summary>Exchanges with records in it that are not released.</summary>
    public int Open { get; set; }
}

/// <summary>Where a record's payload lies.</summary>
/// <param name="Segment">In which segment.</param>
/// <param name="Offset">At which place.</param>
/// <param name="Length">Bytes of the payload, decrypted.</param>
/// <param name="Kind">What it is.</param>
/// <param name="IsEncrypted">Whether it is encrypted there.</param>
internal readonly record struct SpoolSlice(SpoolSegment Segment, long Offset, int Length, SpoolRecordKind Kind, bool IsEncrypted)
{
    /// <summary>Reads payloads, one after the other.</summary>
    public static void ReadAll(IReadOnlyList<SpoolSlice> slices, Span<byte> bytes)
    {
        foreach (var slice in slices)
        {
            if (slice.IsEncrypted)
            {
                slice.Decrypt(bytes[..slice.Length]);
            }
            else
            {
                Spool.ReadFully(slice.Segment.Handle, bytes[..slice.Length], slice.Offset);
            }

            bytes = bytes[slice.Length..];
        }
    }

    private void Decrypt(Span<byte> payload)
    {
        // With the end of the header before it, which is authenticated too.
        var length = SpoolFrame.CoveredLength + SpoolCipher.Overhead + Length;
        var stored = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            Spool.ReadFully(Segment.Handle, stored.AsSpan(0, length), Offset - SpoolFrame.CoveredLength);
            Segment.Cipher!.Decrypt(stored.AsSpan(0, SpoolFrame.CoveredLength), stored.AsSpan(SpoolFrame.CoveredLength, length - SpoolFrame.CoveredLength), payload);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }
}
