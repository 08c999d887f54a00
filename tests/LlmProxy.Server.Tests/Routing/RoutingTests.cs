using System.Net;
using LlmProxy.Server.Hosting;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Routing;

/// <summary>Rules and fallbacks to upstreams of the client's own dialect.</summary>
public sealed class RoutingTests
{
    private const string Request = """{"messages":[{"role":"user","content":"Say hello"}], "max_tokens" : 1e1,"model":"claude-haiku-4-5" ,"x":"ä"}""";
    private const string Reply = """{"id":"msg_1","type":"message","role":"assistant","model":"claude-local","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":1}}""";
    private const string Overloaded = """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""";

    [Fact]
    public async Task A_rule_sends_a_call_to_another_cluster_with_another_model_and_without_the_clients_credentials()
    {
        await using var other = await ScriptedUpstream.StartAsync();
        other.AnswerWith(Reply);
        await using var proxy = await RunningProxy.StartAsync(null, [.. Rule("claude-haiku-*", "proxy", "anthropic-messages", "claude-local"), .. At("proxy", other)]);

        using var answer = await proxy.PostAsync("/anthropic/v1/messages", Request, ("x-api-key", "sk-ant-of-the-client"), ("anthropic-beta", "tools"), ("User-Agent", "agent/1"));

        Assert.Equal(Reply, await answer.Content.ReadAsStringAsync());
        Assert.False(answer.Headers.Contains("LlmProxy-Translated"));
        Assert.Empty(proxy.Upstream.Received);
        Assert.Equal("/v1/messages", other.Last.Target);
        Assert.Equal(Request.Replace("\"claude-haiku-4-5\"", "\"claude-local\"", StringComparison.Ordinal), other.Last.Text);
        Assert.Equal("anthropic-version,Content-Length,Content-Type,Host,User-Agent", string.Join(',', other.Last.Headers.Keys.Order(StringComparer.OrdinalIgnoreCase)));
        Assert.Equal("agent/1", other.Last.Headers["User-Agent"].Single());
        var run = await proxy.FindRunAsync(answer);
        Assert.Equal(("claude-haiku-4-5", "claude-local"), (run.Model, Assert.Single(run.AnsweredBy).Model));
    }

    [Fact]
    public async Task A_rule_matches_by_all_that_it_gives_and_other_calls_are_forwarded_as_they_came()
    {
        await using var other = await ScriptedUpstream.StartAsync();
        other.AnswerWith(Reply);
        await using var proxy = await RunningProxy.StartAsync(null,
        [
            .. Rule("claude-*", "proxy", "anthropic-messages", null), .. At("proxy", other),
            ("LlmProxy:Routing:Rules:0:Match:Header", "X-Team: res*"), ("LlmProxy:Routing:Rules:0:Match:Client", "generic"),
        ]);
        proxy.Upstream.AnswerWith(Reply);

        using var without = await proxy.PostAsync("/anthropic/v1/messages", Request, ("x-api-key", "k"));
        using var wrong = await proxy.PostAsync("/anthropic/v1/messages", Request, ("X-Team", "sales"));
        using var client = await proxy.PostAsync("/anthropic/v1/messages", Request, ("X-Team", "research"), ("x-claude-code-session-id", "s1"));
        using var right = await proxy.PostAsync("/anthropic/v1/messages", Request, ("X-Team", "research"));

        Assert.Equal([Request, Request, Request], proxy.Upstream.Received.Select(request => request.Text));
        Assert.Equal("k", proxy.Upstream.Received.First().Headers["x-api-key"].Single());
        Assert.Equal(Request, Assert.Single(other.Received).Text);
    }

