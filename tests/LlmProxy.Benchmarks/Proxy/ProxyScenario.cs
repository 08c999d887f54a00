using System.Text.Json;
using LlmProxy.Benchmarks.Wire;

namespace LlmProxy.Benchmarks.Proxy;

/// <summary>The proxy beside bare YARP: every size, streamed and not, and the tables.</summary>
internal static class ProxyScenario
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static async Task<int> RunAsync(ProxyOptions options, CancellationToken cancellationToken)
    {
        var results = new List<CaseResult>();
        try
        {
            foreach (var kilobytes in options.Kilobytes)
            {
                foreach (var stream in options.Streams)
                {
                    await Console.Error.WriteLineAsync($"{kilobytes} KB, {(stream ? "streamed" : "not streamed")} …");
                    var template = new AgentRunTemplate(options.Wire, kilobytes * 1024, stream);
                    results.Add(await new CaseMeasurement(options, template, cancellationToken).RunAsync());
                }
            }
        }
        finally
        {
            // A case that fails, or a person who has seen enough, does not cost what was measured before.
            Print(options, results);
        }

        return 0;
    }

    private static void Print(ProxyOptions options, List<CaseResult> results)
    {
        if (options.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { dialect = options.Wire.Name, processors = Environment.ProcessorCount, cases = results }, Indented));
        }
        else if (results.Count > 0)
        {
            Console.Write($"{Processor(results)}\n{Time(results)}");
        }
    }

    private static string Processor(List<CaseResult> results)
    {
        var table = new Table("CPU, µs a request", "steps", "last KB", "unit", "rate/s", "YARP", "path", "load", "total", "path adds", "load adds", "total adds", "KB allocated YARP", "path", "total", "drain s");
        foreach (var r in results)
        {
            table.Add(
                r.Name,
                $"{r.Steps}",
                (r.LastBytes / 1024.0).Show(0),
                r.UnitCpu.Show(0),
                r.Rate.Show(0),
                r.YarpCpu.Show(0),
                r.PathCpu.Show(0),
                r.LoadCpu.Show(0),
                r.TotalCpu.Show(0),
                r.PathUnits.Show(1),
                r.LoadUnits.Show(1),
                r.TotalUnits.Show(1),
                r.YarpAllocatedKilobytes.Show(1),
                r.PathAllocatedKilobytes.Show(1),
                r.TotalAllocatedKilobytes.Show(1),
                r.DrainSeconds.Show(1));
        }

        return table + """
            unit: bare YARP, saturated. At the rate: YARP; path = the proxy while its recorder waits; load = the proxy while
            the load runs; total = until everything is in the store. What these add to YARP at the rate is in units.

            """;
    }

    private static string Time(List<CaseResult> results)
    {
        var table = new Table("Time", "YARP req/s", "proxy req/s", "added p50 ms", "added p99 ms", "event µs YARP", "proxy", "ratio", "merged % YARP", "proxy", "MB YARP", "proxy", "not recorded");
        foreach (var r in results)
        {
            table.Add(
                r.Name,
                r.YarpThroughput.Show(0),
                r.ProxyThroughput.Show(0),
                r.AddedP50Ms.Show(2),
                r.AddedP99Ms.Show(2),
                r.YarpEventP50Us.Show(0),
                r.ProxyEventP50Us.Show(0),
                r.EventRatio.Show(2),
                (r.YarpMergedShare * 100).Show(1),
                (r.ProxyMergedShare * 100).Show(1),
                r.YarpMegabytes.Show(0),
                r.ProxyMegabytes.Show(0),
                r.NotRecorded.Count == 0 ? "0" : string.Join(", ", r.NotRecorded.Select(n => $"{n.Value} {n.Key}")));
        }

        return table + """
            req/s: 16 connections. added: one connection, until the whole answer, for streams until the first event.
            event: from the upstream's hand to the client, p50; merged: events that came together with the one before.

            """;
    }
}
