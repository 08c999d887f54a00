using System.Globalization;
using LlmProxy.Benchmarks.Wire;

namespace LlmProxy.Benchmarks.Proxy;

/// <summary>What <c>proxy</c> measures.</summary>
internal sealed record ProxyOptions
{
    public double Rate { get; init; } = 500;

    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(10);

    public int MaxRuns { get; init; } = 100_000;

    public IReadOnlyList<int> Kilobytes { get; init; } = [4, 40, 400];

    public IReadOnlyList<bool> Streams { get; init; } = [false, true];

    public AgentWire Wire { get; init; } = AgentWire.All[0];

    /// <summary>What is measured; each part of it takes its time.</summary>
    public Extent Only { get; init; } = Extent.All;

    public bool Json { get; init; }

    public static ProxyOptions Parse(string[] arguments)
    {
        var options = new ProxyOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--rate" => options with { Rate = reader.Number(name) },
                "--seconds" => options with { Time = TimeSpan.FromSeconds(reader.Number(name)) },
                "--runs" => options with { MaxRuns = reader.Number(name) },
                "--sizes" => options with { Kilobytes = Sizes(reader.Value(name)) },
                "--streams" => options with { Streams = WhichStreams(reader.Value(name)) },
                "--dialect" => options with { Wire = Dialect(reader.Value(name)) },
                "--only" => options with { Only = Which(reader.Value(name)) },
                "--json" => options with { Json = true },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options;
    }

    private static int[] Sizes(string value) =>
        [.. value.Split(',').Select(v => int.TryParse(v, CultureInfo.InvariantCulture, out var size) && size is > 0 and <= 4096
            ? size
            : throw new UsageException("--sizes needs numbers from 1 to 4096 with commas between them."))];

    private static bool[] WhichStreams(string value) => value switch
    {
        "both" => [false, true],
        "yes" => [true],
        "no" => [false],
        _ => throw new UsageException("--streams is both, yes or no."),
    };

    private static Extent Which(string value) => value switch
    {
        "path" => Extent.Path,
        "cpu" => Extent.Processor,
        _ => throw new UsageException("--only is path or cpu."),
    };

    private static AgentWire Dialect(string value) =>
        AgentWire.All.FirstOrDefault(w => w.Name == value) ?? throw new UsageException("--dialect is anthropic, chat, responses or gemini.");
}

/// <summary>How much of a case is measured.</summary>
internal enum Extent
{
    /// <summary>The processor time of the request path.</summary>
    Path,

    /// <summary>The processor time of the path and of everything.</summary>
    Processor,

    /// <summary>Processor time, throughput, latency and memory.</summary>
    All,
}
