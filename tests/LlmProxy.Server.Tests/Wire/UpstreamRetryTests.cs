using System.Diagnostics;
using System.Globalization;
using System.Net;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Telemetry;
using LlmProxy.Server.Upstreams;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Polly;
using TelemetryOptions = Polly.Telemetry.TelemetryOptions;

namespace LlmProxy.Tests.Wire;

/// <summary>What is tried again, what is not, and when a destination is left alone.</summary>
public sealed class UpstreamRetryTests
{
    private const string Whole = """{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}""";
    private static readonly (string, string) Retry = ("LlmProxy:Upstreams:anthropic:RetryStatuses", "429, 502, 503, 529");

    [Theory]
    [InlineData(429)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(529)]
    public async Task A_status_of_the_settings_is_tried_again_and_the_client_sees_the_last_answer_alone(int status)
    {
        await using var proxy = await RunningProxy.StartAsync(null, Retry);
        AnswerFirstWith(proxy, status);

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody, ("x-mine", "kept"));

        Assert.Equal((HttpStatusCode.OK, Whole), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Equal([DialectCalls.AnthropicBody, DialectCalls.AnthropicBody], proxy.Upstream.Received.Select(r => r.Text));
        Assert.All(proxy.Upstream.Received, r => Assert.Equal("kept", r.Headers["x-mine"].Single()));
        Assert.All(proxy.Upstream.Received, r => Assert.Equal("application/json", r.Headers["Content-Type"].Single()));
        Assert.Equal(("anthropic", "1"), ((await proxy.Log.WaitForAsync(1101)).GetStructuredStateValue("Cluster"), proxy.Log.Of(1101).Single().GetStructuredStateValue("Attempt")));
        Assert.Equal(1, (await proxy.FindRunAsync(answer)).IterationCount);
    }

