using System.Net;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Trajectories;
using Microsoft.AspNetCore.Http;

namespace LlmProxy.Tests.Wire;

/// <summary>Each limit as the settings say it, and what a client is told that passes one.</summary>
public sealed class LimitTests
{
    [Theory]
    [MemberData(nameof(DialectCalls.Theory), MemberType = typeof(DialectCalls))]
    public async Task Headers_over_the_limit_are_refused_in_the_clients_dialect(string path, string body)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Limits:MaxHeaderBytes", "4KiB"));
        proxy.Upstream.AnswerWith("{}");

        using var within = await proxy.PostAsync(path, body, ("x-long", new string('x', 3_500)));
        using var over = await proxy.PostAsync(path, body, ("x-long", new string('x', 4_100)));

        Assert.Equal(HttpStatusCode.OK, within.StatusCode);
        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, over.StatusCode);
        Assert.Contains("LlmProxy:Limits:MaxHeaderBytes (4096)", await DialectCalls.ReadErrorAsync(path, over), StringComparison.Ordinal);
        Assert.Single(proxy.Upstream.Received);
    }

    [Fact]
    public async Task Many_and_long_headers_pass_by_default()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        var headers = Enumerable.Range(0, 90).Select(i => ($"x-many-{i}", new string('v', 300))).ToArray();

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic + "?q=" + new string('q', 6_000), DialectCalls.AnthropicBody, headers);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.All(headers, h => Assert.Equal(h.Item2, proxy.Upstream.Last.Headers[h.Item1].Single()));
    }

    [Theory]
    [InlineData("/anthropic/v1/messages", false)]
    [InlineData("/anthropic/v1/messages", true)]
    [InlineData("/openai/v1/files", false)]
    [InlineData("/openai/v1/files", true)]
    [InlineData("/gemini/upload/v1beta/files", true)]
    public async Task A_body_over_the_limit_is_refused_in_the_clients_dialect_whether_its_length_is_told_or_not(string path, bool chunked)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Limits:MaxRequestBytes", "100000"));
        proxy.Upstream.AnswerWith("{}");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, path)) { Content = new StringContent(new string('x', 200_000)) };
        request.Headers.TransferEncodingChunked = chunked;

        using var answer = await proxy.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.NotEmpty(await DialectCalls.ReadErrorAsync(path, answer));
        Assert.DoesNotContain(proxy.Upstream.Received, r => r.Body.Length > 100_000);
    }

    [Fact]
    public async Task A_key_has_so_many_calls_under_way_and_no_more_and_other_keys_are_not_concerned()
    {
        await using var proxy = await RunningProxy.StartAsync(
            null,
            [("LlmProxy:Limits:MaxStreamsPerKey", "2"), .. Key(0, "ann", "key-ann"), .. Key(1, "bob", "key-bob")]);
        using var arrived = new SemaphoreSlim(0);
        using var released = new SemaphoreSlim(0);
        proxy.Upstream.Answer = async (context, _) =>
        {
            arrived.Release();
            await released.WaitAsync(context.RequestAborted);
            await ScriptedUpstream.WriteAsync(context, "{}", 200, "application/json");
        };
        var first = CallAsync("key-ann");
        var second = CallAsync("key-ann");
        await arrived.WaitAsync();
        await arrived.WaitAsync();

        using var third = await CallAsync("key-ann");
        Assert.Equal(HttpStatusCode.TooManyRequests, third.StatusCode);
        Assert.Equal("1", third.Headers.GetValues("Retry-After").Single());
        Assert.Contains("too many concurrent calls with the key 'ann' (limit: 2). Retry when one has ended, or raise LlmProxy:Limits:MaxStreamsPerKey", await DialectCalls.ReadErrorAsync(DialectCalls.Anthropic, third), StringComparison.Ordinal);
        var bob = CallAsync("key-bob");
        await arrived.WaitAsync();

        released.Release(3);
        foreach (var call in (Task<HttpResponseMessage>[])[first, second, bob])
        {
            using var answer = await call;
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        released.Release();
        using var after = await CallAsync("key-ann");
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);

        Task<HttpResponseMessage> CallAsync(string key) => proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody, ("LlmProxy-Key", key));

        static (string, string)[] Key(int index, string name, string key) =>
        [
            ($"LlmProxy:Auth:Keys:{index}:Name", name),
            ($"LlmProxy:Auth:Keys:{index}:Sha256", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))),
        ];
    }

    [Theory]
    [MemberData(nameof(DialectCalls.Theory), MemberType = typeof(DialectCalls))]
    public async Task A_call_whose_total_time_is_over_before_an_answer_gets_504_in_its_dialect_and_the_upstream_is_let_go(string path, string body)
    {
        var cluster = path.Split('/')[1];
        await using var proxy = await RunningProxy.StartAsync(null, ($"LlmProxy:Upstreams:{cluster}:TotalTimeout", "300ms"));
        var gone = LeaveHanging(proxy);

        using var answer = await proxy.PostAsync(path, body);

        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        Assert.Contains($"LlmProxy:Upstreams:{cluster}:TotalTimeout", await DialectCalls.ReadErrorAsync(path, answer), StringComparison.Ordinal);
        await gone.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_stream_whose_total_time_is_over_breaks_for_the_client_and_the_record_names_the_time_out()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Upstreams:anthropic:TotalTimeout", "1s"));
        var gone = LeaveHanging(proxy, afterFirstEvent: true);

        await AssertStreamBreaksAsync(proxy, StepStatus.UpstreamTimeout);
        await gone.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Silence_in_a_stream_ends_it_after_the_activity_time_out_and_not_before()
    {
        await using var shortOne = await RunningProxy.StartAsync(null, ("LlmProxy:Upstreams:anthropic:ActivityTimeout", "500ms"));
        _ = LeaveHanging(shortOne, afterFirstEvent: true);
        await AssertStreamBreaksAsync(shortOne, StepStatus.UpstreamBroke, StepStatus.UpstreamTimeout);

        // The same silence, and four times as long, under the shipped settings.
        await using var shipped = await RunningProxy.StartAsync();
        shipped.Upstream.Answer = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: 1\n\n");
            await context.Response.Body.FlushAsync();
            await Task.Delay(2_000);
            await context.Response.WriteAsync("data: 2\n\n");
        };
        using var whole = await shipped.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);
        Assert.Equal("data: 1\n\ndata: 2\n\n", await whole.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task The_first_byte_time_out_does_not_cut_a_long_answer()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Upstreams:anthropic:FirstByteTimeout", "500ms"));
        proxy.Upstream.Answer = async (context, _) =>
        {
            await context.Response.WriteAsync("begin ");
            await context.Response.Body.FlushAsync();
            await Task.Delay(1_500);
            await context.Response.WriteAsync("end");
        };

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal("begin end", await answer.Content.ReadAsStringAsync());
    }

    /// <summary>An upstream that hangs; the task ends when its caller lets it go.</summary>
    private static Task LeaveHanging(RunningProxy proxy, bool afterFirstEvent = false)
    {
        var gone = new TaskCompletionSource();
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.RequestAborted.Register(() => gone.TrySetResult());
            if (afterFirstEvent)
            {
                context.Response.ContentType = "text/event-stream";
                await context.Response.WriteAsync("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-x\",\"usage\":{\"input_tokens\":3}}}\n\n");
                await context.Response.Body.FlushAsync();
            }

            await gone.Task;
        };
        return gone.Task;
    }

    private static async Task AssertStreamBreaksAsync(RunningProxy proxy, params StepStatus[] statuses)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new StringContent("""{"model":"claude-x","stream":true,"messages":[{"role":"user","content":"hi"}]}""") };
        using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("event: message_start", await reader.ReadLineAsync());
        await Assert.ThrowsAnyAsync<Exception>(() => reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(30)));
        var run = await proxy.FindRunAsync(answer);
        Assert.Contains(Assert.Single(await proxy.ReadStepsAsync(run)).Step.Status, statuses);
    }
}
