namespace LlmProxy.Benchmarks.Proxy;

/// <summary>The figures of one size of body, streamed or not. Times of processors are microseconds a request.</summary>
internal sealed record CaseResult
{
    public required int MeanBytes { get; init; }

    public required int LastBytes { get; init; }

    public required int Steps { get; init; }

    public required bool Stream { get; init; }

    /// <summary>What bare YARP costs when saturated: the unit.</summary>
    public required double UnitCpu { get; init; }

    public required double Rate { get; init; }

    /// <summary>Bare YARP at the rate.</summary>
    public required double YarpCpu { get; init; }

    /// <summary>The proxy at the rate, its recorder waiting: the request path.</summary>
    public required double PathCpu { get; init; }

    /// <summary>The proxy at the rate, while the load runs.</summary>
    public required double LoadCpu { get; init; }

    /// <summary>The proxy at the rate, until everything is in the store.</summary>
    public required double TotalCpu { get; init; }

    /// <summary>From the load's end until everything is in the store.</summary>
    public required double DrainSeconds { get; init; }

    public required double YarpThroughput { get; init; }

    public required double ProxyThroughput { get; init; }

    /// <summary>The proxy under saturation, until everything is in the store.</summary>
    public required double SaturatedTotalCpu { get; init; }

    public required double AddedP50Ms { get; init; }

    public required double AddedP99Ms { get; init; }

    public required double YarpEventP50Us { get; init; }

    public required double ProxyEventP50Us { get; init; }

    public required double YarpMergedShare { get; init; }

    public required double ProxyMergedShare { get; init; }

    public required double YarpMegabytes { get; init; }

    public required double ProxyMegabytes { get; init; }

    public required long ProxyRequests { get; init; }

    public required IReadOnlyDictionary<string, long> NotRecorded { get; init; }

    public double PathUnits => (PathCpu - YarpCpu) / UnitCpu;

    public double LoadUnits => (LoadCpu - YarpCpu) / UnitCpu;

    public double TotalUnits => (TotalCpu - YarpCpu) / UnitCpu;

    public double EventRatio => ProxyEventP50Us / YarpEventP50Us;

    public string Name => $"{MeanBytes / 1024.0:F0} KB {(Stream ? "stream" : "json")}";
}
