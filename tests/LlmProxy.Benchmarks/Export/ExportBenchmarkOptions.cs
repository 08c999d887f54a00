namespace LlmProxy.Benchmarks.Export;

/// <summary>Options of the measurement of exports.</summary>
internal sealed record ExportBenchmarkOptions(int Runs, int Steps, string Format, bool Json)
{
    public static ExportBenchmarkOptions Parse(string[] arguments)
    {
        var options = new ExportBenchmarkOptions(10_000, 20, "openai", false);
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--runs" => options with { Runs = reader.Number(name) },
                "--steps" => options with { Steps = reader.Number(name) },
                "--format" => options with { Format = reader.Value(name) },
                "--json" => options with { Json = true },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options;
    }
}
