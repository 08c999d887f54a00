using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// Large bodies on paths that are no completion call. That memory stays constant with gigabytes is measured by
/// <c>LlmProxy.Benchmarks -- upload</c>; here the reason for it is tested: nothing is taken that cannot be handed on.
/// </summary>
public sealed class UploadTests
{
    private const int Total = 192 << 20;

    // What the sockets of both sides and the server's own buffers can hold, with room to spare.
    private const int MostHeld = 48 << 20;

    [Theory]
    [InlineData("/openai/v1/files")]
    [InlineData("/gemini/upload/v1beta/files")]
    [InlineData("/anthropic/v1/files")]
    public async Task An_upload_is_held_back_while_the_upstream_does_not_read_and_then_arrives_byte_for_byte(string path)
    {
        using var read = new SemaphoreSlim(0);
        var hash = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await read.WaitAsync();
            using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (var left = Total; left > 0;)
            {
                var piece = await connection.ReadAsync(Math.Min(left, 1 << 20));
                Assert.NotEmpty(piece);
                sum.AppendData(piece);
                left -= piece.Length;
            }

            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
            hash.SetResult(Convert.ToHexString(sum.GetCurrentHash()));
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {Total}\r\n\r\n")));

        var random = new Random(3);
        var piece = new byte[1 << 20];
        using var sent = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var held = -1;
        for (var done = 0; done < Total; done += piece.Length)
        {
            random.NextBytes(piece);
            sent.AppendData(piece);
            var writing = stream.WriteAsync(piece).AsTask();

            // Nobody takes anything for a whole second: the way is full.
            if (held < 0 && await Task.WhenAny(writing, Task.Delay(TimeSpan.FromSeconds(1))) != writing)
            {
                held = done + piece.Length;
                read.Release();
            }

            await writing;
        }

        Assert.InRange(held, 1, MostHeld);
        Assert.Equal(Convert.ToHexString(sent.GetCurrentHash()), await hash.Task.WaitAsync(TimeSpan.FromSeconds(60)));
        var answer = new byte[100];
        Assert.StartsWith("HTTP/1.1 200 OK", Encoding.ASCII.GetString(answer, 0, await stream.ReadAsync(answer)), StringComparison.Ordinal);
    }
}
