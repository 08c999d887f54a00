using System.Diagnostics;
using LlmProxy.Benchmarks.Children;
using LlmProxy.Benchmarks.Load;
using LlmProxy.Benchmarks.Wire;

namespace LlmProxy.Benchmarks.Proxy;

/// <summary>
/// Measures one case with processes of its own, so that no case inherits the memory or the compiled code of another.
/// Everything is warmed up first and measured after that.
/// </summary>
internal sealed class CaseMeasurement(ProxyOptions options, AgentRunTemplate template, CancellationToken cancellationToken)
{
    private const int Connections = 16;
    private const int EventPauseMs = 2;
    private const double FullRateKilobytes = 40;

    // Above this share of what the proxy carries at all, a rate measures the queue and not the work.
    private const double LargestLoad = 0.6;
    private const int MostWarmRounds = 8;
    private const int FewMethods = 25;
    private static readonly TimeSpan WarmTime = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan DrainPatience = TimeSpan.FromMinutes(3);

    public async Task<CaseResult> RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-bench-").FullName;
        try
        {
            await using var upstream = await ChildProcess.StartAsync(folder, asProxy: false, "upstream");
            await using var yarp = await ChildProcess.StartAsync(folder, asProxy: true, "yarp", upstream.Address.ToString());
            var result = await MeasureYarpAsync(yarp);
            result = await MeasurePathAsync(result, upstream, folder);
            return options.Only == Extent.Path ? result : await MeasureProxyAsync(result, upstream, yarp, folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Bare YARP: saturated, which is the unit of everything else, and at the rate.</summary>
    private async Task<CaseResult> MeasureYarpAsync(ChildProcess yarp)
    {
        // Warm: code compiled to its last tier, pools filled, connections open.
        await WarmAsync(yarp);
        var full = await CpuAsync(yarp, load => load.SaturateAsync(Connections, options.Time, cancellationToken));
        var paced = await CpuAsync(yarp, load => load.PaceAsync(Rate, options.Time, cancellationToken));
        return new CaseResult
        {
            MeanBytes = template.MeanBytes,
            LastBytes = template.LastBytes,
            Steps = template.Steps,
            Stream = template.Stream,
            UnitCpu = full.LoadCpu,
            Rate = paced.Load.RequestsPerSecond,
            YarpCpu = paced.LoadCpu,
            YarpThroughput = full.Load.RequestsPerSecond,
            YarpAllocatedKilobytes = paced.AllocatedKilobytes,
        };
    }

    /// <summary>The request path by itself: the proxy with nobody behind the spool.</summary>
    private async Task<CaseResult> MeasurePathAsync(CaseResult result, ChildProcess upstream, string folder)
    {
        var own = Directory.CreateDirectory(Path.Combine(folder, "path")).FullName;
        await using var path = await ChildProcess.StartAsync(own, asProxy: true, "llmproxy-path", upstream.Address.ToString(), own);
        await WarmAsync(path, waits: true);
        var paced = await CpuAsync(path, load => load.PaceAsync(Rate, options.Time, cancellationToken), waits: true);
        return result with { PathCpu = paced.LoadCpu, PathAllocatedKilobytes = paced.AllocatedKilobytes };
    }

    /// <summary>The proxy as it is: at the rate until everything is in the store, saturated, and with one connection.</summary>
    private async Task<CaseResult> MeasureProxyAsync(CaseResult result, ChildProcess upstream, ChildProcess yarp, string folder)
    {
        await using var proxy = await ChildProcess.StartAsync(folder, asProxy: true, "llmproxy", upstream.Address.ToString(), folder);
        var requests = await WarmAsync(proxy);
        var full = await CpuAsync(proxy, load => load.SaturateAsync(Connections, options.Time, cancellationToken));

        // A rate beyond what it carries would measure the queue and not the work.
        var rate = Math.Min(Rate, full.Load.RequestsPerSecond * LargestLoad);
        var paced = await CpuAsync(proxy, load => load.PaceAsync(rate, options.Time, cancellationToken));
        result = result with
        {
            Rate = paced.Load.RequestsPerSecond,
            LoadCpu = paced.LoadCpu,
            TotalCpu = paced.TotalCpu,
            TotalAllocatedKilobytes = paced.AllocatedKilobytes,
            DrainSeconds = paced.DrainSeconds,
            ProxyThroughput = full.Load.RequestsPerSecond,
            SaturatedTotalCpu = full.TotalCpu,
            ProxyRequests = requests + full.Load.Requests + paced.Load.Requests,
        };
        if (options.Only == Extent.All)
        {
            // One connection, the two in turns: what else the machine does then meets both alike.
            var (yarpWalk, proxyWalk) = await WalkAsync(yarp, proxy);
            await DrainAsync(proxy);
            result = result with
            {
                AddedP50Ms = (proxyWalk.Microseconds.Quantile(0.5) - yarpWalk.Microseconds.Quantile(0.5)) / 1000,
                AddedP99Ms = (proxyWalk.Microseconds.Quantile(0.99) - yarpWalk.Microseconds.Quantile(0.99)) / 1000,
                YarpEventP50Us = yarpWalk.EventMicroseconds.Quantile(0.5),
                ProxyEventP50Us = proxyWalk.EventMicroseconds.Quantile(0.5),
                YarpMergedShare = (double)yarpWalk.Merged / yarpWalk.EventMicroseconds.Count,
                ProxyMergedShare = (double)proxyWalk.Merged / proxyWalk.EventMicroseconds.Count,
                ProxyRequests = result.ProxyRequests + proxyWalk.Requests,
            };
        }

        var status = await proxy.StatusAsync();
        return result with
        {
            YarpMegabytes = (await yarp.StatusAsync()).WorkingSet / 1048576.0,
            ProxyMegabytes = status.WorkingSet / 1048576.0,
            NotRecorded = status.NotRecorded,
        };
    }

    private double Rate => options.Rate * Math.Min(1, FullRateKilobytes * 1024 * 1.25 / template.MeanBytes);

    private LoadGenerator Load(ChildProcess target) => new(template, target.Address, options.MaxRuns);

    /// <summary>Loads a process until the runtime has little left to compile: its compiler's time is nobody's request.</summary>
    private async Task<long> WarmAsync(ChildProcess target, bool waits = false)
    {
        var requests = 0L;
        var compiled = (await target.StatusAsync()).CompiledMethods;
        for (var round = 0; round < MostWarmRounds; round++)
        {
            requests += (await CpuAsync(target, load => load.SaturateAsync(Connections, WarmTime, cancellationToken), waits)).Load.Requests;

            // Few requests at a time take other ways through the thread pool and the sockets than many.
            requests += (await CpuAsync(target, load => load.PaceAsync(50, TimeSpan.FromSeconds(1), cancellationToken), waits)).Load.Requests;
            var now = (await target.StatusAsync()).CompiledMethods;
            if (round > 1 && now - compiled < FewMethods)
            {
                break;
            }

            compiled = now;
        }

        return requests;
    }

    /// <summary>Processor time and memory a request of a load.</summary>
    /// <param name="target">Who is loaded.</param>
    /// <param name="run">The load.</param>
    /// <param name="waits">Whether its recorder waits, so that the spool does not empty.</param>
    private async Task<(LoadResult Load, double LoadCpu, double TotalCpu, double DrainSeconds, double AllocatedKilobytes)> CpuAsync(ChildProcess target, Func<LoadGenerator, Task<LoadResult>> run, bool waits = false)
    {
        var before = await target.StatusAsync();
        var load = await run(Load(target));
        var after = await target.StatusAsync();
        var started = Stopwatch.GetTimestamp();
        var drained = waits ? after : await DrainAsync(target);
        return (load, Cpu(after), Cpu(drained), Stopwatch.GetElapsedTime(started).TotalSeconds, (drained.Allocated - before.Allocated) / 1024.0 / load.Requests);

        double Cpu(ChildStatus status) => (status.CpuMilliseconds - before.CpuMilliseconds) * 1000 / load.Requests;
    }

    /// <summary>Waits until the spool is empty.</summary>
    private async Task<ChildStatus> DrainAsync(ChildProcess target)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var status = await target.StatusAsync();
            if (status.Pending == 0)
            {
                return status;
            }

            if (Stopwatch.GetElapsedTime(started) > DrainPatience)
            {
                throw new InvalidOperationException($"{status.Pending} calls are still in the spool after {DrainPatience.TotalMinutes} minutes.");
            }

            await Task.Delay(50, cancellationToken);
        }
    }

