using System.Globalization;
using LlmProxy.Benchmarks.Crash;

namespace LlmProxy.Tests.Wire;

/// <summary>A short version of the benchmark <c>crash</c>. As many kills as <c>LLMPROXY_KILLS</c> says.</summary>
public sealed class CrashTests
{
    private const int RunsForEachKill = 10;

    [Fact]
    public async Task A_killed_server_has_every_answer_that_its_clients_have_exactly_once()
    {
        var kills = int.TryParse(Environment.GetEnvironmentVariable("LLMPROXY_KILLS"), CultureInfo.InvariantCulture, out var asked) ? asked : 2;
        await using var trial = new CrashTrial();

        var result = await trial.RunAsync(kills * RunsForEachKill, kills, new Random(7), default);

        Assert.Equal(kills * RunsForEachKill * 6, result.Whole);
        Assert.Empty(result.Missing);
        Assert.Empty(result.Doubled);
        Assert.Equal(0, result.Dropped);
    }
}
