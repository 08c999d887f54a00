using LlmProxy.Core.Recording;
using LlmProxy.Wire.ContentEncoding;

namespace LlmProxy.Core.Calls;

/// <summary>
/// Copies a response as it comes: each piece goes first to the spool, then to the assembler that picks out the reply's
/// keys. These are published before the bytes that end the response leave. Whatever fails here ends the copy alone.
/// </summary>
/// <remarks>
/// Not safe for concurrent use. Never throws. If there is no memory for the assembled reply, it is not assembled here: the
/// recorder does that from the spool, one after the other.
/// </remarks>
internal sealed class ReplyCopy(
    CallSession call,
    long maxBytes,
    BufferBudget budget,
    TimeProvider time,
    CallRecording recording,
    Action<CallSession, AssembledReply> publish,
    Action<Exception> failed) : IDisposable
{
    // A stream holds its text once as UTF-16, and the reply holds it as text and as JSON: some four bytes for each of its
    // own, in the worst case of one long text.
    private const int BytesPerByte = 4;
    private const int FirstReservation = 16 * 1024;

    private ReplyAssembler? _assembler;
    private BodyDecoder? _decoder;
    private RhythmMeter? _rhythm;
    private long? _length;
    private long _received;
    private long _decoded;
    private long _reserved;
    private long _headTimestamp;
    private AssembledReply? _reply;
    private bool _published;
    private bool _copying = true;

    /// <summary>Whether any of the response came.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>Whether times are measured, for telemetry.</summary>
    public bool Measures { get; set; }

    /// <summary>When the first bytes of the body came, by the monotonic clock; 0 if they did not or are not measured.</summary>
    public long FirstChunkTimestamp { get; private set; }

    /// <summary>Time spent on the copy, if it is measured.</summary>
    public TimeSpan CopyTime { get; private set; }

    /// <summary>When the parts of a streamed response came; null for one that came whole.</summary>
    public string? Rhythm => _rhythm?.Rhythm.ToString();

    private bool IsReadable => _assembler is not null && _copying;

    /// <summary>Begins the copy with the response's head; later calls do nothing.</summary>
    /// <param name="status">HTTP status.</param>
    /// <param name="contentType">Content-Type as sent, or null.</param>
    /// <param name="contentEncoding">Content-Encoding, or empty.</param>
    /// <param name="contentLength">Content-Length, or null.</param>
    public void Begin(int status, string? contentType, string contentEncoding, long? contentLength)
    {
        if (HasStarted)
        {
            return;
        }

        HasStarted = true;
        try
        {
            _length = contentLength;
            _headTimestamp = time.GetTimestamp();
            if (call.Record is { } record)
            {
                var isStream = ResponseHead.IsEventStream(contentType) || (call.Reading.Stream && contentLength is null && status < 400);
                _rhythm = isStream ? new RhythmMeter() : null;
                record.WriteResponseHead(new ResponseHead(
                    status,
                    contentType,
                    contentEncoding.Length == 0 ? null : contentEncoding,
                    (call.FirstByte ?? time.GetElapsedTime(call.Start.ArrivedTimestamp)).TotalMilliseconds));
            }

            _decoder = BodyDecoder.Create(contentEncoding, maxBytes);
            if (_decoder is null)
            {
                // Its bytes say nothing to anyone: they are not kept.
                _copying = false;
                recording.CountUndecoded(call, contentEncoding);
                return;
            }

            _assembler = call.Dialect.CreateAssembler(contentType, call.Reading.Stream);
        }
        catch (Exception error)
        {
            Stop(error);
        }
    }

    /// <summary>Copies a piece of the body.</summary>
    public void Append(ReadOnlyMemory<byte> bytes)
    {
        if (!_copying || bytes.IsEmpty)
        {
            return;
        }

        var began = Measures ? time.GetTimestamp() : 0;
        FirstChunkTimestamp = FirstChunkTimestamp == 0 ? began : FirstChunkTimestamp;
        try
        {
            _received += bytes.Length;
            if (_received > maxBytes)
            {
                Truncate();
                return;
            }

            call.Record?.WriteResponse(bytes);
            _rhythm?.Add(time.GetElapsedTime(_headTimestamp), bytes.Length);
            _decoder!.Decode(bytes.Span, static (piece, copy) => copy.Assemble(piece), this);
            if (_decoder.IsTooLarge)
            {
                Truncate();
            }
            else if (_assembler is not null && (_assembler.HasEnded || _received == _length))
            {
                Publish();
            }
        }
        catch (Exception error)
        {
            Stop(error);
        }
        finally
        {
            CopyTime += Measures ? time.GetElapsedTime(began) : TimeSpan.Zero;
        }
    }

    /// <summary>Publishes the reply's keys, once, when nothing more will come.</summary>
    public void Publish()
    {
        if (_published || !IsReadable)
        {
            return;
        }

        _published = true;
        try
        {
            publish(call, _reply = _assembler!.ToReply());
        }
        catch (Exception error)
        {
            Stop(error);
        }
    }

    /// <summary>The reply as far as it came; null if it could not be read.</summary>
    public AssembledReply? ToReply() => IsReadable ? _reply ??= _assembler!.ToReply() : null;

    /// <summary>Hands over the bytes that were reserved for the reply; the caller must release them.</summary>
    public long TakeReserved()
    {
        var reserved = _reserved;
        _reserved = 0;
        return reserved;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _decoder?.Dispose();
        budget.Return(TakeReserved());
    }

    private void Assemble(ReadOnlySpan<byte> piece)
    {
        _decoded += piece.Length;
        _reply = null;
        if (_assembler is null)
        {
            return;
        }

        var needed = _decoded * BytesPerByte;
        if (needed > _reserved)
        {
            var more = Math.Max(needed, Math.Max(_reserved * 2, FirstReservation)) - _reserved;
            if (!budget.TryTake(more))
            {
                GiveUpAssembly();
                return;
            }

            _reserved += more;
        }

        _assembler.Append(piece);
    }

    private void GiveUpAssembly()
    {
        _assembler = null;
        budget.Return(TakeReserved());
    }

    private void Truncate()
    {
        _copying = false;
        call.Record?.MarkTruncated();
        GiveUpAssembly();
    }

    private void Stop(Exception error)
    {
        Truncate();
        failed(error);
    }
}
