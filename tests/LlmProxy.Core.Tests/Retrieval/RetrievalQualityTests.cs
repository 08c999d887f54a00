using System.Numerics.Tensors;
using System.Text.Json;
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
    public async Task The_first_three_runs_are_more_often_of_the_same_task_and_use_the_same_tools_than_with_bm25()
    {
        var (runs, others) = Load();
        var store = new InMemoryStore();
        runs.ForEach(r => store.AddLexical(r.Run));
        var vectorsOnly = new InMemoryStore { HasFullText = false };
        runs.ForEach(r => vectorsOnly.AddLexical(r.Run));

        var random = Average(Enumerable.Range(1, 50).Select(seed => Measure(runs, Random(runs, seed))).ToList());
        var bm25 = Measure(runs, runs.ConvertAll(r =>
        {
            var rest = runs.Where(o => o != r).ToList();
            return Bm25.Rank(r.Run.TaskDescription, rest.ConvertAll(o => o.Run.TaskDescription)).Take(3).Select(h => rest[h.Index]).ToList();
        }));
        var lexical = Measure(runs, await NearestAsync(runs, vectorsOnly));
        var found = await FoundAsync(runs, store);
        var fused = Measure(runs, found);

        // The weight of what a run turned out to be about was chosen on the first half of the tasks alone.
        var tasks = runs.Select(r => r.Task).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var firstHalf = tasks.Where((_, i) => i % 2 == 0).ToHashSet(StringComparer.Ordinal);
        var chosenOn = Measure(runs, found, r => firstHalf.Contains(r.Task));
        var heldOut = Measure(runs, found, r => !firstHalf.Contains(r.Task));

        output.WriteLine($"first 3 of {runs.Count} runs of {runs.Select(r => r.Task).Distinct(StringComparer.Ordinal).Count()} tasks (tools: over the {runs.Count(r => r.Changing.Count > 0)} that changed something)");
        foreach (var (name, q) in ((string, Quality)[])[("random", random), ("BM25", bm25), ("lexical", lexical), ("fused", fused), ("fused, tasks chosen on", chosenOn), ("fused, tasks held out", heldOut)])
        {
            output.WriteLine($"{name,-22} hit@3 {q.Hit:0.000}   nDCG@3 {q.Gain:0.000}   overlap of state-changing tools {q.Tools:0.000}");
        }

        Assert.True(fused.Hit >= 0.92 - 0.0005, $"fused hit@3 {fused.Hit:0.000}");
        Assert.True(fused.Tools >= 0.52, $"fused overlap {fused.Tools:0.000}");
        Assert.True(fused.Hit > bm25.Hit && fused.Gain > bm25.Gain && fused.Tools > bm25.Tools, "fused is not better than BM25 in everything");
        Assert.True(lexical.Hit > bm25.Hit && lexical.Gain > bm25.Gain && lexical.Tools > bm25.Tools, "lexical is not better than BM25 in everything");
        Assert.True(bm25.Hit > random.Hit && bm25.Tools > random.Tools);
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

    /// <summary>What the product chooses: ranks fused, weighed, near-duplicates once.</summary>
    private static async Task<List<List<RecordedTrajectory>>> FoundAsync(List<RecordedTrajectory> runs, InMemoryStore store)
    {
        // One threshold below everything, so that the order alone is measured.
        using var embeddings = new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.Lexical });
        var search = new ExampleSearch(store, store, embeddings, new FewShotOptions { MinSimilarity = -1 }, new QualityOptions { Threshold = 0 }, NullLogger<ExampleSearch>.Instance);
        var byId = runs.ToDictionary(r => r.Run.Id, StringComparer.Ordinal);
        var found = new List<List<RecordedTrajectory>>();
        foreach (var run in runs)
        {
            var result = await search.FindAsync(new ExampleQuery("default", run.Run.TaskDescription, 3) { ExceptTaskId = run.Run.TaskId }, default);
            found.Add([.. result.Chosen.Select(c => byId[c.Trajectory.Id])]);
        }

        return found;
    }

    /// <summary>The lexical vectors by themselves.</summary>
    private static async Task<List<List<RecordedTrajectory>>> NearestAsync(List<RecordedTrajectory> runs, InMemoryStore store)
    {
        var vectors = runs.ConvertAll(r => LexicalEmbedder.Embed(r.Run.TaskDescription));
        var found = new List<List<RecordedTrajectory>>();
        foreach (var run in runs)
        {
            var text = run.Run.TaskDescription;
            var query = LexicalEmbedder.EmbedQuery(text, await store.ReadDocumentFrequenciesAsync("default", [.. LexicalEmbedder.Buckets(text)], default));
            found.Add([.. runs.Zip(vectors).Where(o => o.First != run).OrderByDescending(o => TensorPrimitives.Dot<float>(query, o.Second)).Take(3).Select(o => o.First)]);
        }

        return found;
    }

    private static List<List<RecordedTrajectory>> Random(List<RecordedTrajectory> runs, int seed)
    {
        var random = new Random(seed);
        return runs.ConvertAll(run =>
        {
            var others = runs.Where(o => o != run).ToArray();
            random.Shuffle(others);
            return others.Take(3).ToList();
        });
    }

    private static Quality Measure(List<RecordedTrajectory> runs, List<List<RecordedTrajectory>> found, Func<RecordedTrajectory, bool>? which = null)
    {
        var pairs = runs.Zip(found).Where(p => which is null || which(p.First)).ToList();
        return new Quality(
            pairs.Average(p => p.Second.Exists(o => IsSame(p.First, o)) ? 1.0 : 0),
            pairs.Average(p => Discounted(p.Second.Select(o => Gain(p.First, o))) / Discounted(runs.Where(o => o != p.First).Select(o => Gain(p.First, o)).OrderDescending())),
            pairs.Where(p => p.First.Changing.Count > 0).Average(p => p.Second.Sum(o => Overlap(p.First, o)) / 3));
    }

    private static Quality Average(List<Quality> all) => new(all.Average(q => q.Hit), all.Average(q => q.Gain), all.Average(q => q.Tools));

    // Another trial of the task is worth 1; a run of another task half the overlap of the tools that changed something.
    private static double Gain(RecordedTrajectory run, RecordedTrajectory other) => IsSame(run, other) ? 1 : Overlap(run, other) / 2;

    private static double Overlap(RecordedTrajectory a, RecordedTrajectory b)
    {
        var either = a.Changing.Union(b.Changing, StringComparer.Ordinal).Count();
        return either == 0 ? 0 : (double)a.Changing.Intersect(b.Changing, StringComparer.Ordinal).Count() / either;
    }

    /// <summary>Discounted cumulative gain of the first three (Järvelin and Kekäläinen, 2002).</summary>
    private static double Discounted(IEnumerable<double> gains) => gains.Take(3).Select((gain, i) => gain / Math.Log2(i + 2)).Sum();

    private static bool IsSame(RecordedTrajectory a, RecordedTrajectory b) => string.Equals(a.Task, b.Task, StringComparison.Ordinal);

    private static (List<RecordedTrajectory> Runs, List<string> Others) Load()
    {
        var (runs, others) = (new List<RecordedTrajectory>(), new List<string>());
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
                        runs.Add(new RecordedTrajectory(run[..run.IndexOf('-', StringComparison.Ordinal)], TestRuns.Run(root.GetProperty("id").GetString()!, task, Tools(root))));
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

    private static string[] Tools(JsonElement run) =>
    [
        .. run.GetProperty("messages").EnumerateArray()
            .Where(m => m.TryGetProperty("tool_calls", out var calls) && calls.ValueKind == JsonValueKind.Array)
            .SelectMany(m => m.GetProperty("tool_calls").EnumerateArray())
            .Select(c => c.GetProperty("function").GetProperty("name").GetString()!)
            .Distinct(StringComparer.Ordinal),
    ];

    private sealed record RecordedTrajectory(string Task, Trajectory Run)
    {
        public IReadOnlyList<string> Changing { get; } = [.. Run.ToolsUsed.Where(t => !ToolNames.IsObservation(t))];
    }

    private sealed record Quality(double Hit, double Gain, double Tools);
}
