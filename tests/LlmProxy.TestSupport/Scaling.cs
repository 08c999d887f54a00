using System.Diagnostics;

namespace LlmProxy.Tests;

/// <summary>Compares the time of work on two sizes, in one run on one machine: no test asserts a duration.</summary>
internal static class Scaling
{
    private const int Factor = 8;

    // Linear work takes 8 times as long, quadratic 64 times.
    private const double LargestRatio = 3 * Factor;

    /// <summary>Asserts that work on eight times the size takes about eight times as long.</summary>
    /// <param name="size">The smaller size; large enough to take a millisecond.</param>
    /// <param name="prepare">Makes the input of a size.</param>
    /// <param name="work">The work.</param>
    public static void AssertLinear<T>(int size, Func<int, T> prepare, Action<T> work)
    {
        var (small, large) = (prepare(size), prepare(size * Factor));
        work(small);
        var ratio = Fastest(large) / Fastest(small);
        Assert.True(ratio < LargestRatio, $"{Factor} times the size takes {ratio:0.0} times as long.");

        double Fastest(T input) => Enumerable.Range(0, 3).Min(_ =>
        {
            var started = Stopwatch.GetTimestamp();
            work(input);
            return Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        });
    }
}
