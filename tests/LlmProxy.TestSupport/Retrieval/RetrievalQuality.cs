using System.Numerics.Tensors;
using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Tests.Retrieval;

/// <summary>A recorded run and the task that it is a trial of.</summary>
internal sealed record RecordedTrajectory(string Task, Trajectory Run)
{
    public IReadOnlyList<string> Changing { get; } = [.. Run.ToolsUsed.Where(t => !ToolNames.IsObservation(t))];
}

/// <summary>How well a search does: averages over all runs.</summary>
/// <param name="Hit">Share with another trial of the task among the first three.</param>
/// <param name="Gain">nDCG of the first three.</param>
/// <param name="Tools">Overlap of the tools that changed something.</param>
internal sealed record Quality(double Hit, double Gain, double Tools);

/// <summary>Measures retrieval on recorded runs of strangers: a relevant run is another trial of the same task.</summary>
internal static class RetrievalQuality
{
    /// <summary>What the product chooses: ranks fused, weighed, near-duplicates once.</summary>
    public static async Task<List<List<RecordedTrajectory>>> FoundAsync(List<RecordedTrajectory> runs, InMemoryStore store, EmbeddingService? embedder = null)
    {
        // One threshold below everything, so that the order alone is measured.
        using var lexical = new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.Lexical });
        var embeddings = embedder ?? lexical;
        var search = new ExampleSearch(store, store, embeddings, new FewShotOptions { MinSimilarity = -1, Timeout = TimeSpan.FromMinutes(1) }, new QualityOptions { Threshold = 0 }, NullLogger<ExampleSearch>.Instance);
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
    public static async Task<List<List<RecordedTrajectory>>> NearestAsync(List<RecordedTrajectory> runs, InMemoryStore store)
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

    public static List<List<RecordedTrajectory>> Random(List<RecordedTrajectory> runs, int seed)
    {
        var random = new Random(seed);
        return runs.ConvertAll(run =>
        {
            var others = runs.Where(o => o != run).ToArray();
            random.Shuffle(others);
            return others.Take(3).ToList();
        });
    }

    public static Quality Measure(List<RecordedTrajectory> runs, List<List<RecordedTrajectory>> found, Func<RecordedTrajectory, bool>? which = null)
    {
        var pairs = runs.Zip(found).Where(p => which is null || which(p.First)).ToList();
        return new Quality(
            pairs.Average(p => p.Second.Exists(o => IsSame(p.First, o)) ? 1.0 : 0),
            pairs.Average(p => Discounted(p.Second.Select(o => Gain(p.First, o))) / Discounted(runs.Where(o => o != p.First).Select(o => Gain(p.First, o)).OrderDescending())),
            pairs.Where(p => p.First.Changing.Count > 0).Average(p => p.Second.Sum(o => Overlap(p.First, o)) / 3));
    }

    public static Quality Average(List<Quality> all) => new(all.Average(q => q.Hit), all.Average(q => q.Gain), all.Average(q => q.Tools));

    // Another trial of the task is worth 1; a run of another task half the overlap of the tools that changed something.
    private static double Gain(RecordedTrajectory run, RecordedTrajectory other) => IsSame(run, other) ? 1 : Overlap(run, other) / 2;

    private static double Overlap(RecordedTrajectory a, RecordedTrajectory b)
    {
        var either = a.Changing.Union(b.Changing, StringComparer.Ordinal).Count();
        return either == 0 ? 0 : (double)a.Changing.Intersect(b.Changing, StringComparer.Ordinal).Count() / either;
    }

    /// <summary>Discounted cumulative gain of the first three (Järvelin and Kekäläinen, 2002).</summary>
    private static double Discounted(IEnumerable<double> gains) => gains.Take(3).Select((gain, i) => gain / Math.Log2(i + 2)).Sum();

    public static bool IsSame(RecordedTrajectory a, RecordedTrajectory b) => string.Equals(a.Task, b.Task, StringComparison.Ordinal);

    public static (List<RecordedTrajectory> Runs, List<string> Others) Load()
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
}
