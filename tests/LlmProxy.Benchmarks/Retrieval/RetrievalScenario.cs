using System.Diagnostics;
using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using LlmProxy.Tests;
using LlmProxy.Tests.Retrieval;

namespace LlmProxy.Benchmarks.Retrieval;

/// <summary>How well examples are found with the local embedder and with the lexical one alone.</summary>
internal static class RetrievalScenario
{
    public static async Task<int> RunAsync(RetrievalOptions options, CancellationToken cancellationToken)
    {
        var before = Process.GetCurrentProcess().PeakWorkingSet64;
        using var lexical = new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.Lexical });
        using var local = new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.Local });
        await TimeQueriesAsync(local, cancellationToken);
        await PrintPairsAsync(options, lexical, local);
        if (SharedData.Root is null)
        {
            Console.WriteLine("No recorded runs on this machine.");
        }
        else
        {
            await PrintRunsAsync(lexical, local, cancellationToken);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak memory {Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:0} MB, {before / 1e6:0} MB of it before the model was loaded"));
        return 0;
    }

    private static async Task TimeQueriesAsync(EmbeddingService local, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        await local.EmbedQueryAsync("load the model", TimeSpan.FromMinutes(1), null, cancellationToken);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"first query, with loading: {Stopwatch.GetElapsedTime(started).TotalMilliseconds:0} ms"));
        var times = new List<double>();
        foreach (var (recorded, asked) in Paraphrases.All)
        {
            foreach (var text in (string[])[recorded, asked])
            {
                started = Stopwatch.GetTimestamp();
                await local.EmbedQueryAsync(text, TimeSpan.FromMinutes(1), null, cancellationToken);
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }
        }

        var longest = string.Join(' ', Paraphrases.All.Select(p => p.Recorded))[..TaskText.DefaultMaxLength];
        var longTimes = new List<double>();
        for (var i = 0; i < 30; i++)
        {
            started = Stopwatch.GetTimestamp();
            await local.EmbedQueryAsync($"{i} {longest}", TimeSpan.FromMinutes(1), null, cancellationToken);
            longTimes.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"a query of one sentence: p50 {times.Quantile(0.5):0.0} ms, p99 {times.Quantile(0.99):0.0} ms; of {TaskText.DefaultMaxLength} characters: p50 {longTimes.Quantile(0.5):0.0} ms, p99 {longTimes.Quantile(0.99):0.0} ms ({Environment.ProcessorCount} processors)"));
    }

    private static async Task PrintPairsAsync(RetrievalOptions options, EmbeddingService lexical, EmbeddingService local)
    {
        var table = new Table("Tasks in other words", "pairs", "lexical", "local fused", "lexical, at its threshold", "local, at its threshold");
        foreach (var (name, pairs) in ((string, IReadOnlyList<(string, string)>)[])[("held out", Paraphrases.HeldOut), ("chosen on", Paraphrases.Tuning)])
        {
            if (pairs == Paraphrases.Tuning && !options.Tuning)
            {
                continue;
            }

            table.Add(
                name, pairs.Count.ToString(CultureInfo.InvariantCulture),
                (await Paraphrases.RecallAsync(pairs, lexical, -1)).Show(3), (await Paraphrases.RecallAsync(pairs, local, -1)).Show(3),
                (await Paraphrases.RecallAsync(pairs, lexical, null)).Show(3), (await Paraphrases.RecallAsync(pairs, local, null)).Show(3));
        }

        Console.WriteLine("recall@3");
        Console.WriteLine(table.ToString());
    }

    private static async Task PrintRunsAsync(EmbeddingService lexical, EmbeddingService local, CancellationToken cancellationToken)
    {
        var (runs, others) = RetrievalQuality.Load();
        var (withWords, withModel) = (new InMemoryStore(), new InMemoryStore());
        runs.ForEach(r => withWords.AddLexical(r.Run));
        var vectors = await local.EmbedForStoreAsync([.. runs.Select(r => r.Run.TaskDescription)], cancellationToken);
        foreach (var (run, made) in runs.Zip(vectors))
        {
            withModel.Add(run.Run, [.. made.Embeddings]);
        }

        var table = new Table("Recorded runs", "hit@3", "nDCG@3", "tools");
        foreach (var (name, store, embeddings) in ((string, InMemoryStore, EmbeddingService)[])[("lexical", withWords, lexical), ("local fused", withModel, local)])
        {
            var found = await RetrievalQuality.FoundAsync(runs, store, embeddings);
            var quality = RetrievalQuality.Measure(runs, found);
            table.Add(name, quality.Hit.Show(3), quality.Gain.Show(3), quality.Tools.Show(3));
        }

        Console.WriteLine(table.ToString());
        await PrintThresholdsAsync(runs, others, vectors, local, cancellationToken);
    }

    /// <summary>What passes a threshold of the model's cosine: trials of one task, other tasks of the domain, other domains, and tasks in other words.</summary>
    private static async Task PrintThresholdsAsync(
        List<RecordedTrajectory> runs, List<string> others, IReadOnlyList<StoreEmbeddings> vectors, EmbeddingService local, CancellationToken cancellationToken)
    {
        var (same, different, foreign, asked) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        var foreignVectors = (await local.EmbedForStoreAsync(others, cancellationToken)).Select(Own).ToList();
        for (var i = 0; i < runs.Count; i++)
        {
            var query = (await local.EmbedQueryAsync(runs[i].Run.TaskDescription, TimeSpan.FromMinutes(1), null, cancellationToken)).Vector;
            for (var j = 0; j < runs.Count; j++)
            {
                if (i != j)
                {
                    (RetrievalQuality.IsSame(runs[i], runs[j]) ? same : different).Add(Cosine(query, Own(vectors[j])));
                }
            }

            foreign.AddRange(foreignVectors.Select(v => Cosine(query, v)));
        }

        foreach (var (recorded, text) in Paraphrases.Tuning)
        {
            var query = (await local.EmbedQueryAsync(text, TimeSpan.FromMinutes(1), null, cancellationToken)).Vector;
            asked.Add(Cosine(query, Own((await local.EmbedForStoreAsync([recorded], cancellationToken))[0])));
        }

        var table = new Table("Pass at", "same task", "other task", "other domain", "in other words");
        foreach (var threshold in (double[])[0.58, 0.6, 0.62, 0.65, 0.7])
        {
            table.Add(threshold.Show(2), Passing(same), Passing(different), Passing(foreign), Passing(asked));
            string Passing(List<double> all) => ((double)all.Count(s => s >= threshold) / all.Count).Show(4);
        }

        Console.WriteLine(table.ToString());

        static float[] Own(StoreEmbeddings made) => made.Embeddings.Single(e => e.Model == LocalEmbedding.ModelName).Vector;
        static double Cosine(float[] a, float[] b) => System.Numerics.Tensors.TensorPrimitives.Dot<float>(a, b);
    }
}
