using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;
using LlmProxy.Tests.Storage;
using Npgsql;

namespace LlmProxy.Benchmarks.Search;

/// <summary>Time and recall of one store's search.</summary>
/// <param name="Store">SQLite (bytes in memory by SIMD, the best compared exactly) or PostgreSQL (HNSW).</param>
/// <param name="Runs">Runs in the store.</param>
/// <param name="Dimensions">Length of the vectors.</param>
/// <param name="Recall">Share of the ten nearest runs of an exact search that are among its first ten.</param>
/// <param name="Median">Milliseconds of a search by vector, the median.</param>
/// <param name="Slow">The same, of a hundred the slowest but one.</param>
/// <param name="WithWords">Milliseconds of a search by vector and words, the median.</param>
/// <param name="Exact">Milliseconds of the exact search over floats in memory, the median.</param>
/// <param name="First">Milliseconds of the first search of a process.</param>
/// <param name="MemoryMb">Memory that the vectors take in this process (SQLite).</param>
/// <param name="FillSeconds">Seconds to store the runs.</param>
/// <param name="IndexSeconds">Seconds to build the index over stored vectors (PostgreSQL).</param>
internal sealed record SearchResult(
    string Store, int Runs, int Dimensions, double Recall, double Median, double Slow, double WithWords, double Exact, double First, double? MemoryMb, double FillSeconds, double? IndexSeconds);

/// <summary>The search of stores of many runs, against an exact one.</summary>
internal static class SearchScenario
{
    private const string Model = "bench";
    private const int Nearest = 10;

    // As many as the product asks for.
    private const int Limit = 30;
    private const int Batch = 500;

    private static readonly string[] Words = ["download", "invoice", "portal", "rename", "report", "archive", "compare", "orders", "ledger", "translate", "letter", "calendar", "flight", "hotel", "refund", "budget", "photo", "album", "customer", "supplier"];
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static async Task<int> RunAsync(SearchOptions options, CancellationToken cancellationToken)
    {
        var results = new List<SearchResult>();
        foreach (var runs in options.Runs)
        {
            foreach (var dimensions in options.Dimensions)
            {
                var vectors = new TaskVectors(runs, dimensions);
                var (exact, exactTime) = Exact(vectors, runs, options.Queries);
                foreach (var store in options.Stores)
                {
                    await Console.Error.WriteLineAsync($"{store}, {runs} runs, {dimensions} numbers …");
                    results.Add(store == "sqlite"
                        ? await SqliteAsync(vectors, runs, dimensions, exact, exactTime, cancellationToken)
                        : await PostgresAsync(vectors, runs, dimensions, exact, exactTime, cancellationToken));
                }
            }
        }

        var table = new Table("Store", "runs", "numbers", "recall@10", "ms p50", "ms p99", "with words", "exact ms", "first ms", "memory MB", "fill s", "index s");
        foreach (var r in results)
        {
            table.Add(
                r.Store, Whole(r.Runs), Whole(r.Dimensions), r.Recall.Show(3), r.Median.Show(2), r.Slow.Show(2), r.WithWords.Show(2), r.Exact.Show(2), r.First.Show(0),
                (r.MemoryMb ?? double.NaN).Show(1), r.FillSeconds.Show(0), (r.IndexSeconds ?? double.NaN).Show(1));
        }

        Console.Write(options.Json ? JsonSerializer.Serialize(new { results }, Indented) + "\n" : table);
        return 0;
    }

