using System.Buffers.Binary;
using System.Net;
using System.Text;
using LlmProxy.Core.Recording;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LlmProxy.Tests.Wire;

/// <summary>Upstreams that speak HTTP/2 (RFC 9113), here without TLS by prior knowledge.</summary>
public sealed class Http2UpstreamTests
{
    private static readonly (string, string)[] Http2 =
    [
        ("ReverseProxy:Clusters:anthropic:HttpRequest:Version", "2"),
        ("ReverseProxy:Clusters:anthropic:HttpRequest:VersionPolicy", "RequestVersionExact"),
    ];

    [Fact]
    public async Task A_cluster_can_be_told_to_speak_http_2_and_streams_event_by_event()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(HttpProtocols.Http2);
        await using var proxy = await RunningProxy.StartAsync(upstream, Http2);
        using var next = new SemaphoreSlim(0);
        string? protocol = null;
        upstream.Answer = async (context, _) =>
        {
            protocol = context.Request.Protocol;
            context.Response.ContentType = "text/event-stream";
            for (var i = 0; i < 3; i++)
            {
                await context.Response.WriteAsync($"data: {i}\n\n");
                await context.Response.Body.FlushAsync();
                await next.WaitAsync();
            }
        };

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new StringContent(DialectCalls.AnthropicBody) };
        using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal($"data: {i}", await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)));
            Assert.Equal("", await reader.ReadLineAsync());
            next.Release();
        }

        Assert.Equal(("HTTP/2", DialectCalls.AnthropicBody), (protocol, upstream.Last.Text));
    }

    [Fact]
    public async Task A_call_that_GOAWAY_names_as_not_taken_is_sent_whole_on_a_new_connection()
    {
        var connections = 0;
        var bodies = new List<string>();
        await using var upstream = RawUpstream.Start(async connection =>
        {
            var peer = await Http2Peer.AcceptAsync(connection);
            var number = Interlocked.Increment(ref connections);
            var (stream, body) = await peer.ReadRequestAsync();
            bodies.Add(body);
            if (number == 1)
            {
                await peer.GoAwayAsync(lastStream: 0);
                return;
            }

            await peer.AnswerAsync(stream, "{}", endStream: true);
            await peer.ReadUntilClosedAsync();
        });
        await using var proxy = await RunningProxy.StartAsync(null, [.. upstream.Settings, .. Http2]);

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal((HttpStatusCode.OK, "{}"), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Equal([DialectCalls.AnthropicBody, DialectCalls.AnthropicBody], bodies);
    }

    [Fact]
    public async Task An_answer_goes_on_behind_a_GOAWAY_that_names_its_call()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            var peer = await Http2Peer.AcceptAsync(connection);
            var (stream, _) = await peer.ReadRequestAsync();
            await peer.AnswerAsync(stream, "first ", endStream: false);
            await peer.GoAwayAsync(lastStream: stream);
            await peer.DataAsync(stream, "second", endStream: true);
            await peer.ReadUntilClosedAsync();
        });
        await using var proxy = await RunningProxy.StartAsync(null, [.. upstream.Settings, .. Http2]);

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal("first second", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stream_that_is_reset_or_whose_connection_goes_away_breaks_for_the_client_and_is_not_sent_again(bool resetStream)
    {
        using var seen = new SemaphoreSlim(0);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            var peer = await Http2Peer.AcceptAsync(connection);
            var (stream, _) = await peer.ReadRequestAsync();
            await peer.AnswerAsync(stream, "first\n", endStream: false);
            await seen.WaitAsync();
            if (resetStream)
            {
                await peer.ResetAsync(stream);
                await peer.ReadUntilClosedAsync();
            }
            else
            {
                await peer.GoAwayAsync(lastStream: stream);
            }
        });
        await using var proxy = await RunningProxy.StartAsync(null, [.. upstream.Settings, .. Http2]);

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new StringContent(DialectCalls.AnthropicBody) };
        using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("first", await reader.ReadLineAsync());
        seen.Release();

        await Assert.ThrowsAnyAsync<Exception>(() => reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(30)));
        await proxy.Log.WaitForAsync(1002, ExchangeOutcome.UpstreamBroke);
        Assert.Equal(1, upstream.Connections);
    }

    /// <summary>As much of an HTTP/2 server as these tests need: no HPACK beyond the static table, no flow control.</summary>
    private sealed class Http2Peer(RawConnection connection)
    {
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
            var head = await connection.ReadAsync(9);
            if (head.Length < 9)
            {
                return null;
            }

            var length = (head[0] << 16) | (head[1] << 8) | head[2];
            return ((Frame)head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) & int.MaxValue, await connection.ReadAsync(length));
        }

        private async Task WriteAsync(Frame type, byte flags, int stream, byte[] payload)
        {
            var frame = new byte[9 + payload.Length];
            (frame[0], frame[1], frame[2], frame[3], frame[4]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, (byte)type, flags);
            BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
            payload.CopyTo(frame, 9);
            await connection.Stream.WriteAsync(frame);
        }
    }
}
