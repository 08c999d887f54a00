using System.Numerics.Tensors;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Curation;

/// <summary>Makes the vectors that tasks are compared by, and finds their types.</summary>
/// <param name="stored">The tasks as stored.</param>
/// <param name="kind">The model of their stored vectors.</param>
/// <param name="minSimilarity">That model's own threshold of likeness.</param>
internal sealed class TaskVectors(IReadOnlyList<CurationTask> stored, VectorKind kind, double minSimilarity)
{
    // Tools beyond the most common ones tell little: each is in few tasks.
    private const int MostTools = 128;

    // As in the search: how much of the weight follows document frequencies, and how many tasks it takes until they count half.
    private const double FrequencyShare = 0.6;
    private const double FrequencyPrior = 10;

    private readonly DecisiveTools _decisive = new();

    /// <summary>The types of the tasks, and the tasks in the order of the store.</summary>
    /// <remarks>
    /// Failed tasks have no stored vectors. By the built-in embedder they are made here; by another one such tasks join the type
    /// whose tasks have similar words, or form types of their own by their words.
    /// </remarks>
    public (IReadOnlyList<TaskCluster> Types, IReadOnlyList<TypedTask> Tasks) FindTypes(CancellationToken cancellationToken)
    {
        var tools = ToolVectors();
        var lexical = CosineScale.Of(LexicalEmbedder.DefaultMinSimilarity, LexicalEmbedder.DefaultMinSimilarity);
        if (string.Equals(kind.Model, LexicalEmbedder.ModelName, StringComparison.Ordinal))
        {
            var vectors = Weighted(stored.Select(t => t.Vector ?? LexicalEmbedder.Embed(t.Trajectory.TaskDescription)).ToList());
            var tasks = stored.Select((t, i) => new TypedTask(t.Trajectory, vectors[i], tools[i])).ToList();
            return (TaskTypeFinder.Find(tasks, lexical, cancellationToken), tasks);
        }

        // 1. Those with a vector.
        var scale = CosineScale.Of(minSimilarity, LexicalEmbedder.DefaultMinSimilarity);
        var words = Weighted(stored.Select(t => LexicalEmbedder.Embed(t.Trajectory.TaskDescription)).ToList());
        var all = stored.Select((t, i) => new TypedTask(t.Trajectory, t.Vector is { } vector ? Unit(vector) : words[i], tools[i])).ToList();
        var types = TaskTypeFinder.Find([.. all.Where((_, i) => stored[i].Vector is not null)], scale, cancellationToken).ToList();

        // 2. The others by their words.
        var byWords = types.ConvertAll(_ => new TaskCluster(lexical, stated: null));
        for (var i = 0; i < all.Count; i++)
        {
            if (all[i].Cluster is { } type)
            {
                byWords[types.IndexOf(type)].Add(new TypedTask(all[i].Run, words[i], tools[i]));
            }
        }

        var rest = new List<TypedTask>();
        foreach (var task in all.Where((_, i) => stored[i].Vector is null))
        {
            var same = task.StatedType is { } name ? types.FindIndex(t => string.Equals(t.Stated, name, StringComparison.Ordinal)) : -1;
            var nearest = task.StatedType is null && TaskTypeFinder.Nearest(byWords, task) is { } near ? byWords.IndexOf(near) : same;
            if (nearest >= 0)
            {
                types[nearest].Join(task);
            }
            else
            {
                rest.Add(task);
            }
        }

        types.AddRange(TaskTypeFinder.Find(rest, lexical, cancellationToken));
        return (types, all);
    }

    /// <summary>Weighs down what most tasks have in common, by the formula of <see cref="LexicalEmbedder.EmbedQuery"/>, on both sides.</summary>
    private static List<float[]> Weighted(List<float[]> vectors)
    {
        var documents = new int[LexicalEmbedder.Dimensions];
        foreach (var vector in vectors)
        {
            for (var i = 0; i < vector.Length; i++)
            {
                documents[i] += vector[i] != 0 ? 1 : 0;
            }
        }

        double n = vectors.Count;
        var (confidence, highest) = (n / (n + FrequencyPrior), Math.Log(1 + (2 * n)));
        var weights = documents.Select(d => (float)(1 - confidence + (confidence * (1 - FrequencyShare + (FrequencyShare * Math.Log(1 + (n / (d + 0.5))) / highest))))).ToArray();
        foreach (var vector in vectors)
        {
            TensorPrimitives.Multiply(vector, weights, vector);
            Unit(vector);
        }

        return vectors;
    }

    private List<float[]> ToolVectors()
    {
        var tools = stored.Select(t => TypedTask.ToolsOf(t.Trajectory, _decisive)).ToList();
        var places = tools.SelectMany(t => t).GroupBy(t => t, StringComparer.Ordinal).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal)
            .Take(MostTools).Select((g, i) => (g.Key, i)).ToDictionary(p => p.Key, p => p.i, StringComparer.Ordinal);
        return tools.ConvertAll(names =>
        {
            var known = names.Where(places.ContainsKey).ToList();
            var vector = new float[known.Count == 0 ? 0 : places.Count];
            known.ForEach(name => vector[places[name]] = 1);
            return Unit(vector);
        });
    }

    private static float[] Unit(float[] vector)
    {
        var length = vector.Length == 0 ? 0 : TensorPrimitives.Norm<float>(vector);
        if (length > 0)
        {
            TensorPrimitives.Divide(vector, length, vector);
        }

        return vector;
    }
}
