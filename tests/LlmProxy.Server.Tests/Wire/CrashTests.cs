using LlmProxy.Benchmarks.Crash;

namespace LlmProxy.Tests.Wire;

/// <summary>A short version of the benchmark <c>crash</c>.</summary>
public sealed class CrashTests
{
    [Fact]
    public async Task A_killed_server_has_every_answer_that_its_clients_have_exactly_once()
    {
        await using var trial = new CrashTrial();

        var result = await trial.RunAsync(runs: 20, kills: 2, new Random(7), default);

        Assert.Equal(20 * 6, result.Whole);
        Assert.Empty(result.Missing);
        Assert.Empty(result.Doubled);
        Assert.Equal(0, result.Dropped);
    }
}
