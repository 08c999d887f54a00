using System.Text.Json;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>The parts of a request by themselves.</summary>
internal static class PartsScenario
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static async Task<int> RunAsync(PartsOptions options, CancellationToken cancellationToken)
    {
        var loop = new PartLoop(options, cancellationToken);

        // On the request path.
        ReadingParts.Measure(loop);
        ClientParts.Measure(loop);
        await CorrelationParts.MeasureAsync(loop);
        SpoolParts.Measure(loop);
        await PipelineParts.MeasureAsync(loop);

        // In the background.
        await RecorderParts.MeasureAsync(loop);

        // Once a task, or once a call of a task whose prompt is rewritten.
        PromptParts.Measure(loop);
        await ExampleParts.MeasureAsync(loop, options.Stored);

        var table = new Table("Part", "µs", "best µs", "CPU µs", "KB allocated", "with");
        foreach (var part in loop.Results)
        {
            table.Add(part.Name, part.Microseconds.Show(1), part.Least.Show(1), part.CpuMicroseconds.Show(1), (part.Bytes / 1024).Show(1), part.Note);
        }

        Console.Write(options.Json ? JsonSerializer.Serialize(new { parts = loop.Results }, Indented) + "\n" : table);
        return 0;
    }
}
