using System.Diagnostics;
using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Statistics;
using LlmProxy.Storage;
using Npgsql;

namespace LlmProxy.Benchmarks.Statistics;

/// <summary>What <c>statistics</c> measures.</summary>
internal sealed record StatisticsRunOptions
{
    /// <summary>Runs in the store.</summary>
    public int Runs { get; init; } = 100_000;

    /// <summary>Steps of each run that has its content.</summary>
    public int Steps { get; init; } = 4;

    /// <summary>Connection string of an empty database; null leaves PostgreSQL out.</summary>
    public string? Postgres { get; init; }

    public static StatisticsRunOptions Parse(string[] arguments)
    {
        var options = new StatisticsRunOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name switch
            {
                "--runs" => options with { Runs = reader.Number(name) },
                "--steps" => options with { Steps = reader.Number(name) },
                "--postgres" => options with { Postgres = reader.Value(name) },
                _ => throw new UsageException($"There is no option {name}."),
            };
        }

        return options;
    }
}

/// <summary>How long statistics of many runs take, as the API makes them.</summary>
internal static class StatisticsScenario
{
    private const double BudgetMilliseconds = 200;
    private const int Repeats = 9;

    public static async Task<int> RunAsync(StatisticsRunOptions options, CancellationToken cancellationToken)
    {
        var table = new Table($"{options.Runs} runs of {options.Steps} steps", "first ms", "p50 ms", "max ms", "of it sums", "size of the store");
        var slowest = 0.0;
        var folder = Directory.CreateTempSubdirectory("llmproxy-bench-").FullName;
        try
        {
            await MeasureAsync(new StorageOptions { Provider = StoreProvider.Sqlite, ConnectionString = "Data Source=llmproxy.db" });
            if (options.Postgres is { } postgres)
            {
                await MeasureAsync(new StorageOptions { Provider = StoreProvider.Postgres, ConnectionString = postgres });
            }
            else
            {
                Console.WriteLine("PostgreSQL is left out: name an empty database with --postgres.");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        Console.Write(table);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The budget is {BudgetMilliseconds} ms a call: {(slowest <= BudgetMilliseconds ? "kept" : "missed")} (slowest p50 {slowest:0} ms)."));
        return slowest <= BudgetMilliseconds ? 0 : 1;

        async Task MeasureAsync(StorageOptions storage)
        {
            await using var store = StoreFactory.Create(storage, folder, TimeProvider.System);
            await store.InitializeAsync(cancellationToken);
            var started = Stopwatch.GetTimestamp();
            await ManyRuns.FillAsync(store, options.Runs, options.Steps, cancellationToken);
            if (storage.Provider == StoreProvider.Postgres)
            {
                await VacuumAsync(storage.ConnectionString, cancellationToken);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{store.Provider} filled in {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s"));
            var reader = new StatisticsReader(store, new QualityOptions(), TimeProvider.System);
            foreach (var (name, query) in Queries())
            {
                var first = await TimeAsync(() => new StatisticsReader(store, new QualityOptions(), TimeProvider.System).ReadAsync(query, cancellationToken));
                var (whole, sums, use) = (new List<double>(), new List<double>(), new List<double>());
                for (var i = 0; i < Repeats; i++)
                {
                    whole.Add(await TimeAsync(() => reader.ReadAsync(query, cancellationToken)));
                    sums.Add(await TimeAsync(() => store.ReadStatisticsAsync(query, cancellationToken)));
                    use.Add(await TimeAsync(() => store.ReadStorageUseAsync(query.Tenant, cancellationToken)));
                }

                slowest = Math.Max(slowest, whole.Quantile(0.5));
                table.Add($"{store.Provider}, {name}", first.Show(1), whole.Quantile(0.5).Show(1), whole.Max().Show(1), sums.Quantile(0.5).Show(1), use.Quantile(0.5).Show(1));
            }
        }
    }

    private static IEnumerable<(string Name, StatisticsQuery Query)> Queries()
    {
        var all = new StatisticsQuery(ManyRuns.Tenant);
        yield return ("all", all);
        yield return ("by day", all with { Interval = StatisticsInterval.Day });
        yield return ("by week", all with { Interval = StatisticsInterval.Week });
        yield return ("the last 30 days by day", all with { Since = ManyRuns.End.AddDays(-30), Interval = StatisticsInterval.Day });
        yield return ("one model by day", all with { Model = ManyRuns.Models[0].Model, Interval = StatisticsInterval.Day });
    }

    private static async Task<double> TimeAsync<T>(Func<Task<T>> work)
    {
        var started = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    /// <summary>What the server does by itself some time after so many inserts.</summary>
    private static async Task VacuumAsync(string connectionString, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("VACUUM ANALYZE", connection) { CommandTimeout = 300 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
