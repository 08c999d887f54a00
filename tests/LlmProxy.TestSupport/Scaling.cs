using System.Diagnostics;

namespace LlmProxy.Tests;

/// <summary>Compares the time of work on two sizes, in one run on one machine: no test asserts a duration.</summary>
internal static class Scaling
{
    private const int Factor = 8;
    private const int WarmUps = 3;
    private const int Rounds = 15;

    // Linear work takes 8 times as long, quadratic 64 times.
    private const double LargestRatio = 3 * Factor;

    /// <summary>Asserts that work on eight times the size takes about eight times as long.</summary>
    /// <param name="size">The smaller size; large enough to take a millisecond.</param>
    /// <param name="prepare">Makes the input of a size.</param>
    /// <param name="work">The work.</param>
    public static void AssertLinear<T>(int size, Func<int, T> prepare, Action<T> work)
    {
        var (small, large) = (prepare(size), prepare(size * Factor));

        // The compiler optimises a loop while it runs: both sizes run until it has.
        for (var i = 0; i < WarmUps; i++)
        {
            work(small);
            work(large);
        }

        // The fastest of several rounds, in turn: what else the machine does then disturbs both sizes alike.
        var (fastSmall, fastLarge) = (double.MaxValue, double.MaxValue);
        for (var round = 0; round < Rounds; round++)
        {
            fastSmall = Math.Min(fastSmall, Time(small));
            fastLarge = Math.Min(fastLarge, Time(large));
        }

        var ratio = fastLarge / fastSmall;
        Assert.True(ratio < LargestRatio, $"{Factor} times the size takes {ratio:0.0} times as long.");

        double Time(T input)
        {
            var started = Stopwatch.GetTimestamp();
            work(input);
            return Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        }
    }
}
