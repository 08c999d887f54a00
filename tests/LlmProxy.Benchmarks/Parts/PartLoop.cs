using System.Diagnostics;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>What one part costs.</summary>
/// <param name="Name">The part.</param>
/// <param name="Microseconds">Time of one, the median of the rounds.</param>
/// <param name="Least">Time of one in the best round: what a busy machine cannot make faster than it is.</param>
/// <param name="CpuMicroseconds">Processor time of one, all threads.</param>
/// <param name="Bytes">Memory allocated by one.</param>
/// <param name="Note">What it was done with.</param>
internal sealed record PartResult(string Name, double Microseconds, double Least, double CpuMicroseconds, double Bytes, string Note);

/// <summary>Repeats a part: first until it is warm, then in rounds long enough for the clock.</summary>
internal sealed class PartLoop(PartsOptions options, CancellationToken cancellationToken)
{
    private const int Rounds = 11;

    // The runtime compiles a method for good after some 30 calls; a slow part must get there too.
    private const int LeastWarm = 80;
    private static readonly TimeSpan LongestWarm = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan WarmTime = TimeSpan.FromMilliseconds(1000);
    private static readonly TimeSpan RoundTime = TimeSpan.FromMilliseconds(300);

    public List<PartResult> Results { get; } = [];

    /// <summary>Whether a part was asked for.</summary>
    public bool Wants(string name) => name.Contains(options.Only, StringComparison.OrdinalIgnoreCase);

    public void Measure(string name, string note, Action act) =>
        MeasureAsync(name, note, () =>
        {
            act();
            return ValueTask.CompletedTask;
        }).GetAwaiter().GetResult();

    /// <summary>Measures a part.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="note">What it is done with.</param>
    /// <param name="act">Does it.</param>
    /// <param name="operations">How many of what is counted one call of <paramref name="act"/> does.</param>
    public async Task MeasureAsync(string name, string note, Func<ValueTask> act, int operations = 1)
    {
        if (!Wants(name))
        {
            return;
        }

        await Console.Error.WriteLineAsync($"{name} …");
        await CountAsync(act, LongestWarm, LeastWarm / operations);
        await CountAsync(act, WarmTime);
        var count = await CountAsync(act, WarmTime);
        var perRound = Math.Max(1, (int)(count * RoundTime / WarmTime));
        var times = new List<double>();
        var (cpu, bytes) = (Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes(precise: true));
        for (var round = 0; round < Rounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < perRound; i++)
            {
                await act();
            }

            times.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds / perRound / operations);
        }

        var all = (double)Rounds * perRound * operations;
        Results.Add(new PartResult(
            name,
            times.Quantile(0.5),
            times.Min(),
            (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / all,
            (GC.GetTotalAllocatedBytes(precise: true) - bytes) / all,
            note));
    }

    private async Task<int> CountAsync(Func<ValueTask> act, TimeSpan time, int most = int.MaxValue)
    {
        var started = Stopwatch.GetTimestamp();
        var count = 0;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            await act();
            count++;
        }
        while (count < most && Stopwatch.GetElapsedTime(started) < time);
        return count;
    }
}
