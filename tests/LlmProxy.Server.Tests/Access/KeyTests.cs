using System.Net;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Access;

public sealed class KeyTests
{
    private const string User = "llmp-user";
    private const string Admin = "llmp-admin";
    private const string Other = "llmp-other";
    private const string ProviderKey = "provider-secret";
    private const string Variable = "LLMPROXY_TEST_PROVIDER_KEY";
    private const string Body = """{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Hello"}]}""";
    private const string GeminiBody = """{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}""";

    public KeyTests() => Environment.SetEnvironmentVariable(Variable, ProviderKey);

    [Theory]
    [InlineData("/anthropic/v1/messages", """{"type":"error","error":{"type":"authentication_error","message":"LlmProxy: missing API key. Send a key of this proxy in header LlmProxy-Key, in addition to the provider's key."}}""")]
    [InlineData("/openai/v1/chat/completions", null)]
    [InlineData("/gemini/v1beta/models/g:generateContent", null)]
    public async Task A_call_without_a_key_is_refused_in_its_own_dialect(string path, string? whole)
    {
        await using var proxy = await StartAsync();
        using var answer = await proxy.PostAsync(path, Body, ("Authorization", "Bearer " + User), ("x-api-key", User), ("x-goog-api-key", User));

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Empty(proxy.Upstream.Received);
        var error = await answer.JsonAsync();
        Assert.Contains("LlmProxy-Key", (string?)error["error"]!["message"], StringComparison.Ordinal);
        if (whole is not null)
        {
            Assert.Equal(whole, error.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
        }
    }

    [Theory]
    [InlineData(User, true)]
    [InlineData(Admin, true)]
    [InlineData("llmp-none", false)]
    [InlineData("", false)]
    public async Task The_header_opens_calls_and_stays_here(string key, bool opens)
    {
        await using var proxy = await StartAsync();
        proxy.Upstream.AnswerWith(ApiTestRuns.SecondReply);

        using var answer = await proxy.PostAsync("/anthropic/v1/messages", Body, ("LlmProxy-Key", key), ("x-api-key", "sk-own"));

        Assert.Equal(opens ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, answer.StatusCode);
        if (opens)
        {
            Assert.Equal(["sk-own"], proxy.Upstream.Last.Headers["x-api-key"]);
            Assert.False(proxy.Upstream.Last.Headers.ContainsKey("LlmProxy-Key"));
        }
    }

    [Theory]
    [InlineData("anthropic", "/anthropic/v1/messages", Body, "x-api-key", User, "x-api-key", ProviderKey)]
    [InlineData("anthropic", "/anthropic/v1/messages", Body, "Authorization", "Bearer " + User, "x-api-key", ProviderKey)]
    [InlineData("openai", "/openai/v1/chat/completions", Body, "Authorization", "Bearer " + User, "Authorization", "Bearer " + ProviderKey)]
    [InlineData("codex", "/codex/responses", """{"model":"m","input":"Hello"}""", "Authorization", "Bearer " + User, "Authorization", "Bearer " + ProviderKey)]
    [InlineData("gemini", "/gemini/v1beta/models/g:generateContent", GeminiBody, "x-goog-api-key", User, "x-goog-api-key", ProviderKey)]
    [InlineData("proxy", "/proxy/v1/chat/completions", Body, "Authorization", "Bearer " + User, "Authorization", "Bearer " + ProviderKey)]
    public async Task A_key_in_place_of_the_providers_is_exchanged_for_it(string cluster, string path, string body, string header, string value, string sentHeader, string sentValue)
    {
        await using var proxy = await StartAsync(($"LlmProxy:Upstreams:{cluster}:ApiKeyEnv", Variable));
        proxy.Upstream.AnswerWith("{}");

        using var answer = await proxy.PostAsync(path, body, (header, value));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal([sentValue], proxy.Upstream.Last.Headers[sentHeader]);
        Assert.DoesNotContain(User, string.Join(' ', proxy.Upstream.Last.Headers.SelectMany(h => h.Value)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_in_geminis_query_is_taken_out_and_every_other_byte_stays()
    {
        await using var proxy = await StartAsync(("LlmProxy:Upstreams:gemini:ApiKeyEnv", Variable));
        proxy.Upstream.AnswerWith("{}");

        using var answer = await proxy.PostAsync($"/gemini/v1beta/models/g:generateContent?a=%2F&key={User}&b", GeminiBody);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("/v1beta/models/g:generateContent?a=%2F&b", proxy.Upstream.Last.Target);
        Assert.Equal([ProviderKey], proxy.Upstream.Last.Headers["x-goog-api-key"]);
    }

    [Fact]
    public async Task A_credential_that_is_not_ours_passes_untouched()
    {
        await using var proxy = await StartAsync(("LlmProxy:Upstreams:openai:ApiKeyEnv", Variable));
        proxy.Upstream.AnswerWith("{}");

        using var answer = await proxy.PostAsync("/openai/v1/chat/completions", Body, ("LlmProxy-Key", User), ("Authorization", "Bearer sk-own"));

        Assert.Equal(["Bearer sk-own"], proxy.Upstream.Last.Headers["Authorization"]);
    }

    [Fact]
    public async Task Our_key_never_leaves_even_where_no_provider_key_is_added()
    {
        await using var proxy = await StartAsync();
        proxy.Upstream.AnswerWith("{}");

        using var answer = await proxy.PostAsync("/openai/v1/chat/completions", Body, ("LlmProxy-Key", User), ("Authorization", "Bearer " + User));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.False(proxy.Upstream.Last.Headers.ContainsKey("Authorization"));
    }

    [Theory]
    [InlineData(null, 401)]
    [InlineData("llmp-none", 401)]
    [InlineData(User, 403)]
    [InlineData(Admin, 200)]
    public async Task The_api_wants_an_admin_key(string? key, int status)
    {
        await using var proxy = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Address, "/_llmproxy/status"));
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("LlmProxy-Key", key);
        }

        using var answer = await proxy.Client.SendAsync(request);

        Assert.Equal(status, (int)answer.StatusCode);
        if (status != 200)
        {
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        }
    }

    [Fact]
    public async Task Health_checks_and_the_probe_of_a_base_url_are_open()
    {
        await using var proxy = await StartAsync();
        foreach (var path in (string[])["/healthz", "/readyz", "/", "/anthropic"])
        {
            using var answer = await proxy.Client.GetAsync(new Uri(proxy.Address, path));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Tenants_do_not_see_each_others_runs()
    {
        await using var proxy = await StartAsync();
        proxy.Upstream.AnswerWith(ApiTestRuns.SecondReply);
        using var call = await proxy.PostAsync("/anthropic/v1/messages", Body, ("LlmProxy-Key", Other));
        var id = call.Headers.GetValues("LlmProxy-Task").Single();
        await proxy.SettleAsync();

        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Address, $"/_llmproxy/trajectories/{id}"));
        request.Headers.TryAddWithoutValidation("LlmProxy-Key", Admin);
        using var answer = await proxy.Client.SendAsync(request);
        using var last = await proxy.PostAsync("/_llmproxy/tasks/last/complete", """{"success":true}""", ("LlmProxy-Key", Admin));

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, last.StatusCode);
        Assert.NotNull(await proxy.Store.FindTaskAsync("others", id, CancellationToken.None));
    }

    private static Task<RunningProxy> StartAsync(params (string Key, string Value)[] settings) => RunningProxy.StartAsync(null,
    [
        .. Key(0, "user", User, "default", admin: false),
        .. Key(1, "admin", Admin, "default", admin: true),
        .. Key(2, "other", Other, "others", admin: false),
        .. settings,
    ]);

    internal static (string Key, string Value)[] Key(int index, string name, string key, string tenant, bool admin) =>
    [
        ($"LlmProxy:Auth:Keys:{index}:Name", name),
        ($"LlmProxy:Auth:Keys:{index}:Tenant", tenant),
        ($"LlmProxy:Auth:Keys:{index}:Sha256", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))),
        ($"LlmProxy:Auth:Keys:{index}:Admin", admin ? "true" : "false"),
    ];
}
