using System.Buffers.Text;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using LlmProxy.Benchmarks.Wire;

namespace LlmProxy.Benchmarks.Load;

/// <summary>
/// One HTTP/1.1 connection that does as little as it can: the load shares the machine with what is measured. Notes when
/// the answer's body began, and how long each event took from the upstream's hand to here.
/// </summary>
internal sealed class HttpConnection : IDisposable
{
    private static readonly byte[] ClockField = System.Text.Encoding.ASCII.GetBytes(Marks.ClockField);

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _received = new byte[64 * 1024];
    private readonly List<double>? _eventMicroseconds;
    private byte[] _body = new byte[16 * 1024];
    private int _start;
    private int _end;
    private int _bodyLength;
    private int _scanned;
    private long _receivedAt;

    public HttpConnection(List<double>? eventMicroseconds = null) => _eventMicroseconds = eventMicroseconds;

    /// <summary>When the first byte of the latest answer's body came.</summary>
    public long FirstByteAt { get; private set; }

    /// <summary>Events that came together with the one before.</summary>
    public long Merged { get; private set; }

    public ReadOnlySpan<byte> Body => _body.AsSpan(0, _bodyLength);

    public async Task ConnectAsync(Uri address, CancellationToken cancellationToken) =>
        await _socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, address.Port), cancellationToken);

    /// <summary>Sends a request and reads its whole answer.</summary>
    /// <returns>The status.</returns>
    public async Task<int> SendAsync(ReadOnlyMemory<byte> request, CancellationToken cancellationToken)
    {
        (_start, _end, _bodyLength, _scanned, FirstByteAt) = (0, 0, 0, 0, 0);
        while (request.Length > 0)
        {
            request = request[await _socket.SendAsync(request, SocketFlags.None, cancellationToken)..];
        }

        int headLength;
        while ((headLength = _received.AsSpan(0, _end).IndexOf("\r\n\r\n"u8)) < 0)
        {
            await ReceiveAsync(cancellationToken);
        }

        var (status, length) = ReadHead(_received.AsSpan(0, headLength + 2));
        _start = headLength + 4;
        if (length is { } known)
        {
            await CopyAsync(known, cancellationToken);
            return status;
        }

        while (await ReadChunkHeadAsync(cancellationToken) is > 0 and var chunk)
        {
            await CopyAsync(chunk, cancellationToken);
            await CopyAsync(2, cancellationToken, keep: false);
        }

        await CopyAsync(2, cancellationToken, keep: false);
        return status;
    }

    public void Dispose() => _socket.Dispose();

    private static (int Status, int? Length) ReadHead(ReadOnlySpan<byte> head)
    {
        var status = (int)Number(head[9..]);
        foreach (var range in head.Split("\r\n"u8))
        {
            var line = head[range];
            if (line.Length > 15 && System.Text.Ascii.EqualsIgnoreCase(line[..15], "content-length:"u8))
            {
                return (status, (int)Number(line[15..].TrimStart((byte)' ')));
            }
        }

        return (status, null);
    }

    private static long Number(ReadOnlySpan<byte> text, char format = default) =>
        Utf8Parser.TryParse(text, out long number, out _, format) ? number : throw new IOException("The answer is no HTTP that this client knows.");

    private async ValueTask<int> ReadChunkHeadAsync(CancellationToken cancellationToken)
    {
        int end;
        while ((end = _received.AsSpan(_start, _end - _start).IndexOf("\r\n"u8)) < 0)
        {
            await ReceiveAsync(cancellationToken);
        }

        var length = (int)Number(_received.AsSpan(_start, end), 'x');
        _start += end + 2;
        return length;
    }

    private async ValueTask CopyAsync(int length, CancellationToken cancellationToken, bool keep = true)
    {
        while (length > 0)
        {
            if (_start == _end)
            {
                await ReceiveAsync(cancellationToken);
            }

            var count = Math.Min(length, _end - _start);
            if (keep)
            {
                Keep(_received.AsSpan(_start, count));
            }

            _start += count;
            length -= count;
        }
    }

    private void Keep(ReadOnlySpan<byte> piece)
    {
        if (FirstByteAt == 0)
        {
            FirstByteAt = Stopwatch.GetTimestamp();
        }

        if (_bodyLength + piece.Length > _body.Length)
        {
            Array.Resize(ref _body, Math.Max(_body.Length * 2, _bodyLength + piece.Length));
        }

        piece.CopyTo(_body.AsSpan(_bodyLength));
        _bodyLength += piece.Length;
    }

    private async ValueTask ReceiveAsync(CancellationToken cancellationToken)
    {
        NoteEvents();
        if (_start > 0)
        {
            _received.AsSpan(_start, _end - _start).CopyTo(_received);
            (_start, _end) = (0, _end - _start);
        }

        var read = await _socket.ReceiveAsync(_received.AsMemory(_end), SocketFlags.None, cancellationToken);
        if (read == 0)
        {
            throw new IOException("The connection ended before the answer did.");
        }

        _end += read;
        _receivedAt = Stopwatch.GetTimestamp();
    }

    // Before more is waited for: what is in the body now came with the latest receive.
    private void NoteEvents()
    {
        if (_eventMicroseconds is null)
        {
            return;
        }

        var found = 0;
        while (_body.AsSpan(_scanned, _bodyLength - _scanned).IndexOf(ClockField) is >= 0 and var at
            && _scanned + at + ClockField.Length + Marks.Clock.Length <= _bodyLength)
        {
            _scanned += at + ClockField.Length;
            var sent = Number(_body.AsSpan(_scanned, Marks.Clock.Length));

            // The clock of Stopwatch is the machine's, so two processes read the same.
            _eventMicroseconds.Add((_receivedAt - sent) * 1e6 / Stopwatch.Frequency);
            found++;
        }

        Merged += Math.Max(0, found - 1);
    }
}
