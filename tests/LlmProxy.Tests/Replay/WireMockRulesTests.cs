using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Testing.Stubs;
using LlmProxy.Tests.Cli;

namespace LlmProxy.Tests.Replay;

/// <summary>Every kind of mapping that is written, in the real WireMock; and by its schema and WireMock.Net's mapping model.</summary>
public sealed class WireMockRulesTests
{
    /// <summary>Members of WireMock's stub mappings (wiremock-core, swagger/schemas), which allow no others.</summary>
    private static readonly Dictionary<string, string[]> WireMock = new(StringComparer.Ordinal)
    {
        [""] = ["id", "uuid", "name", "priority", "persistent", "metadata", "scenarioName", "requiredScenarioState", "newScenarioState", "request", "response"],
        ["request"] = ["method", "url", "urlPattern", "urlPath", "urlPathPattern", "urlPathTemplate", "headers", "queryParameters", "cookies", "bodyPatterns", "host", "port", "scheme"],
        ["request.bodyPatterns"] = ["equalToJson", "matchesJsonPath", "contains", "matches", "doesNotMatch", "absent", "and", "or", "not", "matchesJsonSchema"],
        ["request.bodyPatterns.matchesJsonPath"] = ["expression", "equalTo", "contains", "matches"],
        ["request.bodyPatterns.not"] = ["matchesJsonPath"],
        ["response"] = ["status", "statusMessage", "headers", "body", "jsonBody", "base64Body", "bodyFileName", "fixedDelayMilliseconds", "delayDistribution", "chunkedDribbleDelay", "fault", "transformers"],
        ["response.headers"] = ["Content-Type", "x-should-retry"],
        ["response.chunkedDribbleDelay"] = ["numberOfChunks", "totalDuration"],
    };

    /// <summary>Members of WireMock.Net's models (WireMock.Net.Abstractions, Admin/Mappings).</summary>
    private static readonly Dictionary<string, string[]> WireMockNet = new(StringComparer.Ordinal)
    {
        [""] = ["Guid", "Title", "Description", "Priority", "Scenario", "WhenStateIs", "SetStateTo", "TimesInSameState", "Data", "Probability", "IsDisabled", "TimeSettings", "Request", "Response"],
        ["Request"] = ["Methods", "Path", "Url", "Headers", "Params", "Cookies", "Body"],
        ["Request.Path"] = ["Matchers"],
        ["Request.Path.Matchers"] = ["Name", "Pattern", "Patterns", "IgnoreCase", "RejectOnMatch"],
        ["Request.Body"] = ["Matcher", "Matchers", "MatchOperator"],
        ["Request.Body.Matchers"] = ["Name", "Pattern", "Patterns", "IgnoreCase", "Regex", "RejectOnMatch"],
        ["Request.Body.Matchers.Pattern"] = ["model", "stream"],
        ["Response"] = ["StatusCode", "Headers", "Body", "BodyAsJson", "BodyAsBytes", "BodyAsFile", "Delay", "MinimumRandomDelay", "MaximumRandomDelay", "Fault", "TrailingHeaders", "BodyEncoding"],
        ["Response.Headers"] = ["Content-Type", "x-should-retry"],
        ["Response.Fault"] = ["Type", "Percentage"],
    };

    private static readonly string[] WireMockNetMatchers = ["ExactMatcher", "WildcardMatcher", "RegexMatcher", "JsonMatcher", "JsonPartialMatcher", "JsonPartialWildcardMatcher", "JsonPathMatcher", "JmesPathMatcher"];

