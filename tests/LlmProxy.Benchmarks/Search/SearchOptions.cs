namespace LlmProxy.Benchmarks.Search;

/// <summary>What <c>search</c> measures.</summary>
internal sealed record SearchOptions
{
    public IReadOnlyList<int> Runs { get; init; } = [10_000, 100_000];

    public IReadOnlyList<int> Dimensions { get; init; } = [256, 1536];

    public IReadOnlyList<string> Stores { get; init; } = ["sqlite", "postgres"];

    public int Queries { get; init; } = 100;

    public bool Json { get; init; }

    public static SearchOptions Parse(string[] arguments)
    {
        var options = new SearchOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--runs" => options with { Runs = Numbers(reader, name) },
                "--dimensions" => options with { Dimensions = Numbers(reader, name) },
                "--stores" => options with { Stores = reader.Value(name).Split(',') },
                "--queries" => options with { Queries = reader.Number(name) },
                "--json" => options with { Json = true },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options.Stores.All(s => s is "sqlite" or "postgres") ? options : throw new UsageException("--stores takes sqlite and postgres.");
    }

    private static int[] Numbers(ArgumentReader reader, string name) =>
    [
        .. reader.Value(name).Split(',').Select(text => int.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new UsageException($"{name} needs whole numbers above 0.")),
    ];
}
