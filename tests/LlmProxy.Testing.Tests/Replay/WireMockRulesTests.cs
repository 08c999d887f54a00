using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Testing.Stubs;
using LlmProxy.Tests.Cli;

namespace LlmProxy.Tests.Replay;

/// <summary>Every kind of mapping that is written, in the real WireMock and by its schema.</summary>
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

    [Fact]
    public void Mappings_have_only_members_that_wiremock_knows()
    {
        foreach (var (name, json) in StubFolder.Of(StubFolderTests.Run(), StubFlavor.WireMock).Files.Where(file => file.Key.StartsWith("mappings/", StringComparison.Ordinal)))
        {
            Check(JsonNode.Parse(json)!, "", WireMock, name);
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
                Check(value, place.Length == 0 ? name : $"{place}.{name}", members, file);
            }
        }
    }

    [Fact]
    public void The_readme_names_the_version_that_these_tests_load()
    {
        var readme = Encoding.UTF8.GetString(StubFolder.Of(StubFolderTests.Run(), StubFlavor.WireMock).Files["README.md"]);

        Assert.Contains($"Loaded by WireMock {WireMockProcess.Version} on Java 17", readme, StringComparison.Ordinal);
    }

    [WireMockTheory]
    [InlineData("/v1")]
    [InlineData("/a/gateway/v1")]
    public async Task In_the_real_wiremock_each_step_answers_its_call_in_both_forms_and_no_other_call(string prefix)
    {
        using var folder = new TestFolder();
        StubFolder.Of(StubFolderTests.Run(), StubFlavor.WireMock).WriteTo(folder["stubs"]);
        await using var wiremock = await WireMockProcess.StartAsync(folder["stubs"]);
        using var agent = new StubAgent(new Uri(wiremock.Address, prefix.TrimStart('/')));

        foreach (var isOtherForm in (bool[])[false, true])
        {
            await agent.MakeCallsAsync(isOtherForm);
            await Assert.ThrowsAsync<HttpRequestException>(() => agent.SendAsync(StubAgent.Unanswered));
            await agent.AssertSurplusCallIsUnansweredAsync();
            Assert.Equal("done", (string?)JsonNode.Parse(await wiremock.AdminAsync("scenarios"))!["scenarios"]![0]!["state"]);
        }
    }
}