    [Fact]
    public async Task By_default_no_answer_is_tried_again()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("""{"mine":1}""", status: 503);

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal("""{"mine":1}""", await answer.Content.ReadAsStringAsync());
        Assert.Single(proxy.Upstream.Received);
    }

    [Fact]
    public async Task The_last_answer_of_a_destination_that_stays_overloaded_reaches_the_client_as_it_is()
    {
        await using var proxy = await RunningProxy.StartAsync(null, Retry, ("LlmProxy:Upstreams:anthropic:Retries", "2"));
        var count = 0;
        proxy.Upstream.Answer = (context, _) => ScriptedUpstream.WriteAsync(context, $$"""{"try":{{Interlocked.Increment(ref count)}}}""", 529, "application/json");

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal((529, """{"try":3}"""), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync()));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("Thu, 01 Jan 2026 00:00:00 GMT")]
    public async Task A_Retry_After_that_is_over_is_retried_at_once(string value)
    {
        await using var proxy = await RunningProxy.StartAsync(null, Retry);
        var count = 0;
        proxy.Upstream.Answer = (context, _) =>
        {
            context.Response.Headers.RetryAfter = value;
            return ScriptedUpstream.WriteAsync(context, Whole, count++ == 0 ? 429 : 200, "application/json");
        };

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal((HttpStatusCode.OK, 2), (answer.StatusCode, count));
    }

    [Theory]
    [InlineData("2", 2)]
    [InlineData("30", 30)]
    public async Task Retry_After_is_honoured_in_seconds(string value, int seconds)
    {
        var time = new FakeTimeProvider();
        var (answer, attempts) = Retried(time, value);

        time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromTicks(1));
        Assert.Single(attempts);
        time.Advance(TimeSpan.FromTicks(1));

        Assert.Equal(HttpStatusCode.OK, (await answer).StatusCode);
        Assert.Equal(2, attempts.Count);
    }

    [Fact]
    public async Task Retry_After_is_honoured_as_a_date()
    {
        // The strategy compares the date with the system's clock and waits by the given one.
        var now = TimeProvider.System.GetUtcNow();
        var time = new FakeTimeProvider(now);
        var (answer, attempts) = Retried(time, now.AddSeconds(20).ToString("r", CultureInfo.InvariantCulture));

        time.Advance(TimeSpan.FromMilliseconds(200));
        Assert.Single(attempts);
        time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(HttpStatusCode.OK, (await answer).StatusCode);
        Assert.Equal(2, attempts.Count);
    }

    [Fact]
    public async Task Whoever_asks_for_long_patience_is_not_tried_again_and_the_client_hears_it_at_once()
    {
        await using var proxy = await RunningProxy.StartAsync(null, Retry);
        proxy.Upstream.Answer = (context, _) =>
        {
            context.Response.Headers.RetryAfter = "3600";
            return ScriptedUpstream.WriteAsync(context, "{}", 429, "application/json");
        };

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal((HttpStatusCode.TooManyRequests, "3600"), (answer.StatusCode, answer.Headers.GetValues("Retry-After").Single()));
        Assert.Single(proxy.Upstream.Received);
    }

    [Fact]
    public async Task A_stream_that_breaks_off_after_its_first_byte_is_never_tried_again()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n");
            connection.Reset();
        });
        await using var proxy = await RunningProxy.StartAsync(null, [Retry, .. upstream.Settings]);

        await Assert.ThrowsAnyAsync<Exception>(() => proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody));

        await proxy.Log.WaitForAsync(1002, ExchangeOutcome.UpstreamBroke);
        Assert.Equal(1, upstream.Connections);
    }

    [Theory]
    [InlineData("/openai/v1/files", "POST", 1)]
    [InlineData("/openai/v1/chat/completions", "POST", 1)]
    [InlineData("/openai/v1/models", "GET", 3)]
    public async Task A_body_that_streams_through_is_sent_once_and_a_request_without_a_body_again(string path, string method, int sent)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Upstreams:openai:RetryStatuses", "503"), ("LlmProxy:Recording:MaxBodyBytes", "1000"));
        proxy.Upstream.AnswerWith("{}", status: 503);

        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(proxy.Address, path)) { Content = method == "GET" ? null : new StringContent(new string('x', 5_000)) };
        using var answer = await proxy.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(sent, proxy.Upstream.Received.Count);
        Assert.All(proxy.Upstream.Received, r => Assert.Equal(method == "GET" ? 0 : 5_000, r.Body.Length));
    }

    [Fact]
    public async Task A_connection_that_could_not_be_made_is_tried_again_until_it_can()
    {
        var address = RawUpstream.ClosedAddress();
        await using var proxy = await RunningProxy.StartAsync(null, [("LlmProxy:Upstreams:anthropic:Retries", "8"), .. RawUpstream.SettingsFor(address)]);
        var calling = proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);
        await proxy.Log.WaitForAsync(1101, "anthropic");
        await using var upstream = RawUpstream.Start(
            async connection =>
            {
                Assert.Equal(DialectCalls.AnthropicBody, (await connection.ReadRequestAsync()).Body);
                await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Whole.Length}\r\nConnection: close\r\n\r\n{Whole}");
            },
            address.Port);

        using var answer = await calling;

        Assert.Equal(Whole, await answer.Content.ReadAsStringAsync());
        Assert.Equal(1, upstream.Connections);
    }

    [Fact]
    public async Task A_rewritten_body_is_tried_again_in_its_rewritten_form()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Upstreams:openai:RetryStatuses", "503"));
        await RecordedClaude.RecordAsync(proxy);
        proxy.Upstream.Received.Clear();
        var loop = ToolLoop.All("gpt-4o").Single(l => l.Name == "chat");
        var count = 0;
        proxy.Upstream.Answer = (context, _) => ScriptedUpstream.WriteAsync(context, loop.FirstAnswer, Interlocked.Increment(ref count) == 1 ? 503 : 200, "application/json");

        using var answer = await proxy.PostAsync(loop.Path, loop.First);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var sent = proxy.Upstream.Received.Select(r => r.Text).ToList();
        Assert.Equal(2, sent.Count);
        Assert.Equal(sent[0], sent[1]);
        Assert.Contains("recorded_run", sent[0], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(DialectCalls.Theory), MemberType = typeof(DialectCalls))]
    public async Task A_destination_that_keeps_failing_is_left_alone_its_calls_are_answered_at_once_in_their_dialect_and_then_it_is_tried_again(string path, string body)
    {
        var address = RawUpstream.ClosedAddress();
        var cluster = path.Split('/')[1];
        await using var proxy = await RunningProxy.StartAsync(
            null,
            [($"LlmProxy:Upstreams:{cluster}:BreakAfter", "3"), ($"LlmProxy:Upstreams:{cluster}:BreakFor", "00:00:02"), ($"LlmProxy:Upstreams:{cluster}:Retries", "2"), .. RawUpstream.SettingsFor(address)]);

        // Three tries of one call open it.
        using var first = await proxy.PostAsync(path, body);
        await proxy.Log.WaitForAsync(1102, cluster);
        await using var upstream = RawUpstream.Start(
            async connection =>
            {
                while ((await connection.ReadRequestAsync()).Head.Length > 0)
                {
                    await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
                }
            },
            address.Port);
        using var open = await proxy.PostAsync(path, body);

        Assert.Equal(HttpStatusCode.BadGateway, first.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, open.StatusCode);
        Assert.Equal(0, upstream.Connections);
        Assert.InRange(open.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 2);
        Assert.Contains($"circuit breaker open for upstream '{cluster}'", await DialectCalls.ReadErrorAsync(path, open), StringComparison.Ordinal);
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            using var later = await proxy.PostAsync(path, body);
            if (later.StatusCode == HttpStatusCode.OK)
            {
                break;
            }

            Assert.Equal(HttpStatusCode.ServiceUnavailable, later.StatusCode);
            Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(30));
            await Task.Delay(50);
        }

        await proxy.Log.WaitForAsync(1103, cluster);
    }

    [Fact]
    public async Task A_quota_of_one_caller_does_not_keep_the_destination_from_others()
    {
        await using var proxy = await RunningProxy.StartAsync(null, Retry, ("LlmProxy:Upstreams:anthropic:BreakAfter", "2"), ("LlmProxy:Upstreams:anthropic:Retries", "0"));
        proxy.Upstream.AnswerWith("{}", status: 429);
        for (var i = 0; i < 5; i++)
        {
            using var limited = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);
            Assert.Equal(HttpStatusCode.TooManyRequests, limited.StatusCode);
        }

        Assert.Equal(5, proxy.Upstream.Received.Count);
    }

    [Fact]
    public async Task Bytes_that_are_still_on_their_way_when_the_answer_comes_are_never_those_of_another_call()
    {
        // This upstream answers before it reads, and reads on; what it gets must be of one call alone.
        const int Length = 30 << 20;
        var read = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}");
            var seen = new HashSet<byte>();
            try
            {
                for (var left = Length; left > 0 && await connection.ReadAsync(Math.Min(left, 64 << 10)) is { Length: > 0 } bytes; left -= bytes.Length)
                {
                    seen.UnionWith(bytes);
                }
            }
            catch (IOException)
            {
                // The proxy may give the connection up.
            }

            read.TrySetResult(string.Concat(seen.Select(b => (char)b)));
        });
        await using var proxy = await RunningProxy.StartAsync(null, upstream.Settings);
        await using var other = await RunningProxy.StartAsync();
        other.Upstream.AnswerWith("{}");

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, new string('a', Length));
        for (var i = 0; i < 4; i++)
        {
            using var next = await other.PostAsync(DialectCalls.Anthropic, new string('b', Length));
        }

        Assert.Equal("a", await read.Task.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    private static void AnswerFirstWith(RunningProxy proxy, int status)
    {
        var count = 0;
        proxy.Upstream.Answer = (context, _) => Interlocked.Increment(ref count) == 1
            ? ScriptedUpstream.WriteAsync(context, """{"not":"for the client"}""", status, "application/json")
            : ScriptedUpstream.WriteAsync(context, Whole, 200, "application/json");
    }

    /// <summary>One call through the strategies, whose destination asks once to be called again later.</summary>
    private static (Task<HttpResponseMessage> Answer, List<HttpStatusCode> Attempts) Retried(FakeTimeProvider time, string retryAfter)
    {
        var resilience = new UpstreamResilience(Options.Create(new TelemetryOptions()), new LlmProxyOptions(), new ConfigurationBuilder().Build(), new ProxyMetrics(), time, NullLogger<UpstreamResilience>.Instance);
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri("http://localhost/v1/messages"));
        var pipeline = resilience.For("anthropic", new UpstreamOptions { Retries = 1, RetryStatuses = [429] }, request);
        var context = ResilienceContextPool.Shared.Get();
        context.SetRequestMessage(request);
        var attempts = new List<HttpStatusCode>();
        var answer = pipeline.ExecuteAsync(
            _ =>
            {
                attempts.Add(attempts.Count == 0 ? HttpStatusCode.TooManyRequests : HttpStatusCode.OK);
                var answer = new HttpResponseMessage(attempts[^1]);
                answer.Headers.TryAddWithoutValidation("Retry-After", retryAfter);
                return ValueTask.FromResult(answer);
            },
            context);
        return (answer.AsTask(), attempts);
    }
}
