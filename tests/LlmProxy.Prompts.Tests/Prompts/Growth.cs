namespace LlmProxy.Tests.Prompts;

/// <summary>
/// Compares what two sizes of one input cost, in bytes that the thread allocates: the same on every machine, however busy,
/// where work that goes over what it has made again and again shows.
/// </summary>
internal static class Growth
{
    private const int Small = 8 * 1024;
    private const int Times = 32;

    /// <summary>What lists that double may add; work that grows with the square costs <see cref="Times"/> times as much again.</summary>
    private const int Slack = 2;

    public static void IsLinear(string piece, Action<string> work)
    {
        var (small, big) = (Repeat(piece, Small), Repeat(piece, Small * Times));
        work(small);

        var (least, most) = (Measure(work, small), Measure(work, big));

        Assert.True(most < least * Times * Slack, $"{piece}: {Times} times the text cost {most / least} times as many bytes");
    }

    private static long Measure(Action<string> work, string text)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        work(text);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static string Repeat(string piece, int length) => string.Concat(Enumerable.Repeat(piece, length / piece.Length));
}
