using System.IO.Pipelines;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using LlmProxy.Wire.ContentEncoding;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// Lets an answer through byte for byte and gives each piece first to the spool, then to the assembler that picks out
/// the answer's keys; these are published before the bytes that end the answer leave. The copy never changes, delays
/// or breaks what the client gets: whatever goes wrong with it ends the copy alone.
/// </summary>
internal sealed class ResponseTee : Stream, IHttpResponseBodyFeature
{
    private readonly HttpContext _context;
    private readonly IHttpResponseBodyFeature _inner;
    private readonly ExchangeFeature _exchange;
    private readonly TimeProvider _time;
    private readonly Action<AssembledReply> _publish;
    private readonly Action<Exception> _copyFailed;
    private readonly long _maxBytes;
    private ReplyAssembler? _assembler;
    private BodyDecoder? _decoder;
    private PipeWriter? _writer;
    private bool _started;
    private bool _published;
    private bool _copying = true;
    private long _received;
    private RhythmMeter? _rhythm;
    private long _headTimestamp;

    public ResponseTee(
        HttpContext context,
        IHttpResponseBodyFeature inner,
        ExchangeFeature exchange,
        TimeProvider time,
        long maxBytes,
        Action<AssembledReply> publish,
        Action<Exception> copyFailed)
    {
        _context = context;
        _inner = inner;
        _exchange = exchange;
        _time = time;
        _maxBytes = maxBytes;
        _publish = publish;
        _copyFailed = copyFailed;
    }

    /// <summary>Whether any of the answer came.</summary>
    public bool HasStarted => _started;

    /// <summary>Whether times are noted, for telemetry.</summary>
    public bool Measures { get; init; }

    /// <summary>When the first bytes of the body came, by the monotonic clock; 0 for not yet or not noted.</summary>
    public long FirstChunkTimestamp { get; private set; }

    /// <summary>Time spent on the copy, where it is noted.</summary>
    public TimeSpan CopyTime { get; private set; }

    /// <summary>When the parts of a streamed answer came so far; null for one that comes whole.</summary>
    public string? Rhythm => _rhythm?.Rhythm.ToString();

    /// <summary>Whether the answer could be read so far: known encoding, nothing broken.</summary>
    public bool IsReadable => _assembler is not null && _copying;

    public Stream Stream => this;

    public PipeWriter Writer => _writer ??= PipeWriter.Create(this, new StreamPipeWriterOptions(leaveOpen: true));

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>The answer as far as it came; null where it could not be read.</summary>
    public AssembledReply? ToReply() => IsReadable ? _assembler!.ToReply() : null;

    public void DisableBuffering() => _inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default)
    {
        Begin();
        return _inner.StartAsync(cancellationToken);
    }

    public Task CompleteAsync()
    {
        Publish();
        return _inner.CompleteAsync();
    }

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        SendFileFallback.SendFileAsync(this, path, offset, count, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Begin();
        Copy(buffer);
        return _inner.Stream.WriteAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count)
    {
        Begin();
        Copy(buffer.AsMemory(offset, count));
        _inner.Stream.Write(buffer, offset, count);
    }

    public override void Flush() => _inner.Stream.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => _inner.Stream.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Publishes the answer's keys, once, when nothing more will come.</summary>
    public void Publish()
    {
        if (_published || !IsReadable)
        {
            return;
        }

        _published = true;
        Guard(static tee => tee._publish(tee._assembler!.ToReply()));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _decoder?.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Begin()
    {
        if (_started)
        {
            return;
        }

        _started = true;
        Guard(static tee => tee.BeginCopy());
    }

    private void BeginCopy()
    {
        var response = _context.Response;
        var encoding = response.Headers.ContentEncoding.ToString();
        _headTimestamp = _time.GetTimestamp();
        if (_exchange.Record is not null && (AnswerHead.IsEventStream(response.ContentType) || (_exchange.Reading.Stream && response.ContentLength is null && response.StatusCode < 400)))
        {
            _rhythm = new RhythmMeter();
        }

        _exchange.Record?.WriteAnswerHead(new AnswerHead(
            response.StatusCode,
            response.ContentType,
            encoding.Length == 0 ? null : encoding,
            _time.GetElapsedTime(_exchange.StartedTimestamp).TotalMilliseconds));
        _decoder = BodyDecoder.Create(encoding);
        _assembler = _decoder is null ? null : _exchange.Dialect.CreateAssembler(response.ContentType, _exchange.Reading.Stream);
    }

    private void Copy(ReadOnlyMemory<byte> bytes)
    {
        if (!_copying || bytes.IsEmpty)
        {
            return;
        }

        var began = Measures ? _time.GetTimestamp() : 0;
        FirstChunkTimestamp = FirstChunkTimestamp == 0 ? began : FirstChunkTimestamp;
        try
        {
            _received += bytes.Length;
            if (_received > _maxBytes)
            {
                _copying = false;
                _exchange.Record?.MarkTruncated();
                return;
            }

            _exchange.Record?.WriteAnswer(bytes);
            _rhythm?.Add(_time.GetElapsedTime(_headTimestamp), bytes.Length);
            if (_assembler is null || _decoder is null)
            {
                return;
            }

            _decoder.Decode(bytes.Span, static (piece, assembler) => assembler.Append(piece), _assembler);
            if (!_published && (_assembler.HasEnded || _received == _context.Response.ContentLength))
            {
                _published = true;
                _publish(_assembler.ToReply());
            }
        }
        catch (Exception error)
        {
            StopCopy(error);
        }
        finally
        {
            CopyTime += Measures ? _time.GetElapsedTime(began) : TimeSpan.Zero;
        }
    }

    private void Guard(Action<ResponseTee> act)
    {
        try
        {
            act(this);
        }
        catch (Exception error)
        {
            StopCopy(error);
        }
    }

    private void StopCopy(Exception error)
    {
        _copying = false;
        _exchange.Record?.MarkTruncated();
        _copyFailed(error);
    }
}
