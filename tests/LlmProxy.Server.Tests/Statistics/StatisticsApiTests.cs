using System.Text.Json;
using LlmProxy.Core.Statistics;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Statistics;

/// <summary>Statistics as they go over the wire.</summary>
public sealed class StatisticsApiTests
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    [Fact]
    public async Task Statistics_over_HTTP_are_what_was_worked_out_by_hand()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await proxy.Store.SaveAsync(CountedRuns.Changes, default);

        CountedRuns.AreEqual(CountedRuns.All, await ReadAsync(""));
        CountedRuns.AreEqual(CountedRuns.All, await ReadAsync("?interval=day"), CountedRuns.Days);
        CountedRuns.AreEqual(CountedRuns.All, await ReadAsync("?interval=week"), CountedRuns.Weeks);
        CountedRuns.AreEqual(CountedRuns.InTheWindow, await ReadAsync("?since=2026-03-02T00:00:00Z&until=2026-03-09T00:00:00Z"));
        // Another zone's midnight is another instant.
        CountedRuns.AreEqual(CountedRuns.InTheWindow, await ReadAsync("?since=2026-03-02T01:00:00%2B01:00&until=2026-03-09"));
        CountedRuns.AreEqual(CountedRuns.OfGpt, await ReadAsync("?model=gpt-d"));
        CountedRuns.AreEqual(CountedRuns.All, (await Llmproxy.RunAsync(proxy, "stats", "--interval", "week", "--json")).Json.Deserialize<TrajectoryStatistics>(Web)!, CountedRuns.Weeks);

        async Task<TrajectoryStatistics> ReadAsync(string query) => (await proxy.GetJsonAsync("/_llmproxy/statistics" + query)).Deserialize<TrajectoryStatistics>(Web)!;
    }
}
