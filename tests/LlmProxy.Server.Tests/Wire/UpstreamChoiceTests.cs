using System.Net;
using System.Net.Security;
using System.Net.WebSockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace LlmProxy.Tests.Wire;

/// <summary>Where calls go: to the configured upstream, over a connection that is checked, and nowhere else.</summary>
public sealed class UpstreamChoiceTests
{
    [Fact]
    public async Task Nothing_in_a_request_chooses_the_upstream()
    {
        await using var stranger = RawUpstream.Start(async connection => await connection.ReadHeadAsync());
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        var there = stranger.Address.ToString().TrimEnd('/');
        var authority = stranger.Address.Authority;
        var body = $$"""{"model":"m","base_url":"{{there}}","api_base":"{{there}}","url":"{{there}}","messages":[{"role":"user","content":"hi"}]}""";
        string[] targets =
        [
            "/openai/v1/chat/completions",
            $"{there}/openai/v1/chat/completions",
            $"/openai//{authority}/v1/chat/completions",
            $"/openai/v1/chat/completions?url={there}&base_url={there}",
            $"/openai/@{authority}/chat/completions",
            NoRoute(authority),
        ];
        foreach (var target in targets)
        {
            var answer = await proxy.SendRawAsync($"POST {target} HTTP/1.1\r\nHost: {authority}\r\nX-Forwarded-Host: {authority}\r\nForwarded: host={authority};proto=https\r\nX-Original-URL: {there}/\r\nX-Rewrite-URL: {there}/\r\nX-Upstream: {there}\r\nopenai-base-url: {there}\r\nLlmProxy-Upstream: {there}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}");
            Assert.StartsWith(target == NoRoute(authority) ? "HTTP/1.1 404 Not Found" : "HTTP/1.1 200 OK", answer, StringComparison.Ordinal);
        }

        Assert.Equal(targets.Length - 1, proxy.Upstream.Received.Count);
        Assert.All(proxy.Upstream.Received, r => Assert.Equal(proxy.Upstream.Address.Authority, r.Headers["Host"].Single()));
        Assert.Equal(0, stranger.Connections);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("HashCookie")]
    [InlineData("ArrCookie")]
    [InlineData("Cookie")]
    [InlineData("CustomHeader")]
    public async Task Session_affinity_keeps_a_client_with_its_destination(string? policy)
    {
        var (path, body) = DialectCalls.All[1];
        await using var second = await ScriptedUpstream.StartAsync();
        await using var proxy = await RunningProxy.StartAsync(
            null,
            [
                ("ReverseProxy:Clusters:openai:Destinations:second:Address", second.Address.ToString()),
                ("ReverseProxy:Clusters:openai:LoadBalancingPolicy", "RoundRobin"),
                ("ReverseProxy:Clusters:openai:SessionAffinity:Enabled", "true"),
                .. policy is null ? [] : new[] { ("ReverseProxy:Clusters:openai:SessionAffinity:Policy", policy) },
                ("ReverseProxy:Clusters:openai:SessionAffinity:AffinityKeyName", "upstream"),
            ]);
        proxy.Upstream.AnswerWith("{}");
        second.AnswerWith("{}");
        var clients = new List<(ScriptedUpstream Chosen, (string Name, string Value) Affinity)>();
        for (var i = 0; i < 2; i++)
        {
            var before = proxy.Upstream.Received.Count;
            using var first = await proxy.PostAsync(path, body);
            var affinity = policy == "CustomHeader" ? ("upstream", first.Headers.GetValues("upstream").Single()) : ("Cookie", first.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
            clients.Add((proxy.Upstream.Received.Count > before ? proxy.Upstream : second, affinity));
        }

        // Two clients whose calls alternate stay where they began.
        Assert.NotSame(clients[0].Chosen, clients[1].Chosen);
        for (var i = 0; i < 7; i++)
        {
            foreach (var (chosen, affinity) in clients)
            {
                var before = chosen.Received.Count;
                using var next = await proxy.PostAsync(path, body, affinity);
                Assert.Equal(HttpStatusCode.OK, next.StatusCode);
                Assert.Equal(before + 1, chosen.Received.Count);
            }
        }
    }

    [Theory]
    [MemberData(nameof(DialectCalls.Theory), MemberType = typeof(DialectCalls))]
    public async Task A_certificate_that_nobody_vouches_for_is_refused_and_no_byte_of_the_call_leaves(string path, string body)
    {
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        var received = 0;
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await using var tls = new SslStream(connection.Stream);
            try
            {
                await tls.AuthenticateAsServerAsync(certificate);
                received += await tls.ReadAsync(new byte[1_000]);
            }
            catch (Exception error) when (error is AuthenticationException or IOException)
            {
                // The proxy hangs up, as it should.
            }
        });
        await using var proxy = await RunningProxy.StartAsync(null, RawUpstream.SettingsFor(new Uri($"https://localhost:{upstream.Port}/")));

