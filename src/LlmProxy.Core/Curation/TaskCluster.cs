using System.Numerics.Tensors;

namespace LlmProxy.Core.Curation;

/// <summary>Tasks of one type, by the sums of their vectors: the mean similarity to all of them is one product of vectors.</summary>
/// <param name="scale">Reads the cosines of texts.</param>
/// <param name="stated">The type that a person stated for its tasks; null if it was found.</param>
internal sealed class TaskCluster(CosineScale scale, string? stated)
{
    // Tasks of one kind use the same tools more often than not, but agents with few tools use them for everything.
    private const double ToolWeight = 0.25;

    // What the tools say if one side called none: nothing for it, nothing against it.
    private const double UnknownTools = 0.5;

    private float[]? _text;
    private float[]? _tools;
    private int _withTools;

    public string? Stated { get; } = stated;

    public List<TypedTask> Members { get; } = [];

    public void Add(TypedTask task)
    {
        Members.Add(task);
        task.Cluster = this;
        _text = Sum(_text, task.Text, 1);
        if (task.Tools.Length > 0)
        {
            _tools = Sum(_tools, task.Tools, 1);
            _withTools++;
        }
    }

    public void Remove(TypedTask task)
    {
        Members.Remove(task);
        task.Cluster = null;
        Sum(_text, task.Text, -1);
        if (task.Tools.Length > 0)
        {
            Sum(_tools, task.Tools, -1);
            _withTools--;
        }
    }

    /// <summary>Mean similarity of a task to the others of this type; -1 if there are none.</summary>
    public double Similarity(TypedTask task)
    {
        var own = ReferenceEquals(task.Cluster, this);
        var (others, othersWithTools) = (Members.Count - (own ? 1 : 0), _withTools - (own && task.Tools.Length > 0 ? 1 : 0));
        if (others <= 0)
        {
            return -1;
        }

        var text = (TensorPrimitives.Dot<float>(_text, task.Text) - (own ? TensorPrimitives.SumOfSquares<float>(task.Text) : 0)) / others;
        double? tools = task.Tools.Length == 0 || othersWithTools <= 0 ? null : (TensorPrimitives.Dot<float>(_tools, task.Tools) - (own ? 1 : 0)) / othersWithTools;
        return Weigh(text, tools);
    }

    /// <summary>Mean similarity of the tasks of two types.</summary>
    public double Similarity(TaskCluster other) => Members.Count == 0 || other.Members.Count == 0
        ? -1
        : Weigh(
            TensorPrimitives.Dot<float>(_text, other._text) / ((double)Members.Count * other.Members.Count),
            _withTools == 0 || other._withTools == 0 ? null : TensorPrimitives.Dot<float>(_tools, other._tools) / ((double)_withTools * other._withTools));

    /// <summary>Takes all tasks of another type over.</summary>
    public void Absorb(TaskCluster other)
    {
        foreach (var task in other.Members)
        {
            Add(task);
        }

        other.Members.Clear();
    }

    /// <summary>Takes a task that was compared in another way: it belongs to the type and does not change what is similar to it.</summary>
    public void Join(TypedTask task)
    {
        Members.Add(task);
        task.Cluster = this;
    }

    private double Weigh(double text, double? tools) => ((1 - ToolWeight) * scale.Read(text)) + (ToolWeight * (tools ?? UnknownTools));

    private static float[] Sum(float[]? sum, float[] vector, float factor)
    {
        sum ??= new float[vector.Length];
        TensorPrimitives.MultiplyAdd(vector, factor, sum, sum);
        return sum;
    }
}

/// <summary>Reads an embedder's cosines on the scale of the lexical one, whose texts without common words have a cosine of about 0.</summary>
/// <param name="Zero">The cosine that counts as 0.</param>
internal readonly record struct CosineScale(double Zero)
{
    /// <summary>The scale on which an embedder's threshold of likeness is the lexical one.</summary>
    public static CosineScale Of(double minSimilarity, double lexicalMinSimilarity) =>
        new(Math.Max(0, (minSimilarity - lexicalMinSimilarity) / (1 - lexicalMinSimilarity)));

    public double Read(double cosine) => (cosine - Zero) / (1 - Zero);
}
