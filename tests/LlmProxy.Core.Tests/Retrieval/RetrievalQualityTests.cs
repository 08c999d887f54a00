using System.Numerics.Tensors;
using LlmProxy.Core.Retrieval;
using Xunit.Abstractions;
using static LlmProxy.Tests.Retrieval.RetrievalQuality;

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
}