    [Fact]
    public void Mappings_have_only_members_that_the_servers_know()
    {
        foreach (var (flavor, members) in new[] { (StubFlavor.WireMock, WireMock), (StubFlavor.WireMockNet, WireMockNet) })
        {
            foreach (var (name, json) in StubFolder.Of(StubFolderTests.Run(), flavor).Files.Where(file => file.Key.Contains("mappings/", StringComparison.Ordinal)))
            {
                Check(JsonNode.Parse(json)!, "", members, name);
            }
        }

        static void Check(JsonNode? node, string place, Dictionary<string, string[]> members, string file)
        {
            foreach (var item in node as JsonArray ?? [])
            {
                Check(item, place, members, file);
            }

            foreach (var (name, value) in node as JsonObject ?? [])
            {
                Assert.True(members.TryGetValue(place, out var known) && known.Contains(name), $"{file}: {place}.{name} is unknown");
                Assert.True(name != "Name" || WireMockNetMatchers.Contains((string?)value), $"{file}: no matcher {value}");
                Check(value, place.Length == 0 ? name : $"{place}.{name}", members, file);
            }
        }
    }

    [WireMockTheory]
    [InlineData("/v1")]
    [InlineData("/a/gateway/v1")]
    public async Task In_the_real_wiremock_each_step_answers_its_call_and_no_other(string prefix)
    {
        using var folder = new TestFolder();
        StubFolder.Of(StubFolderTests.Run(), StubFlavor.WireMock).WriteTo(folder["stubs"]);
        await using var wiremock = await WireMockProcess.StartAsync(folder["stubs"]);
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        const string First = """{"model":"claude-sonnet-4-5","stream":true,"system":"NOW","messages":[{"role":"user","content":"Sweep"}]}""";
        const string Second = """{"model":"gpt-4.1-2025-04-14","messages":[{"role":"assistant","tool_calls":[{"id":"it's"}]},{"role":"tool","tool_call_id":"it's","content":"x"}]}""";
        const string Third = """{"contents":[{"role":"user","parts":[{"text":"x"},{"functionResponse":{"name":"look","response":{}}}]}]}""";

        // 1. Another model, a whole answer instead of a stream, or a later step: none of them is the first call.
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("/messages", First.Replace("sonnet", "opus", StringComparison.Ordinal)));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("/messages", First.Replace("true", "false", StringComparison.Ordinal)));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("/chat/completions", Second));

        // 2. The first one comes over its recorded time.
        var begun = Stopwatch.GetTimestamp();
        using (var answer = await SendAsync("/messages", First))
        {
            Assert.Equal("text/event-stream; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
            Assert.EndsWith("data: {\"type\":\"message_stop\"}\n\n", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        // WireMock waits between the chunks, not behind the last one.
        Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalMilliseconds, 250 + (740 / 2), double.MaxValue);

        // 3. The second wants the results that it was recorded with.
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("/chat/completions", Second.Replace("tool_call_id\":\"it's", "tool_call_id\":\"its", StringComparison.Ordinal)));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("/chat/completions", Second.Replace("{\"model\"", "{\"stream\":true,\"model\"", StringComparison.Ordinal)));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("/chat/completions", Second));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("/models/gemini-2x5-pro:streamGenerateContent?alt=sse", Third));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("/models/gemini-2.5-pro:streamGenerateContent?alt=sse", Third));

        // 4. An error with its header, and no answer at all.
        using (var error = await SendAsync("/responses", "{}"))
        {
            Assert.Equal((HttpStatusCode.TooManyRequests, "false"), (error.StatusCode, error.Headers.GetValues("x-should-retry").Single()));
        }

        await Assert.ThrowsAsync<HttpRequestException>(() => SendAsync("/chat/completions", "{}"));
        Assert.Equal("done", (string?)JsonNode.Parse(await wiremock.AdminAsync("scenarios"))!["scenarios"]![0]!["state"]);

        Task<HttpResponseMessage> SendAsync(string path, string body) =>
            client.PostAsync(new Uri(wiremock.Address, prefix + path), new StringContent(body, Encoding.UTF8, "application/json"));

        async Task<HttpStatusCode> StatusAsync(string path, string body)
        {
            using var answer = await SendAsync(path, body);
            return answer.StatusCode;
        }
    }
}
