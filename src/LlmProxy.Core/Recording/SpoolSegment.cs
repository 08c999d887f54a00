using Microsoft.Win32.SafeHandles;

namespace LlmProxy.Core.Recording;

/// <summary>One file of the spool.</summary>
internal sealed class SpoolSegment(string path, SafeFileHandle handle, ulong mark)
{
    public string Path { get; } = path;

    public SafeFileHandle Handle { get; } = handle;

    public ulong Mark { get; } = mark;

    public long Length { get; set; }

    public long RecordBytes => Math.Max(0, Length - SpoolFrame.SegmentHeaderLength);

    /// <summary>Exchanges with records in it that are not released.</summary>
    public int Open { get; set; }
}

/// <summary>Where a record's payload lies.</summary>
internal readonly record struct SpoolSlice(SpoolSegment Segment, long Offset, int Length, SpoolRecordKind Kind)
{
    /// <summary>Reads payloads, one after the other.</summary>
    public static void ReadAll(IReadOnlyList<SpoolSlice> slices, Span<byte> bytes)
    {
        foreach (var slice in slices)
        {
            Spool.ReadFully(slice.Segment.Handle, bytes[..slice.Length], slice.Offset);
            bytes = bytes[slice.Length..];
        }
    }
}
