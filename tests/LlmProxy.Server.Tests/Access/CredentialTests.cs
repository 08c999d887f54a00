using System.Net;
using System.Text;
using LlmProxy.Server.Access;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Access;

/// <summary>A key of this proxy never leaves it, in any spelling or place; a client's own credential leaves alone.</summary>
public sealed class CredentialTests
{
    // Put together here so that scanners for secrets do not report it; the sign is what base64 and queries encode.
    private static readonly string Own = "llmp-" + "user+key=";
    private static readonly string Client = "client-" + "credential";
    private static readonly string Provider = "provider-" + "credential";
    private const string Variable = "LLMPROXY_TEST_CREDENTIAL";
    private const string Body = """{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Hello"}]}""";

    public CredentialTests() => Environment.SetEnvironmentVariable(Variable, Provider);

    private static List<(string Header, string Value)> HeaderPlaces()
    {
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes("user:" + Own));
        var name = Convert.ToBase64String(Encoding.UTF8.GetBytes(Own + ":"));
        return
        [
            ("Authorization", $"Bearer {Own}"), ("Authorization", $"bearer {Own}"), ("Authorization", $"BEARER   {Own}"), ("authorization", Own),
            ("Authorization", $"Token {Own}"), ("Authorization", $"token=\"{Own}\""), ("Authorization", $"ApiKey {Own}"), ("Authorization", $"Basic {basic}"), ("Authorization", $"basic {name}"),
            ("Authorization", $"Bearer {Uri.EscapeDataString(Own)}"),
            ("x-api-key", Own), ("X-API-KEY", Own), ("x-goog-api-key", Own), ("api-key", Own), ("Api-Key", $"Bearer {Own}"),
            ("Proxy-Authorization", $"Bearer {Own}"), ("Proxy-Authorization", $"Basic {basic}"),
            ("Sec-WebSocket-Protocol", $"realtime, openai-insecure-api-key.{Own}"),
        ];
    }

    [Fact]
    public async Task A_key_in_any_header_opens_and_is_exchanged()
    {
        await using var proxy = await StartAsync();
        foreach (var (header, value) in HeaderPlaces())
        {
            proxy.Upstream.Received.Clear();
            var answer = await SendAsync(proxy, "/proxy/v1/chat/completions", (header, value));

            Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
            AssertSent(proxy, "Bearer " + Provider);
        }
    }

    [Fact]
    public async Task A_key_in_any_header_is_removed_also_where_no_provider_key_is_added()
    {
        await using var proxy = await StartAsync();
        foreach (var (header, value) in HeaderPlaces())
        {
            proxy.Upstream.Received.Clear();
            var answer = await SendAsync(proxy, "/codex/responses", ("LlmProxy-Key", Own), (header, value));

            Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
            AssertSent(proxy, null);
        }
    }

    [Fact]
    public async Task A_key_in_places_that_do_not_open_is_removed_too()
    {
        await using var proxy = await StartAsync();
        (string Header, string Value, string? Left)[] cases =
        [
            ("Cookie", "a=1; session={0}; b=2", "a=1; b=2"),
            ("Cookie", "{0}", null),
            ("Cookie", "session=\"{0}\"", null),
            ("x-litellm-api-key", "Bearer {0}", null),
            ("Ocp-Apim-Subscription-Key", "{0}", null),
            ("X-Auth-Token", "{0}", null),
            ("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.{0}, v1", "realtime, v1"),
        ];
        foreach (var (header, value, left) in cases)
        {
            proxy.Upstream.Received.Clear();
            var answer = await SendAsync(proxy, "/proxy/v1/chat/completions", ("LlmProxy-Key", Own), (header, string.Format(System.Globalization.CultureInfo.InvariantCulture, value, Own)));

            Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
            AssertSent(proxy, "Bearer " + Provider);
            Assert.Equal(left, proxy.Upstream.Last.Headers.TryGetValue(header, out var sent) ? string.Join(", ", sent) : null);
        }
    }

    [Fact]
    public async Task No_cookie_is_a_credential()
    {
        await using var proxy = await StartAsync();
        (string Header, string Value)[] cases =
        [
            ("Cookie", "llmproxy={0}"),
            ("Cookie", "LlmProxy-Key={0}"),
            ("X-Other", "{0}"),
        ];
        foreach (var (header, value) in cases)
        {
            proxy.Upstream.Received.Clear();
            var call = await SendAsync(proxy, "/proxy/v1/chat/completions", (header, string.Format(System.Globalization.CultureInfo.InvariantCulture, value, Own)));
            var api = await proxy.SendRawAsync($"GET /_llmproxy/status HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}: {string.Format(System.Globalization.CultureInfo.InvariantCulture, value, Own)}\r\nConnection: close\r\n\r\n");

            Assert.StartsWith("HTTP/1.1 401 ", call, StringComparison.Ordinal);
            Assert.StartsWith("HTTP/1.1 401 ", api, StringComparison.Ordinal);
            Assert.Empty(proxy.Upstream.Received);
        }
    }

    [Fact]
    public async Task A_key_in_a_query_opens_and_is_removed_in_any_spelling()
    {
        await using var proxy = await StartAsync();
        foreach (var query in (string[])["key={0}", "Key={0}", "KEY={0}", "%6bey={0}", "k%65y={0}", "%4B%45%59={0}", "api-key={0}", "access_token={0}"])
        {
            proxy.Upstream.Received.Clear();
            foreach (var spelling in new[] { Uri.EscapeDataString(Own), string.Concat(Encoding.UTF8.GetBytes(Own).Select(b => $"%{b:x2}")) })
            {
                var target = $"/gemini/v1beta/models/g:generateContent?a=%2F&{string.Format(System.Globalization.CultureInfo.InvariantCulture, query, spelling)}&b";

                var answer = await SendAsync(proxy, target);

                Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
                Assert.Equal("/v1beta/models/g:generateContent?a=%2F&b", proxy.Upstream.Last.Target);
                Assert.Equal([Provider], proxy.Upstream.Last.Headers["x-goog-api-key"]);
            }
        }
    }

    [Fact]
    public async Task A_credential_of_the_client_is_kept_and_none_is_added()
    {
        await using var proxy = await StartAsync();
        (string Header, string Value)[] cases =
        [
            ("Authorization", "Bearer {0}"),
            ("Authorization", "Basic dXNlcjpwYXNz"),
            ("Authorization", "Token {0}"),
            ("Authorization", "{0}"),
            ("Authorization", "AWS4-HMAC-SHA256 Credential=x/y, Signature=z"),
            ("x-api-key", "{0}"),
            ("x-goog-api-key", "{0}"),
            ("api-key", "{0}"),
            ("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.{0}"),
        ];
        foreach (var (header, value) in cases)
        {
            proxy.Upstream.Received.Clear();
            var credential = string.Format(System.Globalization.CultureInfo.InvariantCulture, value, Client);
            foreach (var path in (string[])["/proxy/v1/chat/completions", "/gemini/v1beta/models/g:generateContent", "/anthropic/v1/messages"])
            {
                var answer = await SendAsync(proxy, path, ("LlmProxy-Key", Own), (header, credential));

                Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
                Assert.Equal([credential], proxy.Upstream.Last.Headers[header]);
                Assert.DoesNotContain(Provider, Sent(proxy), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task A_credential_of_the_client_in_a_query_is_kept_and_none_is_added()
    {
        await using var proxy = await StartAsync();
        (string Query, string Sent)[] cases =
        [
            ("?key=client", "?key=client"),
            ("?Api-Key=client", "?Api-Key=client"),
            ("?access_token=client", "?access_token=client"),
        ];
        foreach (var (query, sent) in cases)
        {
            proxy.Upstream.Received.Clear();
            await SendAsync(proxy, "/gemini/v1beta/models/g:generateContent" + query, ("LlmProxy-Key", Own));

            Assert.EndsWith(sent, proxy.Upstream.Last.Target, StringComparison.Ordinal);
            Assert.DoesNotContain(Provider, Sent(proxy), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_empty_credential_is_replaced()
    {
        await using var proxy = await StartAsync();
        (string Header, string Value)[] cases =
        [
            ("Authorization", ""),
            ("Authorization", "Bearer"),
            ("Authorization", "Bearer "),
            ("x-api-key", ""),
        ];
        foreach (var (header, value) in cases)
        {
            proxy.Upstream.Received.Clear();
            await SendAsync(proxy, "/proxy/v1/chat/completions", ("LlmProxy-Key", Own), (header, value));

            AssertSent(proxy, "Bearer " + Provider);
            Assert.False(proxy.Upstream.Last.Headers.ContainsKey("x-api-key"));
        }
    }

    [Fact]
    public async Task Both_an_own_key_and_a_credential_of_the_client_leave_the_credential()
    {
        await using var proxy = await StartAsync();

        await SendAsync(proxy, "/proxy/v1/chat/completions", ("x-api-key", Own), ("Authorization", "Bearer " + Client));

        AssertSent(proxy, "Bearer " + Client);
    }

    [Fact]
    public async Task The_local_token_and_the_headers_of_the_proxy_stay_here()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");

        using var answer = await proxy.PostAsync("/openai/v1/chat/completions", Body, ("LlmProxy-Token", proxy.LocalToken!), ("LlmProxy-Few-Shot", "off"));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.DoesNotContain(proxy.Upstream.Last.Headers, header => header.Key.StartsWith("LlmProxy-", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("/a?key=ours", "/a")]
    [InlineData("/a?key=ours&b=1", "/a?b=1")]
    [InlineData("/a?b=%20&key=ours", "/a?b=%20")]
    [InlineData("/a?key=theirs&b=1", "/a?key=theirs&b=1")]
    [InlineData("/a?anything=ours", "/a")]
    [InlineData("/a?ours", "/a")]
    [InlineData("/a?k=o%75rs&k=%6fURS", "/a?k=%6fURS")]
    [InlineData("/a", "/a")]
    public void Only_our_key_is_taken_out_of_a_query(string target, string expected) =>
        Assert.Equal(expected, CredentialPlaces.WithoutKeys(target, value => value == "ours"));

    private static async Task<RunningProxy> StartAsync()
    {
        var proxy = await RunningProxy.StartAsync(
            null,
            [
                .. KeyTests.Key(0, "user", Own, "default", admin: true),
                ("LlmProxy:Upstreams:proxy:ApiKeyEnv", Variable),
                ("LlmProxy:Upstreams:gemini:ApiKeyEnv", Variable),
                ("LlmProxy:Upstreams:anthropic:ApiKeyEnv", Variable),
            ]);
        proxy.Upstream.AnswerWith("{}");
        return proxy;
    }

    private static Task<string> SendAsync(RunningProxy proxy, string target, params (string Name, string Value)[] headers) => proxy.SendRawAsync(
        $"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{string.Concat(headers.Select(header => $"{header.Name}: {header.Value}\r\n"))}Content-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}");

    private static string Sent(RunningProxy proxy) => proxy.Upstream.Last.Target + "\n" + string.Join('\n', proxy.Upstream.Last.Headers.SelectMany(header => header.Value));

    private static void AssertSent(RunningProxy proxy, string? authorization)
    {
        var sent = Sent(proxy);
        Assert.DoesNotContain(Own, sent, StringComparison.Ordinal);
        Assert.DoesNotContain(Own, Uri.UnescapeDataString(sent), StringComparison.Ordinal);
        Assert.DoesNotContain("Basic ", sent, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(authorization is null ? [] : [authorization], proxy.Upstream.Last.Headers.TryGetValue("Authorization", out var values) ? values : []);
    }
}
