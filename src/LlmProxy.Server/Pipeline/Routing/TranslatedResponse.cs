using System.Buffers;
using System.IO.Pipelines;
using LlmProxy.Core.Recording;
using LlmProxy.Wire.ContentEncoding;
using LlmProxy.Wire.Translation;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Server.Pipeline.Routing;

/// <summary>
/// The body of a response on its way from the upstream to the client of a routed request: held back if a fallback takes over, translated if
/// the client speaks another dialect, else passed on byte for byte. The record's tee is behind it and gets what the client gets.
/// </summary>
/// <remarks>YARP writes from one flow; pings of a silent stream come from a timer, so writes take turns.</remarks>
internal sealed class TranslatedResponse : Stream, IHttpResponseBodyFeature
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);

    private readonly HttpContext _context;
    private readonly IHttpResponseBodyFeature _inner;
    private readonly RequestTranslation? _request;
    private readonly Func<int, bool> _isRefused;
    private readonly Action<ReplyTranslation> _onStart;
    private readonly TimeProvider _time;
    private readonly ArrayBufferWriter<byte> _client = new();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private BodyDecoder? _decoder;
    private ReplyTranslation? _reply;
    private ITimer? _pings;
    private PipeWriter? _writer;
    private long _lastWrite;
    private bool _hasBegun;
    private bool _isOver;

    private TranslatedResponse(HttpContext context, RequestTranslation? request, Func<int, bool> isRefused, Action<ReplyTranslation> onStart, TimeProvider time)
    {
        (_context, _request, _isRefused, _onStart, _time) = (context, request, isRefused, onStart, time);
        _inner = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
    }

    /// <summary>Whether the response is held back since a fallback is for its status.</summary>
    public bool IsHeldBack { get; private set; }

    public Stream Stream => this;

    public PipeWriter Writer => _writer ??= PipeWriter.Create(this, new StreamPipeWriterOptions(leaveOpen: true));

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Puts a translation in front of the response's body.</summary>
    /// <param name="context">The request.</param>
    /// <param name="request">The translated request; null if the upstream speaks the client's dialect.</param>
    /// <param name="isRefused">Whether a fallback is for a status.</param>
    /// <param name="onStart">Gets the translation before the response's head is sent.</param>
    /// <param name="time">The clock.</param>
    public static TranslatedResponse Attach(HttpContext context, RequestTranslation? request, Func<int, bool> isRefused, Action<ReplyTranslation> onStart, TimeProvider time)
    {
        var response = new TranslatedResponse(context, request, isRefused, onStart, time);
        context.Features.Set<IHttpResponseBodyFeature>(response);
        return response;
    }

    public void DisableBuffering() => _inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default)
    {
        Begin();
        return IsHeldBack || _reply is { IsStream: false } ? Task.CompletedTask : _inner.StartAsync(cancellationToken);
    }

    // The end is written by EndAsync, when it is known how the forwarding ended.
    public Task CompleteAsync() => Task.CompletedTask;

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        SendFileFallback.SendFileAsync(this, path, offset, count, cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Begin();
        if (IsHeldBack)
        {
            return;
        }

        if (_reply is null)
        {
            await _inner.Stream.WriteAsync(buffer, cancellationToken);
            return;
        }

        await _turn.WaitAsync(cancellationToken);
        try
        {
            _decoder!.Decode(buffer.Span, static (piece, response) => response._reply!.Append(piece, response._client), this);
            await SendAsync(cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        IsHeldBack || _reply is not null ? Task.CompletedTask : _inner.Stream.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Writes what the client still has to get, and restores the response's own body.</summary>
    /// <param name="outcome">How the forwarding ended.</param>
    /// <param name="failure">What to tell the client if the upstream broke off in the middle.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task EndAsync(ExchangeOutcome outcome, string failure, CancellationToken cancellationToken)
    {
        if (outcome == ExchangeOutcome.Complete)
        {
            // A response without a body.
            Begin();
        }

        await StopPingsAsync();
        _context.Features.Set(_inner);
        if (IsHeldBack || _reply is null || outcome == ExchangeOutcome.ClientLeft)
        {
            return;
        }

        if (outcome == ExchangeOutcome.Complete && !_decoder!.IsBroken)
        {
            _reply.Complete(_client);
        }
        else
        {
            _reply.Fail(failure, _client);
        }

        if (!_context.Response.HasStarted)
        {
            _context.Response.StatusCode = _reply.Status;
            _context.Response.ContentType = _reply.ContentType;
            _context.Response.ContentLength = _client.WrittenCount;
        }

        await SendAsync(cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        _decoder?.Dispose();
        _turn.Dispose();
        base.Dispose(disposing);
    }

    private void Begin()
    {
        if (_hasBegun)
        {
            return;
        }

        _hasBegun = true;
        var response = _context.Response;
        if (_isRefused(response.StatusCode))
        {
            IsHeldBack = true;
            return;
        }

        if (_request is null)
        {
            return;
        }

        _reply = _request.CreateReply(response.StatusCode, response.ContentType);
        _decoder = BodyDecoder.Create(response.Headers.ContentEncoding.ToString()) ?? BodyDecoder.Create(null);
        response.Headers.ContentEncoding = default;
        response.ContentLength = null;
        if (_reply.IsStream)
        {
            response.StatusCode = _reply.Status;
            response.ContentType = _reply.ContentType;
            response.Headers.CacheControl = "no-cache";
            _lastWrite = _time.GetTimestamp();
            _pings = _time.CreateTimer(static state => _ = ((TranslatedResponse)state!).PingAsync(), this, Silence, Silence);
        }

        _onStart(_reply);
    }

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        if (_client.WrittenCount == 0)
        {
            return;
        }

        _lastWrite = _time.GetTimestamp();
        await _inner.Stream.WriteAsync(_client.WrittenMemory, cancellationToken);
        await _inner.Stream.FlushAsync(cancellationToken);
        _client.ResetWrittenCount();
    }

    /// <summary>Keeps a client waiting whose upstream says nothing. A write that is under way is sign enough.</summary>
    private async Task PingAsync()
    {
        if (!await _turn.WaitAsync(TimeSpan.Zero, CancellationToken.None))
        {
            return;
        }

        try
        {
            if (!_isOver && _time.GetElapsedTime(_lastWrite) >= Silence && _reply!.KeepAlive(_client))
            {
                await SendAsync(_context.RequestAborted);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // The client left; the forwarding notices that itself.
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task StopPingsAsync()
    {
        if (_pings is null)
        {
            return;
        }

        await _pings.DisposeAsync();
        await _turn.WaitAsync(CancellationToken.None);
        _isOver = true;
        _turn.Release();
    }
}