    [Theory]
    [InlineData("/anthropic/v1/messages", """{"type":"error","error":{"type":"invalid_request_error","message":"LlmProxy: Routing sends model 'm' to cluster 'openai', which needs a key of its provider. Set LlmProxy:Upstreams:openai:ApiKeyEnv to the environment variable that holds it."}}""")]
    [InlineData("/openai/v1/chat/completions", """{"error":{"message":"LlmProxy: Routing sends model 'm' to cluster 'openai', which needs a key of its provider. Set LlmProxy:Upstreams:openai:ApiKeyEnv to the environment variable that holds it.","type":"invalid_request_error","param":null,"code":"invalid_request"}}""")]
    public async Task A_route_without_a_key_of_its_provider_is_an_error_in_the_clients_dialect(string path, string error)
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. Rule("*", "openai", "openai-chat", "gpt-5.1"), ("ReverseProxy:Clusters:openai:Destinations:default:Address", "https://api.invalid/")]);

        using var answer = await proxy.PostAsync(path, """{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}""");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(error, await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData(529)]
    [InlineData(429)]
    public async Task A_failure_before_the_first_byte_goes_on_at_the_fallback_and_the_task_stays_there(int status)
    {
        await using var other = await ScriptedUpstream.StartAsync();
        other.AnswerWith(Reply);
        await using var proxy = await RunningProxy.StartAsync(null, [.. Fallback("anthropic", "proxy", "anthropic-messages", "claude-local"), .. At("proxy", other)]);
        proxy.Upstream.AnswerWith(Overloaded, status);

        using var first = await proxy.PostAsync("/anthropic/v1/messages", Request, ("x-api-key", "k"));
        var task = first.Headers.GetValues("LlmProxy-Task").Single();
        using var second = await proxy.PostAsync(
            "/anthropic/v1/messages",
            """{"model":"claude-haiku-4-5","max_tokens":10,"messages":[{"role":"user","content":"Say hello"},{"role":"assistant","content":[{"type":"text","text":"Hello"}]},{"role":"user","content":"Again"}]}""",
            ("x-api-key", "k"));

        Assert.Equal((Reply, Reply), (await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync()));
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal(task, second.Headers.GetValues("LlmProxy-Task").Single());
        Assert.Equal(Request, Assert.Single(proxy.Upstream.Received).Text);
        Assert.Equal(2, other.Received.Count);
        var run = await proxy.FindRunAsync(second);
        Assert.Equal(2, run.IterationCount);
        Assert.Contains("goes on at proxy with claude-local", proxy.Log.Text(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replica_that_starts_later_goes_on_at_the_fallback_too()
    {
        await using var other = await ScriptedUpstream.StartAsync();
        other.AnswerWith(Reply);
        await using var proxy = await RunningProxy.StartAsync(null, [.. Fallback("anthropic", "proxy", "anthropic-messages", "claude-local"), .. At("proxy", other)]);
        proxy.Upstream.AnswerWith(Overloaded, 529);
        using var first = await proxy.PostAsync("/anthropic/v1/messages", Request, ("LlmProxy-Task", "kept"));
        await proxy.SettleAsync();

        await using var replica = await RunningProxy.StartAsync(null,
        [
            .. Fallback("anthropic", "proxy", "anthropic-messages", "claude-local"), .. At("proxy", other),
            ("LlmProxy:Storage:ConnectionString", $"Data Source={Path.Combine(proxy.Folder, "data", "llmproxy.db")}"),
        ]);
        using var second = await replica.PostAsync("/anthropic/v1/messages", Request, ("LlmProxy-Task", "kept"));

        Assert.Equal(Reply, await second.Content.ReadAsStringAsync());
        Assert.Empty(replica.Upstream.Received);
    }

    [Fact]
    public async Task An_upstream_that_cannot_be_reached_has_a_fallback_too()
    {
        await using var other = await ScriptedUpstream.StartAsync();
        other.AnswerWith(Reply);
        await using var proxy = await RunningProxy.StartAsync(null,
            [.. Fallback("anthropic", "proxy", "anthropic-messages", "claude-local"), .. At("proxy", other), ("ReverseProxy:Clusters:anthropic:Destinations:default:Address", "http://127.0.0.1:1/"), ("LlmProxy:Upstreams:anthropic:Retries", "0")]);

        using var answer = await proxy.PostAsync("/anthropic/v1/messages", Request);

        Assert.Equal((HttpStatusCode.OK, Reply), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Equal("claude-local", Assert.Single((await proxy.FindRunAsync(answer)).AnsweredBy).Model);
    }

    [Fact]
    public async Task A_failure_that_no_fallback_names_reaches_the_client_as_it_is()
    {
        await using var other = await ScriptedUpstream.StartAsync();
        await using var proxy = await RunningProxy.StartAsync(null, [.. Fallback("anthropic", "proxy", "anthropic-messages", "claude-local"), .. At("proxy", other), ("LlmProxy:Routing:Fallbacks:0:On:0", "429")]);
        proxy.Upstream.AnswerWith(Overloaded, 529);

        using var answer = await proxy.PostAsync("/anthropic/v1/messages", Request);

        Assert.Equal((529, Overloaded), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Empty(other.Received);
    }

    [Fact]
    public async Task The_last_of_several_failing_upstreams_is_reported()
    {
        await using var other = await ScriptedUpstream.StartAsync();
        other.AnswerWith("""{"type":"error","error":{"type":"api_error","message":"Down, too"}}""", 500);
        await using var proxy = await RunningProxy.StartAsync(null, [.. Fallback("anthropic", "proxy", "anthropic-messages", "claude-local"), .. At("proxy", other)]);
        proxy.Upstream.AnswerWith(Overloaded, 529);

        using var answer = await proxy.PostAsync("/anthropic/v1/messages", Request);

        Assert.Equal(500, (int)answer.StatusCode);
        Assert.Contains("Down, too", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Single(other.Received);
    }

    [Theory]
    [InlineData("LlmProxy:Routing:Rules:0:To:Cluster", "opnai", "LlmProxy:Routing:Rules:0:To:Cluster = \"opnai\": is no cluster of ReverseProxy:Clusters; did you mean \"openai\"?")]
    [InlineData("LlmProxy:Routing:Rules:0:To:Dialect", "chat", "write anthropic-messages, openai-chat, openai-responses or gemini.")]
    [InlineData("LlmProxy:Routing:Fallbacks:0:On:0", "5xx", "write statuses from 400 to 599")]
    [InlineData("LlmProxy:Upstreams:antropic:Retries", "1", "is no cluster of ReverseProxy:Clusters; did you mean \"anthropic\"?")]
    [InlineData("ReverseProxy:Clusters:antropic:Destinations:default:Address", "http://127.0.0.1:1/", "ReverseProxy:Clusters:antropic: is used by no route, so its address has no effect: did you mean \"anthropic\"?")]
    [InlineData("ReverseProxy:Clusters:openai:Destinations:default:Address", "127.0.0.1:9101", "write an address with its scheme")]
    [InlineData("LlmProxi:FewShot:Count", "2", "LlmProxi: is no section: did you mean \"LlmProxy\"?")]
    public void A_misspelt_name_or_address_stops_the_start(string key, string value, string message)
    {
        var problems = ProxyConfiguration.Load(null, [new("LlmProxy:Routing:Rules:0:To:Cluster", "openai"), new("LlmProxy:Routing:Fallbacks:0:Cluster", "anthropic"), new("LlmProxy:Routing:Fallbacks:0:To:Cluster", "openai"), new(key, value)]).Problems;

        Assert.Contains(message, Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    internal static (string, string)[] Rule(string model, string cluster, string dialect, string? target) =>
    [
        ("LlmProxy:Routing:Rules:0:Match:Model", model),
        ("LlmProxy:Routing:Rules:0:To:Cluster", cluster),
        ("LlmProxy:Routing:Rules:0:To:Dialect", dialect),
        .. target is null ? [] : new[] { ("LlmProxy:Routing:Rules:0:To:Model", target) },
    ];

    internal static (string, string)[] Fallback(string from, string cluster, string dialect, string model) =>
    [
        ("LlmProxy:Routing:Fallbacks:0:Cluster", from),
        ("LlmProxy:Routing:Fallbacks:0:To:Cluster", cluster),
        ("LlmProxy:Routing:Fallbacks:0:To:Dialect", dialect),
        ("LlmProxy:Routing:Fallbacks:0:To:Model", model),
    ];

    internal static (string, string)[] At(string cluster, ScriptedUpstream upstream) => [($"ReverseProxy:Clusters:{cluster}:Destinations:default:Address", upstream.Address.ToString())];
}
