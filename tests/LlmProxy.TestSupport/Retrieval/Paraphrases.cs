using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Tests.Retrieval;

/// <summary>Tasks, each in two wordings that share few words: whether the one is found by the other.</summary>
internal static class Paraphrases
{
    /// <summary>All pairs: what was recorded, and what is asked for.</summary>
    public static IReadOnlyList<(string Recorded, string Asked)> All { get; } = Read();

    /// <summary>The pairs that weights and thresholds may be chosen on: every other one.</summary>
    public static IReadOnlyList<(string Recorded, string Asked)> Tuning { get; } = [.. All.Where((_, i) => i % 2 == 0)];

    /// <summary>The pairs that only measure.</summary>
    public static IReadOnlyList<(string Recorded, string Asked)> HeldOut { get; } = [.. All.Where((_, i) => i % 2 == 1)];

    /// <summary>Share of the asked tasks whose recorded wording is among the first three of all recorded ones.</summary>
    /// <param name="pairs">What is asked for. The store holds the recorded wordings of all pairs.</param>
    /// <param name="embeddings">The embedder.</param>
    /// <param name="minSimilarity">The threshold; null for the embedder's own.</param>
    public static async Task<double> RecallAsync(IReadOnlyList<(string Recorded, string Asked)> pairs, EmbeddingService embeddings, double? minSimilarity)
    {
        var store = new InMemoryStore();
        var vectors = await embeddings.EmbedForStoreAsync([.. All.Select(p => p.Recorded)], CancellationToken.None);
        foreach (var ((recorded, _), made) in All.Zip(vectors))
        {
            store.Add(TestRuns.Run(recorded, recorded), [.. made.Embeddings]);
        }

        var search = new ExampleSearch(store, store, embeddings, new FewShotOptions { MinSimilarity = minSimilarity, Timeout = TimeSpan.FromMinutes(1) }, new QualityOptions { Threshold = 0 }, NullLogger<ExampleSearch>.Instance);
        var found = 0;
        foreach (var (recorded, asked) in pairs)
        {
            var result = await search.FindAsync(new ExampleQuery("default", asked, 3), CancellationToken.None);
            found += result.Chosen.Any(c => c.Trajectory.TaskDescription == recorded) ? 1 : 0;
        }

        return (double)found / pairs.Count;
    }

    private static List<(string Recorded, string Asked)> Read()
    {
        using var reader = new StreamReader(typeof(Paraphrases).Assembly.GetManifestResourceStream("paraphrases.tsv")!);
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd('\r').Split('\t')).Select(pair => (pair[0], pair[1]))];
    }
}
