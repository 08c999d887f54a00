using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using LlmProxy.Benchmarks.Children;
using LlmProxy.Benchmarks.Load;
using LlmProxy.Benchmarks.Wire;

namespace LlmProxy.Benchmarks.Soak;

/// <summary>One sample of the proxy's memory.</summary>
internal sealed record SoakSample(long Requests, double Seconds, double Megabytes, long Pending);

/// <summary>
/// Many runs of all dialects at a time, streamed and not, each call with a number of its own that its answer must carry
/// and its request must still hold when it reaches the upstream. Shows whether anything is lost or mixed up, and
/// whether memory stays flat.
/// </summary>
internal static class SoakScenario
{
    private const int Samples = 40;

    // The second half beside the second quarter: by then pools are filled and code is compiled.
    private const double LargestGrowth = 1.1;

    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };
    private static readonly TimeSpan DrainPatience = TimeSpan.FromMinutes(20);

    public static async Task<int> RunAsync(SoakOptions options, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-soak-").FullName;
        try
        {
            await using var upstream = await ChildProcess.StartAsync(folder, asProxy: false, "upstream", "checking");
            await using var proxy = await ChildProcess.StartAsync(folder, asProxy: true, "llmproxy", upstream.Address.ToString(), folder);
            return await SoakAsync(options, proxy, cancellationToken);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<int> SoakAsync(SoakOptions options, ChildProcess proxy, CancellationToken cancellationToken)
    {
        var templates = AgentWire.All.SelectMany(wire => new[] { false, true }.Select(stream => new AgentRunTemplate(wire, options.Kilobytes * 1024, stream))).ToArray();
        var counts = new SoakCounts();
        var samples = new List<SoakSample>();
        var started = Stopwatch.GetTimestamp();
        var gate = new SoakGate(options.MostPending);
        var workers = Task.WhenAll(Enumerable.Range(0, options.Streams).Select(worker => Task.Run(() => WorkAsync(worker), cancellationToken)));

        // 1. Under load: a sample for every part of the calls.
        for (var part = 1; part <= Samples && !workers.IsCompleted; part++)
        {
            while (counts.Answered < (long)options.Requests * part / Samples && !workers.IsCompleted)
            {
                await Task.WhenAny(workers, Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken));
                gate.Update((await proxy.StatusAsync()).Pending);
            }

            await SampleAsync();
        }

        while (!workers.IsCompleted)
        {
            await Task.WhenAny(workers, Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken));
            gate.Update((await proxy.StatusAsync()).Pending);
        }

        await workers;
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;

        // 2. Until everything is in the store.
        while ((await SampleAsync()).Pending > 0 && Stopwatch.GetElapsedTime(started).TotalSeconds < seconds + DrainPatience.TotalSeconds)
        {
            await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);
        }

        var status = await proxy.StatusAsync();
        return Print(options, counts, samples, seconds, gate.Waited, status);

        async Task<SoakSample> SampleAsync()
        {
            var now = await proxy.StatusAsync();
            var sample = new SoakSample(counts.Answered, Stopwatch.GetElapsedTime(started).TotalSeconds, now.WorkingSet / 1048576.0, now.Pending);
            samples.Add(sample);
            await Console.Error.WriteLineAsync($"{sample.Requests,9} calls  {sample.Seconds,7:0.0} s  {sample.Megabytes,6:0} MB  {sample.Pending,7} pending  {counts.Lost + counts.MixedUp + counts.Refused} wrong");
            return sample;
        }

        async Task WorkAsync(int worker)
        {
            var connection = new HttpConnection();
            await connection.ConnectAsync(proxy.Address, cancellationToken);
            for (var turn = worker; ; turn++)
            {
                var run = new AgentRun(templates[turn % templates.Length]);
                run.Begin();
                while (!run.IsOver)
                {
                    if (counts.Next() > options.Requests)
                    {
                        counts.GiveBack();
                        connection.Dispose();
                        return;
                    }

                    await gate.WaitAsync(cancellationToken);
                    try
                    {
                        var answered = await connection.SendAsync(run.Next(pauseMs: 0), cancellationToken);
                        counts.Count(answered, connection.Body.IndexOf(run.AnswerId.Span) >= 0);
                    }
                    catch (Exception error) when (error is IOException or SocketException)
                    {
                        counts.CountLost();
                        connection.Dispose();
                        connection = new HttpConnection();
                        await connection.ConnectAsync(proxy.Address, cancellationToken);
                    }
                }
            }
        }
    }

    private static int Print(SoakOptions options, SoakCounts counts, List<SoakSample> samples, double seconds, TimeSpan waited, ChildStatus status)
    {
        var loaded = samples.Where(s => s.Requests > 0).ToList();
        var early = Mean(loaded, options.Requests / 4, options.Requests / 2);
        var late = Mean(loaded, options.Requests / 2, options.Requests);
        var notRecorded = status.NotRecorded.Count == 0 ? "none" : string.Join(", ", status.NotRecorded.Select(n => $"{n.Value} {n.Key}"));
        var isGood = counts.Answered == options.Requests && counts.MixedUp == 0 && counts.Lost == 0 && counts.Refused == 0 && status.Pending == 0 && late <= early * LargestGrowth;
        if (options.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { options.Requests, options.Streams, options.Kilobytes, seconds, waitedSeconds = waited.TotalSeconds, counts, samples, early, late, status.NotRecorded, status.Pending, isGood }, Indented));
        }
        else
        {
            Console.WriteLine($"""
                {counts.Sent} calls, {options.Streams} at a time, four dialects, streamed and not, {options.Kilobytes} KB on average: {seconds:0} s, {counts.Sent / seconds:0} calls/s ({waited.TotalSeconds:0} s of it waiting for the store)
                {counts.Answered} answered with their own answer, {counts.Lost} lost, {counts.MixedUp} mixed up, {counts.Refused} refused
                memory: {early:0} MB in the second quarter, {late:0} MB in the second half, {samples.Max(s => s.Megabytes):0} MB at most, {samples[^1].Megabytes:0} MB at the end
                not recorded: {notRecorded}; still waiting for the store: {status.Pending}
                """);
        }

        return isGood ? 0 : 1;
    }

    private static double Mean(List<SoakSample> samples, long from, long to) =>
        samples.Where(s => s.Requests > from && s.Requests <= to).Select(s => s.Megabytes).DefaultIfEmpty(double.NaN).Average();
}
