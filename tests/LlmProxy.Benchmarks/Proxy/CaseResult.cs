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
    public double PathCpu { get; init; } = double.NaN;

    /// <summary>The proxy at the rate, while the load runs.</summary>
    public double LoadCpu { get; init; } = double.NaN;

    /// <summary>The proxy at the rate, until everything is in the store.</summary>
    public double TotalCpu { get; init; } = double.NaN;

    /// <summary>What is allocated on the managed heap for a request, at the rate: by bare YARP, by the request path, and in all.</summary>
    public required double YarpAllocatedKilobytes { get; init; }

    /// <inheritdoc cref="YarpAllocatedKilobytes"/>
    public double PathAllocatedKilobytes { get; init; } = double.NaN;

    /// <inheritdoc cref="YarpAllocatedKilobytes"/>
    public double TotalAllocatedKilobytes { get; init; } = double.NaN;

    /// <summary>From the load's end until everything is in the store.</summary>
    public double DrainSeconds { get; init; } = double.NaN;

    public required double YarpThroughput { get; init; }

    public double ProxyThroughput { get; init; } = double.NaN;

    /// <summary>The proxy under saturation, until everything is in the store.</summary>
    public double SaturatedTotalCpu { get; init; } = double.NaN;

    public double AddedP50Ms { get; init; } = double.NaN;

    public double AddedP99Ms { get; init; } = double.NaN;

    public double YarpEventP50Us { get; init; } = double.NaN;

    public double ProxyEventP50Us { get; init; } = double.NaN;

    public double YarpMergedShare { get; init; } = double.NaN;

    public double ProxyMergedShare { get; init; } = double.NaN;

    public double YarpMegabytes { get; init; } = double.NaN;

    public double ProxyMegabytes { get; init; } = double.NaN;

    public long ProxyRequests { get; init; }

    public IReadOnlyDictionary<string, long> NotRecorded { get; init; } = new Dictionary<string, long>(StringComparer.Ordinal);

    public double PathUnits => (PathCpu - YarpCpu) / UnitCpu;

    public double LoadUnits => (LoadCpu - YarpCpu) / UnitCpu;

    public double TotalUnits => (TotalCpu - YarpCpu) / UnitCpu;

    public double EventRatio => ProxyEventP50Us / YarpEventP50Us;

    public string Name => $"{MeanBytes / 1024.0:F0} KB {(Stream ? "stream" : "json")}";
}
