using System.Diagnostics;
using System.Diagnostics.Metrics;
using LlmProxy.Wire;

namespace LlmProxy.Server.Telemetry;

/// <summary>The proxy's own metrics. Without a listener an instrument is off and costs one comparison.</summary>
internal sealed class ProxyMetrics : IDisposable
{
    // The buckets of the GenAI conventions.
    private static readonly double[] DurationBuckets = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    private static readonly long[] TokenBuckets = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];

    // Around the expected overhead: tens of microseconds to a few milliseconds.
    private static readonly double[] OverheadBuckets = [0.00005, 0.0001, 0.0002, 0.0004, 0.0008, 0.0016, 0.0032, 0.0064, 0.0128, 0.0256, 0.0512, 0.1024, 0.3, 1];

    private readonly Meter _meter = new(TelemetryNames.Source);
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _firstChunk;
    private readonly Histogram<double> _overhead;
    private readonly Histogram<long> _tokens;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _breaks;

    public ProxyMetrics()
    {
        _duration = _meter.CreateHistogram(TelemetryNames.DurationMetric, "s", "Duration of a call, from the request to the end of the response", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = DurationBuckets });
        _firstChunk = _meter.CreateHistogram(TelemetryNames.FirstChunkMetric, "s", "Time from the request to the first bytes of the response", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = DurationBuckets });
        _overhead = _meter.CreateHistogram(TelemetryNames.OverheadMetric, "s", "Overhead of the proxy per call: from the complete request until it is sent, and copying the response", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = OverheadBuckets });
        _tokens = _meter.CreateHistogram(TelemetryNames.TokenMetric, "{token}", "Tokens of a call; input includes cached ones", advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = TokenBuckets });
        _retries = _meter.CreateCounter<long>(TelemetryNames.RetryMetric, "{try}", "Retried calls");
        _breaks = _meter.CreateCounter<long>(TelemetryNames.BreakMetric, "{break}", "Circuit breaks of destinations");
    }

    /// <summary>Counts a retry.</summary>
    public void CountRetry(string cluster, string reason) => _retries.Add(1, new(TelemetryNames.Cluster, cluster), new(TelemetryNames.Reason, reason));

    /// <summary>Counts a circuit break of a destination.</summary>
    public void CountBreak(string cluster) => _breaks.Add(1, new KeyValuePair<string, object?>(TelemetryNames.Cluster, cluster));

    /// <summary>Observes the recorder when metrics are collected.</summary>
    public void Observe(Func<long> pending, Func<IReadOnlyDictionary<string, long>> notRecorded)
    {
        _meter.CreateObservableGauge(TelemetryNames.PendingMetric, pending, "{call}", "Calls that are not stored yet");
        _meter.CreateObservableCounter(
            TelemetryNames.NotRecordedMetric,
            () => notRecorded().Select(entry => new Measurement<long>(entry.Value, new KeyValuePair<string, object?>(TelemetryNames.Reason, entry.Key))),
            "{call}",
            "Calls that were not recorded");
    }

    /// <summary>Records a completion call that has ended.</summary>
    /// <param name="call">Its figures.</param>
    /// <param name="tags">The dimensions of the call.</param>
    public void Record(in CallFigures call, in TagList tags)
    {
        _duration.Record(call.Duration.TotalSeconds, tags);
        if (call.Overhead is { } overhead)
        {
            _overhead.Record(overhead.TotalSeconds, tags);
        }

        if (call.TimeToFirstChunk is { } firstChunk)
        {
            _firstChunk.Record(firstChunk.TotalSeconds, tags);
        }

        if (call.Usage is { } usage)
        {
            RecordTokens(usage.Input, "input", tags);
            RecordTokens(usage.Output, "output", tags);
        }
    }

    public void Dispose() => _meter.Dispose();

    private void RecordTokens(long count, string type, TagList tags)
    {
        tags.Add(TelemetryNames.TokenType, type);
        _tokens.Record(count, tags);
    }
}

/// <summary>The figures of one completion call.</summary>
/// <param name="Duration">From its arrival to its end.</param>
/// <param name="Overhead">Overhead of the proxy; null if the body was streamed.</param>
/// <param name="TimeToFirstChunk">From its arrival to the first bytes of the response's body.</param>
/// <param name="Usage">Tokens, if the response names them.</param>
internal readonly record struct CallFigures(TimeSpan Duration, TimeSpan? Overhead, TimeSpan? TimeToFirstChunk, TokenUsage? Usage);
