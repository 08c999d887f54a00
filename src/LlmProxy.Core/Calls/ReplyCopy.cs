using LlmProxy.Core.Recording;
using LlmProxy.Wire.ContentEncoding;

namespace LlmProxy.Core.Calls;

/// <summary>
/// Copies a response as it comes: each piece goes first to the spool, then to the assembler that picks out the reply's
/// keys. These are published before the bytes that end the response leave. Whatever fails here ends the copy alone.
/// </summary>
/// <remarks>Not safe for concurrent use. Never throws.</remarks>
internal sealed class ReplyCopy(CallSession call, long maxBytes, TimeProvider time, Action<CallSession, AssembledReply> publish, Action<Exception> failed) : IDisposable
{
    private ReplyAssembler? _assembler;
    private BodyDecoder? _decoder;
    private RhythmMeter? _rhythm;
    private long? _length;
    private long _received;
    private long _headTimestamp;
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

            _decoder = BodyDecoder.Create(contentEncoding);
            _assembler = _decoder is null ? null : call.Dialect.CreateAssembler(contentType, call.Reading.Stream);
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
                _copying = false;
                call.Record?.MarkTruncated();
                return;
            }

            call.Record?.WriteResponse(bytes);
            _rhythm?.Add(time.GetElapsedTime(_headTimestamp), bytes.Length);
            if (_assembler is null || _decoder is null)
            {
                return;
            }

            _decoder.Decode(bytes.Span, static (piece, assembler) => assembler.Append(piece), _assembler);
            if (_assembler.HasEnded || _received == _length)
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
            publish(call, _assembler!.ToReply());
        }
        catch (Exception error)
        {
            Stop(error);
        }
    }

    /// <summary>The reply as far as it came; null if it could not be read.</summary>
    public AssembledReply? ToReply() => IsReadable ? _assembler!.ToReply() : null;

    /// <inheritdoc />
    public void Dispose() => _decoder?.Dispose();

    private void Stop(Exception error)
    {
        _copying = false;
        call.Record?.MarkTruncated();
        failed(error);
    }
}
