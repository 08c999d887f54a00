using System.CodeDom.Compiler;
using System.Net;
using LlmProxy.Tests.Wire;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace LlmProxy.Tests.Api;

public sealed class StatusApiTests
{
    [Fact]
    public async Task Status_says_what_is_recorded_and_what_is_in_use()
    {
        await using var proxy = await RunningProxy.StartAsync();

        var status = await proxy.GetJsonAsync("/_llmproxy/status");

        Assert.Equal("recording fewShot store embeddings templates version judge", status.Names());
        Assert.True((bool?)status["recording"]!["enabled"]);
        Assert.Equal("""["anthropic"]""", status["recording"]!["providers"]!.ToJsonString());
        Assert.Equal(0, (int?)status["recording"]!["activeTasks"]);
        Assert.Equal("pending bytes dropped", status["recording"]!["spool"].Names());
        Assert.Equal("""{"enabled":true,"available":true,"reason":null,"skipped":{},"removed":{}}""", status["fewShot"]!.ToJsonString());
        Assert.Equal("""{"provider":"sqlite","ok":true,"error":null}""", status["store"]!.ToJsonString());
        Assert.Equal("lexical", (string?)status["embeddings"]!["provider"]);
        Assert.True((bool?)status["embeddings"]!["ok"]);
        Assert.All(status["templates"]!.AsArray(), template => Assert.True((bool?)template!["ok"]));
    }

    [Fact]
    public async Task A_call_that_was_not_recorded_is_counted_and_a_task_under_way_is_active()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith(ApiTestRuns.FirstReply);
        using var paused = await proxy.PostAsync("/_llmproxy/recording/pause", "");
        Assert.Equal("""{"enabled":false}""", await paused.Content.ReadAsStringAsync());
        using var unrecorded = await proxy.PostAsync("/anthropic/v1/messages", """{"model":"claude-sonnet-4-6","max_tokens":1,"messages":[{"role":"user","content":"One"}]}""");
        using var resumed = await proxy.PostAsync("/_llmproxy/recording/resume", "");
        Assert.Equal("""{"enabled":true}""", await resumed.Content.ReadAsStringAsync());
        using var recorded = await proxy.PostAsync("/anthropic/v1/messages", """{"model":"claude-sonnet-4-6","max_tokens":1,"messages":[{"role":"user","content":"Two"}]}""");
        await proxy.SettleAsync();

        var status = await proxy.GetJsonAsync("/_llmproxy/status");

