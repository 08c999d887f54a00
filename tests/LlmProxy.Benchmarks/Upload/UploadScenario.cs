using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using LlmProxy.Benchmarks.Children;

namespace LlmProxy.Benchmarks.Upload;

/// <summary>One large file through a path that is no completion call, with the proxy's memory beside it.</summary>
internal static class UploadScenario
{
    // Beyond this it would be held, not passed on.
    private const double MostAddedMegabytes = 64;

    public static async Task<int> RunAsync(UploadOptions options, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-upload-").FullName;
        try
        {
            using var upstream = new TcpListener(IPAddress.Loopback, 0);
            upstream.Start();
            var receiving = ReceiveAsync(upstream, cancellationToken);
            await using var proxy = await ChildProcess.StartAsync(folder, asProxy: true, "llmproxy", $"http://127.0.0.1:{((IPEndPoint)upstream.LocalEndpoint).Port}/", folder);
            var before = (await proxy.StatusAsync()).WorkingSet / 1048576.0;
            var (most, seconds) = await SendAsync(proxy, options.Megabytes, cancellationToken);
            var (received, sum) = await receiving;
            var expected = (long)options.Megabytes << 20;
            var isGood = received == expected && sum == SumOf(expected) && most - before <= MostAddedMegabytes;
            Console.WriteLine($"{received >> 20} of {options.Megabytes} MB arrived, {(sum == SumOf(expected) ? "every byte as sent" : "CHANGED")}, in {seconds:0.0} s; the proxy had {before:0} MB before and {most:0} MB at most");
            return isGood ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(double MostMegabytes, double Seconds)> SendAsync(ChildProcess proxy, int megabytes, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, cancellationToken);
        await using var stream = client.GetStream();
        var started = Stopwatch.GetTimestamp();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"POST /v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\nContent-Length: {(long)megabytes << 20}\r\nConnection: close\r\n\r\n"), cancellationToken);
        var most = 0.0;
        var piece = new byte[1 << 20];
        for (var sent = 0; sent < megabytes; sent++)
        {
            Fill(piece, sent);
            await stream.WriteAsync(piece, cancellationToken);
            if (sent % 16 == 0)
            {
                most = Math.Max(most, (await proxy.StatusAsync()).WorkingSet / 1048576.0);
            }
        }

        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync(cancellationToken);
        if (!answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
        {
            throw new InvalidOperationException("The upload was refused: " + answer);
        }

        return (Math.Max(most, (await proxy.StatusAsync()).WorkingSet / 1048576.0), Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static async Task<(long Bytes, ulong Sum)> ReceiveAsync(TcpListener listener, CancellationToken cancellationToken)
    {
        using var client = await listener.AcceptTcpClientAsync(cancellationToken);
        await using var stream = client.GetStream();
        var buffer = new byte[1 << 20];
        var head = new List<byte>();
        int end;
        while ((end = Encoding.ASCII.GetString([.. head]).IndexOf("\r\n\r\n", StringComparison.Ordinal)) < 0)
        {
            head.AddRange(buffer.AsSpan(0, await stream.ReadAsync(buffer, cancellationToken)));
        }

        var length = Encoding.ASCII.GetString([.. head]).Split("\r\n").Where(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)).Select(l => long.Parse(l[15..], System.Globalization.CultureInfo.InvariantCulture)).Single();
        var (bytes, sum) = (0L, 0UL);
        Take(head.ToArray().AsSpan(end + 4));
        while (bytes < length && await stream.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            Take(buffer.AsSpan(0, read));
        }

        await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"u8.ToArray(), cancellationToken);
        return (bytes, sum);

        void Take(ReadOnlySpan<byte> piece)
        {
            foreach (var b in piece)
            {
                sum = Add(sum, b);
            }

            bytes += piece.Length;
        }
    }

    /// <summary>Different in every megabyte, so that a piece in the wrong place is seen.</summary>
    private static void Fill(byte[] piece, int number)
    {
        for (var i = 0; i < piece.Length; i++)
        {
            piece[i] = (byte)((i * 31) ^ (number * 17) ^ (i >> 11));
        }
    }

    private static ulong SumOf(long bytes)
    {
        var sum = 0UL;
        var piece = new byte[1 << 20];
        for (var number = 0; number < bytes >> 20; number++)
        {
            Fill(piece, number);
            foreach (var b in piece)
            {
                sum = Add(sum, b);
            }
        }

        return sum;
    }

    // FNV-1a: the order of the bytes counts.
    private static ulong Add(ulong sum, byte b) => (sum ^ b) * 1099511628211UL;
}
