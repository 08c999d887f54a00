using System.Net;
using System.Net.Sockets;
using System.Text;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using Microsoft.AspNetCore.Http;

namespace LlmProxy.Tests.Wire;

/// <summary>What clients and upstreams do wrong, and what the other side then gets.</summary>
public sealed class BadInputTests
{
    private const string AnthropicError = """{"type":"error","error":{"type":"api_error","message":""";

    public static TheoryData<string, string> Unreadable() => new()
    {
        { "/anthropic/v1/messages", """{"model":"claude-sonnet-4-5","messages":[{"role":"user",""" },
        { "/anthropic/v1/messages", "[]" },
        { "/openai/v1/chat/completions", "not json at all" },
        { "/openai/v1/responses", "\"text\"" },
        { "/gemini/v1beta/models/gemini-2.5-pro:generateContent", "{\"contents\":" },
        { "/openai/v1/chat/completions", "{\"model\":\"\ud83d" },
    };

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task A_body_that_cannot_be_read_goes_to_the_upstream_as_it_is_and_its_answer_comes_back(string path, string body)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("""{"error":"the upstream's own words"}""", status: 400);

        using var answer = await proxy.PostAsync(path, body);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("""{"error":"the upstream's own words"}""", await answer.Content.ReadAsStringAsync());
        Assert.Equal(Encoding.UTF8.GetBytes(body), proxy.Upstream.Last.Body);
    }

    [Fact]
    public async Task Empty_bodies_and_odd_content_types_pass()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("x", contentType: "text/plain");

        var empty = await proxy.SendRawAsync("POST /anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        var form = await proxy.SendRawAsync("POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=b");
        var bare = await proxy.SendRawAsync("POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");

        Assert.All([empty, form, bare], text => Assert.StartsWith("HTTP/1.1 200 OK\r\n", text, StringComparison.Ordinal));
        Assert.Equal(["", "a=b", "{}"], proxy.Upstream.Received.Select(r => r.Text));
    }

    [Fact]
    public async Task Files_and_other_paths_of_a_provider_pass_unbuffered_with_their_target_as_written()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("ok", contentType: "text/plain");
        string[] targets = ["/anthropic/v1/models?limit=%41&x=a%2Fb", "/gemini/v1beta/files/a%2Fb%3Ac", "/openai/v1/./files/../files/", "/v1/models/gemini-2.5-pro:countTokens", "/openai/v1/files?a[]=1&b='"];

        foreach (var target in targets)
        {
            await proxy.SendRawAsync($"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        }

        Assert.Equal(["/v1/models?limit=%41&x=a%2Fb", "/v1beta/files/a%2Fb%3Ac", "/v1/./files/../files/", "/v1/models/gemini-2.5-pro:countTokens", "/v1/files?a[]=1&b='"], proxy.Upstream.Received.Select(r => r.Target));
    }

    [Fact]
    public async Task Headers_pass_as_they_are_in_both_directions()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.Response.Headers["request-id"] = "req_1";
            context.Response.Headers["x-latin"] = "caf\u00e9";
            context.Response.Headers.Append("set-cookie", "a=1");
            context.Response.Headers.Append("set-cookie", "b=2");
            await ScriptedUpstream.WriteAsync(context, "{}", 200, "application/json");
        };

        var answer = await proxy.SendRawAsync("POST /anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nanthropic-beta: a,b\r\nanthropic-beta: c\r\nauthorization: Bearer oauth\r\nx-stainless-lang: js\r\nx-latin: caf\u00e9\r\nexpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");

        var sent = proxy.Upstream.Last.Headers;
        Assert.Equal("a,b,c", string.Join(',', sent["anthropic-beta"]).Replace(" ", "", StringComparison.Ordinal));
        Assert.Equal(("Bearer oauth", "js", "caf\u00e9"), (sent["authorization"].Single(), sent["x-stainless-lang"].Single(), sent["x-latin"].Single()));
        Assert.DoesNotContain(sent.Keys, k => k.StartsWith("X-Forwarded", StringComparison.OrdinalIgnoreCase) || k.Equals("traceparent", StringComparison.OrdinalIgnoreCase) || k.Equals("expect", StringComparison.OrdinalIgnoreCase));
        Assert.Contains("request-id: req_1\r\n", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("x-latin: caf\u00e9\r\n", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("set-cookie: a=1\r\n", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("set-cookie: b=2\r\n", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Server: Kestrel", answer, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> DialectErrors() => new()
    {
        { "/anthropic/v1/messages", AnthropicError },
        { "/openai/v1/chat/completions", """{"error":{"message":""" },
        { "/openai/v1/responses", """{"error":{"message":""" },
        { "/gemini/v1beta/models/m:generateContent", """{"error":{"code":502,"message":""" },
    };

    [Theory]
    [MemberData(nameof(DialectErrors))]
    public async Task An_upstream_that_refuses_gives_502_in_the_clients_dialect_and_one_line_in_the_log(string path, string start)
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var closed = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/";
        free.Stop();
        await using var proxy = await RunningProxy.StartAsync(
            null,
            [.. new[] { "anthropic", "openai", "gemini" }.Select(c => ($"ReverseProxy:Clusters:{c}:Destinations:default:Address", closed)), .. new[] { "anthropic", "openai", "gemini" }.Select(c => ($"LlmProxy:Upstreams:{c}:Retries", "0"))]);

        using var answer = await proxy.PostAsync(path, """{"model":"m","messages":[{"role":"user","content":"hi"}],"input":"hi","contents":[{"role":"user","parts":[{"text":"hi"}]}]}""");

        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.ToString());
        Assert.StartsWith(start, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await proxy.Log.WaitForAsync(1002, ExchangeOutcome.UpstreamRefused);
        Assert.Single(proxy.Log.Of(1002));
    }

    [Fact]
    public async Task An_upstream_that_hangs_gives_504_in_the_clients_dialect()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Upstreams:anthropic:FirstByteTimeout", "00:00:00.300"));
        using var released = new SemaphoreSlim(0);
        proxy.Upstream.Answer = (context, _) => released.WaitAsync(context.RequestAborted);

        using var answer = await proxy.PostAsync("/anthropic/v1/messages", """{"model":"m","messages":[{"role":"user","content":"hi"}]}""");

        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        Assert.StartsWith("""{"type":"error","error":{"type":"timeout_error","message":""", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        released.Release();
    }

    [Fact]
    public async Task An_upstream_that_breaks_off_in_a_stream_is_seen_by_the_client_and_named_in_the_record()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var seen = new SemaphoreSlim(0);
        const string Part = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-x\",\"usage\":{\"input_tokens\":3}}}\n\n";
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(Part));
            await context.Response.Body.FlushAsync();
            await seen.WaitAsync();
            context.Abort();
        };

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, "/anthropic/v1/messages")) { Content = new StringContent("""{"model":"claude-x","stream":true,"messages":[{"role":"user","content":"hi"}]}""") };
        using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        using var reader = new StreamReader(stream);
        Assert.Equal("event: message_start", await reader.ReadLineAsync());
        seen.Release();
        await Assert.ThrowsAnyAsync<Exception>(() => reader.ReadToEndAsync());

        var run = await proxy.FindRunAsync(answer);
        var step = Assert.Single(await proxy.ReadStepsAsync(run));
        Assert.Equal(StepStatus.UpstreamBroke, step.Step.Status);
    }

    [Fact]
    public async Task An_upstream_that_lies_about_its_length_is_not_covered_up()
    {
        using var liar = new TcpListener(IPAddress.Loopback, 0);
        liar.Start();
        var serving = Task.Run(async () =>
        {
            using var client = await liar.AcceptTcpClientAsync();
            await using var stream = client.GetStream();
            var buffer = new byte[4096];
            _ = await stream.ReadAsync(buffer);
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"id\":1"u8.ToArray());
        });
        await using var proxy = await RunningProxy.StartAsync(null, ("ReverseProxy:Clusters:anthropic:Destinations:default:Address", $"http://127.0.0.1:{((IPEndPoint)liar.LocalEndpoint).Port}/"));

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => proxy.PostAsync("/anthropic/v1/messages", """{"model":"claude-x","messages":[{"role":"user","content":"hi"}]}"""));

        await serving;
        await proxy.Log.WaitForAsync(1002, ExchangeOutcome.UpstreamBroke);
    }

    [Fact]
    public async Task A_client_that_leaves_cancels_the_upstream_call_and_what_came_is_kept()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var gone = new TaskCompletionSource();
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.Body.WriteAsync("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-x\",\"usage\":{\"input_tokens\":3}}}\n\n"u8.ToArray());
            await context.Response.Body.FlushAsync();
            context.RequestAborted.Register(gone.SetResult);
            await gone.Task;
        };

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, "/anthropic/v1/messages")) { Content = new StringContent("""{"model":"claude-x","stream":true,"messages":[{"role":"user","content":"hi"}]}""") };
        string task;
        using (var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            task = answer.Headers.GetValues("LlmProxy-Task").Single();
        }

        await gone.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await proxy.SettleAsync();
        var run = await proxy.Store.FindTaskAsync("default", task, CancellationToken.None);
        Assert.Equal(StepStatus.ClientLeft, Assert.Single(await proxy.ReadStepsAsync(run!)).Step.Status);
    }

    [Fact]
    public async Task A_client_that_hangs_up_at_the_last_event_has_its_whole_answer_recorded()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var loop = ToolLoop.All("claude-x").Single(l => l.Name == "responses streamed");
        var gone = new TaskCompletionSource();
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(loop.SecondAnswer));
            await context.Response.Body.FlushAsync();
            context.RequestAborted.Register(gone.SetResult);
            await gone.Task;
        };

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, loop.Path)) { Content = new StringContent(loop.Second) };
        string task;
        using (var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
            while (await reader.ReadLineAsync() != "event: response.completed")
            {
            }

            await reader.ReadLineAsync();
            task = answer.Headers.GetValues("LlmProxy-Task").Single();
        }

        await gone.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await proxy.SettleAsync();
        var run = await proxy.Store.FindTaskAsync("default", task, CancellationToken.None);
        Assert.Equal(StepStatus.Ok, Assert.Single(await proxy.ReadStepsAsync(run!)).Step.Status);
        Assert.Equal(LlmProxy.Core.Trajectories.TrajectoryStatus.Completed, run!.Status);
    }

    [Fact]
    public async Task The_same_words_to_another_model_after_a_failure_are_another_task()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}", status: 503);
        using var claude = await proxy.PostAsync("/anthropic/v1/messages", """{"model":"claude-x","messages":[{"role":"user","content":"What should I wear?"}]}""");
        using var again = await proxy.PostAsync("/anthropic/v1/messages", """{"model":"claude-x","messages":[{"role":"user","content":"What should I wear?"}]}""");
        using var gpt = await proxy.PostAsync("/openai/v1/chat/completions", """{"model":"gpt-4o","messages":[{"role":"user","content":"What should I wear?"}]}""");

        Assert.Equal(claude.Headers.GetValues("LlmProxy-Task"), again.Headers.GetValues("LlmProxy-Task"));
        Assert.NotEqual(claude.Headers.GetValues("LlmProxy-Task"), gpt.Headers.GetValues("LlmProxy-Task"));
        Assert.Equal(("anthropic", "openai"), ((await proxy.FindRunAsync(claude)).Provider, (await proxy.FindRunAsync(gpt)).Provider));
    }

    [Fact]
    public async Task Events_reach_the_client_while_the_upstream_still_writes()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var next = new SemaphoreSlim(0);
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            for (var i = 0; i < 3; i++)
            {
                await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"data: {{\"n\":{i}}}\n\n"));
                await context.Response.Body.FlushAsync();
                await next.WaitAsync();
            }
        };

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, "/openai/v1/chat/completions")) { Content = new StringContent("""{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}""") };
        using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal($"data: {{\"n\":{i}}}", await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)));
            Assert.Equal("", await reader.ReadLineAsync());
            next.Release();
        }
    }

    [Fact]
    public async Task A_body_over_the_limit_passes_as_a_stream_and_is_not_recorded()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:MaxBodyBytes", "100000"));
        proxy.Upstream.AnswerWith("{}");
        var body = """{"model":"claude-x","messages":[{"role":"user","content":"TEXT"}]}""".Replace("TEXT", new string('x', 300_000), StringComparison.Ordinal);

        using var known = await proxy.PostAsync("/anthropic/v1/messages", body);
        using var chunked = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, "/anthropic/v1/messages")) { Content = new StringContent(body) };
        chunked.Headers.TransferEncodingChunked = true;
        using var unknown = await proxy.Client.SendAsync(chunked);

        Assert.All(proxy.Upstream.Received, r => Assert.Equal(body, r.Text));
        Assert.Equal(2, proxy.Upstream.Received.Count);
        Assert.False(known.Headers.Contains("LlmProxy-Task"));
        Assert.Equal(0, proxy.Spool.Pending);
    }

    [Theory]
    [InlineData("refuse", "HTTP/1.1 426 Upgrade Required\r\n", 0)]
    [InlineData("pass", "HTTP/1.1 200 OK\r\n", 1)]
    public async Task Responses_over_WebSocket_is_answered_426_unless_it_may_pass(string setting, string start, int forwarded)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:WebSockets", setting));
        proxy.Upstream.AnswerWith("{}");

        var answer = await proxy.SendRawAsync("GET /codex/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

        Assert.StartsWith(start, answer, StringComparison.Ordinal);
        Assert.Equal(forwarded, proxy.Upstream.Received.Count);
    }

    [Fact]
    public async Task Base_urls_answer_a_probe()
    {
        await using var proxy = await RunningProxy.StartAsync();
        foreach (var path in (string[])["/", "/anthropic", "/anthropic/", "/openai", "/gemini", "/proxy", "/codex"])
        {
            using var get = await proxy.Client.GetAsync(new Uri(proxy.Address, path));
            using var head = new HttpRequestMessage(HttpMethod.Head, new Uri(proxy.Address, path));
            using var answer = await proxy.Client.SendAsync(head);
            Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (get.StatusCode, answer.StatusCode));
        }

        Assert.Empty(proxy.Upstream.Received);
    }
}
