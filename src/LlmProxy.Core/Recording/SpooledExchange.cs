using System.Text;
using System.Text.Json;

namespace LlmProxy.Core.Recording;

/// <summary>One exchange in the spool: written while it happens, read by the recorder when it is over.</summary>
public sealed class SpooledExchange(Spool spool, ExchangeHead head, long number)
{
    private readonly Lock _lock = new();
    private readonly List<SpoolSlice> _slices = [];
    private readonly List<SpoolSegment> _segments = [];
    private readonly SpoolTenants.Counter _use = spool.Tenants.Begin(head.Tenant);
    private byte[]? _answerHead;
    private long _bytes;
    private int _records;
    private bool _truncated;
    private bool _released;

    /// <summary>What was known when it started.</summary>
    public ExchangeHead Head { get; } = head;

    /// <summary>Number in the spool.</summary>
    public long Number { get; } = number;

    /// <summary>Whether the copy lacks something.</summary>
    public bool IsTruncated => Volatile.Read(ref _truncated);

    /// <summary>Ends the counting of the exchange for its tenant.</summary>
    internal void CountRelease() => _use.Release(Interlocked.Read(ref _bytes));

    /// <summary>Counts for its tenant that the exchange is not recorded.</summary>
    internal void CountDrop() => _use.Drop();

    internal IReadOnlyList<SpoolSegment> Segments => _segments;

    /// <summary>Bytes of its records.</summary>
    internal long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _slices.Sum(s => (long)s.Length);
            }
        }
    }

    /// <summary>Number of its next record.</summary>
    internal int NextOrdinal => Volatile.Read(ref _records);

    internal bool IsReleased => Volatile.Read(ref _released);

    /// <summary>Whether it can be recorded: head and request are there.</summary>
    internal bool HasRequest => Slices(SpoolRecordKind.Request).Count > 0;

    /// <summary>Takes the response's head. It is written together with the first piece of the body, or with the end.</summary>
    public void WriteResponseHead(ResponseHead head) => _answerHead = JsonSerializer.SerializeToUtf8Bytes(head, ExchangeJson.Default.ResponseHead);

    /// <summary>Writes a piece of the response.</summary>
    public void WriteResponse(ReadOnlyMemory<byte> bytes) => Write(SpoolRecordKind.Answer, bytes);

    /// <summary>Marks the copy as truncated: the response continues, the record does not.</summary>
    public void MarkTruncated() => Volatile.Write(ref _truncated, true);

    /// <summary>Writes the end.</summary>
    public void WriteTail(ExchangeTail tail) =>
        Write(SpoolRecordKind.Tail, JsonSerializer.SerializeToUtf8Bytes(tail with { Truncated = tail.Truncated || IsTruncated }, ExchangeJson.Default.ExchangeTail));

    /// <summary>Reads the exchange back. One that never ended gets the outcome <see cref="ExchangeOutcome.ProxyStopped"/>.</summary>
    /// <exception cref="IOException">The segment cannot be read.</exception>
    public SpooledContent Read()
    {
        var sentPrompt = Read(SpoolRecordKind.SentPrompt);
        var answerHead = Read(SpoolRecordKind.ResponseHead);
        var tail = Read(SpoolRecordKind.Tail) is { } json ? JsonSerializer.Deserialize(json, ExchangeJson.Default.ExchangeTail) : null;
        return new SpooledContent(Slices(SpoolRecordKind.Request), () => Read(SpoolRecordKind.Answer) ?? [])
        {
            SentPrompt = sentPrompt is null ? null : Encoding.UTF8.GetString(sentPrompt),
            ResponseHead = answerHead is null ? null : JsonSerializer.Deserialize(answerHead, ExchangeJson.Default.ResponseHead),
            Tail = tail is null ? new ExchangeTail(ExchangeOutcome.ProxyStopped, 0, IsTruncated) : tail with { Truncated = tail.Truncated || IsTruncated },
        };
    }

    /// <summary>Releases the exchange when it is in the store, or is not needed there. Its segment is deleted when this was the last.</summary>
    public void Release()
    {
        if (!Interlocked.Exchange(ref _released, true))
        {
            spool.Release(this);
        }
    }

    internal void Add(SpoolSlice slice)
    {
        lock (_lock)
        {
            _records++;
            Hold(slice);
        }
    }

    /// <summary>Takes a record that was found in a segment. After a missing one the copy has a gap: only its end is still of use.</summary>
    internal void AddFound(SpoolSlice slice, int ordinal)
    {
        lock (_lock)
        {
            if (ordinal != _records)
            {
                _truncated = true;
            }

            _records = ordinal + 1;
            if (!_truncated || slice.Kind is SpoolRecordKind.Tail or SpoolRecordKind.Request)
            {
                Hold(slice);
            }
        }
    }

    private void Hold(SpoolSlice slice)
    {
        _slices.Add(slice);
        Interlocked.Add(ref _bytes, slice.Length + SpoolFrame.HeaderLength);
        _use.Write(slice.Length + SpoolFrame.HeaderLength);
        if (!_segments.Contains(slice.Segment))
        {
            _segments.Add(slice.Segment);
            slice.Segment.Open++;
        }
    }

    private void Write(SpoolRecordKind kind, ReadOnlyMemory<byte> payload)
    {
        // A copy with a hole would be put together wrongly: after the first failure nothing but the end is written.
        if (IsTruncated && kind != SpoolRecordKind.Tail)
        {
            return;
        }

        var isWritten = _answerHead is { } head
            ? spool.Write(this, (SpoolRecordKind.ResponseHead, head), (kind, payload))
            : spool.Write(this, (kind, payload));
        _answerHead = null;
        if (!isWritten)
        {
            MarkTruncated();
        }
    }

    private byte[]? Read(SpoolRecordKind kind)
    {
        var slices = Slices(kind);
        if (slices.Count == 0)
        {
            return null;
        }

        var bytes = new byte[slices.Sum(s => s.Length)];
        SpoolSlice.ReadAll(slices, bytes);
        return bytes;
    }

    private List<SpoolSlice> Slices(SpoolRecordKind kind)
    {
        lock (_lock)
        {
            return _slices.FindAll(s => s.Kind == kind);
        }
    }
}
