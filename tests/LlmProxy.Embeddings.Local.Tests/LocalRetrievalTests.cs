using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Retrieval;

/// <summary>Examples found by the sentence encoder, the lexical vector and full text together.</summary>
public sealed class LocalRetrievalTests(ITestOutputHelper output) : IDisposable
{
    private static readonly FewShotOptions Patient = new() { Timeout = TimeSpan.FromMinutes(1) };

    private readonly EmbeddingService _local = new(new EmbeddingOptions { Provider = EmbeddingProvider.Local }, environment: _ => null);
    private readonly EmbeddingService _lexical = new(new EmbeddingOptions { Provider = EmbeddingProvider.Lexical }, environment: _ => null);

    [SharedDataFact]
    public async Task Recorded_runs_of_the_same_task_are_found_at_least_as_often_as_by_words()
    {
        var (runs, _) = RetrievalQuality.Load();
        var store = new InMemoryStore();
        var vectors = await _local.EmbedForStoreAsync([.. runs.Select(r => r.Run.TaskDescription)], default);
        foreach (var (run, made) in runs.Zip(vectors))
        {
            store.Add(run.Run, [.. made.Embeddings]);
        }

        var quality = RetrievalQuality.Measure(runs, await RetrievalQuality.FoundAsync(runs, store, _local));

        output.WriteLine($"hit@3 {quality.Hit:0.000}   nDCG@3 {quality.Gain:0.000}   overlap of state-changing tools {quality.Tools:0.000}");
        Assert.True(quality.Hit >= 0.92 - 0.0005, $"hit@3 {quality.Hit:0.000}");
        Assert.True(quality.Gain >= 0.77 - 0.0005, $"nDCG@3 {quality.Gain:0.000}");
        Assert.True(quality.Tools >= 0.54, $"overlap {quality.Tools:0.000}");
    }

    [Fact]
    public async Task Tasks_asked_for_in_other_words_are_found_far_more_often_than_by_words()
    {
        var (local, lexical) = (await Paraphrases.RecallAsync(Paraphrases.HeldOut, _local, -1), await Paraphrases.RecallAsync(Paraphrases.HeldOut, _lexical, -1));

        output.WriteLine($"recall@3 of {Paraphrases.HeldOut.Count} held out pairs: lexical {lexical:0.000}, local fused {local:0.000}");
        Assert.True(Paraphrases.HeldOut.Count >= 30);
        Assert.True(local >= 0.7 && local >= lexical + 0.4, $"local {local:0.000}, lexical {lexical:0.000}");
    }

    [Fact]
    public async Task A_store_is_moved_to_the_local_embedder_and_vectors_of_two_models_are_never_compared()
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-local-");
        try
        {
            await using var store = StoreFactory.Create(new StorageOptions { Provider = StoreProvider.Sqlite, ConnectionString = "Data Source=llmproxy.db" }, folder.FullName, TimeProvider.System);
            await store.InitializeAsync(default);
            var runs = Paraphrases.All.Take(12).Select((p, i) => TestRuns.Run($"run-{i}", p.Recorded)).ToList();

            // A vector of another model with as many numbers: it must not be taken for one of this model.
            await store.SaveAsync(
                [.. runs.Select(run => new TrajectoryChange { Trajectory = run, Embeddings = [new("another-model", "task", Unit(LocalEmbedding.Dimensions), run.TaskDescription), new(LexicalEmbedder.ModelName, "task", LexicalEmbedder.Embed(run.TaskDescription), run.TaskDescription)] })],
                default);
            var search = new ExampleSearch(store, store, _local, Patient, new QualityOptions(), NullLogger<ExampleSearch>.Instance);
            var query = new ExampleQuery("default", Paraphrases.All[3].Asked, 3) { MinSimilarity = 0.5 };
            var before = await search.FindAsync(query, default);

            var moved = await new StoreEmbedder(store, _local, TimeProvider.System).MakeAsync("default", rebuild: false, afterRow: null, limit: 1000, removeOthers: false, default);
            var after = await search.FindAsync(query, default);
            var again = await new StoreEmbedder(store, _local, TimeProvider.System).MakeAsync("default", rebuild: false, afterRow: null, limit: 1000, removeOthers: false, default);

            Assert.Empty(before.Chosen);
            Assert.Equal((12, 12L, 0L), (moved.Embedded, moved.Total, again.Total));
            Assert.Equal((LocalEmbedding.ModelName, "run-3"), (after.Embedder, after.Chosen[0].Trajectory.Id));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    public void Dispose()
    {
        _local.Dispose();
        _lexical.Dispose();
    }

    private static float[] Unit(int length)
    {
        var vector = new float[length];
        vector[0] = 1;
        return vector;
    }
}
