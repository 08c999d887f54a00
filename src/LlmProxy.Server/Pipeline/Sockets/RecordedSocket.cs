using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using LlmProxy.Core.Recording;

namespace LlmProxy.Server.Pipeline.Sockets;

/// <summary>
/// The client's end of a WebSocket that is recorded: what YARP reads from it are the client's frames, with a call's
/// message replaced where its prompt is rewritten; what YARP writes to it goes to the client as it is, after it was
/// recorded. Each side waits for the other as without recording; only a message that may become a call is held until it
/// is whole.
/// </summary>
internal sealed class RecordedSocket(Stream client, SocketCalls calls, BufferBudget budget, long maxBytes) : Stream
{
    private readonly FrameReader _sent = new(budget, maxBytes, copies: 2);
    private readonly FrameReader _received = new(budget, maxBytes);
    private readonly ArrayBufferWriter<byte> _held = new();
    private readonly ArrayBufferWriter<byte> _output = new();
    private readonly byte[] _input = new byte[16 * 1024];
    private int _outputRead;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_outputRead == _output.WrittenCount)
        {
            if (buffer.IsEmpty)
            {
                // YARP waits for data this way before it takes a buffer.
                return await client.ReadAsync(buffer, cancellationToken);
            }

            _output.ResetWrittenCount();
            _outputRead = 0;
            var read = await client.ReadAsync(_input, cancellationToken);
            if (read == 0)
            {
                calls.Close(ExchangeOutcome.ClientLeft);
                Release();
                if (_output.WrittenCount == 0)
                {
                    return 0;
                }

                break;
            }

            await TakeSentAsync(_input.AsMemory(0, read), cancellationToken);
        }

        var count = Math.Min(buffer.Length, _output.WrittenCount - _outputRead);
        _output.WrittenMemory.Slice(_outputRead, count).CopyTo(buffer);
        _outputRead += count;
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        TakeReceived(buffer.Span);
        return client.WriteAsync(buffer, cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => client.FlushAsync(cancellationToken);

    public override void Flush() => client.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            client.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Returns what is reserved. To be called when both directions have ended.</summary>
    public void End()
    {
        _sent.Dispose();
        _received.Dispose();
    }

    private async ValueTask TakeSentAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            var piece = _sent.Next(bytes.Span);
            var raw = bytes[..piece.Length];
            bytes = bytes[piece.Length..];
            if (piece.IsClose)
            {
                calls.Close(ExchangeOutcome.ClientLeft);
            }

            if (piece.IsControl)
            {
                _output.Write(raw.Span);
                continue;
            }

            if (!_sent.IsCollecting)
            {
                Release();
                _output.Write(raw.Span);
                if (piece.EndsMessage)
                {
                    if (_sent.IsTooLarge)
                    {
                        calls.SentTooLarge();
                    }

                    _ = _sent.Take();
                }

                continue;
            }

            _held.Write(raw.Span);
            if (piece.EndsMessage && _sent.Take() is { } message)
            {
                await SendAsync(message, cancellationToken);
            }
        }
    }

    private async ValueTask SendAsync(TextMessage message, CancellationToken cancellationToken)
    {
        if (await calls.SendAsync(message, cancellationToken) is { } rewritten)
        {
            _held.ResetWrittenCount();
            WriteMasked(_output, rewritten);
        }
        else
        {
            Release();
        }
    }

    private void TakeReceived(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var piece = _received.Next(bytes);
            bytes = bytes[piece.Length..];
            if (piece.IsClose)
            {
                calls.Close(ExchangeOutcome.UpstreamBroke);
            }

            if (piece.EndsMessage)
            {
                if (_received.IsTooLarge)
                {
                    calls.ReceivedTooLarge();
                }

                if (_received.Take() is { } message)
                {
                    calls.Receive(message);
                }
            }
        }
    }

    /// <summary>Lets go what was held, as it came.</summary>
    private void Release()
    {
        _output.Write(_held.WrittenSpan);
        _held.ResetWrittenCount();
    }

    /// <summary>Writes a text message of a client in one frame (RFC 6455, section 5.3: with a random mask).</summary>
    private static void WriteMasked(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> text)
    {
        var header = output.GetSpan(14);
        header[0] = 0x81;
        int length;
        if (text.Length < 126)
        {
            header[1] = (byte)(0x80 | text.Length);
            length = 2;
        }
        else if (text.Length <= ushort.MaxValue)
        {
            header[1] = 0x80 | 126;
            BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)text.Length);
            length = 4;
        }
        else
        {
            header[1] = 0x80 | 127;
            BinaryPrimitives.WriteInt64BigEndian(header[2..], text.Length);
            length = 10;
        }

        Span<byte> mask = stackalloc byte[4];
        RandomNumberGenerator.Fill(mask);
        mask.CopyTo(header[length..]);
        output.Advance(length + 4);
        var payload = output.GetSpan(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            payload[i] = (byte)(text[i] ^ mask[i & 3]);
        }

        output.Advance(text.Length);
    }
}
