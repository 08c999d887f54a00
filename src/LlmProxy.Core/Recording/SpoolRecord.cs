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
internal readonly record struct SpoolFrame(SpoolRecordKind Kind, long Exchange, int Ordinal, int PayloadLength)
{
    /// <summary>Bytes before the payload: the segment's mark (8), length of the payload (4), CRC-32C of the rest (4), kind (1), exchange (8), ordinal (4); numbers are little-endian.</summary>
    public const int HeaderLength = 29;

    /// <summary>
    /// Bytes at the start of a segment: what it is (8), and its mark (8). The mark is random, so that no body, whatever
    /// it holds, can pass for a record where damage has to be skipped.
    /// </summary>
    public const int SegmentHeaderLength = 16;

    private const int Covered = 16;

    private static ReadOnlySpan<byte> Magic => "LLMPSPL1"u8;

    public static void WriteSegmentHeader(Span<byte> header, ulong mark)
    {
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], mark);
    }

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
        var records = segment[SegmentHeaderLength..];
        if (segment.StartsWith(Magic) && segment[8..SegmentHeaderLength].StartsWith(records[..Math.Min(8, records.Length)]))
        {
            return SegmentMark.Sound;
        }

        if (FindNext(segment, SegmentHeaderLength, mark) >= 0)
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
        header[Covered] = (byte)frame.Kind;
        BinaryPrimitives.WriteInt64LittleEndian(header[17..], frame.Exchange);
        BinaryPrimitives.WriteInt32LittleEndian(header[25..], frame.Ordinal);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], Checksum(header[Covered..HeaderLength], payload));
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
            (SpoolRecordKind)bytes[Covered],
            BinaryPrimitives.ReadInt64LittleEndian(bytes[17..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[25..]),
            length);
        return frame.Kind is >= SpoolRecordKind.Head and <= SpoolRecordKind.Tail
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
