using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Server.Access;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Access;

/// <summary>Without keys no web page of another site reaches the proxy, on any path; everything else does.</summary>
public sealed class RequestGuardTests
{
    private const string Body = """{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Hello"}]}""";

    private static readonly (string Host, int Status)[] Hosts =
    [
        ("127.0.0.1", 200), ("127.0.0.2", 200), ("localhost", 200), ("LOCALHOST", 200), ("localhost.", 200), ("llmproxy.localhost", 200), ("[::1]", 200), ("[::ffff:127.0.0.1]", 200),
        ("host.docker.internal", 200), ("host.containers.internal", 200), (Dns.GetHostName(), 200), (Environment.MachineName.ToUpperInvariant(), 200),
        ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost.evil.example", 403), ("evil-localhost", 403), ("192.168.1.5", 403), ("[fe80::1]", 403), ("internal", 403), ("host.docker.internal.evil.example", 403),
    ];

    private static readonly (string Origin, int Status)[] Origins =
    [
        ("https://evil.example", 403), ("null", 403), ("http://127.0.0.1:1", 403), ("http://localhost:3000", 403), ("file://", 403), ("x", 403), ("", 403), ("own", 200), ("none", 200),
    ];

    [Theory]
    [InlineData("/_llmproxy/status")]
    [InlineData("/anthropic/v1/messages")]
    [InlineData("/openai/v1/models")]
    [InlineData("/v1/messages")]
    [InlineData("/")]
    public async Task Every_path_is_answered_under_the_machines_names_alone(string path)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        foreach (var (host, status) in Hosts)
        {
            proxy.Upstream.Received.Clear();
            await CheckHostAsync(proxy, path, host, status);
        }
    }

    private static async Task CheckHostAsync(RunningProxy proxy, string path, string host, int status)
    {
        var answer = await proxy.SendRawAsync(path.EndsWith("messages", StringComparison.Ordinal)
            ? $"POST {path} HTTP/1.1\r\nHost: {host}:{proxy.Address.Port}\r\nContent-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}"
            : $"GET {path} HTTP/1.1\r\nHost: {host}:{proxy.Address.Port}\r\nConnection: close\r\n\r\n");

        Assert.True(answer.StartsWith($"HTTP/1.1 {status} ", StringComparison.Ordinal), $"{host}: {answer}");
        Assert.DoesNotContain("Access-Control", answer, StringComparison.OrdinalIgnoreCase);
        if (status == 403)
        {
            Assert.Empty(proxy.Upstream.Received);
            Assert.Contains("LlmProxy:Auth:AllowedHosts", answer, StringComparison.Ordinal);
            Assert.Contains(path.StartsWith("/_", StringComparison.Ordinal) || path == "/" ? "application/problem+json" : "application/json", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("recording\"", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Health_checks_answer_under_any_name()
    {
        await using var proxy = await RunningProxy.StartAsync();
        foreach (var path in (string[])["/healthz", "/readyz"])
        {
            proxy.Upstream.Received.Clear();
            var answer = await proxy.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: balancer.example\r\nConnection: close\r\n\r\n");

            Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Allowed_hosts_are_added()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Auth:AllowedHosts", "gateway.example, *.agents.example"));
        proxy.Upstream.AnswerWith("{}");
        (string Host, int Status)[] cases =
        [
            ("gateway.example", 200),
            ("GATEWAY.example.", 200),
            ("a.agents.example", 200),
            ("agents.example", 403),
            ("gateway.example.evil.example", 403),
        ];
        foreach (var (host, status) in cases)
        {
            proxy.Upstream.Received.Clear();
            var answer = await proxy.SendRawAsync($"GET /openai/v1/models HTTP/1.1\r\nHost: {host}:{proxy.Address.Port}\r\nConnection: close\r\n\r\n");

            Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Other_spellings_of_the_path_do_not_get_around_it()
    {
        await using var proxy = await RunningProxy.StartAsync();
        foreach (var path in (string[])["/_LLMPROXY/status", "/%5Fllmproxy/status", "/OpenAI/v1/models", "/%6fpenai/v1/models", "http://evil.example/openai/v1/models"])
        {
            proxy.Upstream.Received.Clear();
            var answer = await proxy.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");

            Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
            Assert.Empty(proxy.Upstream.Received);
        }
    }

    [Theory]
    [InlineData("/_llmproxy/search")]
    [InlineData("/anthropic/v1/messages")]
    [InlineData("/openai/v1/chat/completions")]
    [InlineData("/gemini/v1beta/models/g:generateContent")]
    [InlineData("/v1/messages")]
    [InlineData("/proxy/v1/anything")]
    public async Task Pages_of_other_origins_send_nothing(string path)
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        foreach (var (origin, status) in Origins)
        {
            proxy.Upstream.Received.Clear();
            await CheckOriginAsync(proxy, path, origin, status);
        }
    }

    private static async Task CheckOriginAsync(RunningProxy proxy, string path, string origin, int status)
    {
        var own = $"127.0.0.1:{proxy.Address.Port}";
        var header = origin switch { "none" => "", "own" => $"Origin: http://{own}\r\n", _ => $"Origin: {origin}\r\n" };
        var body = path.EndsWith("search", StringComparison.Ordinal) ? """{"taskDescription":"Hello"}""" : Body;

        // A simple request, which a browser sends without asking first.
        var answer = await proxy.SendRawAsync($"POST {path} HTTP/1.1\r\nHost: {own}\r\n{header}Content-Type: text/plain\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}");

        Assert.True(answer.StartsWith($"HTTP/1.1 {status} ", StringComparison.Ordinal), $"{origin}: {answer}");
        Assert.DoesNotContain("Access-Control", answer, StringComparison.OrdinalIgnoreCase);
        if (status == 403)
        {
            Assert.Empty(proxy.Upstream.Received);
            Assert.Contains("LlmProxy:Auth:AllowedOrigins", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Requests_that_name_no_origin_are_known_by_their_site()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        (string Site, string Mode, string Destination, string Path, int Status)[] cases =
        [
            ("cross-site", "no-cors", "image", "/openai/v1/models", 403),
            ("same-site", "no-cors", "script", "/openai/v1/models", 403),
            ("cross-site", "navigate", "document", "/openai/v1/models", 403),
            ("cross-site", "navigate", "iframe", "/_llmproxy/status", 403),
            ("cross-site", "navigate", "document", "/_llmproxy/status", 200),
            ("same-origin", "cors", "empty", "/openai/v1/models", 200),
            ("none", "navigate", "document", "/openai/v1/models", 200),
        ];
        foreach (var (site, mode, destination, path, status) in cases)
        {
            proxy.Upstream.Received.Clear();
            var answer = await proxy.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.Address.Port}\r\nSec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {destination}\r\nConnection: close\r\n\r\n");

            Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Allowed_origins_are_added()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Auth:AllowedOrigins", "http://localhost:3000/, vscode-webview://*"));
        proxy.Upstream.AnswerWith("{}");
        (string Origin, int Status)[] cases =
        [
            ("http://localhost:3000", 200),
            ("vscode-webview://0abc", 200),
            ("http://localhost:3001", 403),
            ("null", 403),
        ];
        foreach (var (origin, status) in cases)
        {
            proxy.Upstream.Received.Clear();
            using var answer = await proxy.PostAsync("/openai/v1/chat/completions", Body, ("Origin", origin));

            Assert.Equal(status, (int)answer.StatusCode);
        }
    }

    [Fact]
    public async Task WebSockets_of_pages_are_refused()
    {
        await using var proxy = await RunningProxy.StartAsync();
        (string Path, string Headers)[] cases =
        [
            ("/openai/v1/realtime", "Origin: https://evil.example\r\n"),
            ("/openai/v1/realtime", "Origin: null\r\n"),
            ("/openai/v1/responses", "Origin: https://evil.example\r\n"),
            ("/v1/realtime", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: websocket\r\n"),
        ];
        foreach (var (path, headers) in cases)
        {
            proxy.Upstream.Received.Clear();
            var answer = await proxy.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.Address.Port}\r\n{headers}Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

            Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
            Assert.Empty(proxy.Upstream.Received);
        }
    }

    [Fact]
    public async Task The_refusal_is_in_the_clients_dialect()
    {
        await using var proxy = await RunningProxy.StartAsync();
        (string Path, string Field, string Value)[] cases =
        [
            ("/anthropic/v1/messages", "$.type", "error"),
            ("/anthropic/v1/files", "$.type", "error"),
            ("/openai/v1/responses", "$.error.code", "403"),
            ("/gemini/v1beta/models/g:generateContent", "$.error.status", "PERMISSION_DENIED"),
        ];
        foreach (var (path, field, value) in cases)
        {
            proxy.Upstream.Received.Clear();
            using var answer = await proxy.PostAsync(path, Body, ("Origin", "https://evil.example"));

            var error = await answer.JsonAsync();
            Assert.Contains("https://evil.example", (string?)error["error"]!["message"], StringComparison.Ordinal);
            if (value != "403")
            {
                JsonNode? node = error;
                foreach (var name in field[2..].Split('.'))
                {
                    node = node![name];
                }

                Assert.Equal(value, (string?)node);
            }
        }
    }

    [Fact]
    public async Task An_address_as_host_is_accepted_if_the_connection_was_made_to_it()
    {
        var own = (await Dns.GetHostAddressesAsync(Dns.GetHostName())).FirstOrDefault(ip => ip.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(ip));
        if (own is null)
        {
            return;
        }

        await using var proxy = await RunningProxy.StartAsync(null, ("Kestrel:Endpoints:All:Url", "http://0.0.0.0:0"), ("test:insecure", "true"));
        foreach (var (host, status) in new[] { (own.ToString(), 200), ("127.0.0.1", 200), ("203.0.113.9", 403), ("evil.example", 403) })
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(own, proxy.Address.Port);
            await using var stream = socket.GetStream();
            await stream.WriteAsync(Encoding.Latin1.GetBytes($"GET /_llmproxy/status HTTP/1.1\r\nHost: {host}:{proxy.Address.Port}\r\nConnection: close\r\n\r\n"));
            using var reader = new StreamReader(stream, Encoding.Latin1);
            Assert.StartsWith($"HTTP/1.1 {status} ", await reader.ReadToEndAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task With_keys_calls_may_use_any_name_and_the_api_may_not()
    {
        await using var proxy = await RunningProxy.StartAsync(null, KeyTests.Key(0, "admin", "llmp-" + "admin", "default", admin: true));
        proxy.Upstream.AnswerWith("{}");

        var call = await proxy.SendRawAsync($"GET /openai/v1/models HTTP/1.1\r\nHost: gateway.example\r\nOrigin: https://app.example\r\nLlmProxy-Key: llmp-admin\r\nConnection: close\r\n\r\n");
        var api = await proxy.SendRawAsync($"GET /_llmproxy/status HTTP/1.1\r\nHost: gateway.example\r\nLlmProxy-Key: llmp-admin\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", call, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", api, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Methods_that_return_the_providers_key_are_not_forwarded()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        (string Method, string Path, int Status)[] cases =
        [
            ("TRACE", "/openai/v1/models", 405),
            ("trace", "/anthropic/v1/messages", 405),
            ("TRACK", "/proxy/v1/models", 405),
            ("OPTIONS", "/openai/v1/models", 200),
            ("PROPFIND", "/openai/v1/models", 200),
        ];
        foreach (var (method, path, status) in cases)
        {
            proxy.Upstream.Received.Clear();
            var answer = await proxy.SendRawAsync($"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");

            Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
            Assert.Equal(status == 200 ? 1 : 0, proxy.Upstream.Received.Count);
        }
    }

    [Fact]
    public async Task A_path_above_the_base_address_is_refused()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");
        foreach (var target in (string[])["/codex/../../codex/x", "/codex/../codex/x", "/codex/%2e%2e/%2E%2E/codex/x", "/codex/.%2e/codex/x", "/codex/a/../../codex/x", "/codex/..%2f..%2fx", "/codex/..%5c..%5cx", "/codex/%252e%252e/x", "/codex/..;/x", "/v1/../../v1/models"])
        {
            proxy.Upstream.Received.Clear();
            var answer = await proxy.SendRawAsync($"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");

            Assert.DoesNotContain(" 200 ", answer[..20], StringComparison.Ordinal);
            Assert.Empty(proxy.Upstream.Received);
        }
    }

    [Theory]
    [InlineData("/v1/a/../b", false)]
    [InlineData("/v1/a..b/...", false)]
    [InlineData("/v1/%2F/x%20y", false)]
    [InlineData("/v1/models?path=../../x", false)]
    [InlineData("/", false)]
    [InlineData("/..", true)]
    [InlineData("/v1//../..", true)]
    [InlineData("/v1/./../../x", true)]
    public void Dot_segments_may_not_climb(string target, bool leaves) => Assert.Equal(leaves, ForwardingRules.LeavesBasePath(target));

    [Fact]
    public async Task An_upstreams_headers_in_the_proxys_name_are_dropped()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.Answer = async (context, _) =>
        {
            context.Response.Headers["LlmProxy-Task"] = "spoofed";
            context.Response.Headers["llmproxy-examples"] = "spoofed";
            context.Response.Headers["LlmProxy-Anything"] = "spoofed";
            context.Response.Headers["X-Other"] = "kept";
            await ScriptedUpstream.WriteAsync(context, "{}", 200, "application/json");
        };

        using var other = await proxy.Client.GetAsync(new Uri(proxy.Address, "/anthropic/v1/models"));
        using var call = await proxy.PostAsync("/anthropic/v1/messages", Body);

        Assert.Equal("kept", other.Headers.GetValues("X-Other").Single());
        Assert.DoesNotContain(other.Headers, header => header.Key.StartsWith("LlmProxy-", StringComparison.OrdinalIgnoreCase));
        Assert.NotEqual("spoofed", call.Headers.GetValues("LlmProxy-Task").Single());
        Assert.Equal(["LlmProxy-Task"], call.Headers.Select(header => header.Key).Where(name => name.StartsWith("LlmProxy-", StringComparison.OrdinalIgnoreCase)));
    }
}
