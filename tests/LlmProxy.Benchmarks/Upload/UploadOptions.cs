namespace LlmProxy.Benchmarks.Upload;

/// <summary>What <c>upload</c> does.</summary>
internal sealed record UploadOptions
{
    public int Megabytes { get; init; } = 2_048;

    public static UploadOptions Parse(string[] arguments)
    {
        var options = new UploadOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--megabytes" => options with { Megabytes = reader.Number(name) },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options;
    }
}
