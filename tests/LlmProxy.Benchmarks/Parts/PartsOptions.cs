namespace LlmProxy.Benchmarks.Parts;

/// <summary>What <c>parts</c> measures.</summary>
internal sealed record PartsOptions
{
    public string Only { get; init; } = "";

    public int Stored { get; init; } = 1000;

    public bool Json { get; init; }

    public static PartsOptions Parse(string[] arguments)
    {
        var options = new PartsOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--only" => options with { Only = reader.Value(name) },
                "--stored" => options with { Stored = reader.Number(name) },
                "--json" => options with { Json = true },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options;
    }
}