    private async Task<(LoadResult Yarp, LoadResult Proxy)> WalkAsync(ChildProcess yarp, ChildProcess proxy)
    {
        var pause = template.Stream ? EventPauseMs : 0;
        List<double> yarpEvents = [], proxyEvents = [];
        using var toYarp = new HttpConnection(yarpEvents);
        using var toProxy = new HttpConnection(proxyEvents);
        await toYarp.ConnectAsync(yarp.Address, cancellationToken);
        await toProxy.ConnectAsync(proxy.Address, cancellationToken);
        await Load(yarp).WalkAsync(toYarp, yarpEvents, pause, cancellationToken);
        await Load(proxy).WalkAsync(toProxy, proxyEvents, pause, cancellationToken);
        var none = new LoadResult(0, 0, [], [], 0);
        var (ofYarp, ofProxy, runs) = (none, none, 0);
        var started = Stopwatch.GetTimestamp();
        do
        {
            ofYarp = ofYarp.Add(await Load(yarp).WalkAsync(toYarp, yarpEvents, pause, cancellationToken));
            ofProxy = ofProxy.Add(await Load(proxy).WalkAsync(toProxy, proxyEvents, pause, cancellationToken));
        }
        while (++runs < options.MaxRuns && Stopwatch.GetElapsedTime(started) < options.Time);
        return (ofYarp, ofProxy);
    }
}