    private static async Task<SearchResult> SqliteAsync(TaskVectors vectors, int runs, int dimensions, List<int[]> exact, double exactTime, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-bench-").FullName;
        try
        {
            var storage = new StorageOptions { Provider = StoreProvider.Sqlite, ConnectionString = "Data Source=llmproxy.db" };
            double fill;
            await using (var writer = StoreFactory.Create(storage, folder, TimeProvider.System))
            {
                await writer.InitializeAsync(cancellationToken);
                fill = await FillAsync(writer, vectors, runs, cancellationToken);
            }

            // Opened anew, so that the first search reads all vectors as that of a new process does.
            await using var store = StoreFactory.Create(storage, folder, TimeProvider.System);
            var before = GC.GetTotalMemory(forceFullCollection: true);
            var first = await TimeAsync(() => store.SearchAsync(Query(vectors.Query(0), ""), cancellationToken));
            var memory = (GC.GetTotalMemory(forceFullCollection: true) - before) / 1e6;
            return await MeasureAsync("SQLite", store, vectors, exact, cancellationToken) with
            {
                Runs = runs,
                Dimensions = dimensions,
                Exact = exactTime,
                First = first,
                MemoryMb = memory,
                FillSeconds = fill,
            };
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<SearchResult> PostgresAsync(TaskVectors vectors, int runs, int dimensions, List<int[]> exact, double exactTime, CancellationToken cancellationToken)
    {
        if (PostgresCluster.WhyNot is { } reason)
        {
            throw new InvalidOperationException(reason);
        }

        var server = new PostgresCluster();
        await server.InitializeAsync();
        try
        {
            // Memory for the index's graph while it is built, as an operator of a store of this size would give it.
            var connection = new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync()) { Options = "-c maintenance_work_mem=2GB", CommandTimeout = 600 }.ConnectionString;
            var storage = new StorageOptions { Provider = StoreProvider.Postgres, ConnectionString = connection };
            double fill, index;
            await using (var writer = StoreFactory.Create(storage, "/", TimeProvider.System))
            {
                await writer.InitializeAsync(cancellationToken);
                await writer.SaveAsync([Change(vectors, 0)], cancellationToken);
                await DropIndexesAsync(connection, cancellationToken);
                fill = await FillAsync(writer, vectors, runs, cancellationToken);
            }

            await using var store = StoreFactory.Create(storage, "/", TimeProvider.System);
            var last = Change(vectors, runs - 1) with { Trajectory = (await store.FindTrajectoryAsync("default", Id(runs - 1), cancellationToken))! };
            index = await TimeAsync(() => store.SaveAsync([last], cancellationToken)) / 1000;
            await ExecuteAsync(connection, "ANALYZE", cancellationToken);
            var first = await TimeAsync(() => store.SearchAsync(Query(vectors.Query(0), ""), cancellationToken));
            return await MeasureAsync("PostgreSQL", store, vectors, exact, cancellationToken) with
            {
                Runs = runs,
                Dimensions = dimensions,
                Exact = exactTime,
                First = first,
                FillSeconds = fill,
                IndexSeconds = index,
            };
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    private static async Task<SearchResult> MeasureAsync(string name, SqlTrajectoryStore store, TaskVectors vectors, List<int[]> exact, CancellationToken cancellationToken)
    {
        var (times, withWords, found) = (new List<double>(), new List<double>(), 0.0);
        for (var i = -10; i < exact.Count; i++)
        {
            IReadOnlyList<SearchHit> hits = [];
            var number = Math.Abs(i);
            var vector = vectors.Query(number);
            var time = await TimeAsync(async () => hits = await store.SearchAsync(Query(vector, ""), cancellationToken));
            var timeWithWords = await TimeAsync(async () => await store.SearchAsync(Query(vector, Text(number, number)), cancellationToken));
            if (i < 0)
            {
                continue;
            }

            times.Add(time);
            withWords.Add(timeWithWords);
            var wanted = exact[i].Select(Id).ToHashSet(StringComparer.Ordinal);
            found += hits.Take(Nearest).Count(h => wanted.Contains(h.Trajectory.Id)) / (double)Nearest;
        }

        return new SearchResult(name, 0, 0, found / exact.Count, times.Quantile(0.5), times.Quantile(0.99), withWords.Quantile(0.5), 0, 0, null, 0, null);
    }

    /// <summary>The nearest runs of each query by floats, all compared, and the median time of that.</summary>
    private static (List<int[]> Nearest, double Milliseconds) Exact(TaskVectors vectors, int runs, int queries)
    {
        var all = new float[runs][];
        Parallel.For(0, runs, i => all[i] = vectors.Run(i));
        var (nearest, times) = (new List<int[]>(), new List<double>());
        var scores = new float[runs];
        var numbers = new int[runs];
        for (var q = 0; q < queries; q++)
        {
            var query = vectors.Query(q);
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < runs; i++)
            {
                scores[i] = -TensorPrimitives.Dot<float>(query, all[i]);
                numbers[i] = i;
            }

            times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            Array.Sort(scores, numbers);
            nearest.Add(numbers[..Nearest]);
        }

        return (nearest, times.Quantile(0.5));
    }

    private static async Task<double> FillAsync(SqlTrajectoryStore store, TaskVectors vectors, int runs, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        foreach (var chunk in Enumerable.Range(0, runs).Chunk(Batch))
        {
            await store.SaveAsync([.. chunk.Select(i => Change(vectors, i))], cancellationToken);
        }

        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static TrajectoryChange Change(TaskVectors vectors, int number)
    {
        var at = DateTimeOffset.UnixEpoch.AddDays(20_000).AddMinutes(number);
        return new TrajectoryChange
        {
            Trajectory = new Trajectory
            {
                Id = Id(number),
                TaskId = "task-" + Id(number),
                Tenant = "default",
                ConversationId = "task-" + Id(number),
                Provider = "anthropic",
                Model = "claude-sonnet-4-5",
                TaskDescription = Text(number % vectors.Kinds, number),
                Status = TrajectoryStatus.Completed,
                Success = true,
                QualityScore = number % 10 == 0 ? 0.5 : 0.9,
                IterationCount = 10,
                StartedAt = at,
                LastActivityAt = at,
                CompletedAt = at,
                OutcomeSource = OutcomeSource.Agent,
                HasContent = true,
            },
            Embeddings = [new TrajectoryEmbedding(Model, "task", vectors.Run(number), "")],
        };
    }

    private static SearchQuery Query(float[] vector, string text) => new("default", Model, vector, text, Limit) { Providers = ["anthropic"] };

    private static string Id(int number) => string.Create(CultureInfo.InvariantCulture, $"run-{number}");

    private static string Text(int kind, int number)
    {
        var random = new Random(kind);
        return string.Create(CultureInfo.InvariantCulture, $"{Words[random.Next(Words.Length)]} the {Words[random.Next(Words.Length)]} of the {Words[random.Next(Words.Length)]} for client {kind} by order {number}");
    }

    private static async Task<double> TimeAsync(Func<Task> act)
    {
        var started = Stopwatch.GetTimestamp();
        await act();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static Task DropIndexesAsync(string connection, CancellationToken cancellationToken) => ExecuteAsync(
        connection,
        """
        DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT indexname FROM pg_indexes WHERE indexname LIKE 'trajectory_embedding_hnsw_%' LOOP EXECUTE 'DROP INDEX ' || name; END LOOP;
        END $$
        """,
        cancellationToken);

    private static async Task ExecuteAsync(string connection, string text, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await using var command = source.CreateCommand(text);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string Whole(int number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
