using System.Buffers.Binary;
using System.IO.Hashing;

namespace LlmProxy.Core.Recording;

/// <summary>What a record of the spool holds.</summary>
internal enum SpoolRecordKind : byte
{
    /// <summary>An <see cref="ExchangeHead"/>.</summary>
    Head = 1,
    /// <summary>The request body as the client sent it.</summary>
    Request = 2,
    /// <summary>The system prompt that was sent in place of the agent's own, as UTF-8 text.</summary>
    SentPrompt = 3,
    /// <summary>An <see cref="Recording.ResponseHead"/>.</summary>
    ResponseHead = 4,
    /// <summary>A piece of the response's body.</summary>
    Answer = 5,
    /// <summary>An <see cref="ExchangeTail"/>.</summary>
    Tail = 6,
}

/// <summary>What became of a segment's mark.</summary>
internal enum SegmentMark
{
    /// <summary>The header is whole.</summary>
    Sound,
    /// <summary>The header or the first record is damaged; the mark is known.</summary>
    Recovered,
    /// <summary>The mark cannot be told: nothing in the segment can be read.</summary>
    Lost,
}

/// <summary>Header of one record in a segment.</summary>
/// <param name="Kind">What it holds.</param>
/// <param name="Exchange">Number of the exchange in the spool.</param>
/// <param name="Ordinal">Number of the record in its exchange, from 0: a record that is missing shows.</param>
/// <param name="PayloadLength">Bytes after the frame's header.</param>
/// <param name="IsEncrypted">Whether the payload is encrypted by the key in the segment's header.</param>
internal readonly record struct SpoolFrame(SpoolRecordKind Kind, long Exchange, int Ordinal, int PayloadLength, bool IsEncrypted = false)
{
    /// <summary>Bytes before the payload: the segment's mark (8), length of the payload (4), CRC-32C of the rest (4), kind (1), exchange (8), ordinal (4); numbers are little-endian.</summary>
    public const int HeaderLength = 29;

    /// <summary>
    /// Bytes at the start of a segment: what it is (8), and its mark (8). The mark is random, so that no body, whatever
    /// it holds, can pass for a record where damage has to be skipped.
    /// </summary>
    public const int SegmentHeaderLength = 16;

    /// <summary>The longest protected key that the header of an encrypted segment holds: its length (2), and the key, after the mark.</summary>
    public const int LongestKey = 4096;

    /// <summary>Bytes at the end of a record's header that the checksum covers, and that are authenticated with an encrypted payload.</summary>
    public const int CoveredLength = HeaderLength - Covered;

    private const int Covered = 16;
    private const int KeyStart = SegmentHeaderLength + 2;
    private const byte EncryptedBit = 0x80;

    private static ReadOnlySpan<byte> Magic => "LLMPSPL1"u8;

    private static ReadOnlySpan<byte> EncryptedMagic => "LLMPSPL2"u8;

    /// <summary>The header of a segment.</summary>
    /// <param name="mark">Its mark.</param>
    /// <param name="protectedKey">The protected key of its payloads; empty for a plain segment.</param>
    public static byte[] SegmentHeader(ulong mark, ReadOnlySpan<byte> protectedKey)
    {
        var header = new byte[protectedKey.IsEmpty ? SegmentHeaderLength : KeyStart + protectedKey.Length];
        (protectedKey.IsEmpty ? Magic : EncryptedMagic).CopyTo(header);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), mark);
        if (!protectedKey.IsEmpty)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(SegmentHeaderLength), (ushort)protectedKey.Length);
            protectedKey.CopyTo(header.AsSpan(KeyStart));
        }

        return header;
    }

    /// <summary>The bytes of a segment's header: all of the segment, where the process ended before the header was whole.</summary>
    public static int HeaderOf(ReadOnlySpan<byte> segment)
    {
        if (!segment.StartsWith(EncryptedMagic))
        {
            return SegmentHeaderLength;
        }

        if (segment.Length <= KeyStart)
        {
            return Math.Max(segment.Length, SegmentHeaderLength);
        }

        var length = KeyStart + BinaryPrimitives.ReadUInt16LittleEndian(segment[SegmentHeaderLength..]);
        var mark = segment[8..SegmentHeaderLength];
        if (length < segment.Length && segment[length..].StartsWith(mark[..Math.Min(mark.Length, segment.Length - length)]))
        {
            return length;
        }

        // The length is damaged, or the mark, or there is no record: the first one that can be found ends the header.
        var first = FindNext(segment, KeyStart, BinaryPrimitives.ReadUInt64LittleEndian(mark));
        return first >= 0 ? first : Math.Min(length, segment.Length);
    }

    /// <summary>The protected key in a segment's header; empty if there is none.</summary>
    public static ReadOnlySpan<byte> KeyOf(ReadOnlySpan<byte> segment) => HeaderOf(segment) is > KeyStart and var end ? segment[KeyStart..end] : [];

    /// <summary>The part of a record's header that is authenticated with its payload.</summary>
    public static Span<byte> CoveredOf(Span<byte> header) => header[Covered..HeaderLength];

    /// <summary>
    /// Reads a segment's mark. Each record begins with it as well: where the header is damaged, the first record has it. It
    /// is looked for in no other place, since bodies hold what strangers sent.
    /// </summary>
    public static SegmentMark FindMark(ReadOnlySpan<byte> segment, out ulong mark)
    {
        mark = 0;
        if (segment.Length < SegmentHeaderLength)
        {
            return SegmentMark.Lost;
        }

        mark = BinaryPrimitives.ReadUInt64LittleEndian(segment[8..]);
        var start = HeaderOf(segment);
        var records = segment[start..];
        if ((segment.StartsWith(Magic) || start > SegmentHeaderLength) && segment[8..SegmentHeaderLength].StartsWith(records[..Math.Min(8, records.Length)]))
        {
            return SegmentMark.Sound;
        }

        if (FindNext(segment, start, mark) >= 0)
        {
            return SegmentMark.Recovered;
        }

        mark = records.Length < HeaderLength ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(records);
        return records.Length >= HeaderLength && TryRead(records, mark, out _) ? SegmentMark.Recovered : SegmentMark.Lost;
    }

    public static void Write(Span<byte> header, ulong mark, SpoolFrame frame, ReadOnlySpan<byte> payload)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(header, mark);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], payload.Length);
        WriteCovered(header, frame);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], Checksum(header[Covered..HeaderLength], payload));
    }

    /// <summary>Writes the part of a header that the checksum covers.</summary>
    public static void WriteCovered(Span<byte> header, SpoolFrame frame)
    {
        header[Covered] = (byte)((byte)frame.Kind | (frame.IsEncrypted ? EncryptedBit : 0));
        BinaryPrimitives.WriteInt64LittleEndian(header[17..], frame.Exchange);
        BinaryPrimitives.WriteInt32LittleEndian(header[25..], frame.Ordinal);
    }

    /// <summary>Reads one frame; false where the bytes end, are torn or damaged.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, ulong mark, out SpoolFrame frame)
    {
        frame = default;
        if (bytes.Length < HeaderLength || BinaryPrimitives.ReadUInt64LittleEndian(bytes) != mark)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        if (length < 0 || length > bytes.Length - HeaderLength)
        {
            return false;
        }

        frame = new SpoolFrame(
            (SpoolRecordKind)(bytes[Covered] & ~EncryptedBit),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[17..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[25..]),
            length,
            (bytes[Covered] & EncryptedBit) != 0);
        return (!frame.IsEncrypted || length >= SpoolCipher.Overhead)
            && frame.Kind is >= SpoolRecordKind.Head and <= SpoolRecordKind.Tail
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) == Checksum(bytes[Covered..HeaderLength], bytes.Slice(HeaderLength, length));
    }

    /// <summary>Offset of the next whole frame at or after <paramref name="from"/>; -1 if there is none.</summary>
    public static int FindNext(ReadOnlySpan<byte> bytes, int from, ulong mark)
    {
        Span<byte> wanted = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(wanted, mark);
        while (from < bytes.Length)
        {
            var hit = bytes[from..].IndexOf(wanted);
            if (hit < 0)
            {
                return -1;
            }

            from += hit;
            if (TryRead(bytes[from..], mark, out _))
            {
                return from;
            }

            from++;
        }

        return -1;
    }

    private static uint Checksum(ReadOnlySpan<byte> head, ReadOnlySpan<byte> payload)
    {
        var crc = new Crc32(Crc32ParameterSet.Crc32C);
        crc.Append(head);
        crc.Append(payload);
        return crc.GetCurrentHashAsUInt32();
    }
}
