using System.IO.Pipelines;
using System.Net.Sockets;
using LlmProxy.Core.Calls;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// Passes a response to the client byte for byte, and appends each chunk to the call's copy first. The copy never
/// changes, delays or interrupts the response. Disposing the tee restores the response's own body.
/// </summary>
/// <remarks>
/// A client that has left takes no bytes, so nothing holds its response back: many such responses keep all threads busy,
/// and the server's own notice that they left waits behind them. Therefore long responses look after their client
/// themselves, and let others work.
/// </remarks>
internal sealed class ResponseTee : Stream, IHttpResponseBodyFeature
{
    // Nearly all responses are shorter.
    private const int PauseEvery = 256 * 1024;

    private readonly HttpContext _context;
    private readonly IHttpResponseBodyFeature _inner;
    private readonly ReplyCopy _copy;
    private PipeWriter? _writer;
    private int _sincePause;

    private ResponseTee(HttpContext context, CallSession call)
    {
        _context = context;
        _inner = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        _copy = call.Copy;
        _copy.Measures = context.Features.Get<CallSpan>() is not null;
    }

    public Stream Stream => this;

    public PipeWriter Writer => _writer ??= PipeWriter.Create(this, new StreamPipeWriterOptions(leaveOpen: true));

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Inserts a tee in front of the response body.</summary>
    public static ResponseTee Attach(HttpContext context, CallSession call)
    {
        var tee = new ResponseTee(context, call);
        context.Features.Set<IHttpResponseBodyFeature>(tee);
        return tee;
    }

    public void DisableBuffering() => _inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default)
    {
        Begin();
        return _inner.StartAsync(cancellationToken);
    }

    public Task CompleteAsync()
    {
        _copy.Publish();
        return _inner.CompleteAsync();
    }

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        SendFileFallback.SendFileAsync(this, path, offset, count, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _sincePause += buffer.Length;
        if (_sincePause >= PauseEvery)
        {
            _sincePause = 0;
            return WriteAfterPauseAsync(buffer, cancellationToken);
        }

        Copy(buffer);
        return _inner.Stream.WriteAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count)
    {
        Copy(buffer.AsMemory(offset, count));
        _inner.Stream.Write(buffer, offset, count);
    }

    public override void Flush() => _inner.Stream.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => _inner.Stream.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _context.Features.Set(_inner);
        base.Dispose(disposing);
    }

    private async ValueTask WriteAfterPauseAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        await Task.Yield();
        cancellationToken.ThrowIfCancellationRequested();
        if (HasClientLeft())
        {
            _context.Abort();
            throw new OperationCanceledException("The client closed the connection.");
        }

        Copy(buffer);
        await _inner.Stream.WriteAsync(buffer, cancellationToken);
    }

    /// <summary>Whether the client's end of the connection is closed; false where that cannot be told.</summary>
    private bool HasClientLeft()
    {
        try
        {
            return _context.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket
                && (socket.Poll(0, SelectMode.SelectError) || (socket.Poll(0, SelectMode.SelectRead) && socket.Available == 0));
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            return true;
        }
    }

    private void Copy(ReadOnlyMemory<byte> bytes)
    {
        Begin();
        _copy.Append(bytes);
    }

    private void Begin()
    {
        if (!_copy.HasStarted)
        {
            var response = _context.Response;
            _copy.Begin(response.StatusCode, response.ContentType, response.Headers.ContentEncoding.ToString(), response.ContentLength);
        }
    }
}
