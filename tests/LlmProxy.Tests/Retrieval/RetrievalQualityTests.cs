using System.Numerics.Tensors;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Retrieval;

/// <summary>Retrieval on runs that nobody of this project wrote: a relevant run is another trial of the same task.</summary>
public sealed class RetrievalQualityTests(ITestOutputHelper output)
{
    [SharedDataFact]
    public async Task Another_trial_of_the_task_is_among_the_first_three_more_often_than_with_bm25()
    {
        var (runs, others) = Load();
        var store = new InMemoryStore();
        runs.ForEach(r => store.AddLexical(r.Run));
        var vectorsOnly = new InMemoryStore { HasFullText = false };
        runs.ForEach(r => vectorsOnly.AddLexical(r.Run));

        var fused = await HitRateAsync(runs, store);
        var lexical = await HitRateAsync(runs, vectorsOnly);
        var bm25 = Share(runs, r => Bm25.Rank(r.Run.TaskDescription, [.. runs.Where(o => o != r).Select(o => o.Run.TaskDescription)])
            .Take(3).Select(h => runs.Where(o => o != r).ElementAt(h.Index)).Any(o => IsSame(r, o)));
        var random = runs.Average(r =>
        {
            var (n, same) = (runs.Count - 1, runs.Count(o => o != r && IsSame(r, o)));
            return 1 - (Enumerable.Range(0, 3).Aggregate(1.0, (p, i) => p * (n - same - i) / (n - i)));
        });
        output.WriteLine($"hit@3 over {runs.Count} runs of {runs.Select(r => r.Task).Distinct(StringComparer.Ordinal).Count()} tasks: lexical {lexical:0.000}, fused {fused:0.000}, BM25 {bm25:0.000}, random {random:0.000}");

        Assert.True(lexical >= 0.9, $"lexical {lexical:0.000}");
        Assert.True(fused >= 0.9, $"fused {fused:0.000}");
        Assert.True(fused > bm25, $"fused {fused:0.000}, BM25 {bm25:0.000}");
        Assert.NotEmpty(others);
    }

    [SharedDataFact]
    public async Task The_default_threshold_lets_most_trials_of_a_task_pass_and_nothing_of_another_domain()
    {
        var (runs, others) = Load();
        var store = new InMemoryStore();
        runs.ForEach(r => store.AddLexical(r.Run));
        var (same, different, foreign) = (new List<double>(), new List<double>(), new List<double>());
        foreach (var run in runs)
        {
            var text = run.Run.TaskDescription;
            var query = LexicalEmbedder.EmbedQuery(text, await store.ReadDocumentFrequenciesAsync("default", [.. LexicalEmbedder.Buckets(text)], default));
            foreach (var other in runs.Where(o => o != run))
            {
                (IsSame(run, other) ? same : different).Add(TensorPrimitives.Dot<float>(query, LexicalEmbedder.Embed(other.Run.TaskDescription)));
            }

            foreign.AddRange(others.Select(o => (double)TensorPrimitives.Dot<float>(query, LexicalEmbedder.Embed(o))));
        }

        const double T = LexicalEmbedder.DefaultMinSimilarity;
        double Passing(List<double> all, double t) => (double)all.Count(s => s >= t) / all.Count;
        foreach (var t in (double[])[0.3, 0.35, T, 0.45, 0.5])
        {
            output.WriteLine($"at {t:0.00} pass: same task {Passing(same, t):0.000}, other task of the domain {Passing(different, t):0.000}, other domain {Passing(foreign, t):0.00000} (highest {foreign.Max():0.00})");
        }

        Assert.True(Passing(same, T) >= 0.85);
        Assert.True(Passing(different, T) <= 0.15);
        Assert.Equal(0, Passing(foreign, T));
    }

    private static async Task<double> HitRateAsync(List<RecordedRun> runs, InMemoryStore store)
    {
        // One threshold below everything, so that the order alone is measured.
        using var embeddings = new EmbeddingService(new EmbeddingOptions { Provider = "lexical" });
        var search = new ExampleSearch(store, embeddings, new FewShotOptions { MinSimilarity = -1 }, new QualityOptions { Threshold = 0 }, NullLogger<ExampleSearch>.Instance);
        var hits = 0;
        foreach (var run in runs)
        {
            var found = await search.FindAsync(new ExampleQuery("default", run.Run.TaskDescription, 3) { ExceptTaskId = run.Run.TaskId }, default);
            hits += found.Chosen.Any(c => IsSame(run, runs.First(r => string.Equals(r.Run.Id, c.Trajectory.Id, StringComparison.Ordinal)))) ? 1 : 0;
        }

        return (double)hits / runs.Count;
    }

    private static double Share(List<RecordedRun> runs, Func<RecordedRun, bool> hit) => (double)runs.Count(hit) / runs.Count;

    private static bool IsSame(RecordedRun a, RecordedRun b) => string.Equals(a.Task, b.Task, StringComparison.Ordinal);

    private static (List<RecordedRun> Runs, List<string> Others) Load()
    {
        var (runs, others) = (new List<RecordedRun>(), new List<string>());
        foreach (var file in Directory.GetFiles(Path.Combine(SharedData.Root!, "data"), "tasks-*.jsonl.gz").Order(StringComparer.Ordinal))
        {
            foreach (var document in SharedData.ReadJsonLines(Path.GetFileName(file)))
            {
                using (document)
                {
                    var root = document.RootElement;
                    var task = root.GetProperty("task").GetString() ?? "";
                    var run = root.GetProperty("run").GetString()!;
                    if (root.TryGetProperty("domain", out _))
                    {
                        runs.Add(new RecordedRun(run[..run.IndexOf('-', StringComparison.Ordinal)], TestRuns.Run(root.GetProperty("id").GetString()!, task)));
                    }
                    else if (task.Length is > 0 and < 800)
                    {
                        others.Add(task);
                    }
                }
            }
        }

        return (runs, others);
    }

    private sealed record RecordedRun(string Task, Trajectory Run);
}
