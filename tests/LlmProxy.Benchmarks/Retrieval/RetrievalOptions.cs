namespace LlmProxy.Benchmarks.Retrieval;

/// <summary>What <c>retrieval</c> measures.</summary>
internal sealed record RetrievalOptions
{
    public bool Tuning { get; init; }

    public static RetrievalOptions Parse(string[] arguments)
    {
        var options = new RetrievalOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name == "--tuning" ? options with { Tuning = true } : throw new UsageException($"There is no option {name}.");
        }

        return options;
    }
}