        Assert.Equal(1, (int?)status["recording"]!["notRecorded"]!["paused"]);
        Assert.Equal(1, (int?)status["recording"]!["activeTasks"]);
    }

    [Fact]
    public async Task Statistics_count_ended_runs()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy);

        var all = await proxy.GetJsonAsync("/_llmproxy/statistics?interval=day");

        Assert.Equal("total active byProvider successRate verified inferred averageQuality summary byModel averageMetrics qualityDistribution trainingReady intervals storage", all.Names());
        Assert.Equal(1, (int?)all["total"]);
        Assert.Equal("""{"anthropic":1}""", all["byProvider"]!.ToJsonString());
        Assert.Equal(1, (double?)all["successRate"]);
        Assert.Equal("""{"total":1,"successful":1,"successRate":1}""", all["summary"]!.ToJsonString());
        Assert.Equal("""{"excellent":1,"good":0,"fair":0,"poor":0}""", all["qualityDistribution"]!.ToJsonString());
        Assert.Equal("iterations toolCalls tokens errorRate clickAccuracy interventionRate tokensPerSuccess costPerSuccess runsWithoutTokens runsWithoutCost", all["averageMetrics"].Names());
        Assert.Equal(280, (double?)all["averageMetrics"]!["tokensPerSuccess"]);
        Assert.False((bool?)all["trainingReady"]);
        Assert.Equal(1, (int?)Assert.Single(all["intervals"]!.AsArray())!["total"]);
        Assert.Equal(2, (int?)all["storage"]!["steps"]);
        Assert.Equal(0, (int?)(await proxy.GetJsonAsync("/_llmproxy/statistics?model=other"))["total"]);
        Assert.Null(all["averageMetrics"]!["clickAccuracy"]);

        using var stated = await proxy.PostAsync("/_llmproxy/tasks/last/complete", """{"success":true,"metrics":{"clickAccuracy":0.25}}""");
        Assert.Equal(0.25, (double?)(await proxy.GetJsonAsync("/_llmproxy/statistics"))["averageMetrics"]!["clickAccuracy"]);
    }

    [Fact]
    public async Task Cleanup_counts_first_and_deletes_then()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy);

        using var counted = await proxy.PostAsync("/_llmproxy/cleanup", """{"olderThanDays":0,"maxQuality":1,"dryRun":true}""");
        Assert.Equal("""{"deleted":1,"dryRun":true}""", await counted.Content.ReadAsStringAsync());
        using var deleted = await proxy.PostAsync("/_llmproxy/cleanup", """{"olderThanDays":0,"maxQuality":1}""");
        Assert.Equal("""{"deleted":1,"dryRun":false}""", await deleted.Content.ReadAsStringAsync());
        Assert.Empty((await proxy.GetJsonAsync("/_llmproxy/trajectories"))["items"]!.AsArray());
    }

    [Fact]
    public async Task Health_and_readiness_stand_at_the_root()
    {
        await using var proxy = await RunningProxy.StartAsync();

        Assert.Equal("ok", (string?)(await proxy.GetJsonAsync("/healthz"))["status"]);
        var ready = await proxy.GetJsonAsync("/readyz?strict");
        Assert.True((bool?)ready["store"]);
        Assert.True((bool?)ready["spool"]);
    }

    [Fact]
    public async Task A_store_that_is_not_there_is_unready_only_if_asked_strictly_and_a_503_of_the_api()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Storage:ConnectionString", "Data Source=/dev/null/none/llmproxy.db"));

        using var ready = await proxy.Client.GetAsync(new Uri(proxy.Address, "/readyz?strict"));
        using var forwards = await proxy.Client.GetAsync(new Uri(proxy.Address, "/readyz"));
        using var list = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/trajectories"));
        var status = await proxy.GetJsonAsync("/_llmproxy/status");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Equal(HttpStatusCode.OK, forwards.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, list.StatusCode);
        Assert.Equal("application/problem+json", list.Content.Headers.ContentType?.MediaType);
        Assert.False((bool?)status["store"]!["ok"]);
        Assert.False((bool?)status["fewShot"]!["available"]);
        Assert.Equal(HttpStatusCode.OK, (await proxy.Client.GetAsync(new Uri(proxy.Address, "/healthz"))).StatusCode);
    }

    [Fact]
    public async Task The_start_does_not_wait_for_a_store_that_cannot_be_opened()
    {
        // The clock does not move, so only the failure can end the wait.
        await using var proxy = await RunningProxy.StartAsync(
            null,
            services => services.AddSingleton<TimeProvider>(new FakeTimeProvider()),
            ("LlmProxy:Storage:ConnectionString", "Data Source=/dev/null/none/llmproxy.db"));

        await proxy.Log.WaitForAsync(5010);
    }

    // The generated handlers take a member of an [AsParameters] type without [FromServices] for a JSON body; a call without one then
    // has no route. Endpoints that read a body accept any content type.
    [Fact]
    public async Task No_endpoint_takes_a_service_for_its_body()
    {
        await using var proxy = await RunningProxy.StartAsync();

        var endpoints = proxy.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<GeneratedCodeAttribute>() is not null).ToList();

        Assert.Contains(endpoints, e => e.RoutePattern.RawText == "/_llmproxy/status");
        Assert.All(endpoints, e => Assert.Contains("*/*", e.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes ?? ["*/*"]));
    }

    [Fact]
    public async Task The_openapi_document_lists_the_calls_and_no_proxied_route()
    {
        await using var proxy = await RunningProxy.StartAsync();

        var paths = (await proxy.GetJsonAsync("/_llmproxy/openapi.json"))["paths"].Names();

        Assert.Contains("/_llmproxy/tasks/{taskId}/complete", paths, StringComparison.Ordinal);
        Assert.Contains("/_llmproxy/trajectories/{id}", paths, StringComparison.Ordinal);
        Assert.Contains("/readyz", paths, StringComparison.Ordinal);
        Assert.DoesNotContain("anthropic", paths, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TrajectoryDto", false)]
    [InlineData("StepDto", false)]
    [InlineData("TokenUsageDto", false)]
    [InlineData("ScoringDto", false)]
    [InlineData("ToolCallDto", true)]
    public async Task The_openapi_document_requires_the_properties_that_it_always_did(string schema, bool expected)
    {
        await using var proxy = await RunningProxy.StartAsync();

        var schemas = (await proxy.GetJsonAsync("/_llmproxy/openapi.json"))["components"]!["schemas"]!;

        Assert.NotEmpty(schemas[schema]!["properties"]!.AsObject());
        Assert.Equal(expected, schemas[schema]!["required"] is not null);
    }

    [Theory]
    [InlineData("/_llmproxy/nothing")]
    [InlineData("/_llmproxy")]
    [InlineData("/nothing/here")]
    public async Task Unknown_paths_are_problems_and_reach_no_upstream(string path)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("ReverseProxy:Routes:all:ClusterId", "openai"), ("ReverseProxy:Routes:all:Match:Path", "/catch-all/{**rest}"));

        using var answer = await proxy.Client.GetAsync(new Uri(proxy.Address, path));

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Empty(proxy.Upstream.Received);
        if (!path.StartsWith("/_llmproxy", StringComparison.Ordinal))
        {
            Assert.Contains($"{proxy.Address}anthropic, ", (string?)(await answer.JsonAsync())["detail"], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_catch_all_route_does_not_swallow_the_api()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("ReverseProxy:Routes:all:ClusterId", "openai"), ("ReverseProxy:Routes:all:Match:Path", "/{**rest}"), ("ReverseProxy:Routes:all:Order", "-5"));

        await proxy.GetJsonAsync("/_llmproxy/status");
        await proxy.GetJsonAsync("/healthz");
        using var unknown = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/nothing"));

        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        Assert.Empty(proxy.Upstream.Received);
    }
}
