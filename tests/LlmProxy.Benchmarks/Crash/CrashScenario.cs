using System.Globalization;

namespace LlmProxy.Benchmarks.Crash;

/// <summary>What <c>crash</c> does.</summary>
internal sealed record CrashOptions
{
    public int Runs { get; init; } = 500;

    public int Kills { get; init; } = 20;

    public int Seed { get; init; } = 1;

    public static CrashOptions Parse(string[] arguments)
    {
        var options = new CrashOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--runs" => options with { Runs = reader.Number(name) },
                "--kills" => options with { Kills = reader.Number(name) },
                "--seed" => options with { Seed = reader.Number(name) },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options;
    }
}

/// <summary>Kills the server under load and looks for what is missing afterwards.</summary>
internal static class CrashScenario
{
    public static async Task<int> RunAsync(CrashOptions options, CancellationToken cancellationToken)
    {
        await using var trial = new CrashTrial();
        var result = await trial.RunAsync(options.Runs, options.Kills, new Random(options.Seed), cancellationToken);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{options.Runs} runs, {result.Kills} kills: {result.Whole} answers whole, {result.Broken} calls broken; {result.Missing.Count} missing, {result.Doubled.Count} doubled, {result.Dropped} dropped"));
        foreach (var id in result.Missing.Select(id => "missing " + id).Concat(result.Doubled.Select(id => "doubled " + id)).Take(20))
        {
            Console.WriteLine(id);
        }

        return result.IsGood ? 0 : 1;
    }
}
