using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire.ContentEncoding;
using ZstdSharp;

namespace LlmProxy.Tests.Wire;

/// <summary>Upstreams that misbehave on purpose: what the client then sees, and what the record says.</summary>
public sealed class MisbehavingUpstreamTests
{
    private const string Events = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-x\",\"usage\":{\"input_tokens\":3}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"gr\u00fc\u00df dich\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":4}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    private const string StreamBody = """{"model":"claude-x","stream":true,"messages":[{"role":"user","content":"hi"}]}""";

    /// <summary>Where a whole answer of 8 pieces is cut; the head has 86 bytes.</summary>
    public static TheoryData<int, bool> Cuts()
    {
        var data = new TheoryData<int, bool>();
        foreach (var at in (int[])[0, 1, 20, 85, 86, 87, 90, 200, 500, -6, -1])
        {
            data.Add(at, true);
            data.Add(at, false);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cuts))]
    public async Task An_answer_that_is_cut_at_any_byte_is_an_error_in_the_dialect_or_a_break_and_never_a_whole_answer(int at, bool reset)
    {
        var whole = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; c=u\r\nTransfer-Encoding: chunked\r\n\r\n" + Chunked(Events, 8);
        var cut = at < 0 ? Encoding.UTF8.GetBytes(whole)[..^-at] : Encoding.UTF8.GetBytes(whole)[..at];
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.Stream.WriteAsync(cut);
            if (reset)
            {
                connection.Reset();
            }
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new StringContent(StreamBody) };
        string? task = null;
        var failed = false;
        try
        {
            using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            task = answer.Headers.GetValues("LlmProxy-Task").Single();
            failed = (int)answer.StatusCode == 502;
            if (failed)
            {
                Assert.Contains("closed the connection", await DialectCalls.ReadErrorAsync(DialectCalls.Anthropic, answer), StringComparison.Ordinal);
            }
            else
            {
                await answer.Content.ReadAsStringAsync();
            }
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            failed = true;
        }

        Assert.True(failed, "the client took it for a whole answer");
        await proxy.Log.WaitForAsync(1002, ExchangeOutcome.UpstreamBroke);
        if (task is not null)
        {
            await proxy.SettleAsync();
            var run = await proxy.Store.FindTaskAsync("default", task, CancellationToken.None);
            // Where only the end of the framing is missing, the model's own end was there.
            Assert.Equal(at is -6 or -1 ? StepStatus.Ok : StepStatus.UpstreamBroke, Assert.Single(await proxy.ReadStepsAsync(run!)).Step.Status);
        }
    }

    [Fact]
    public async Task An_answer_longer_than_its_length_says_gives_the_client_that_length_and_the_next_call_its_own_answer()
    {
        var served = 0;
        await using var upstream = RawUpstream.Start(async connection =>
        {
            while ((await connection.ReadRequestAsync()).Head.Length > 0)
            {
                await connection.WriteAsync(Interlocked.Increment(ref served) == 1
                    ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
                    : "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine");
            }
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);

        using var first = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);
        using var second = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal(("{}", "mine"), (await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync()));
    }

    [Fact]
    public async Task An_answer_that_trickles_byte_by_byte_arrives_whole_and_is_recorded_whole()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            connection.Socket.NoDelay = true;
            foreach (var b in Encoding.UTF8.GetBytes("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + Events))
            {
                await connection.Stream.WriteAsync(new[] { b });
            }
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, StreamBody);

        Assert.Equal(Events, await answer.Content.ReadAsStringAsync());
        var step = Assert.Single(await proxy.ReadStepsAsync(await proxy.FindRunAsync(answer)));
        Assert.Equal((StepStatus.Ok, "gr\u00fc\u00df dich"), (step.Step.Status, step.Reply!.Text));
    }

    [Fact]
    public async Task An_answer_without_an_end_streams_on_and_ends_when_the_client_leaves()
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
            try
            {
                while (true)
                {
                    await connection.WriteAsync("event: ping\ndata: {\"type\":\"ping\"}\n\n");
                }
            }
            catch (IOException)
            {
                stopped.SetResult();
            }
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new StringContent(StreamBody) };
        string task;
        using (var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            task = answer.Headers.GetValues("LlmProxy-Task").Single();
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
            for (var i = 0; i < 1_000; i++)
            {
                await reader.ReadLineAsync();
            }
        }

        await stopped.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await proxy.SettleAsync();
        var run = await proxy.Store.FindTaskAsync("default", task, CancellationToken.None);
        Assert.Equal(StepStatus.ClientLeft, Assert.Single(await proxy.ReadStepsAsync(run!)).Step.Status);
    }

    [Theory]
    [InlineData("/anthropic/v1/messages")]
    [InlineData("/openai/v1/files")]
    public async Task An_upstream_that_closes_while_the_request_is_still_coming_gives_502_in_the_clients_dialect(string path)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.ReadAsync(1_000);
            connection.Reset();
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);

        using var answer = await proxy.PostAsync(path, new string('x', 20 << 20)).WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Contains("closed the connection", await DialectCalls.ReadErrorAsync(path, answer), StringComparison.Ordinal);
        Assert.Equal(1, upstream.Connections);
    }

    [Fact]
    public async Task An_answer_that_comes_while_the_request_is_still_coming_reaches_the_client()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 401 Unauthorized\r\nContent-Length: 13\r\n\r\n{\"error\":\"k\"}");
            while ((await connection.ReadAsync(1 << 20)).Length > 0)
            {
            }
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);

        using var answer = await proxy.PostAsync("/openai/v1/files", new string('x', 20 << 20)).WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((HttpStatusCode.Unauthorized, "{\"error\":\"k\"}"), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
    }

    [Fact]
    public async Task A_slow_client_holds_the_upstream_back_instead_of_filling_memory()
    {
        const int Total = 300 << 20;
        var written = 0L;
        var blocked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {Total}\r\n\r\n"));
            var piece = new byte[64 << 10];
            while (written < Total)
            {
                var writing = connection.Stream.WriteAsync(piece).AsTask();

                // Nobody takes anything for a whole second: the way is full.
                if (await Task.WhenAny(writing, Task.Delay(TimeSpan.FromSeconds(1))) != writing)
                {
                    blocked.TrySetResult();
                }

                await writing;
                Interlocked.Add(ref written, piece.Length);
            }

            blocked.TrySetResult();
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new StringContent(StreamBody) };
        using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await blocked.Task.WaitAsync(TimeSpan.FromSeconds(60));

        Assert.InRange(Interlocked.Read(ref written), 0, 40L << 20);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        var (read, buffer) = (0L, new byte[1 << 20]);
        while (await stream.ReadAsync(buffer) is > 0 and var count)
        {
            read += count;
        }

        Assert.Equal(Total, read);
    }

    public static TheoryData<string> Encodings() => ["gzip", "br", "deflate", "zstd", "dcz"];

    [Theory]
    [MemberData(nameof(Encodings))]
    public async Task Encoded_answers_pass_as_they_are_and_are_decoded_for_the_record_alone(string encoding)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var encoded = Encode(Encoding.UTF8.GetBytes(Events), encoding);
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers.ContentEncoding = encoding;
            foreach (var piece in encoded.Chunk(7))
            {
                await context.Response.Body.WriteAsync(piece);
                await context.Response.Body.FlushAsync();
            }
        };

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, StreamBody, ("Accept-Encoding", "gzip, br, deflate, zstd, dcz"));

        Assert.Equal(encoded, await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal(encoding, answer.Content.Headers.ContentEncoding.Single());
        Assert.Equal("gzip, br, deflate, zstd, dcz", proxy.Upstream.Last.Headers["Accept-Encoding"].Single());
        var step = Assert.Single(await proxy.ReadStepsAsync(await proxy.FindRunAsync(answer)));
        Assert.Equal(encoding == "dcz" ? (StepStatus.Unreadable, null) : (StepStatus.Ok, "gr\u00fc\u00df dich"), (step.Step.Status, step.Reply?.Text));
    }

    [Fact]
    public async Task A_zstd_stream_of_one_frame_an_event_is_decoded_as_it_comes()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var read = new SemaphoreSlim(0);
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers.ContentEncoding = "zstd";
            foreach (var part in Events.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
            {
                await context.Response.Body.WriteAsync(Encode(Encoding.UTF8.GetBytes(part + "\n\n"), "zstd"));
                await context.Response.Body.FlushAsync();
                await read.WaitAsync(context.RequestAborted);
            }
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new StringContent(StreamBody) };

        using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        using var received = new MemoryStream();
        var buffer = new byte[4_096];
        while (await stream.ReadAsync(buffer) is > 0 and var count)
        {
            received.Write(buffer, 0, count);
            read.Release();
        }

        Assert.Equal(Events, Encoding.UTF8.GetString(BodyDecoder.DecodeAll(received.ToArray(), "zstd")!.Value.Span));
        var step = Assert.Single(await proxy.ReadStepsAsync(await proxy.FindRunAsync(answer)));
        Assert.Equal((StepStatus.Ok, "gr\u00fc\u00df dich"), (step.Step.Status, step.Reply?.Text));
    }

    [Fact]
    public async Task A_whole_zstd_answer_is_recorded_and_a_truncated_one_as_far_as_it_came()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var whole = Encode("""{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}"""u8.ToArray(), "zstd");
        var encoded = whole;
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.Response.ContentType = "application/json";
            context.Response.Headers.ContentEncoding = "zstd";
            await context.Response.Body.WriteAsync(encoded);
        };

        using var first = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);
        var step = Assert.Single(await proxy.ReadStepsAsync(await proxy.FindRunAsync(first)));
        Assert.Equal((StepStatus.Ok, "hello"), (step.Step.Status, step.Reply?.Text));

        encoded = whole[..(whole.Length / 2)];
        using var second = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody.Replace("hi", "another", StringComparison.Ordinal));
        Assert.Equal(encoded, await second.Content.ReadAsByteArrayAsync());
        step = Assert.Single(await proxy.ReadStepsAsync(await proxy.FindRunAsync(second)));
        Assert.NotEqual(StepStatus.Ok, step.Step.Status);
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public async Task Encoded_requests_pass_as_they_are_and_are_decoded_for_the_record_alone(string encoding)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith(Events, contentType: "text/event-stream");
        var encoded = Encode(Encoding.UTF8.GetBytes(StreamBody), encoding);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new ByteArrayContent(encoded) { Headers = { ContentEncoding = { encoding } } } };

        using var answer = await proxy.Client.SendAsync(request);

        Assert.Equal(Events, await answer.Content.ReadAsStringAsync());
        Assert.Equal(encoded, proxy.Upstream.Last.Body);
        Assert.Equal(encoding, proxy.Upstream.Last.Headers["Content-Encoding"].Single());
        if (encoding == "dcz")
        {
            Assert.False(answer.Headers.Contains("LlmProxy-Task"));
            return;
        }

        var step = Assert.Single(await proxy.ReadStepsAsync(await proxy.FindRunAsync(answer)));
        Assert.Equal("hi", step.Messages[0].Message.Text);
    }

    /// <summary>A dictionary (dcz, RFC 9842) is known to client and server alone; any bytes will do.</summary>
    private static byte[] Encode(byte[] bytes, string encoding)
    {
        using var output = new MemoryStream();
        using (Stream encoder = encoding switch
        {
            "gzip" => new GZipStream(output, CompressionLevel.Optimal, leaveOpen: true),
            "br" => new BrotliStream(output, CompressionLevel.Optimal, leaveOpen: true),
            "deflate" => new ZLibStream(output, CompressionLevel.Optimal, leaveOpen: true),
            "zstd" => new CompressionStream(output, leaveOpen: true),
            _ => new MemoryStream(),
        })
        {
            encoder.Write(bytes);
        }

        return encoding == "dcz" ? [0x5E, 0x2A, 0x4D, 0x18, .. bytes.Select(b => (byte)~b)] : output.ToArray();
    }

    private static string Chunked(string text, int pieces)
    {
        var chunks = text.Chunk((text.Length + pieces - 1) / pieces).Select(c => new string(c));
        return string.Concat(chunks.Select(c => string.Create(CultureInfo.InvariantCulture, $"{Encoding.UTF8.GetByteCount(c):x}\r\n{c}\r\n"))) + "0\r\n\r\n";
    }
}
