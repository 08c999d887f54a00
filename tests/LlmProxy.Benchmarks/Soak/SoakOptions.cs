namespace LlmProxy.Benchmarks.Soak;

/// <summary>What <c>soak</c> does.</summary>
internal sealed record SoakOptions
{
    public int Requests { get; init; } = 200_000;

    public int Streams { get; init; } = 64;

    public int Kilobytes { get; init; } = 12;

    /// <summary>Calls wait while more than so many are not in the store: without a pause, callers that do not think would only show how a queue grows.</summary>
    public int MostPending { get; init; } = 2_000;

    public bool Json { get; init; }

    public static SoakOptions Parse(string[] arguments)
    {
        var options = new SoakOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--requests" => options with { Requests = reader.Number(name) },
                "--streams" => options with { Streams = reader.Number(name) },
                "--kilobytes" => options with { Kilobytes = reader.Number(name) },
                "--pending" => options with { MostPending = reader.Number(name) },
                "--json" => options with { Json = true },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options;
    }
}
