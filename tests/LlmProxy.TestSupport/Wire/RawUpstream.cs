using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LlmProxy.Tests.Wire;

/// <summary>An upstream on loopback that writes what a test says onto each connection, byte by byte: also what no server would.</summary>
internal sealed class RawUpstream : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly Func<RawConnection, Task> _serve;
    private readonly ConcurrentBag<Task> _serving = [];
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly Task _accepting;
    private int _connections;

    private RawUpstream(TcpListener listener, Func<RawConnection, Task> serve)
    {
        _listener = listener;
        _serve = serve;
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    public Uri Address => new($"http://127.0.0.1:{Port}/");

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Every cluster's address is this upstream.</summary>
    public (string Key, string Value)[] Settings => SettingsFor(Address);

    public static RawUpstream Start(Func<RawConnection, Task> serve, int port = 0)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        return new RawUpstream(listener, serve);
    }

    public static (string Key, string Value)[] SettingsFor(Uri address) =>
        [.. new[] { "anthropic", "openai", "codex", "gemini", "proxy" }.Select(c => ($"ReverseProxy:Clusters:{c}:Destinations:default:Address", address.ToString()))];

    /// <summary>A loopback address where nobody listens.</summary>
    public static Uri ClosedAddress()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return new Uri($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/");
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }

        await Task.WhenAll(_serving).WaitAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var socket = await _listener.AcceptSocketAsync();
            Interlocked.Increment(ref _connections);
            _sockets.Add(socket);
            _serving.Add(Task.Run(async () =>
            {
                await using var connection = new RawConnection(socket);
                await _serve(connection);
            }));
        }
    }
}

/// <summary>One connection of a <see cref="RawUpstream"/>.</summary>
internal sealed class RawConnection(Socket socket) : IAsyncDisposable
{
    private readonly List<byte> _held = [];

    public Socket Socket => socket;

    public NetworkStream Stream { get; } = new(socket, ownsSocket: true);

    /// <summary>Reads a request's head; empty at the connection's end.</summary>
    public async Task<string> ReadHeadAsync()
    {
        int end;
        while ((end = Encoding.Latin1.GetString([.. _held]).IndexOf("\r\n\r\n", StringComparison.Ordinal)) < 0)
        {
            if (!await FillAsync())
            {
                return "";
            }
        }

        var head = Encoding.Latin1.GetString(_held.GetRange(0, end + 4).ToArray());
        _held.RemoveRange(0, end + 4);
        return head;
    }

    /// <summary>Reads so many bytes.</summary>
    public async Task<byte[]> ReadAsync(int count)
    {
        if (_held.Count == 0 && count <= 1 << 20)
        {
            var piece = new byte[count];
            return piece[..await Stream.ReadAtLeastAsync(piece, count, throwOnEndOfStream: false)];
        }

        while (_held.Count < count && await FillAsync())
        {
        }

        var bytes = _held.GetRange(0, Math.Min(count, _held.Count)).ToArray();
        _held.RemoveRange(0, bytes.Length);
        return bytes;
    }

    /// <summary>Reads a whole request with Content-Length; head and body.</summary>
    public async Task<(string Head, string Body)> ReadRequestAsync()
    {
        var head = await ReadHeadAsync();
        var length = head.Split("\r\n").FirstOrDefault(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))?.Split(':')[1];
        return (head, length is null ? "" : Encoding.UTF8.GetString(await ReadAsync(int.Parse(length, CultureInfo.InvariantCulture))));
    }

    public async Task WriteAsync(string text) => await Stream.WriteAsync(Encoding.UTF8.GetBytes(text));

    /// <summary>Ends the connection the hard way: the other side sees a reset.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    public async ValueTask DisposeAsync() => await Stream.DisposeAsync();

    private async Task<bool> FillAsync()
    {
        var buffer = new byte[16 * 1024];
        var read = await Stream.ReadAsync(buffer);
        _held.AddRange(buffer.AsSpan(0, read));
        return read > 0;
    }
}
