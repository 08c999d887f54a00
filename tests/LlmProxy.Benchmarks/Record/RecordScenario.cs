using System.Diagnostics;
using System.Globalization;
using LlmProxy.Benchmarks.Children;
using LlmProxy.Benchmarks.Load;
using LlmProxy.Benchmarks.Wire;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Benchmarks.Record;

/// <summary>What <c>record</c> measures.</summary>
internal sealed record RecordOptions
{
    public int Rate { get; init; } = 500;

    public int Seconds { get; init; } = 20;

    public static RecordOptions Parse(string[] arguments)
    {
        var options = new RecordOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--rate" => options with { Rate = reader.Number(name) },
                "--seconds" => options with { Seconds = reader.Number(name) },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options;
    }
}

/// <summary>Whether what is behind the spool keeps up, and whether what is before it feels the store.</summary>
internal static class RecordScenario
{
    private const int RunsAtOnce = 50;

    // Enough for a 99th percentile, and little enough that the machine is not the bottleneck.
    private const double CallRate = 100;
    private const int PauseRounds = 3;

    public static async Task<int> RunAsync(RecordOptions options, CancellationToken cancellationToken)
    {
        var template = new AgentRunTemplate(AgentWire.All[0], 40 * 1024, stream: false);
        var keepsUp = await KeepUpAsync(options, template, cancellationToken);
        await PauseAsync(options, template, cancellationToken);
        return keepsUp ? 0 : 1;
    }

    private static async Task<bool> KeepUpAsync(RecordOptions options, AgentRunTemplate template, CancellationToken cancellationToken)
    {
        await using var bench = await RecorderBench.OpenAsync();
        var answers = Enumerable.Range(1, template.Steps).Select(step => new MarkedText(template.Wire.Reply(step, step == template.Steps))).ToArray();
        var count = 0;
        await PaceAsync(warm: true);
        await bench.SettleAsync(cancellationToken);
        var cpu = Environment.CpuUsage.TotalTime;
        var (most, sent, seconds) = await PaceAsync(warm: false);
        var left = bench.Spool.Pending;
        var started = Stopwatch.GetTimestamp();
        await bench.SettleAsync(cancellationToken);
        var drain = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var used = (Environment.CpuUsage.TotalTime - cpu).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Recorder and SQLite: {sent / seconds:0} exchanges/s of {template.MeanBytes / 1024} KB for {seconds:0.0} s; most pending {most}, pending at the end {left}, drained in {drain:0.00} s, {bench.Spool.Dropped} dropped; {used / (seconds + drain):0.00} processors used"));
        return drain < 2 && bench.Spool.Dropped == 0 && sent / seconds > options.Rate * 0.95;

        async Task<(long Most, int Sent, double Seconds)> PaceAsync(bool warm)
        {
            var (mostPending, first, total) = (0L, count, options.Rate * (warm ? Math.Min(4, options.Seconds) : options.Seconds));
            var begun = Stopwatch.GetTimestamp();
            while (count - first < total)
            {
                var due = (int)Math.Min(total, Stopwatch.GetElapsedTime(begun).TotalSeconds * options.Rate);
                for (; count - first < due; count++)
                {
                    // So many runs side by side, each a step further when its turn comes.
                    var group = count / (RunsAtOnce * template.Steps);
                    var (step, run) = ((count / RunsAtOnce % template.Steps) + 1, (group * RunsAtOnce) + (count % RunsAtOnce));
                    var answer = new byte[answers[step - 1].Bytes.Length];
                    answers[step - 1].CopyTo(answer, run);
                    bench.Add(run.ToString(CultureInfo.InvariantCulture), step, template.Body(run, step), answer);
                }

                mostPending = Math.Max(mostPending, bench.Spool.Pending);
                await Task.Delay(1, cancellationToken);
            }

            return (mostPending, total, Stopwatch.GetElapsedTime(begun).TotalSeconds);
        }
    }

    /// <summary>The same load with the store free and with another process that keeps its writers waiting, in turns.</summary>
    private static async Task PauseAsync(RecordOptions options, AgentRunTemplate template, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-bench-").FullName;
        try
        {
            await using var upstream = await ChildProcess.StartAsync(folder, asProxy: false, "upstream");
            await using var proxy = await ChildProcess.StartAsync(folder, asProxy: true, "llmproxy", upstream.Address.ToString(), folder);
            var load = new LoadGenerator(template, proxy.Address, int.MaxValue);
            var time = TimeSpan.FromSeconds(Math.Max(2, options.Seconds / 4.0));
            var rate = Math.Min(CallRate, options.Rate);
            await load.PaceAsync(rate, time, cancellationToken);
            var (free, paused) = (new List<double>(), new List<double>());
            var waiting = 0L;
            for (var round = 0; round < PauseRounds; round++)
            {
                await DrainAsync(proxy, cancellationToken);
                free.AddRange((await load.PaceAsync(rate, time, cancellationToken)).Microseconds);
                await DrainAsync(proxy, cancellationToken);
                await using var writer = new SqliteConnection($"Data Source={Path.Combine(folder, "llmproxy.db")};Pooling=False");
                await writer.OpenAsync(cancellationToken);
                await using var transaction = writer.BeginTransaction(deferred: false);
                paused.AddRange((await load.PaceAsync(rate, time, cancellationToken)).Microseconds);
                waiting = Math.Max(waiting, (await proxy.StatusAsync()).Pending);
                await transaction.RollbackAsync(cancellationToken);
            }

            await DrainAsync(proxy, cancellationToken);
            var dropped = (await proxy.StatusAsync()).NotRecorded.Values.Sum();
            var table = new Table($"Calls of {template.MeanBytes / 1024} KB, {rate:0}/s", "count", "p50 ms", "p99 ms");
            table.Add("store free", Number(free.Count), (free.Quantile(0.5) / 1000).Show(2), (free.Quantile(0.99) / 1000).Show(2));
            table.Add("store paused", Number(paused.Count), (paused.Quantile(0.5) / 1000).Show(2), (paused.Quantile(0.99) / 1000).Show(2));
            Console.WriteLine();
            Console.Write(table);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Waiting in the spool while paused: up to {waiting}; not recorded in the end: {dropped}"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task DrainAsync(ChildProcess proxy, CancellationToken cancellationToken)
    {
        while ((await proxy.StatusAsync()).Pending > 0)
        {
            await Task.Delay(20, cancellationToken);
        }
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
