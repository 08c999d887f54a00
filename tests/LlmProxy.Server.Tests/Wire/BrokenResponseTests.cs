using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LlmProxy.Tests.Wire;

/// <summary>An upstream that breaks off right after its last bytes: the client gets all of these bytes, then the break.</summary>
public sealed class BrokenResponseTests
{
    private const int Calls = 30;
    private const string Body = """{"model":"claude-x","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}""";
    private const string Recorded = "/anthropic/v1/messages";
    private const string NotRecorded = "/anthropic/v1/other";
    private const string Start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-x\",\"usage\":{\"input_tokens\":3}}}\n\n";
    private const string Error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";

    public static TheoryData<string, bool, bool, bool> Cases()
    {
        var data = new TheoryData<string, bool, bool, bool>();
        foreach (var path in (string[])[Recorded, NotRecorded])
        {
            foreach (var (gzip, reset, together) in (ReadOnlySpan<(bool, bool, bool)>)[(false, false, true), (false, true, true), (false, true, false), (true, false, true), (true, true, true)])
            {
                data.Add(path, gzip, reset, together);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Every_byte_before_a_break_reaches_the_client(string path, bool gzip, bool reset, bool together)
    {
        var (sent, settings, upstream) = Broken(gzip, reset, together, length: null);
        await using var owned = upstream;
        await using var proxy = await RunningProxy.StartAsync(null, settings);

        var answers = await Task.WhenAll(Enumerable.Range(0, Calls).Select(_ => ReadAsync(proxy, path)));

        Assert.All(answers, answer =>
        {
            Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
            Assert.Equal(sent, Dechunk(answer, out var isWhole));
            Assert.False(isWhole, "the client takes the response for a whole one");
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_byte_before_a_break_of_a_response_with_a_length_reaches_the_client(bool reset)
    {
        var (sent, settings, upstream) = Broken(gzip: false, reset, together: true, length: 100_000);
        await using var owned = upstream;
        await using var proxy = await RunningProxy.StartAsync(null, settings);

        var answers = await Task.WhenAll(Enumerable.Range(0, Calls).Select(_ => ReadAsync(proxy, Recorded)));

        Assert.All(answers, answer => Assert.EndsWith("\r\n\r\n" + sent, answer, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Recorded)]
    [InlineData(NotRecorded)]
    public async Task Every_byte_before_a_break_reaches_a_client_that_uses_HTTP_2(string path)
    {
        var (sent, settings, upstream) = Broken(gzip: false, reset: true, together: true, length: null);
        await using var owned = upstream;
        await using var proxy = await RunningProxy.StartAsync(null, [.. settings, ("Kestrel:EndpointDefaults:Protocols", "Http2")]);

        var answers = await Task.WhenAll(Enumerable.Range(0, Calls).Select(async _ =>
        {
            await using var client = await Http2Peer.ConnectAsync(proxy.Address.Port);
            return await client.PostAsync(path, Body);
        }));

        Assert.All(answers, answer => Assert.Equal((sent, true), answer));
    }

    [Fact]
    public async Task A_slow_client_gets_every_byte_before_a_break_of_a_large_response()
    {
        var large = new string('x', 1 << 20);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + Chunk(large));
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);
        using var client = await SendAsync(proxy, Recorded, receiveBuffer: 4096);

        var answer = await ReadToEndAsync(client, pieces: 512);

        Assert.Equal(large.Length, Dechunk(answer, out var isWhole).Length);
        Assert.False(isWhole, "the client takes the response for a whole one");
    }

    private static (string Sent, (string, string)[] Settings, RawUpstream Upstream) Broken(bool gzip, bool reset, bool together, int? length)
    {
        var (first, last) = gzip ? (Gzip(Start + Error), "") : (Start, Error);
        var head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + (gzip ? "Content-Encoding: gzip\r\n" : "");
        var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            var start = length is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{head}Content-Length: {bytes}\r\n\r\n{first}") : head + "Transfer-Encoding: chunked\r\n\r\n" + Chunk(first);
            var end = length is null ? Chunk(last) : last;
            if (together)
            {
                await connection.Stream.WriteAsync(Encoding.Latin1.GetBytes(start + end));
            }
            else
            {
                await connection.Stream.WriteAsync(Encoding.Latin1.GetBytes(start));
                await connection.Stream.WriteAsync(Encoding.Latin1.GetBytes(end));
            }

            if (reset)
            {
                connection.Reset();
            }
        });
        return (first + last, upstream.Settings, upstream);
    }

    private static async Task<string> ReadAsync(RunningProxy proxy, string path)
    {
        using var client = await SendAsync(proxy, path);
        return await ReadToEndAsync(client);
    }

    private static async Task<TcpClient> SendAsync(RunningProxy proxy, string path, int receiveBuffer = 1 << 16)
    {
        var client = new TcpClient { ReceiveBufferSize = receiveBuffer };
        await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes($"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}"));
        return client;
    }

    private static async Task<string> ReadToEndAsync(TcpClient client, int pieces = 1 << 16)
    {
        var received = new MemoryStream();
        try
        {
            await client.GetStream().CopyToAsync(received, pieces).WaitAsync(TimeSpan.FromSeconds(30));
        }
        catch (IOException)
        {
            // A reset: what came before it counts.
        }

        return Encoding.Latin1.GetString(received.ToArray());
    }

    private static string Chunk(string text) => text.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{text.Length:x}\r\n{text}\r\n");

    private static string Dechunk(string answer, out bool isWhole)
    {
        var text = new StringBuilder();
        var at = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        isWhole = false;
        while (at < answer.Length)
        {
            var end = answer.IndexOf("\r\n", at, StringComparison.Ordinal);
            var length = int.Parse(answer.AsSpan(at, end - at), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            isWhole = length == 0;
            text.Append(answer, end + 2, length);
            at = end + 2 + length + 2;
        }

        return text.ToString();
    }

    private static string Gzip(string text)
    {
        var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Optimal))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return Encoding.Latin1.GetString(bytes.ToArray());
    }
}
