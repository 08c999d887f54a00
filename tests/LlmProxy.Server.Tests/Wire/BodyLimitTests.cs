using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Core.Recording;
using LlmProxy.Tests.Api;
using LlmProxy.Wire.Scanning;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Wire;

/// <summary>What a body may cost: encodings, announced and decoded sizes, messages. Beyond a limit a call is forwarded as it came and counted.</summary>
public sealed class BodyLimitTests
{
    private const string Chat = "/openai/v1/chat/completions";

    [Theory]
    [InlineData("br", 3)]
    [InlineData("gzip", 21_000)]
    [InlineData("identity,deflate", 3)]
    public async Task A_request_with_more_than_two_encodings_is_forwarded_as_it_came_and_counted(string encoding, int times)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        var header = string.Join(',', Enumerable.Repeat(encoding, times))[..Math.Min((encoding.Length + 1) * times - 1, 24_000)].TrimEnd(',');
        var body = Enumerable.Range(0, 5_000).Select(i => (byte)i).ToArray();

        using var answer = await PostAsync(proxy, DialectCalls.Anthropic, body, header);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.False(answer.Headers.Contains("LlmProxy-Task"));
        Assert.Equal(body, proxy.Upstream.Last.Body);
        Assert.Equal("""{"unknown-encoding":1}""", (await NotRecordedAsync(proxy)).ToJsonString());
    }

    [Fact]
    public async Task Two_encodings_over_each_other_are_recorded()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");

        using var answer = await PostAsync(proxy, DialectCalls.Anthropic, Gzip(Gzip(Encoding.UTF8.GetBytes(DialectCalls.AnthropicBody))), "gzip, gzip");

        Assert.True(answer.Headers.Contains("LlmProxy-Task"));
        Assert.Empty(await NotRecordedAsync(proxy));
    }

    [Fact]
    public async Task A_response_with_more_than_two_encodings_reaches_the_client_and_is_counted()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var body = Gzip(Gzip(Gzip("{}"u8.ToArray())));
        proxy.Upstream.Answer = (context, _) =>
        {
            context.Response.Headers.ContentEncoding = "gzip, gzip, gzip";
            context.Response.ContentType = "application/json";
            return context.Response.Body.WriteAsync(body).AsTask();
        };

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal(body, await answer.Content.ReadAsByteArrayAsync());
        await proxy.SettleAsync();
        Assert.Equal("""{"unknown-encoding":1}""", (await NotRecordedAsync(proxy)).ToJsonString());
    }

    [Fact]
    public async Task Unknown_encoding_is_logged_once_for_each_client_and_shown_by_doctor()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");

        foreach (var client in (string[])["one/1.0", "one/1.0", "two/2.0"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new ByteArrayContent([1, 2, 3]) { Headers = { ContentEncoding = { "lz4" } } } };
            request.Headers.UserAgent.ParseAdd(client);
            using var answer = await proxy.Client.SendAsync(request);
        }

        Assert.Equal(
            ["one/1.0", "two/2.0"],
            proxy.Log.GetSnapshot().Where(entry => entry.Id.Id == 1017).Select(entry => entry.GetStructuredStateValue("Client")!));
        using var folder = new Cli.TestFolder();
        var doctor = await Cli.Llmproxy.RunAsync(["doctor", .. folder.Alone.Skip(2), "--urls", proxy.Address.ToString(), "--json"]);
        var check = doctor.Json["checks"]!.AsArray().Single(c => (string?)c!["check"] == "unrecorded")!;
        Assert.Equal(("warn", "calls not recorded since the start: unknown-encoding 3"), ((string?)check["status"], (string?)check["text"]));
    }

    [Fact]
    public async Task Uploads_that_are_announced_and_do_not_come_keep_no_other_call_from_being_recorded()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        var silent = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 20; i++)
            {
                silent.Add(await AnnounceAsync(proxy, DialectCalls.Anthropic, 67_000_000, "{"));
            }

            // All of them have arrived when each has got its first byte counted.
            var budget = proxy.Services.GetRequiredService<BufferBudget>();
            while (budget.Used < silent.Count)
            {
                await Task.Yield();
            }

            Assert.InRange(budget.Used, silent.Count, 1 << 20);
            using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

            Assert.True(answer.Headers.Contains("LlmProxy-Task"));
            Assert.Empty(await NotRecordedAsync(proxy));
        }
        finally
        {
            silent.ForEach(s => s.Dispose());
        }
    }

    [Theory]
    [MemberData(nameof(DialectCalls.Theory), MemberType = typeof(DialectCalls))]
    public async Task A_client_that_stops_in_the_middle_of_its_request_gets_408_in_its_dialect(string path, string body)
    {
        var cluster = path.Split('/')[1];
        await using var proxy = await RunningProxy.StartAsync(null, ($"LlmProxy:Upstreams:{cluster}:ActivityTimeout", "200ms"));
        using var client = await AnnounceAsync(proxy, path, body.Length + 1, body);
        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);

        var answer = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(30));

        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
        var message = (string)JsonNode.Parse(answer[answer.IndexOf("\r\n\r\n", StringComparison.Ordinal)..])!["error"]!["message"]!;
        Assert.Contains($"LlmProxy:Upstreams:{cluster}:ActivityTimeout", message, StringComparison.Ordinal);
        Assert.Empty(proxy.Upstream.Received);
        Assert.Equal(0, proxy.Services.GetRequiredService<BufferBudget>().Used);
    }

    [Theory]
    [InlineData(100, true)]
    [InlineData(200_000, true)]
    [InlineData(3_000_000, true)]
    [InlineData(3_000_000, false)]
    public async Task A_body_that_comes_in_pieces_is_recorded_whole(int length, bool isAnnounced)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        var body = Encoding.UTF8.GetBytes("""{"model":"claude-x","messages":[{"role":"user","content":"TEXT"}]}""".Replace("TEXT", new string('x', length), StringComparison.Ordinal));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new PieceContent(body, isAnnounced) };

        using var answer = await proxy.Client.SendAsync(request);

        Assert.True(answer.Headers.Contains("LlmProxy-Task"));
        Assert.Equal(body, proxy.Upstream.Last.Body);
        Assert.Empty(await NotRecordedAsync(proxy));
    }

    [Theory]
    [InlineData("gzip", "gzip")]
    [InlineData("br", "br")]
    [InlineData("gzip", "gzip, gzip")]
    public async Task A_few_bytes_that_decode_to_more_than_a_body_may_have_are_forwarded_as_they_came(string coding, string header)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:MaxBodyBytes", "1MiB"), ("LlmProxy:Recording:MaxBufferedBytes", "8MiB"));
        proxy.Upstream.AnswerWith("{}");
        var body = Encode(ChatBody(2 << 20), coding);
        body = header.Contains(',', StringComparison.Ordinal) ? Encode(body, coding) : body;

        using var answer = await PostAsync(proxy, Chat, body, header);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(body, proxy.Upstream.Last.Body);
        Assert.Equal(header, proxy.Upstream.Last.Headers["Content-Encoding"].Single());
        Assert.Equal("""{"too-large":1}""", (await NotRecordedAsync(proxy)).ToJsonString());
    }

    [Fact]
    public async Task A_compressed_request_whose_rewriting_exceeds_what_a_body_may_have_is_forwarded_as_it_came()
    {
        const int Most = 1 << 20;
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:MaxBodyBytes", "1MiB"), ("LlmProxy:Recording:MaxBufferedBytes", "8MiB"));
        proxy.Upstream.AnswerWith("{}");
        var fits = Gzip(ChatBody(Most / 2));
        var exceeds = Gzip(ChatBody(Most - 200));

        using var first = await PostAsync(proxy, Chat, fits, "gzip");
        var rewritten = proxy.Upstream.Last;
        using var second = await PostAsync(proxy, Chat, exceeds, "gzip");

        Assert.False(rewritten.Headers.ContainsKey("Content-Encoding"));
        Assert.InRange(rewritten.Body.Length, Most / 2, Most);
        Assert.Equal(exceeds, proxy.Upstream.Last.Body);
        Assert.Equal("gzip", proxy.Upstream.Last.Headers["Content-Encoding"].Single());
        Assert.True(second.Headers.Contains("LlmProxy-Task"));
        await proxy.SettleAsync();
        Assert.Equal(0, proxy.Services.GetRequiredService<BufferBudget>().Used);
    }

    [Fact]
    public async Task Decoded_bodies_and_replies_count_against_what_is_held_for_all_calls()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:MaxBodyBytes", "4MiB"), ("LlmProxy:Recording:MaxBufferedBytes", "4MiB"));
        using var arrived = new SemaphoreSlim(0);
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        proxy.Upstream.Answer = async (context, _) =>
        {
            arrived.Release();
            await released.Task.WaitAsync(context.RequestAborted);
            await ScriptedUpstream.WriteAsync(context, "{}", 200, "application/json");
        };
        var body = Gzip(AnthropicBody(3 << 20));
        var first = PostAsync(proxy, DialectCalls.Anthropic, body, "gzip");
        await arrived.WaitAsync();
        var used = proxy.Services.GetRequiredService<BufferBudget>().Used;

        var second = PostAsync(proxy, DialectCalls.Anthropic, body, "gzip");
        await arrived.WaitAsync();
        released.SetResult();

        Assert.InRange(used, 3 << 20, 4 << 20);
        using var answered = await first;
        using var alsoAnswered = await second;
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (answered.StatusCode, alsoAnswered.StatusCode));
        Assert.True(answered.Headers.Contains("LlmProxy-Task"));
        Assert.Equal("""{"too-large":1}""", (await NotRecordedAsync(proxy)).ToJsonString());
        await proxy.SettleAsync();
        Assert.Equal(0, proxy.Services.GetRequiredService<BufferBudget>().Used);
    }

    [Fact]
    public async Task A_reply_without_memory_to_assemble_it_is_recorded_whole_later()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:MaxBodyBytes", "4MiB"), ("LlmProxy:Recording:MaxBufferedBytes", "4MiB"));
        var text = new string('x', 3 << 20);
        proxy.Upstream.AnswerWith($$$"""{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"{{{text}}}"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}""");

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);
        var task = answer.Headers.GetValues("LlmProxy-Task").Single();
        await proxy.SettleAsync();

        var step = (await proxy.GetJsonAsync($"/_llmproxy/trajectories/{task}"))["steps"]![0]!;
        Assert.Equal("ok", (string?)step["status"]);
        Assert.Equal(text.Length, ((string)step["response"]!["text"]!).Length);
        Assert.Equal(0, proxy.Services.GetRequiredService<BufferBudget>().Used);
    }

    [Theory]
    [InlineData(DialectCalls.Anthropic, "{\"model\":\"claude-x\",\"messages\":[", "{\"role\":\"user\",\"content\":\"a\"}", "]}")]
    [InlineData(DialectCalls.Anthropic, "{\"model\":\"claude-x\",\"messages\":[{\"role\":\"user\",\"content\":[", "{\"type\":\"text\",\"text\":\"a\"}", "]}]}")]
    [InlineData(DialectCalls.Anthropic, "{\"model\":\"claude-x\",\"messages\":[{\"role\":\"assistant\",\"content\":[", "{\"type\":\"text\",\"text\":\"a\"}", "]},{\"role\":\"user\",\"content\":\"b\"}]}")]
    [InlineData(DialectCalls.Anthropic, "{\"model\":\"claude-x\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"x\",\"data\":[", "1", "]}]}]}")]
    [InlineData(DialectCalls.Anthropic, "{\"model\":\"claude-x\",\"messages\":[{\"role\":\"user\",\"content\":\"b\"}],\"tools\":[", "{\"name\":\"a\"}", "]}")]
    [InlineData(Chat, "{\"model\":\"gpt-5\",\"messages\":[", "{\"role\":\"system\",\"content\":\"a\"}", "]}")]
    [InlineData("/openai/v1/responses", "{\"model\":\"gpt-5\",\"input\":[", "{\"type\":\"message\",\"role\":\"user\",\"content\":\"a\"}", "]}")]
    [InlineData("/gemini/v1beta/models/m:generateContent", "{\"contents\":[", "{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]}", "]}")]
    public async Task A_million_of_anything_in_a_request_is_forwarded_and_counted_as_too_large(string path, string before, string item, string after)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        var body = Gzip(Encoding.UTF8.GetBytes(before + string.Join(',', Enumerable.Repeat(item, RequestLimits.MaxValues + 10)) + after));

        using var answer = await PostAsync(proxy, path, body, "gzip");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(body, proxy.Upstream.Last.Body);
        Assert.Equal("""{"too-large":1}""", (await NotRecordedAsync(proxy)).ToJsonString());
    }

    [Fact]
    public async Task A_request_nested_deeper_than_is_read_is_counted_as_too_large()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        var body = """{"model":"claude-x","messages":[{"role":"user","content":[{"type":"x","deep":""" + new string('[', 20_000) + new string(']', 20_000) + "}]}]}";

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, body);

        Assert.Equal(body, proxy.Upstream.Last.Text);
        Assert.Equal("""{"too-large":1}""", (await NotRecordedAsync(proxy)).ToJsonString());
    }

    [Fact]
    public async Task As_many_messages_as_are_read_are_recorded()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        var messages = string.Join(',', Enumerable.Range(0, RequestLimits.MaxMessages).Select(i => string.Create(CultureInfo.InvariantCulture, $$$"""{"role":"user","content":"{{{i}}}"}""")));

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, $$$"""{"model":"claude-x","messages":[{{{messages}}}]}""");
        await proxy.SettleAsync();

        Assert.True(answer.Headers.Contains("LlmProxy-Task"));
        Assert.Empty(await NotRecordedAsync(proxy));
    }

    private static async Task<JsonObject> NotRecordedAsync(RunningProxy proxy) =>
        (await proxy.GetJsonAsync("/_llmproxy/status"))["recording"]!["notRecorded"]!.AsObject();

    private static async Task<HttpResponseMessage> PostAsync(RunningProxy proxy, string path, byte[] body, string encoding)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, path)) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        return await proxy.Client.SendAsync(request);
    }

    private static async Task<TcpClient> AnnounceAsync(RunningProxy proxy, string path, int length, string start)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{start}")));
        return client;
    }

    private static byte[] ChatBody(int length) => Encoding.UTF8.GetBytes(
        """{"model":"gpt-5","tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}],"messages":[{"role":"system","content":"s"},{"role":"user","content":"TEXT"}]}"""
            .Replace("TEXT", new string('x', length), StringComparison.Ordinal));

    private static byte[] AnthropicBody(int length) => Encoding.UTF8.GetBytes(DialectCalls.AnthropicBody.Replace("hi", new string('x', length), StringComparison.Ordinal));

    private static byte[] Gzip(byte[] bytes) => Encode(bytes, "gzip");

    private static byte[] Encode(byte[] bytes, string coding)
    {
        using var encoded = new MemoryStream();
        using (Stream encoder = coding == "br" ? new BrotliStream(encoded, CompressionLevel.Fastest) : new GZipStream(encoded, CompressionLevel.Fastest))
        {
            encoder.Write(bytes);
        }

        return encoded.ToArray();
    }

    /// <summary>Sends a body in pieces, each flushed.</summary>
    private sealed class PieceContent(byte[] body, bool isAnnounced) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            foreach (var piece in body.Chunk(Math.Max(50, body.Length / 50)))
            {
                await stream.WriteAsync(piece);
                await stream.FlushAsync();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = body.Length;
            return isAnnounced;
        }
    }
}
