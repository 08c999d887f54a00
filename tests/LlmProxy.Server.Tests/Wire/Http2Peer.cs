using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LlmProxy.Tests.Wire;

/// <summary>As much of an HTTP/2 server as these tests need: no HPACK beyond the static table, no flow control.</summary>
internal sealed class Http2Peer(RawConnection connection) : IAsyncDisposable
{
    private readonly RawConnection _connection = connection;

    private enum Frame : byte
    {
        Data = 0,
        Headers = 1,
        Reset = 3,
        Settings = 4,
        GoAway = 7,
        WindowUpdate = 8,
    }

    public static async Task<Http2Peer> AcceptAsync(RawConnection connection)
    {
        Assert.Equal("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Encoding.ASCII.GetString(await connection.ReadAsync(24)));
        var peer = new Http2Peer(connection);
        await peer.WriteAsync(Frame.Settings, 0, 0, []);
        return peer;
    }

    /// <summary>Connects as a client, by prior knowledge.</summary>
    public static async Task<Http2Peer> ConnectAsync(int port)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        var peer = new Http2Peer(new RawConnection(socket));
        await peer._connection.Stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await peer.WriteAsync(Frame.Settings, 0, 0, []);
        return peer;
    }

    /// <summary>Posts a body on stream 1. Reads data until the stream ends or is reset.</summary>
    public async Task<(string Body, bool IsReset)> PostAsync(string path, string body)
    {
        // HPACK (RFC 7541, appendix A): ":method: POST", ":scheme: http", then ":path", ":authority" and "content-length" as
        // literals. With a length the upstream knows when it has the whole request, and breaks off only then.
        var length = Encoding.ASCII.GetBytes(body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
        await WriteAsync(Frame.Headers, 4, 1, [0x83, 0x86, 0x04, (byte)path.Length, .. Encoding.ASCII.GetBytes(path), 0x01, 9, .. "127.0.0.1"u8, 0x0F, 0x0D, (byte)length.Length, .. length]);
        await DataAsync(1, body, endStream: true);
        var received = new List<byte>();
        while (await ReadFrameAsync() is { } frame)
        {
            if (frame.Type == Frame.Settings && (frame.Flags & 1) == 0)
            {
                await WriteAsync(Frame.Settings, 1, 0, []);
            }

            if (frame.Type == Frame.Data)
            {
                received.AddRange(frame.Payload);
            }

            if (frame.Stream == 1 && (frame.Type == Frame.Reset || (frame.Type == Frame.Data && (frame.Flags & 1) != 0)))
            {
                return (Encoding.UTF8.GetString([.. received]), frame.Type == Frame.Reset);
            }
        }

        throw new IOException("The connection ended before the response did.");
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    public async Task<(int Stream, string Body)> ReadRequestAsync()
    {
        var body = new List<byte>();
        while (await ReadFrameAsync() is { } frame)
        {
            if (frame.Type == Frame.Settings && (frame.Flags & 1) == 0)
            {
                await WriteAsync(Frame.Settings, 1, 0, []);
            }

            if (frame.Type == Frame.Data)
            {
                body.AddRange(frame.Payload);
            }

            if (frame.Type is Frame.Data or Frame.Headers && (frame.Flags & 1) != 0)
            {
                return (frame.Stream, Encoding.UTF8.GetString([.. body]));
            }
        }

        throw new IOException("The connection ended before the request did.");
    }

    // 0x88 is ":status: 200" of HPACK's static table (RFC 7541, appendix A).
    public async Task AnswerAsync(int stream, string text, bool endStream)
    {
        await WriteAsync(Frame.Headers, 4, stream, [0x88]);
        await DataAsync(stream, text, endStream);
    }

    public Task DataAsync(int stream, string text, bool endStream) => WriteAsync(Frame.Data, endStream ? (byte)1 : (byte)0, stream, Encoding.UTF8.GetBytes(text));

    public Task GoAwayAsync(int lastStream)
    {
        var payload = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(payload, lastStream);
        return WriteAsync(Frame.GoAway, 0, 0, payload);
    }

    public Task ResetAsync(int stream) => WriteAsync(Frame.Reset, 0, stream, [0, 0, 0, 2]);

    public async Task ReadUntilClosedAsync()
    {
        while (await ReadFrameAsync() is not null)
        {
        }
    }

    private async Task<(Frame Type, byte Flags, int Stream, byte[] Payload)?> ReadFrameAsync()
    {
        var head = await _connection.ReadAsync(9);
        if (head.Length < 9)
        {
            return null;
        }

        var length = (head[0] << 16) | (head[1] << 8) | head[2];
        return ((Frame)head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) & int.MaxValue, await _connection.ReadAsync(length));
    }

    private async Task WriteAsync(Frame type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        (frame[0], frame[1], frame[2], frame[3], frame[4]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, (byte)type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        await _connection.Stream.WriteAsync(frame);
    }
}