        using var answer = await proxy.PostAsync(path, body);

        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Contains("certificate", await DialectCalls.ReadErrorAsync(path, answer), StringComparison.OrdinalIgnoreCase);
        Assert.Equal((0, 1), (received, upstream.Connections));
    }

    [Fact]
    public async Task A_realtime_connection_passes_in_both_directions()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.Answer = async (context, _) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync("realtime");
            var buffer = new byte[200_000];
            await socket.SendAsync("{\"type\":\"session.created\"}"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                    length += part.Count;
                }
                while (!part.EndOfMessage);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", CancellationToken.None);
                    return;
                }

                await socket.SendAsync(buffer.AsMemory(0, length), part.MessageType, endOfMessage: true, CancellationToken.None);
            }
        };
        using var client = new ClientWebSocket();
        client.Options.Proxy = null;
        client.Options.AddSubProtocol("realtime");
        client.Options.SetRequestHeader("Authorization", "Bearer mine");

        await client.ConnectAsync(new Uri($"ws://127.0.0.1:{proxy.Address.Port}/openai/v1/realtime?model=gpt-realtime"), CancellationToken.None);

        Assert.Equal("realtime", client.SubProtocol);
        Assert.Equal(("/v1/realtime?model=gpt-realtime", "Bearer mine"), (proxy.Upstream.Last.Target, proxy.Upstream.Last.Headers["Authorization"].Single()));
        Assert.Equal("{\"type\":\"session.created\"}", Encoding.UTF8.GetString(await ReceiveAsync(client)));
        var audio = new byte[150_000];
        new Random(1).NextBytes(audio);
        await client.SendAsync(audio, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
        Assert.Equal(audio, await ReceiveAsync(client));
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        Assert.Equal((WebSocketCloseStatus.NormalClosure, "bye"), (client.CloseStatus, client.CloseStatusDescription));
    }

    [Fact]
    public async Task Trace_headers_of_a_client_pass_as_they_are_and_none_are_added()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        (string Name, string Value)[] trace =
        [
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("tracestate", "vendor=1"),
            ("baggage", "userId=alice"),
            ("Request-Id", "|mine.1."),
            ("Correlation-Context", "a=b"),
        ];

        using var with = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody, trace);
        var sent = proxy.Upstream.Last.Headers;
        using var without = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.All(trace, h => Assert.Equal([h.Value], sent.GetValueOrDefault(h.Name) ?? []));
        Assert.All(trace, h => Assert.DoesNotContain(h.Name, proxy.Upstream.Last.Headers.Keys));
    }

    // Resolved, it leaves every route behind.
    private static string NoRoute(string authority) => $"/openai/..//{authority}/chat/completions";

    private static async Task<byte[]> ReceiveAsync(ClientWebSocket client)
    {
        var buffer = new byte[200_000];
        var length = 0;
        ValueWebSocketReceiveResult part;
        do
        {
            part = await client.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
            length += part.Count;
        }
        while (!part.EndOfMessage);
        return buffer[..length];
    }
}
